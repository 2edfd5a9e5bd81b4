"""Measures of a microstructure: what makes one orientation map look like another.

They judge how near the simulator (and later the generator) comes to the real map; distances between the two halves
of the real map are the floor. Functions take decoded pictures, so simulated, generated and real maps are treated alike.
"""

import numpy as np

from enamel_lib import pic

LAGS_PX = (1, 2, 4, 8, 16, 32)
VALUE_LEVELS = (0.01, 0.05, 0.25, 0.50, 0.75, 0.99)
HUE_BINS = 12  # of 15 degrees, from -90
WANTED = {"lag_misorientation": 0.25, "value_quantiles": 0.08, "hue": 0.25}  # of the simulator: `likeness` at most so


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


def hue_histogram(rgb: np.ndarray, bins: int = HUE_BINS) -> np.ndarray:
    """Share of pixels in each bin of the in-plane angle phi from -90 to 90 degrees; sums to 1."""
    phi, _ = pic.decode(rgb)
    return np.histogram(phi, bins=bins, range=(-90, 90))[0] / phi.size


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
    """Distance to the nearest side peak of the brightness' autocorrelation, px; NaN if there is none.

    Across rods that are cut long this is their width, the shortest way from rod to rod.
    """
    value = pic.brightness(rgb)
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
    return float(distance.min()) if distance.size else float("nan")


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


def likeness(rgb: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    """Distances of one map from another at the same scale, each 0 for equal maps.

    Returns
    -------
    distances
        `lag_misorientation` (largest relative difference of a lag's mean), `value_quantiles` (largest difference),
        `hue` and `spectrum` (total variation), `rod_pitch` (relative difference).
    """
    lag, lag_reference = (lag_misorientation(pic.director(image)) for image in (rgb, reference))
    pitch, pitch_reference = rod_pitch(rgb), rod_pitch(reference)
    return {
        "lag_misorientation": float(np.abs(lag / lag_reference - 1).max()),
        "value_quantiles": float(np.abs(value_quantiles(rgb) - value_quantiles(reference)).max()),
        "hue": total_variation(hue_histogram(rgb), hue_histogram(reference)),
        "spectrum": total_variation(radial_spectrum(rgb)[1], radial_spectrum(reference)[1]),
        "rod_pitch": abs(pitch / pitch_reference - 1),
    }
