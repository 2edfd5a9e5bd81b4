"""Hardness read off c-axes at any pitch, for a material whose structure is its grains: hexagonal, or with one axis.

The dense indenter's network knows the rods of enamel, in pixels of 0.06 um. Where a pixel of the map shows one crystal,
structure needs no network: it is the c-axis itself, by the harmonics of the sphere that neither its sign nor that of
its tilt can change, for no picture shows these. What they mean for hardness is fitted to labels as ever (`labels`).

>>> known = axes.read("my-data")  # maps.csv, indents.csv, maps/
>>> model = axes.fit(known)
>>> mapped = model.hardness_map(known.maps[0])  # inference.HardnessMap
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from enamel_lib import microstructure, pic
from enamel_lib.dataset import own, tables
from enamel_lib.dense import labels
from enamel_lib.errors import DataError
from enamel_lib.inference.hardness_map import HardnessMap
from enamel_lib.pictures import read_picture

HARMONICS = ("2,0", "2,2 cos", "2,2 sin", "4,0", "4,4 cos", "4,4 sin")  # degree and order
PRIOR_SD = np.array([0.1] * 3 + [0.05] * 3)  # of their weights in log H
FINER = 3  # cells to a pixel each way, so that indents can be moved by less than their pitch
REACH = 4  # pixels by which the indents of a batch may lie off, each way
LEAST_R = 0.3  # of reading and hardness, below which a batch says nothing of its place
WILD = 0.01, 0.99  # quantiles of hardness, beyond which an indent does not count more when places are found
PASSES = 2  # places are found by a fit, which gets better by better places
LEAST_GRAIN = 20  # indents, for a level of its own


@dataclass(frozen=True)
class AxisMap:
    """A map of c-axes `(R, C, 3)` in the frame of the surface (z is out of it), with pixels of `pixel_size_um`."""

    name: str
    axes: np.ndarray
    pixel_size_um: float

    @cached_property
    def grain(self) -> np.ndarray:
        """Number of the grain of each pixel, `(R, C)`, as `microstructure.grains`."""
        return microstructure.grains(self.axes)

    @property
    def cell_um(self) -> float:
        """Side of a cell of the structure, a third of a pixel."""
        return self.pixel_size_um / FINER

    @cached_property
    def structure(self) -> np.ndarray:
        """Structure `(3 R, 3 C, 6)` float32 of every cell, not yet felt by an indent."""
        return np.repeat(np.repeat(harmonics(self.axes), FINER, axis=0), FINER, axis=1)


@dataclass(frozen=True)
class Indented:
    """Maps of c-axes, and indents on them.

    Attributes
    ----------
    maps
        All of one pixel size.
    table
        A row for each indent: `map` (its number), `batch`, `down_um` and `across_um` from the map's upper left corner,
        `hardness` (GPa).
    support_um
        Standard deviation of the surroundings that an indent feels, um.
    """

    maps: tuple[AxisMap, ...]
    table: pd.DataFrame
    support_um: float

    @property
    def sight(self) -> labels.Sight:
        """How labels see structure that an indent has felt already."""
        return labels.Sight(self.maps[0].cell_um, support_um=0.0, local=None)

    @cached_property
    def felt(self) -> tuple[np.ndarray, ...]:
        """Structure of each map as an indent feels it."""
        return tuple(labels.felt(one.structure, self.support_um, one.cell_um) for one in self.maps)

    @cached_property
    def batches(self) -> np.ndarray:
        """Number of the batch of each indent, `(N,)`, over all maps."""
        return self.table.groupby(["map", "batch"], sort=False).ngroup().to_numpy()

    def places(self, moves: np.ndarray | None = None) -> np.ndarray:
        """Places `(N, 2)` of the indents, um, where each batch is moved by its row of `(B, 2)`; kept on the map."""
        places = self.table[["down_um", "across_um"]].to_numpy() + (0 if moves is None else moves[self.batches])
        sides = np.array([one.axes.shape[:2] for one in self.maps]) * self.maps[0].pixel_size_um
        return np.clip(places, 0, sides[self.table["map"]] - 1e-6)

    def look_up(self, fields: Sequence[np.ndarray], moves: np.ndarray | None = None) -> np.ndarray:
        """Values of a field `(R, C)` of each map, or finer, at the indents, `(N,)`."""
        places, found = self.places(moves), np.empty(len(self.table), fields[0].dtype)
        for number, (one, field) in enumerate(zip(self.maps, fields, strict=True)):
            own_rows = (self.table["map"] == number).to_numpy()
            step = one.pixel_size_um * one.axes.shape[0] / field.shape[0]
            found[own_rows] = field[tuple((places[own_rows] // step).astype(int).T)]
        return found

    def grains(self, moves: np.ndarray | None = None) -> np.ndarray:
        """Number of the grain at each indent, `(N,)`, over all maps."""
        first = np.cumsum([0, *(one.grain.max() + 1 for one in self.maps)])
        return self.look_up([one.grain + start for one, start in zip(self.maps, first, strict=False)], moves)


@dataclass(frozen=True)
class AxisIndenter:
    """What c-axes mean for hardness.

    Attributes
    ----------
    fit
        Weights of `HARMONICS` in log H, and the noise.
    support_um
        As of `Indented`.
    moves
        `(B, 2)`, um down and across: where the batches that it learned from really lie.
    levels
        By grain that it learned from: how much more log H is there than the c-axis tells.
    """

    fit: labels.Fit
    support_um: float
    moves: np.ndarray
    levels: dict[int, float]

    def log_hardness(self, axes: np.ndarray) -> np.ndarray:
        """Log of the hardness, GPa, of c-axes `(..., 3)` alone, `(...)`."""
        return harmonics(axes) @ self.fit.weights + self.fit.intercept

    def hardness_map(self, one: AxisMap) -> HardnessMap:
        """Map the hardness that an indent would find in every pixel of a map, GPa."""
        sight = labels.Sight(one.cell_um, self.support_um, local=None)
        middle = np.s_[FINER // 2 :: FINER, FINER // 2 :: FINER]
        hardness = self.fit.hardness(one.structure, sight)[middle]
        rows, cols = (np.arange(side) + 0.5 for side in hardness.shape)
        return HardnessMap(hardness, rows, cols, hardness.shape, 1.0, window=0)

    def at(self, known: Indented, *, levels: bool = False) -> np.ndarray:
        """Hardness at the indents of `known`, `(N,)` GPa, those moved; with `levels` of grains that it learned from."""
        found = known.look_up(_log_fields(self.fit, known), self.moves)
        if levels:
            found = found + pd.Series(known.grains(self.moves)).map(self.levels).fillna(0).to_numpy()
        return np.exp(found)


def harmonics(axes: np.ndarray) -> np.ndarray:
    """Real harmonics of c-axes `(..., 3)`, `(..., 6)` float32: the `HARMONICS`, of mean square 1 over the sphere.

    Those of even degree up to 4, which change with neither the sign of the axis nor that of its tilt: the zonal ones,
    of the declination alone, and the sectoral ones, of the direction in the plane where the axis lies near to it.
    """
    x, y, z = np.moveaxis(np.asarray(axes, np.float64), -1, 0)
    cos2, sin2, z2 = x * x - y * y, 2 * x * y, z * z
    terms = [
        np.sqrt(5) / 2 * (3 * z2 - 1),
        *(np.sqrt(15) / 2 * each for each in (cos2, sin2)),
        3 / 8 * (35 * z2 * z2 - 30 * z2 + 3),
        *(np.sqrt(315) / 8 * each for each in (cos2 * cos2 - sin2 * sin2, 2 * cos2 * sin2)),
    ]
    return np.stack(terms, axis=-1).astype(np.float32)


def read(root: str | Path, *, support_um: float | None = None) -> Indented:
    """Read maps and indents in the layout of one's own data; their colours show the c-axis against the surface.

    Parameters
    ----------
    root
        Folder of `maps.csv`, `indents.csv` and `maps/` (data/README.md). A column `batch` of the indents names what was
        made in one go, and lies off, if at all, as one.
    support_um
        As of `Indented`; half a pixel, if None.

    Raises
    ------
    DataError
        If a file does not fit, no map has indents, or the maps' pixels differ in size.
    """
    root = Path(root)
    maps, _ = own.read_maps(root)
    known = own.indents_by_map(maps, tables.find(root, own.INDENTS_CSV))
    found, rows = [], []
    for one in maps[maps["map"].isin(known)].itertuples():
        indents = known[one.map]
        axes = pic.director(read_picture(one.file).rgb)[..., [1, 0, 2]]
        places = indents.places(axes.shape) * one.pixel_size_um
        about = {"map": len(found), "down_um": places[:, 0], "across_um": places[:, 1]}
        rows.append(indents.table[["hardness"]].assign(batch=indents.table.get("batch", ""), **about))
        found.append(AxisMap(one.map, axes, one.pixel_size_um))
    if not found:
        raise DataError(
            f"{root / own.INDENTS_CSV}: no map has indents; give some of each map that hardness is to be learned from"
        )
    sizes = {one.pixel_size_um for one in found}
    if len(sizes) > 1:
        raise DataError(f"{root / own.MAPS_CSV}: pixels of {sorted(sizes)} um; bring the maps to one pixel size")
    support_um = 0.5 * sizes.pop() if support_um is None else support_um
    return Indented(tuple(found), pd.concat(rows, ignore_index=True), support_um)


def fit(
    known: Indented, rows: np.ndarray | None = None, *, without: Sequence[int] = (), moving: bool = True
) -> AxisIndenter:
    """Fit the meaning of c-axes to indents, and find where their batches really lie.

    Parameters
    ----------
    known
        Maps and indents.
    rows
        `(N,)` bool: the indents to learn from; all, if None.
    without
        Grains of which nothing is learned, wherever their indents turn out to lie.
    moving
        Whether batches may be moved. One is where the best place is well within `REACH`, and its hardness follows the
        reading there.
    """
    rows = np.ones(len(known.table), bool) if rows is None else rows
    moves = np.zeros((known.batches.max() + 1, 2))
    for _ in range(PASSES if moving else 0):
        moves = _moved(known, rows, labels.fit(labelled(known, rows, moves), PRIOR_SD))
    return fit_at(known, rows & ~np.isin(known.grains(moves), without), moves)


def fit_at(known: Indented, rows: np.ndarray, moves: np.ndarray) -> AxisIndenter:
    """Fit as `fit` does where the moves of the batches `(B, 2)`, um, are known."""
    found = labels.fit(labelled(known, rows, moves), PRIOR_SD)
    left = np.log(known.table["hardness"].to_numpy()) - known.look_up(_log_fields(found, known), moves)
    return AxisIndenter(found, known.support_um, moves, _levels(left[rows], known.grains(moves)[rows]))


def labelled(known: Indented, rows: np.ndarray, moves: np.ndarray | None = None) -> labels.Labels:
    """Give some of the indents, `(N,)` bool, with the structure that they see; those of a map share an error."""
    found, places = labels.Labels(sight=known.sight), known.places(moves)
    for number, felt in enumerate(known.felt):
        some = rows & (known.table["map"] == number).to_numpy()
        if some.any():
            found.add_indents(felt, places[some], known.table["hardness"].to_numpy()[some])
    return found


def _log_fields(found: labels.Fit, known: Indented) -> list[np.ndarray]:
    return [np.log(found.hardness(felt, known.sight)) for felt in known.felt]


def _moved(known: Indented, rows: np.ndarray, found: labels.Fit) -> np.ndarray:
    """Find the move of each batch, um, at which its hardness correlates best with what is read."""
    fields, cell = _log_fields(found, known), known.maps[0].cell_um
    said, batch = np.log(known.table["hardness"].to_numpy()[rows]), known.batches[rows]
    said = np.clip(said, *np.quantile(said, WILD))
    sides = np.array([field.shape for field in fields])
    number = known.table["map"].to_numpy()[rows]
    first, last = np.cumsum([0, *sides.prod(axis=1)])[number], sides[number] - 1
    at, flat = (known.places()[rows] // cell).astype(int), np.concatenate([field.ravel() for field in fields])
    best, r = np.zeros((known.batches.max() + 1, 2), int), np.full(known.batches.max() + 1, -1.0)
    for step, reach in ((FINER, REACH), (1, FINER - 1)):
        around = best.copy()
        for move in np.stack(np.mgrid[-reach : reach + 1, -reach : reach + 1], axis=-1).reshape(-1, 2) * step:
            tried = around + move
            down, across = np.clip(at + tried[batch], 0, last).T
            found_r = _correlations(flat[first + down * (last[:, 1] + 1) + across], said, batch, len(r))
            better = found_r > r
            best[better], r[better] = tried[better], found_r[better]
    sure = (np.abs(best).max(axis=1) < FINER * REACH) & (r > LEAST_R)
    return np.where(sure[:, None], best, 0) * cell


def _correlations(one: np.ndarray, other: np.ndarray, group: np.ndarray, count: int) -> np.ndarray:
    """Correlation within each of so many groups; 0 where nothing varies."""
    sums = [np.bincount(group, each, count) for each in (np.ones_like(one), one, other, one**2, other**2, one * other)]
    n, x, y, xx, yy, xy = sums
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.nan_to_num((n * xy - x * y) / np.sqrt((n * xx - x * x) * (n * yy - y * y)))


def _levels(left: np.ndarray, grain: np.ndarray) -> dict[int, float]:
    """Expect the level of each grain from what is left of log H at its indents: noise of each, and an error they share.

    Variances by moments; grains of few indents have no level of their own.
    """
    by = pd.Series(left).groupby(grain).agg(["mean", "var", "count"])
    by = by[by["count"] >= LEAST_GRAIN]
    if len(by) < 2:
        return {}
    noise = np.average(by["var"], weights=by["count"])
    shared = max(float((by["mean"] ** 2 - noise / by["count"]).mean()), 0.0)
    return dict(by["mean"] * shared / (shared + noise / by["count"]))
