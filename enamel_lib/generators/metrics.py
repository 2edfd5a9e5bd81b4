"""How good a generator is, by measures that matter for enamel, each beside the distance between two real samples.

No measure knows the truth: each compares a sample of pictures with a sample of real ones at the same resolution, and
means something only beside its floor, the same measure between two samples of real pictures (DOMAIN.md E).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import keras
import numpy as np
import pandas as pd
from scipy import optimize, spatial, stats
from sklearn.metrics.pairwise import polynomial_kernel
from sklearn.neighbors import NearestNeighbors

from enamel_lib import images, microstructure, pic
from enamel_lib.indenter import network
from enamel_lib.metrics import bootstrap_interval

PHI_BINS, GAMMA_BINS = 12, 6
ANGLES = np.linspace(0, 90, 181)  # where distributions of misorientation are compared, degrees
NEIGHBOURS = 3  # of precision and recall (Kynkäänniemi et al. 2019, arXiv 1904.06991)
THUMBNAIL_SIDE = 16  # px, at which pictures are searched for copies


@dataclass(frozen=True)
class Sample:
    """Pictures `(N, R, R, 3)` uint8, their `indenter.penultimate_features` `(N, F)`, and what is measured of them."""

    pictures: np.ndarray
    features: np.ndarray

    @cached_property
    def lags(self) -> tuple[int, ...]:
        """Powers of two from 1 to a quarter of the side, px."""
        return tuple(2**k for k in range(int(np.log2(self.pictures.shape[1] / 4)) + 1))

    @cached_property
    def correlation(self) -> np.ndarray:
        """Two-point correlation of c-axes, the mean of P2(c . c') over pairs at each lag along rows and columns.

        1 where all axes are parallel, 0 where they know nothing of each other. One branch of the unknown sign of
        gamma stands for both.
        """
        cosines = ((np.einsum("...k,...k", a, b) ** 2).mean() for lag in self.lags for a, b in self._pairs(lag))
        return 1.5 * np.reshape(list(cosines), (len(self.lags), -1)).mean(axis=1) - 0.5

    @cached_property
    def misorientation(self) -> np.ndarray:
        """Share of neighbouring pixels whose axes differ by at most each of `ANGLES`."""
        counts = sum(np.histogram(pic.misorientation(a, b), ANGLES)[0] for a, b in self._pairs(1))
        return np.concatenate([[0], np.cumsum(counts) / counts.sum()])

    @cached_property
    def spectrum(self) -> tuple[np.ndarray, np.ndarray]:
        """Frequencies (cycles per px) and mean share of the power of brightness in them, `(R / 4,)` each."""
        spectra = [microstructure.radial_spectrum(p, bins=self.pictures.shape[1] // 4) for p in self.pictures]
        return spectra[0][0], np.mean([power for _, power in spectra], axis=0)

    def _pairs(self, lag: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Give the axes of pixels that are `lag` px apart, down and along the rows of each picture."""
        for picture in self.pictures:
            director = pic.director(picture)
            yield director[lag:], director[:-lag]
            yield director[:, lag:], director[:, :-lag]


def describe(pictures: np.ndarray, model: keras.Model) -> Sample:
    """Sample of pictures of any side `(N, R, R, 3)` uint8, with the features that the indenter sees in them."""
    return Sample(pictures, network.penultimate_features(model, images.resize_all(pictures)))


def compare(made: Sample, real: Sample) -> dict[str, float]:
    """Measure how far a sample is from a real one.

    `director correlation`: largest difference of the two-point correlation at any lag; `orientation` (degrees):
    `orientation_distance`; `spectrum`: total variation of the radial spectra; `misorientation` and `rod size`:
    Kolmogorov-Smirnov distance of the distributions of the angle between neighbouring pixels and of rod pitches; `mmd`,
    `precision` and `recall` of the features. All are 0 for the same distribution, but the last two are 1.
    """
    pitches = [[p for p in map(microstructure.rod_pitch, x.pictures) if np.isfinite(p)] for x in (made, real)]
    precision, recall = precision_recall(made.features, real.features)
    return {
        "director correlation": float(np.abs(made.correlation - real.correlation).max()),
        "orientation": orientation_distance(made.pictures, real.pictures),
        "spectrum": microstructure.total_variation(made.spectrum[1], real.spectrum[1]),
        "misorientation": float(np.abs(made.misorientation - real.misorientation).max()),
        "rod size": float(stats.ks_2samp(*pitches).statistic) if all(pitches) else float("nan"),
        "mmd": mmd(made.features, real.features),
        "precision": float(precision.mean()),
        "recall": float(recall.mean()),
    }


def curves(samples: Mapping[str, Sample], pixel_size_um: float) -> pd.DataFrame:
    """What `compare` compares, to be drawn: `sample`, `measure`, `x` and `y`.

    Measures are the "correlation" of c-axes against um, the "spectrum" against cycles per um, and the "misorientation"
    of neighbours, cumulative, against degrees.
    """
    found = []
    for name, sample in samples.items():
        frequency, power = sample.spectrum
        lines = {
            "correlation": (np.array(sample.lags) * pixel_size_um, sample.correlation),
            "spectrum": (frequency / pixel_size_um, power),
            "misorientation": (ANGLES, sample.misorientation),
        }
        found += [pd.DataFrame({"sample": name, "measure": key, "x": x, "y": y}) for key, (x, y) in lines.items()]
    return pd.concat(found, ignore_index=True)


def truncation(samples: Mapping[float, Sample], real: Sample, hardness: Mapping[float, np.ndarray]) -> pd.DataFrame:
    """Measures of pictures against truncation, with 95 % intervals from drawing the pictures anew.

    `samples` and `hardness` are pictures and their predicted hardness, `(N,)` GPa, by psi. Columns are `measure`
    ("precision" against `real`, "spread", the root mean square distance of features from their mean, or "hardness sd"),
    `psi`, `value`, `low` and `high`.
    """
    rows = []
    for psi, sample in samples.items():
        near, _ = precision_recall(sample.features, real.features)
        scores = {
            "precision": lambda drawn, near=near: near[drawn].mean(),
            "spread": lambda drawn, x=sample.features: np.sqrt(x[drawn].var(axis=0).sum()),
            "hardness sd": lambda drawn, x=hardness[psi]: x[drawn].std(),
        }
        pictures = np.arange(len(near))
        for measure, score in scores.items():
            rows.append((measure, psi, score(pictures), *bootstrap_interval(score, pictures)))
    return pd.DataFrame(rows, columns=["measure", "psi", "value", "low", "high"])


def variance_shares(values: np.ndarray) -> dict[str, float]:
    """Shares of the variance of a table `(R, C)` that its row means, its column means, and neither explain."""
    rows, columns = (values.mean(axis=axis).var() / values.var() for axis in (1, 0))
    return {"rows": float(rows), "columns": float(columns), "neither": float(1 - rows - columns)}


def orientation_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Earth mover's distance of the orientations in two sets of pictures: mean angle to turn axes by, degrees.

    Axes are binned in phi and gamma; the cost between bins is the angle between the axes in their middles, by the
    nearer of the two branches, since the sign of gamma is unknown.
    """
    shares = [_orientations(pictures) for pictures in (a, b)]
    phi = (np.arange(PHI_BINS) + 0.5) * 180 / PHI_BINS - 90
    gamma = (np.arange(GAMMA_BINS) + 0.5) * 90 / GAMMA_BINS
    middles = [grid.ravel() for grid in np.meshgrid(phi, gamma, indexing="ij")]
    axes, branch = pic.to_director(*middles), pic.to_director(*middles, sign=-1)
    cost = np.minimum(pic.misorientation(axes[:, None], axes), pic.misorientation(axes[:, None], branch))
    bins = len(axes)
    leaving, arriving = np.kron(np.eye(bins), np.ones(bins)), np.tile(np.eye(bins), bins)
    solved = optimize.linprog(cost.ravel(), A_eq=np.vstack([leaving, arriving]), b_eq=np.concatenate(shares))
    return float(solved.fun)


def mmd(a: np.ndarray, b: np.ndarray) -> float:
    """Squared maximum mean discrepancy of features, unbiased, with the cubic kernel of KID (arXiv 1801.01401).

    Features are scaled by their spread in `b`. Around 0 for samples of one distribution, and as often below as above.
    """
    a, b = ((x - b.mean(axis=0)) / (b.std(axis=0) + 1e-6) for x in (a, b))
    within = [(k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in map(polynomial_kernel, (a, b))]
    return float(sum(within) - 2 * polynomial_kernel(a, b).mean())


def precision_recall(made: np.ndarray, real: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Whether each made sample is near a real one, `(N,)` bool, and each real one near a made one, `(M,)` bool.

    Near is within the distance of that sample to its third neighbour of its own kind. Precision and recall are means.
    """
    cross = spatial.distance.cdist(made, real)
    reach = [
        NearestNeighbors(n_neighbors=min(NEIGHBOURS, len(x) - 1)).fit(x).kneighbors()[0][:, -1] for x in (made, real)
    ]
    return (cross <= reach[1]).any(axis=1), (cross <= reach[0][:, None]).any(axis=0)


def nearest(made: np.ndarray, real: np.ndarray, *, apart: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Nearest real picture of each made one, flips and exchanged hues included, to see what was learnt by heart.

    Of `(N, R, R, 3)` and `(M, R, R, 3)` uint8, compared at 16 px a side, without the pairs that are `apart`, `(N, M)`
    bool, such as tiles of one map: places in `real`, and root mean square differences of colours, 0 to 255, infinite
    where all are left out, `(N,)` each.
    """
    queries, small = thumbnails(made), thumbnails(real).reshape(-1, THUMBNAIL_SIDE, THUMBNAIL_SIDE, 3)
    swapped = small[..., [0, 2, 1]]  # as the orientation-true augmentation shows mirrored pictures
    shown = (small, small[:, ::-1, ::-1], swapped[:, ::-1], swapped[:, :, ::-1])
    best = np.min([spatial.distance.cdist(queries, each.reshape(len(real), -1)) for each in shown], axis=0)
    if apart is not None:
        best[apart] = np.inf
    return best.argmin(axis=1), best.min(axis=1) / np.sqrt(queries.shape[1])


def thumbnails(pictures: np.ndarray) -> np.ndarray:
    """Colours of pictures shrunk to 16 px a side, `(N, 768)` float32."""
    return images.resize_all(pictures, THUMBNAIL_SIDE).reshape(len(pictures), -1).astype(np.float32)


def _orientations(pictures: np.ndarray) -> np.ndarray:
    phi, gamma = pic.decode(pictures)
    edges = (np.linspace(-90, 90, PHI_BINS + 1), np.linspace(0, 90, GAMMA_BINS + 1))
    return np.histogram2d(phi.ravel(), gamma.ravel(), bins=edges)[0].ravel() / phi.size
