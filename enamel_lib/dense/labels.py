"""Likelihood of hardness labels in their own form, as all see one field of hardness, log H = w . structure.

An indent is the field at its place; a label of an area is the mean over it; of a whole map mean and spread may be all
that is known. Labels of one map share an error: no picture tells all of what sets the level of a map. Every source has
noise of its own, which is fitted together with the weights.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy import ndimage, optimize, signal

from enamel_lib.dense.code import CELL_UM
from enamel_lib.dense.structure import LOCAL, WIDE
from enamel_lib.errors import DataError
from enamel_lib.simulate.law import SUPPORT_UM

PRIOR_SD = np.array([1.0] * len(LOCAL) + [0.3] * len(WIDE))  # of the weights of log H
SURROUNDINGS_UM = 30.0  # sd of the mean over what surroundings have in common: about six rods each way
AROUND_CELLS = round(2 * SURROUNDINGS_UM / CELL_UM)  # how far `around` looks
FELT_CELLS = round(3 * SUPPORT_UM / CELL_UM)  # how far `felt` looks, for an indent
KURTOSIS = 1.5  # of the spread of indents, over that of Gaussian ones: their noise has heavy tails


@dataclass(frozen=True)
class Sight:
    """How labels see structure: in cells of `cell_um`, an indent their mean over surroundings of sd `support_um`.

    The first `local` numbers of the structure differ within a map (all, if None), the others map by map.
    """

    cell_um: float = CELL_UM
    support_um: float = SUPPORT_UM
    local: int | None = len(LOCAL)

    def seen(self, structure: np.ndarray, place_sd_um: float = 0.0) -> np.ndarray:
        """Structure as labels see it: the local felt by an indent, and of the wide the mean of the map.

        Readings of the wide waver from place to place, which labels within a map would take for a sign of no worth.
        """
        local, wide = np.split(structure, [self.local or structure.shape[-1]], axis=-1)
        same = np.broadcast_to(wide.mean(axis=(0, 1)), wide.shape)
        return np.concatenate([felt(local, np.hypot(self.support_um, place_sd_um), self.cell_um), same], axis=-1)


ENAMEL = Sight()


@dataclass
class Labels:
    """Labels of any number of maps, each with the structure that it sees; `add_*` fill it, `fit` reads it.

    Structure is of K numbers. An indent sees them at its place; areas and maps by mean `(K,)` and covariance `(K, K)`.
    """

    indents: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)  # per map: (n, K), GPa (n,)
    areas: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = field(default_factory=list)  # (n, K), (n, K, K), GPa (n,)
    maps: list[tuple[np.ndarray, np.ndarray, float, float, int]] = field(default_factory=list)  # mean, sd, count
    sight: Sight = ENAMEL

    @classmethod
    def joined(cls, parts: Sequence["Labels"]) -> "Labels":
        """All labels of several sets, of one sight."""
        kinds = ("indents", "areas", "maps")
        joined = ([each for part in parts for each in getattr(part, kind)] for kind in kinds)
        return cls(*joined, parts[0].sight)

    @property
    def count(self) -> dict[str, int]:
        """How many there are of each kind, and of how many maps."""
        return {
            "indents": sum(len(each[-1]) for each in self.indents),
            "areas": sum(len(each[-1]) for each in self.areas),
            "maps": len(self.indents) + len(self.areas) + len(self.maps),
        }

    def add_indents(
        self, structure: np.ndarray, places_um: np.ndarray, hardness: np.ndarray, *, place_sd_um: float = 0.0
    ) -> None:
        """Add indents of one map.

        Parameters
        ----------
        structure
            `(R, C, K)`, of every cell of the map.
        places_um
            `(n, 2)` down and across, um from the map's upper left corner.
        hardness
            `(n,)`, GPa.
        place_sd_um
            How uncertain the places are, standard deviation per axis.
        """
        seen = self.sight.seen(structure, place_sd_um)
        at = np.floor(np.asarray(places_um) / self.sight.cell_um).astype(int)
        outside = (at < 0) | (at >= structure.shape[:2])
        if outside.any():
            raise DataError(f"{outside.any(axis=1).sum()} of {len(at)} indents lie outside of their map")
        self.indents.append((seen[at[:, 0], at[:, 1]].astype(np.float64), np.asarray(hardness, float)))

    def add_areas(
        self, structure: np.ndarray, areas: Sequence[tuple[slice, slice] | np.ndarray], hardness: np.ndarray
    ) -> None:
        """Add areas of one map, rows and columns of cells or `(R, C)` bool, and the hardness said of each, GPa.

        How far such a label knows its place within the map is fitted: one from a map of a whole tooth hardly does.
        """
        if not len(areas):
            return
        seen = self.sight.seen(structure)
        means, covariances = zip(*(_moments(seen[area]) for area in areas), strict=True)
        self.areas.append((np.array(means), np.array(covariances), np.asarray(hardness, float)))

    def add_map(
        self, structure: np.ndarray, mean: float, sd: float, count: int, *, where: np.ndarray | None = None
    ) -> None:
        """Add a map of which mean and sd of so many indents are known, GPa, all over it or `where`, `(R, C)` bool."""
        seen = self.sight.seen(structure)
        self.maps.append((*_moments(seen if where is None else seen[where]), mean, sd, count))


@dataclass(frozen=True)
class Fit:
    """Weights `(K,)` and `intercept` of log H; and what of the labels they leave, relative to the hardness:

    `noise` of an indent, `area_noise`, `map_sd` that labels of one map share, `area_map_sd` if they are of areas; and
    `area_share`, how much of what differs within a map the labels of areas tell.
    """

    weights: np.ndarray
    intercept: float
    noise: float
    area_noise: float
    map_sd: float
    area_map_sd: float
    area_share: float

    def hardness(self, structure: np.ndarray, sight: Sight = ENAMEL) -> np.ndarray:
        """Hardness that an indent would find, `(R, C)` float32 GPa, of structure `(R, C, K)`."""
        told = structure @ np.diag(self.weights.astype(np.float32))
        local, wide = np.split(told, [sight.local or len(self.weights)], axis=-1)
        level = around(wide.sum(axis=-1)) if wide.size else 0
        felt_there = felt(local.sum(axis=-1), sight.support_um, sight.cell_um)
        return np.exp(felt_there + level + np.float32(self.intercept))


def felt(field: np.ndarray, sd_um: float, cell_um: float = CELL_UM) -> np.ndarray:
    """Gaussian mean of a field `(R, C)` or fields `(R, C, K)` over the surroundings of each cell."""
    sigma = sd_um / cell_um
    return ndimage.gaussian_filter(field, (sigma, sigma, 0)[: field.ndim], truncate=3, mode="nearest")


def around(field: np.ndarray) -> np.ndarray:
    """Mean of a field `(R, C)` or fields `(R, C, K)` over what surrounds each cell, as far as the map reaches."""
    line = np.exp(-0.5 * (np.arange(-AROUND_CELLS, AROUND_CELLS + 1) * CELL_UM / SURROUNDINGS_UM) ** 2)
    line = (line / line.sum()).astype(np.float32)
    total = field
    for axis in range(2):
        shape = [-1 if each == axis else 1 for each in range(field.ndim)]
        inside = signal.fftconvolve(np.ones(field.shape[axis], np.float32), line, "full")[AROUND_CELLS:-AROUND_CELLS]
        total = signal.fftconvolve(total, line.reshape(shape), "full", axes=axis)
        total = total.take(range(AROUND_CELLS, total.shape[axis] - AROUND_CELLS), axis) / inside.reshape(shape)
    return total


def _moments(structure: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    flat = structure.reshape(-1, structure.shape[-1]).astype(np.float64)
    return flat.mean(axis=0), np.cov(flat, rowvar=False)


def fit(labels: Labels, prior_sd: np.ndarray, *, prior_mean: np.ndarray | float = 0.0) -> Fit:
    """Fit the weights, and the noise of every source, to all labels at once: the greatest posterior.

    Parameters
    ----------
    labels
        At least one source.
    prior_sd
        `(K,)`: how far a weight may well be from its prior mean.
    prior_mean
        `(K,)`: what the weights are without any label.
    """
    means = [each.mean(axis=0) for each, _ in labels.indents] + [each.mean(axis=0) for each, *_ in labels.areas]
    centre = np.mean(means + [mean for mean, *_ in labels.maps], axis=0)
    said = [np.log(h).mean() for *_, h in labels.indents + labels.areas] + [
        np.log(mean) for _, _, mean, *_ in labels.maps
    ]
    start = np.concatenate([[np.mean(said)], np.zeros(len(prior_sd)), np.log([0.07, 0.03, 0.1, 0.1]), [0.5]])

    indents = [_about_means(seen, np.log(hardness)) for seen, hardness in labels.indents]

    def loss(x: np.ndarray) -> float:
        intercept, scaled, (noise, area_noise, map_sd, area_sd), share = x[0], x[1:-5], np.exp(x[-5:-1]), x[-1]
        w = prior_mean + scaled * prior_sd
        total = 0.5 * scaled @ scaled + 0.5 * np.sum((x[-5:] - start[-5:]) ** 2)
        for n, seen, told, by_seen, by_told, spread in indents:
            squares = max(spread - 2 * by_told @ w + w @ by_seen @ w, 0.0)
            total += _shared(n, told - intercept - (seen - centre) @ w, squares, noise, map_sd)
        for mean, covariance, hardness in labels.areas:
            level = intercept + (mean - centre) @ w + 0.5 * np.einsum("i,nij,j->n", w, covariance, w)
            left = np.log(hardness) - level.mean() - share * (level - level.mean())
            total += _shared(len(left), left.mean(), left.var() * len(left), area_noise, area_sd)
        for mean, covariance, of_mean, of_sd, count in labels.maps:
            own = w @ covariance @ w
            relative = (of_sd / of_mean) ** 2
            variance = map_sd**2 + relative / count
            left = np.log(of_mean) - intercept - (mean - centre) @ w - own / 2
            total += 0.5 * (np.log(variance) + left**2 / variance)
            spread = 2 * KURTOSIS / (count - 1)
            total += 0.5 * (np.log(relative) - np.log(own + noise**2)) ** 2 / spread
        return total

    found = optimize.minimize(loss, start, method="L-BFGS-B", options={"maxiter": 500, "maxfun": 10**6})
    w, noises = prior_mean + found.x[1:-5] * prior_sd, np.exp(found.x[-5:-1])
    return Fit(w, float(found.x[0] - centre @ w), *map(float, noises), float(found.x[-1]))


def _about_means(seen: np.ndarray, told: np.ndarray) -> tuple:
    """All that a fit needs of the indents of one map: count, means of structure and log H, squares about them."""
    mean, level = seen.mean(axis=0), told.mean()
    seen, told = seen - mean, told - level
    return len(told), mean, level, seen.T @ seen, seen.T @ told, told @ told


def _shared(n: int, mean: float, squares: float, noise: float, shared: float) -> float:
    """Minus log likelihood of what is left of n labels of one map: noise of each, and an error that all share.

    What is left has a mean, and so many squares about it.
    """
    total = noise**2 + n * shared**2
    return 0.5 * ((n - 1) * np.log(noise**2) + np.log(total) + squares / noise**2 + n * mean**2 / total)
