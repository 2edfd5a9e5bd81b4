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
import pandas as pd

from enamel_lib import images, pic
from enamel_lib.errors import InputError
from enamel_lib.explain.sanity_checks import rank_correlation

BIN_DEG = 3.0
CELL_DEG = BIN_DEG / 2  # the published indexing tells the two halves of a bin apart
CELLS = (120, 60)  # of phi and theta
START_DEG = {"phi": -90, "theta": 0}  # where each angle begins; both end at 90
BRANCHES = {"+": 1, "−": -1}  # signs of gamma, which a picture does not tell
LEVELS = 40  # of saliency, in `Published.density`
DARKEST = 0.05  # brightness below which a pixel is a pit or crack, whose colour says nothing
MOST_GROUPS = 60  # that exchange their maps; more would take gigabytes
PALEST = 0.1  # saturation below which a colour has no hue
LEAST_SHARE = 1e-4  # of all pixels, below which a bin's mean is not judged


@dataclass(frozen=True)
class Published:
    """The published statistics of saliency stretched to 0 to 1, against one angle.

    `density` `(LEVELS, B)`: pixels by saliency and angle, what the published scatter of all pixels would show. `share`
    `(B,)`: pixels in each bin, as a share of all. `scaled` `(2 B,)`: saliency over frequency, averaged over the pixels
    of each half bin, relative to its maximum; NaN where the half bin, or the bin that divides it, is empty.
    `rank_correlation`: of `scaled` with the frequency.
    """

    density: np.ndarray
    share: np.ndarray
    scaled: np.ndarray
    rank_correlation: float


@dataclass(frozen=True)
class Profile:
    """Mean saliency given one angle.

    `bins`, one row per bin of 3 degrees: its `centre`, degrees; `share` of all pixels; `frequency`, the same per solid
    angle, relative to directors without any texture (1): rare is below 1; `mean` saliency, NaN where fewer than
    `LEAST_SHARE` of the pixels are; `low` and `high`, 95 % band of it if groups of tiles exchange their maps.

    `rank_correlation` is that of mean and frequency, negative if rare orientations are more salient; `band` the low and
    high end, 95 %, of it under the same exchange.
    """

    bins: pd.DataFrame
    rank_correlation: float
    band: tuple[float, float]

    @property
    def rare_is_salient(self) -> bool:
        """Whether rare orientations are more salient than exchanged maps would make them."""
        return self.rank_correlation < min(0.0, self.band[0])


def sample_angles(tiles: np.ndarray, *, sign: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Angles phi' in [-90, 90] and theta' in [0, 90] of the colours of tiles `(..., 3)`, by the sign of gamma."""
    polarization = pic.director(images.to_float(tiles), sign)
    x, y, z = np.moveaxis(pic.to_sample_frame(polarization), -1, 0)
    phi = np.degrees(np.arctan2(y, x))
    phi = np.where(np.abs(phi) > 90, phi - np.copysign(180, phi), phi)
    return phi.astype(np.float32), np.degrees(np.arccos(np.clip(z, 0, 1))).astype(np.float32)


def shows_orientation(tiles: np.ndarray) -> np.ndarray:
    """Tell which pixels are neither black (pits, cracks) nor without hue: `(..., 3)` to `(...)` bool."""
    high, low = tiles.max(axis=-1), tiles.min(axis=-1)
    full = 255 if tiles.dtype == np.uint8 else 1
    return (high > DARKEST * full) & (high - low > PALEST * high)


def cells(tiles: np.ndarray, *, sign: int = 1, masked: bool = True) -> np.ndarray:
    """Cell of phi' and theta' of every pixel of tiles `(N, H, W, 3)` uint8, as one number: `(N, H, W)` int32.

    Each colour that occurs is worked out once and then looked up. If `masked`, pixels that show no orientation get the
    number after the last; the paper did not mask them.
    """
    if tiles.dtype != np.uint8:
        raise InputError(f"orientations are counted on 8-bit tiles, not {tiles.dtype}; multiply by 255 and round")
    packed = np.dot(tiles, np.array([1 << 16, 1 << 8, 1], np.int32))
    colours, place = np.unique(packed, return_inverse=True)
    rgb = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=-1).astype(np.uint8)
    phi, theta = sample_angles(rgb, sign=sign)
    row = np.clip((phi + 90) / CELL_DEG, 0, CELLS[0] - 1).astype(np.int32)
    col = np.clip(theta / CELL_DEG, 0, CELLS[1] - 1).astype(np.int32)
    number = row * CELLS[1] + col
    if masked:
        number[~shows_orientation(rgb)] = CELLS[0] * CELLS[1]
    return number[place].reshape(packed.shape)


def table(numbers: np.ndarray, saliency: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Count pixels and sum their saliency by cell: `(120, 60)` each, rows phi' from -90, columns theta' from 0."""
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


def marginal(tables: np.ndarray, angle: str) -> np.ndarray:
    """Sum of tables of cells `(..., 120, 60)` over the other angle, in bins of 3 degrees: `(..., B)`."""
    line = tables.sum(axis=-1 if angle == "phi" else -2)
    return line.reshape(*line.shape[:-1], -1, 2).sum(axis=-1)


def published_statistics(numbers: np.ndarray, saliency: np.ndarray) -> dict[str, Published]:
    """Frequency-scaled saliency as published, flaw included, by angle.

    The count that divides a pixel's saliency is that of the bin before the bin edge nearest to the pixel: its own bin
    in the upper half of a bin, its neighbour's in the lower half, and the last bin's at the very start (DOMAIN.md D14).

    `numbers` are from `cells`, as published of the + branch without a mask; the saliency is 0 to 1 (`minmax`); both
    `(N, H, W)`.
    """
    counts, sums = table(numbers, saliency)
    size = counts.size + 1
    level = np.minimum(saliency * np.float32(LEVELS), LEVELS - 1).astype(np.int32)
    joint = np.bincount((level * size + numbers).ravel(), minlength=LEVELS * size).reshape(LEVELS, size)
    joint = joint[:, :-1].reshape(LEVELS, *CELLS)
    statistics = {}
    for angle, other in zip(START_DEG, (1, 0), strict=True):
        bins = marginal(counts, angle)
        nearest_edge = (np.arange(2 * len(bins)) + 1) // 2
        with np.errstate(divide="ignore", invalid="ignore"):
            value = sums.sum(axis=other) / counts.sum(axis=other) / bins[nearest_edge - 1]  # index -1 is the last bin
        known = np.isfinite(value)
        correlation = rank_correlation(value[None, known], np.repeat(bins, 2)[None, known])[0]
        scaled = np.where(known, value, np.nan) / value[known].max(initial=0)
        statistics[angle] = Published(marginal(joint, angle), bins / bins.sum(), scaled, float(correlation))
    return statistics


def profiles_of_branches(
    tiles: np.ndarray, saliency: np.ndarray, groups: np.ndarray, **settings: int
) -> dict[str, dict[str, Profile]]:
    """`profiles` of saliency relative to its tile, by branch, "+" and "−", then by angle."""
    return {
        name: profiles(cells(tiles, sign=sign), relative(saliency), groups, **settings)
        for name, sign in BRANCHES.items()
    }


def profiles(
    numbers: np.ndarray, saliency: np.ndarray, groups: np.ndarray, *, permutations: int = 99, seed: int = 0
) -> dict[str, Profile]:
    """Mean saliency given the orientation, by angle, "phi" and "theta", with a band of exchanged maps.

    `numbers` are from `cells`; the saliency is best `relative`; both `(N, H, W)`. All else is as in `exchanged_sums`;
    the group of a tile is its map, since tiles of one map are alike.
    """
    counts, sums = table(numbers, saliency)
    exchanged = exchanged_sums(numbers, saliency, groups, counts.size + 1, permutations=permutations, seed=seed)
    exchanged = exchanged[:, :-1].reshape(-1, *CELLS)
    return {angle: _profile(angle, counts, np.stack([sums, *exchanged])) for angle in START_DEG}


def _profile(angle: str, counts: np.ndarray, sums: np.ndarray) -> Profile:
    """Profile from the sums of the saliency itself, the first, and of exchanged maps."""
    pixels = marginal(counts, angle)
    share = pixels / pixels.sum()
    enough = share >= LEAST_SHARE
    edges = START_DEG[angle] + BIN_DEG * np.arange(len(pixels) + 1)
    isotropic = np.diff(-np.cos(np.radians(edges))) if angle == "theta" else 1 / len(pixels)
    frequency = share / isotropic
    means = np.where(enough, marginal(sums, angle) / np.maximum(pixels, 1), np.nan)
    low, high = np.quantile(means[1:], (0.025, 0.975), axis=0)
    own, *others = rank_correlation(means[:, enough], np.tile(frequency[enough], (len(means), 1)))
    columns = {"centre": (edges[1:] + edges[:-1]) / 2, "share": share, "frequency": frequency}
    bins = pd.DataFrame(columns | {"mean": means[0], "low": low, "high": high})
    return Profile(bins, float(own), tuple(np.quantile(others, (0.025, 0.975)).tolist()))


def rank_correlations(
    profiles: dict[str, dict[str, Profile]], published: dict[str, dict[str, Published]] | None = None
) -> pd.DataFrame:
    """Rank correlations of saliency with frequency, negative if rare orientations are more salient.

    One row per angle and case; columns `rank correlation`, `band low`, `band high`, `rare is salient`.
    """
    rows = {}
    for angle in START_DEG:
        for name, statistics in (published or {}).items():
            rows[f"{angle}, as published, {name}"] = (statistics[angle].rank_correlation, np.nan, np.nan, None)
        for branch, by_angle in profiles.items():
            profile = by_angle[angle]
            row = profile.rank_correlation, *profile.band, profile.rare_is_salient
            rows[f"{angle}, corrected, branch {branch}"] = row
    columns = ["rank correlation", "band low", "band high", "rare is salient"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def exchanged_sums(
    bins: np.ndarray, maps: np.ndarray, groups: np.ndarray, size: int, *, permutations: int = 99, seed: int = 0
) -> np.ndarray:
    """Sum maps by bin after groups of tiles exchanged their maps at random, `(permutations, size)`.

    A group with fewer tiles than its partner gets the first of the partner's maps, one with more gets them again. If
    all tiles are of one group, each is its own; of more than `MOST_GROUPS`, neighbours are united.

    `bins` and `maps` are `(N, H, W)`: the bin of each pixel, 0 to `size` - 1, and what is summed; `groups` is `(N,)`.
    """
    member = np.unique(groups, return_inverse=True)[1]
    member = member if member.any() else np.arange(len(groups))
    count = member.max() + 1
    member = member * min(count, MOST_GROUPS) // count
    members = [np.flatnonzero(member == number) for number in np.unique(member)]
    if len(members) < 2:
        raise InputError("a permutation band needs two or more tiles")
    # first for every pair of groups, of which there are fewer than groups in all exchanges
    pairs = np.stack(
        [
            [np.bincount(bins[own].ravel(), maps[np.resize(partner, len(own))].ravel(), size) for partner in members]
            for own in members
        ]
    )
    rng, own = np.random.default_rng(seed), np.arange(len(members))
    return np.stack([pairs[own, rng.permutation(own)].sum(axis=0) for _ in range(permutations)])
