"""Measures of a microstructure: what makes one orientation map look like another.

They judge how near the simulator (and later the generator) comes to the real map; distances between the two halves
of the real map are the floor. Functions take decoded pictures, so simulated, generated and real maps are treated alike.
"""

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
from scipy import ndimage, sparse

from enamel_lib import pic

LAGS_PX = (1, 2, 4, 8, 16, 32)
VALUE_LEVELS = (0.01, 0.05, 0.25, 0.50, 0.75, 0.99)
HUE_BINS = 12  # of 15 degrees, from -90
PITCH_WINDOW_PX = 128  # some five rods of the real map
CONTRAST_PX, CONTRAST = 6.0, 0.08  # walls differ from the rods beside them by so much brightness over so many px
WANTED = {  # of the simulator: `likeness` to the real map at most so
    "lag_misorientation": 0.15,
    "value_quantiles": 0.06,
    "hue": 0.15,
    "hue_by_contrast": 0.2,
    "spectrum": 0.25,
    "fine_spectrum": 0.12,
    "rod_pitch": 0.3,
}


def lag_misorientation(director: np.ndarray, lags: tuple[int, ...] = LAGS_PX) -> np.ndarray:
    """Mean c-axis misorientation at each lag, degrees, averaged over rows and columns.

    Parameters
    ----------
    director
        `(H, W, 3)`.
    lags
        Distances in px, each smaller than the smaller side.
    """
    return np.array(
        [
            0.5 * pic.misorientation(director[lag:], director[:-lag]).mean()
            + 0.5 * pic.misorientation(director[:, lag:], director[:, :-lag]).mean()
            for lag in lags
        ]
    )


def grains(director: np.ndarray, *, degrees: float = 3.0) -> np.ndarray:
    """Number the grains of a map, `(H, W)` int from 0: pixels side by side that are turned by less than some degrees.

    Parameters
    ----------
    director
        `(H, W, 3)`.
    degrees
        From one pixel to the next; within a grain, directors may drift by more.
    """
    number = np.arange(director[..., 0].size).reshape(director.shape[:2])
    joined = []
    for ahead, behind in ((np.s_[1:, :], np.s_[:-1, :]), (np.s_[:, 1:], np.s_[:, :-1])):
        same = pic.misorientation(director[ahead], director[behind]) < degrees
        joined.append(np.stack([number[ahead][same], number[behind][same]]))
    one, other = np.concatenate(joined, axis=1)
    links = sparse.coo_array((np.ones(len(one), bool), (one, other)), shape=(number.size, number.size))
    return sparse.csgraph.connected_components(links, directed=False)[1].reshape(number.shape)


def hue_histogram(rgb: np.ndarray, bins: int = HUE_BINS) -> np.ndarray:
    """Share of pixels in each bin of the in-plane angle phi from -90 to 90 degrees; sums to 1."""
    phi, _ = pic.decode(rgb)
    return np.histogram(phi, bins=bins, range=(-90, 90))[0] / phi.size


def hue_by_contrast(rgb: np.ndarray) -> np.ndarray:
    """Shares `(3, HUE_BINS)` of pixels by in-plane angle that are darker than around, neither, or brighter; sum 1.

    It tells how rods and the walls between them are coloured: in the real map walls are brighter, and greener.
    """
    phi, _ = pic.decode(rgb)
    value = pic.brightness(rgb).astype(np.float32)
    contrast = np.digitize(value - ndimage.gaussian_filter(value, CONTRAST_PX), (-CONTRAST, CONTRAST))
    counts = [np.histogram(phi[contrast == level], bins=HUE_BINS, range=(-90, 90))[0] for level in range(3)]
    return np.array(counts) / phi.size


def value_quantiles(rgb: np.ndarray, levels: tuple[float, ...] = VALUE_LEVELS) -> np.ndarray:
    """Quantiles of brightness V, 0 to 1: V = 1 - gamma / 90."""
    return np.quantile(pic.brightness(rgb), levels)


def radial_spectrum(rgb: np.ndarray, bins: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """Power of the brightness against spatial frequency, summed over directions; sums to 1.

    Returns
    -------
    frequency, power
        `(bins,)` each: bin centres in cycles per px, 0 to 0.5, and share of the power.
    """
    value = pic.brightness(rgb)
    window = np.hanning(value.shape[0])[:, None] * np.hanning(value.shape[1])[None, :]
    power = np.abs(np.fft.rfft2((value - value.mean()) * window)) ** 2
    radius = np.hypot(np.fft.fftfreq(value.shape[0])[:, None], np.fft.rfftfreq(value.shape[1])[None, :])
    total, edges = np.histogram(radius, bins=bins, range=(0, 0.5), weights=power)
    return (edges[1:] + edges[:-1]) / 2, total / total.sum()


def rod_pitch(rgb: np.ndarray) -> float:
    """Shortest way from rod to rod, px: across rods that are cut long, their width; NaN if there is none.

    It is the median over windows of `PITCH_WINDOW_PX`, for rods of one map differ and the peaks of a whole map blur.
    """
    value = pic.brightness(rgb)
    rows, cols = (range(0, max(1, side - PITCH_WINDOW_PX + 1), PITCH_WINDOW_PX // 2) for side in value.shape)
    found = [_side_peak(value[r : r + PITCH_WINDOW_PX, c : c + PITCH_WINDOW_PX]) for r in rows for c in cols]
    return float(np.median([each for each in found if each is not None] or np.nan))


def _side_peak(value: np.ndarray) -> float | None:
    """Distance to the nearest side peak of the brightness' autocorrelation, px; None if there is none."""
    size = [2 * side for side in value.shape]
    spectrum = np.abs(np.fft.rfft2(value - value.mean(), s=size)) ** 2
    pairs = np.fft.irfft2(np.abs(np.fft.rfft2(np.ones_like(value), s=size)) ** 2, s=size)
    correlation = np.fft.fftshift(np.fft.irfft2(spectrum, s=size) / np.maximum(pairs, 1))
    centre = np.array(value.shape)
    reach = min(value.shape) // 3
    patch = correlation[centre[0] - reach : centre[0] + reach + 1, centre[1] - reach : centre[1] + reach + 1]
    inner = patch[1:-1, 1:-1]
    around = [patch[1 + i : patch.shape[0] - 1 + i, 1 + j : patch.shape[1] - 1 + j]
              for i in (-1, 0, 1) for j in (-1, 0, 1) if (i, j) != (0, 0)]  # fmt: skip
    rows, cols = np.nonzero((inner > np.max(around, axis=0)) & (inner > 0.05 * patch[reach, reach]))
    distance = np.hypot(rows + 1 - reach, cols + 1 - reach)
    distance = distance[distance > 3]
    return distance.min() if distance.size else None


def profile(rgb: np.ndarray) -> dict[str, np.ndarray]:
    """Curves that show what `likeness` compares: `misorientation` by lag, `hue` histogram, `brightness` by share."""
    return {
        "misorientation": lag_misorientation(pic.director(rgb)),
        "hue": hue_histogram(rgb),
        "brightness": value_quantiles(rgb, np.linspace(0, 1, 101)),
    }


def total_variation(p: np.ndarray, q: np.ndarray) -> float:
    """Total variation distance of two histograms that each sum to 1: 0 for equal, 1 for disjoint."""
    return float(0.5 * np.abs(np.asarray(p) - np.asarray(q)).sum())


def measures(rgb: np.ndarray) -> dict[str, np.ndarray | float]:
    """What `likeness` compares, of a map `(H, W, 3)`."""
    spectrum = radial_spectrum(rgb)[1]
    return {
        "lag_misorientation": lag_misorientation(pic.director(rgb)),
        "value_quantiles": value_quantiles(rgb),
        "hue": hue_histogram(rgb),
        "hue_by_contrast": hue_by_contrast(rgb),
        "spectrum": spectrum,
        "fine_spectrum": np.log10(np.maximum(spectrum, 1e-12)),
        "rod_pitch": rod_pitch(rgb),
    }


DISTANCES = {
    "lag_misorientation": lambda one, other: np.abs(one / other - 1).max(),
    "value_quantiles": lambda one, other: np.abs(one - other).max(),
    "hue": total_variation,
    "hue_by_contrast": total_variation,
    "spectrum": total_variation,
    "fine_spectrum": lambda one, other: np.abs(one - other).mean(),
    "rod_pitch": lambda one, other: abs(one / other - 1),
}


def likeness(rgb: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    """Distances of one map from another at the same scale, each 0 for equal maps.

    Returns
    -------
    distances
        `lag_misorientation` (largest relative difference of a lag's mean), `value_quantiles` (largest difference),
        `hue`, `hue_by_contrast` and `spectrum` (total variation), `fine_spectrum` (mean difference of the spectrum's
        powers of ten), `rod_pitch` (relative difference).
    """
    return distances(measures(rgb), measures(reference))


def distances(one: dict, other: dict) -> dict[str, float]:
    """Distances between the `measures` of two maps, or some of them, as `likeness` gives them."""
    return {name: float(DISTANCES[name](value, other[name])) for name, value in one.items()}


def orientation_statistics(tiles: np.ndarray) -> pd.DataFrame:
    """Summaries of the c-axes that each tile shows, free of the unknown sign of gamma.

    Parameters
    ----------
    tiles
        `(N, H, W, 3)` uint8.

    Returns
    -------
    statistics
        One row per tile: shares of in-plane angle, quantiles of brightness, mean misorientation at growing lags
        (degrees), radial spectrum, and the sign-free entries of the mean director dyad.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return pd.DataFrame(pool.map(_statistics, tiles))


def _statistics(tile: np.ndarray) -> dict[str, float]:
    director = pic.director(tile).astype(np.float32)
    x, y, z = np.moveaxis(director, -1, 0)
    _, spectrum = radial_spectrum(tile, bins=8)
    row = {f"hue_{i}": v for i, v in enumerate(hue_histogram(tile))}
    row |= {f"value_{i}": v for i, v in enumerate(value_quantiles(tile))}
    row |= {f"lag_{lag}": v for lag, v in zip(LAGS_PX, lag_misorientation(director), strict=True)}
    row |= {f"spectrum_{i}": np.log(v + 1e-12) for i, v in enumerate(spectrum)}
    return row | {
        "dyad_xx": np.mean(x * x),
        "dyad_xy": np.mean(x * y),
        "dyad_yy": np.mean(y * y),
        "dyad_zz": np.mean(z * z),
    }
