"""How good a generator is, by measures that matter for enamel, each beside the distance between two real samples.

No measure knows the truth: each compares a sample of pictures with a sample of real ones at the same resolution, and
means something only beside its floor, the same measure between two samples of real pictures (DOMAIN.md E).
"""

from dataclasses import dataclass

import numpy as np
from scipy import optimize, spatial, stats

from enamel_lib import images, microstructure, pic

PHI_BINS, GAMMA_BINS = 12, 6
ANGLES = np.linspace(0, 90, 181)  # where distributions of misorientation are compared, degrees
NEIGHBOURS = 3  # of precision and recall (Kynkäänniemi et al. 2019, arXiv 1904.06991)
COARSE = 16  # px a side when pictures are searched for copies


@dataclass(frozen=True)
class Sample:
    """Pictures of one kind.

    Attributes
    ----------
    pictures
        `(N, R, R, 3)` uint8.
    features
        `(N, F)` from `indenter.penultimate_features`.
    """

    pictures: np.ndarray
    features: np.ndarray


def compare(made: Sample, real: Sample) -> dict[str, float]:
    """Measure how far a sample is from a real one.

    Returns
    -------
    dict
        `director correlation`: largest difference of the two-point correlation (`director_correlation`) at any lag;
        `orientation` (degrees): `orientation_distance`; `spectrum`: total variation of the radial spectra;
        `misorientation` and `rod size`: Kolmogorov-Smirnov distance of the distributions of the angle between
        neighbouring pixels and of rod pitches; `mmd`: `mmd` of the features; `precision` and `recall` of the features.
        All are 0 for the same distribution, but the last two are 1.
    """
    a, b = made.pictures, real.pictures
    pitches = [[p for p in map(microstructure.rod_pitch, x) if np.isfinite(p)] for x in (a, b)]
    precision, recall = precision_recall(made.features, real.features)
    return {
        "director correlation": float(np.abs(director_correlation(a) - director_correlation(b)).max()),
        "orientation": orientation_distance(a, b),
        "spectrum": microstructure.total_variation(mean_spectrum(a)[1], mean_spectrum(b)[1]),
        "misorientation": float(np.abs(misorientation_distribution(a) - misorientation_distribution(b)).max()),
        "rod size": float(stats.ks_2samp(*pitches).statistic) if all(pitches) else float("nan"),
        "mmd": mmd(made.features, real.features),
        "precision": precision,
        "recall": recall,
    }


def director_correlation(pictures: np.ndarray, lags: tuple[int, ...] | None = None) -> np.ndarray:
    """Two-point correlation of c-axes, the mean of P2(c . c') over pairs at each lag along rows and columns.

    1 where all axes are parallel, 0 where they know nothing of each other. One branch of the unknown sign of gamma
    stands for both.

    Parameters
    ----------
    pictures
        `(N, R, R, 3)` uint8.
    lags
        px; `lags_of` the pictures if None.
    """
    lags = lags_of(pictures) if lags is None else lags
    total = np.zeros(len(lags))
    for picture in pictures:
        director = pic.to_director(*pic.decode(picture))
        for index, lag in enumerate(lags):
            down = np.einsum("ijk,ijk->ij", director[lag:], director[:-lag])
            right = np.einsum("ijk,ijk->ij", director[:, lag:], director[:, :-lag])
            total[index] += 0.75 * ((down**2).mean() + (right**2).mean()) - 0.5
    return total / len(pictures)


def lags_of(pictures: np.ndarray) -> tuple[int, ...]:
    """Powers of two from 1 to a quarter of the side, px."""
    return tuple(2**k for k in range(int(np.log2(pictures.shape[1] / 4)) + 1))


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


def misorientation_distribution(pictures: np.ndarray) -> np.ndarray:
    """Share of neighbouring pixels whose axes differ by at most each of `ANGLES`."""
    counts = np.zeros(len(ANGLES) - 1)
    for picture in pictures:
        director = pic.to_director(*pic.decode(picture))
        for angle in (
            pic.misorientation(director[1:], director[:-1]),
            pic.misorientation(director[:, 1:], director[:, :-1]),
        ):
            counts += np.histogram(angle, ANGLES)[0]
    return np.concatenate([[0], np.cumsum(counts) / counts.sum()])


def mean_spectrum(pictures: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Frequencies (cycles per px) and mean share of power in them, `(R / 4,)` each, of pictures `(N, R, R, 3)`."""
    spectra = [microstructure.radial_spectrum(picture, bins=pictures.shape[1] // 4) for picture in pictures]
    return spectra[0][0], np.mean([power for _, power in spectra], axis=0)


def mmd(a: np.ndarray, b: np.ndarray) -> float:
    """Squared maximum mean discrepancy of features, unbiased, with the cubic kernel of KID (arXiv 1801.01401).

    Features are scaled by their spread in `b`. Around 0 for samples of one distribution, and as often below as above.
    """
    scale = b.std(axis=0) + 1e-6
    a, b = ((x - b.mean(axis=0)) / scale for x in (a, b))
    same_a, same_b, cross = ((x @ y.T / x.shape[1] + 1) ** 3 for x, y in ((a, a), (b, b), (a, b)))
    within = [(k.sum() - np.trace(k)) / (len(k) * (len(k) - 1)) for k in (same_a, same_b)]
    return float(sum(within) - 2 * cross.mean())


def precision_recall(made: np.ndarray, real: np.ndarray) -> tuple[float, float]:
    """Share of made samples near a real one, and of real ones near a made one.

    Near is within the distance of that sample to its third neighbour of its own kind.
    """
    cross = spatial.distance.cdist(made, real)
    reach = [np.sort(spatial.distance.cdist(x, x))[:, NEIGHBOURS] for x in (made, real)]  # place 0 is the sample itself
    return float((cross <= reach[1]).any(axis=1).mean()), float((cross <= reach[0][:, None]).any(axis=0).mean())


def spread(features: np.ndarray) -> float:
    """Mean distance between the features `(N, F)` of two pictures of a sample."""
    return float(spatial.distance.pdist(features).mean())


def nearest(made: np.ndarray, real: np.ndarray, *, apart: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Nearest real picture of each made one, flips and exchanged hues included, to see what was learnt by heart.

    Parameters
    ----------
    made, real
        `(N, R, R, 3)` and `(M, R, R, 3)` uint8; compared at 16 px a side.
    apart
        `(N, M)` bool: pairs to leave out, such as tiles of one map.

    Returns
    -------
    index, distance
        `(N,)` each: place in `real`; root mean square difference of colours, 0 to 255.
    """
    queries = coarse(made)
    best = np.full((len(made), len(real)), np.inf)
    for mirrored in _mirrored(coarse(real)):
        best = np.minimum(best, spatial.distance.cdist(queries, mirrored.reshape(len(real), -1)))
    if apart is not None:
        best[apart] = np.inf
    return best.argmin(axis=1), best.min(axis=1) / np.sqrt(queries.shape[1])


def coarse(pictures: np.ndarray) -> np.ndarray:
    """Colours of pictures shrunk to 16 px a side, `(N, 768)` float32."""
    return images.resize_all(pictures, COARSE).reshape(len(pictures), -1).astype(np.float32)


def _mirrored(flat: np.ndarray) -> list[np.ndarray]:
    """Pictures as the orientation-true augmentation may have shown them."""
    grid = flat.reshape(-1, COARSE, COARSE, 3)
    swapped = grid[..., [0, 2, 1]]
    return [grid, grid[:, ::-1, ::-1], swapped[:, ::-1], swapped[:, :, ::-1]]


def _orientations(pictures: np.ndarray) -> np.ndarray:
    phi, gamma = pic.decode(pictures)
    edges = (np.linspace(-90, 90, PHI_BINS + 1), np.linspace(0, 90, GAMMA_BINS + 1))
    return np.histogram2d(phi.ravel(), gamma.ravel(), bins=edges)[0].ravel() / phi.size
