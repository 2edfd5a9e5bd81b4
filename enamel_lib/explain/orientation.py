"""Saliency against the orientation of the c-axis: as published (Lew 2023, Fig. 3B-D), and as it should be asked.

Published was: each pixel's saliency over the number of pixels in a bin near its own. That rises wherever a bin is
rare, whatever the saliency (DOMAIN.md D12-D15). The question is answered by the mean saliency *given* the
orientation, against saliency maps that belong to other pictures.

All sums over pixels go through one table, counts and summed saliency per cell of phi and theta, so that 13 million
pixels take seconds. Angles are those of the sample frame: phi' in the surface, 0 along the vertical of the image;
theta' from the surface normal. As in the paper, phi' is folded to 180 degrees, so that directors leaning to opposite
sides are one.
"""

from dataclasses import dataclass

import numpy as np

from enamel_lib import pic
from enamel_lib.errors import InputError
from enamel_lib.explain import sanity_checks

BIN_DEG = 3.0
PHI_BINS, THETA_BINS = 60, 30
CELL_DEG = BIN_DEG / 2  # the published indexing tells the two halves of a bin apart
CELLS = (2 * PHI_BINS, 2 * THETA_BINS)
ANGLES = ("phi", "theta")
DARKEST = 0.05  # brightness below which a pixel is a pit or crack, whose colour says nothing
PALEST = 0.1  # saturation below which a colour has no hue
ENOUGH = 1e-4  # share of all pixels below which a bin's mean is not judged


@dataclass(frozen=True)
class Profile:
    """Saliency against one angle, in bins of 3 degrees.

    Attributes
    ----------
    centre
        `(B,)`, degrees.
    share
        `(B,)`, pixels in the bin, as a share of all.
    frequency
        `(B,)`, the same per solid angle, relative to directors without any texture (1): rare is below 1.
    mean
        `(B,)`, mean saliency given the bin; NaN where fewer than `ENOUGH` of the pixels are.
    low, high
        `(B,)`, 95 % band of `mean` if saliency maps are exchanged between groups of tiles.
    rank_correlation
        Of `mean` with `frequency`: negative if rare orientations are more salient.
    null_low, null_high
        95 % band of the rank correlation under the same exchange.
    """

    centre: np.ndarray
    share: np.ndarray
    frequency: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray
    rank_correlation: float
    null_low: float
    null_high: float

    @property
    def rare_is_salient(self) -> bool:
        """Whether rare orientations are more salient than exchanged maps would make them."""
        return self.rank_correlation < min(0.0, self.null_low)


def sample_angles(tiles: np.ndarray, *, sign: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Angles of the c-axis in the sample frame, for one branch of the unknown sign of gamma.

    Parameters
    ----------
    tiles
        `(..., 3)`, uint8 or float in [0, 1].
    sign
        +1 (as published) or -1.

    Returns
    -------
    phi_deg, theta_deg
        `(...)` float32: phi' in [-90, 90], theta' in [0, 90].
    """
    scale = 255 if tiles.dtype == np.uint8 else 1
    polarization = pic.to_director(*pic.decode(tiles / np.float32(scale)), sign)
    x, y, z = np.moveaxis(pic.to_sample_frame(polarization), -1, 0)
    phi = np.degrees(np.arctan2(y, x))
    phi = np.where(phi > 90, phi - 180, np.where(phi < -90, phi + 180, phi))
    return phi.astype(np.float32), np.degrees(np.arccos(np.clip(z, 0, 1))).astype(np.float32)


def shows_orientation(tiles: np.ndarray) -> np.ndarray:
    """Tell which pixels are neither black (pits, cracks) nor without hue: `(..., 3)` to `(...)` bool."""
    high, low = tiles.max(axis=-1), tiles.min(axis=-1)
    full = 255 if tiles.dtype == np.uint8 else 1
    return (high > DARKEST * full) & (high - low > PALEST * high)


def cells(tiles: np.ndarray, *, sign: int = 1, masked: bool = True) -> np.ndarray:
    """Cell of phi' and theta' of every pixel, as one number; pixels without orientation get the number after the last.

    Parameters
    ----------
    tiles
        `(N, H, W, 3)` uint8.
    sign
        The branch.
    masked
        Leave out pixels that show no orientation; the paper did not.

    Returns
    -------
    numpy.ndarray
        `(N, H, W)` int32.

    Raises
    ------
    InputError
        If the tiles are not uint8: each colour that occurs is worked out once and then looked up.
    """
    if tiles.dtype != np.uint8:
        raise InputError(f"orientations are counted on 8-bit tiles, not {tiles.dtype}; multiply by 255 and round")
    packed = np.dot(tiles, np.array([1 << 16, 1 << 8, 1], np.int32))
    occurs = np.zeros(1 << 24, bool)
    occurs[packed] = True
    colours = np.flatnonzero(occurs)
    rgb = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=-1).astype(np.uint8)
    phi, theta = sample_angles(rgb, sign=sign)
    row = np.clip((phi + 90) / CELL_DEG, 0, CELLS[0] - 1).astype(np.int32)
    col = np.clip(theta / CELL_DEG, 0, CELLS[1] - 1).astype(np.int32)
    number = row * CELLS[1] + col
    if masked:
        number[~shows_orientation(rgb)] = CELLS[0] * CELLS[1]
    look_up = np.empty(1 << 24, np.int32)
    look_up[colours] = number
    return look_up[packed]


def table(numbers: np.ndarray, saliency: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Count pixels and sum their saliency in every cell.

    Parameters
    ----------
    numbers
        `(N, H, W)`, from `cells`.
    saliency
        `(N, H, W)`.

    Returns
    -------
    counts, sums
        `(120, 60)` each: rows phi' from -90, columns theta' from 0, steps of 1.5 degrees.
    """
    if numbers.shape != saliency.shape:
        raise InputError(f"saliency of shape {saliency.shape} does not fit tiles of shape {numbers.shape}")
    size = CELLS[0] * CELLS[1] + 1
    counts = np.bincount(numbers.ravel(), minlength=size)[:-1]
    sums = np.bincount(numbers.ravel(), saliency.ravel(), minlength=size)[:-1]
    return counts.reshape(CELLS), sums.reshape(CELLS)


def relative(saliency: np.ndarray) -> np.ndarray:
    """Saliency over the mean of its tile, `(N, H, W)`: tiles that matter more as a whole do not count more."""
    return saliency / np.maximum(saliency.mean(axis=(1, 2), keepdims=True), np.finfo(np.float32).tiny)


def minmax(saliency: np.ndarray) -> np.ndarray:
    """Saliency of each tile stretched to 0 to 1, `(N, H, W)`, as published."""
    low, high = saliency.min(axis=(1, 2), keepdims=True), saliency.max(axis=(1, 2), keepdims=True)
    return (saliency - low) / np.maximum(high - low, np.finfo(np.float32).tiny)


def published_scaling(counts: np.ndarray, sums: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Frequency-scaled saliency as published, flaw included, averaged over the pixels of each half bin.

    The count that divides a pixel's saliency is that of the bin before the bin edge nearest to the pixel: its own bin
    in the upper half of a bin, its neighbour's in the lower half, and the last bin's at the very start (DOMAIN.md D14).

    Parameters
    ----------
    counts, sums
        From `table`, with the + branch, no mask and `minmax` saliency.

    Returns
    -------
    dict
        By angle: centres of the half bins in degrees, and scaled saliency relative to its maximum; NaN where the half
        bin, or the bin that divides it, is empty.
    """
    scaled = {}
    for angle, axis in zip(ANGLES, (1, 0), strict=True):
        pixels, total = counts.sum(axis=axis), sums.sum(axis=axis)
        bins = pixels.reshape(-1, 2).sum(axis=1)
        nearest_edge = (np.arange(len(pixels)) + 1) // 2
        divisor = bins[nearest_edge - 1]  # index -1 is the last bin
        with np.errstate(divide="ignore", invalid="ignore"):
            value = total / pixels / divisor
        known = np.isfinite(value)
        value = np.where(known, value, np.nan) / value[known].max(initial=0)
        scaled[angle] = CELL_DEG * (np.arange(len(pixels)) + 0.5) - (90 if angle == "phi" else 0), value
    return scaled


def profiles(
    numbers: np.ndarray, saliency: np.ndarray, groups: np.ndarray, *, permutations: int = 99, seed: int = 0
) -> dict[str, Profile]:
    """Mean saliency given the orientation, for both angles, with a permutation band.

    Tiles of one map are alike, so whole maps exchange their saliency maps (`sanity_checks.exchanged_sums`).

    Parameters
    ----------
    numbers
        `(N, H, W)`, from `cells`.
    saliency
        `(N, H, W)`, best `relative`.
    groups, permutations, seed
        As in `sanity_checks.exchanged_sums`; the group of a tile is its map.

    Returns
    -------
    dict
        By angle, "phi" and "theta".
    """
    counts, sums = table(numbers, saliency)
    exchanged = sanity_checks.exchanged_sums(
        numbers, saliency, groups, CELLS[0] * CELLS[1] + 1, permutations=permutations, seed=seed
    )
    exchanged = exchanged[:, :-1].reshape(-1, *CELLS)
    return {angle: _profile(angle, counts, sums, exchanged) for angle in ANGLES}


def _profile(angle: str, counts: np.ndarray, sums: np.ndarray, exchanged: np.ndarray) -> Profile:
    pixels = marginal(counts, angle)
    share = pixels / pixels.sum()
    enough = share >= ENOUGH
    edges = np.arange(len(pixels) + 1) * BIN_DEG - (90 if angle == "phi" else 0)
    isotropic = np.diff(-np.cos(np.radians(edges))) if angle == "theta" else np.full(len(pixels), 1 / len(pixels))
    frequency = share / isotropic
    mean, *others = (
        np.where(enough, marginal(each, angle) / np.maximum(pixels, 1), np.nan) for each in (sums, *exchanged)
    )
    low, high = np.quantile(others, (0.025, 0.975), axis=0)
    correlations = sanity_checks.rank_correlation(np.stack([mean, *others])[:, enough], frequency[enough])
    return Profile(
        (edges[1:] + edges[:-1]) / 2,
        share,
        frequency,
        mean,
        low,
        high,
        *map(float, (correlations[0], *np.quantile(correlations[1:], (0.025, 0.975)))),
    )


def marginal(table: np.ndarray, angle: str) -> np.ndarray:
    """Sum of a table of cells over the other angle, in bins of 3 degrees: `(60,)` for phi, `(30,)` for theta."""
    return table.sum(axis=1 if angle == "phi" else 0).reshape(-1, 2).sum(axis=1)


def density(numbers: np.ndarray, saliency: np.ndarray, angle: str, levels: np.ndarray) -> np.ndarray:
    """Count pixels by angle and saliency, `(levels - 1, B)`: what the published scatter of all pixels would show.

    Parameters
    ----------
    numbers
        `(N, H, W)`, from `cells`.
    saliency
        `(N, H, W)`.
    angle
        "phi" or "theta".
    levels
        `(L,)` even edges of saliency; what lies outside counts in the first or last bin.
    """
    size, bins = CELLS[0] * CELLS[1] + 1, {"phi": PHI_BINS, "theta": THETA_BINS}[angle]
    cell = np.arange(size)
    own = (cell // CELLS[1] if angle == "phi" else cell % CELLS[1]) // 2
    own[-1] = bins  # without orientation
    height = len(levels) - 1
    step = (saliency - levels[0]) * np.float32(height / (levels[-1] - levels[0]))
    level = np.clip(step, 0, height - 1).astype(np.int32)
    joint = np.bincount((level * (bins + 1) + own[numbers]).ravel(), minlength=height * (bins + 1))
    return joint.reshape(height, bins + 1)[:, :-1]
