"""The frame of the indents and that of the picture brought together: a shift found by hardness, or an affine of points.

Frames are in pixels of the picture, `row` and `col`; indents are those of `own.Indents`.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.interpolate import RegularGridInterpolator

from enamel_lib.dataset import tables
from enamel_lib.dataset.own import Indents
from enamel_lib.errors import DataError
from enamel_lib.inference.hardness_map import HardnessMap

LEAST = 20  # indents, for a shift that says anything
STRIDE = 20  # px between windows of the map that a shift is found on
STEP_UM = 0.5  # between shifts tried, where a map is read more densely
APART_UM = 2.5  # half a rod: the nearest place where a map that reads every point may look alike
KEPT = 2 / 3  # of the indents that must stay on the map at any shift tried
PAIRS = (
    tables.Column("x_um", "um", ("indent_x_um",), needed=False),
    tables.Column("y_um", "um", ("indent_y_um",), needed=False),
    tables.Column("col", "px", ("indent_col",), needed=False),
    tables.Column("row", "px", ("indent_row",), needed=False),
    tables.Column("map_col", "px"),
    tables.Column("map_row", "px"),
)


@dataclass(frozen=True)
class Registration:
    """How to move indents onto the picture.

    Attributes
    ----------
    matrix
        `(2, 3)`: from (row, col, 1) of an indent to (row, col) in the picture, px.
    facts
        What was found, and how sharply; see `shift` and `affine`.
    sharp
        Whether it can be relied on.
    """

    matrix: np.ndarray
    facts: dict[str, float]
    sharp: bool

    def __call__(self, indents: Indents) -> Indents:
        """Give the indents, moved."""
        table = indents.table.copy()
        table[["row", "col"]] = np.c_[table[["row", "col"]], np.ones(len(table))] @ self.matrix.T
        return replace(indents, table=table)


def shift(mapped: HardnessMap, indents: Indents, *, pixel_size_um: float, scale: float = 1.0) -> Registration:
    """Find the shift at which a hardness map and the indents on it correlate best.

    `mapped` is of the picture, with pixels of `pixel_size_um`, enlarged by `scale`. Tried are all shifts, in steps of
    the map's stride but 0.5 um at least, that keep two thirds of the indents on the map. The facts: `row_px` and
    `col_px` of the shift; `r` there, `r_unmoved`, and `r_elsewhere`, the best a window or more away (half a rod, if no
    windows read the map); `width_px`, the mean radius of the shifts whose r is within one standard error of the best.
    The optimum is sharp if that radius is below half of this distance, and the best elsewhere two standard errors
    lower. Raises DataError for fewer than 20 indents.
    """
    place = (indents.table[["row", "col"]].to_numpy() + 0.5) * scale
    hardness = indents.table["hardness"].to_numpy()
    if len(place) < LEAST:
        raise DataError(f"{indents.path}: {len(place)} indents are too few to find a shift; take {LEAST}, or --points")
    known = RegularGridInterpolator((mapped.rows, mapped.cols), mapped.hardness, bounds_error=False)
    step = max(mapped.stride, STEP_UM / pixel_size_um * scale)
    reach = [int(np.ptp(centres) / step) for centres in (mapped.rows, mapped.cols)]
    moves = [np.arange(-count, count + 1) * step for count in reach]
    tried = np.stack(np.meshgrid(*moves, indexing="ij"), -1).reshape(-1, 2)
    r = np.array([_correlation(known(place + move), hardness) for move in tried])
    if np.isnan(r).all():
        raise DataError(
            f"{indents.path}: at no shift do {KEPT:.0%} of the indents lie on the map; check the pixel size"
        )
    best = np.nanargmax(r)
    error = (1 - r[best] ** 2) / np.sqrt(len(place) - 1)
    apart = mapped.window or APART_UM / pixel_size_um * scale
    away = np.abs(tried - tried[best]).max(axis=1) >= apart
    elsewhere = np.nanmax(r[away]) if np.isfinite(r[away]).any() else np.nan
    near = np.nansum(r >= r[best] - error) * step**2
    facts = {
        "row_px": tried[best, 0] / scale,
        "col_px": tried[best, 1] / scale,
        "r": r[best],
        "r_unmoved": _correlation(known(place), hardness),
        "r_elsewhere": elsewhere,
        "standard_error": error,
        "width_px": np.sqrt(near / np.pi) / scale,
    }
    sharp = facts["width_px"] * scale < apart / 2 and not r[best] - elsewhere < 2 * error
    matrix = np.array([[1, 0, facts["row_px"]], [0, 1, facts["col_px"]]])
    return Registration(matrix, {name: float(value) for name, value in facts.items()}, bool(sharp))


def _correlation(read: np.ndarray, hardness: np.ndarray) -> float:
    there = np.isfinite(read)
    if there.mean() < KEPT or np.ptp(read[there]) == 0 or np.ptp(hardness[there]) == 0:
        return np.nan
    return np.corrcoef(read[there], hardness[there])[0, 1]


def affine(given: np.ndarray, wanted: np.ndarray, *, path: Path | str = "points") -> Registration:
    """Fit the affine that takes points `given` to `wanted`, both `(N, 2)` (row, col) in px, by least squares.

    The facts: `pairs`; `residual_px`, root mean square; `left_out_px`, that of each pair by the others (NaN for three
    pairs, which any affine meets); `scale` and `rotation_deg`. It is sharp if there are four pairs or more and
    `left_out_px` is below 20 px, a tenth of a window. Raises DataError for fewer than three pairs, or pairs on a line.
    """
    if len(given) < 3:
        raise DataError(f"{path}: {len(given)} pairs of points; an affine needs three or more")
    spread = np.linalg.svd(given - given.mean(axis=0), compute_uv=False)
    if not spread[1] > 0.05 * spread[0]:
        raise DataError(f"{path}: the points lie on a line; take one off it")
    ones = np.c_[given, np.ones(len(given))]
    matrix = np.linalg.lstsq(ones, wanted, rcond=None)[0].T
    residual = ones @ matrix.T - wanted
    leverage = np.einsum("ij,ji->i", ones, np.linalg.pinv(ones))
    left_out = residual / (1 - leverage)[:, None] if len(given) > 3 and (leverage < 1 - 1e-9).all() else [np.nan]
    facts = {
        "pairs": len(given),
        "residual_px": np.sqrt((residual**2).sum(axis=1).mean()),
        "left_out_px": np.sqrt(np.square(left_out).sum(axis=-1).mean()),
        "scale": np.sqrt(abs(np.linalg.det(matrix[:, :2]))),
        "rotation_deg": np.degrees(np.arctan2(matrix[1, 0] - matrix[0, 1], matrix[0, 0] + matrix[1, 1])),
    }
    return Registration(matrix, {name: float(value) for name, value in facts.items()}, bool(facts["left_out_px"] < 20))


def read_points(path: Path, pixel_size_um: float | None) -> tuple[np.ndarray, np.ndarray]:
    """Read pairs of points, `x_um, y_um` or `col, row` among the indents and `map_col, map_row`: `(N, 2)` each."""
    rows = tables.read(path, PAIRS).rows
    if {"col", "row"} <= set(rows):
        given = rows[["row", "col"]].to_numpy()
    elif {"x_um", "y_um"} <= set(rows) and pixel_size_um:
        given = rows[["y_um", "x_um"]].to_numpy() / pixel_size_um - 0.5
    else:
        raise DataError(f"{path}: give x_um and y_um (with --pixel-size), or col and row, of each point")
    if np.isnan(given).any():
        raise DataError(f"{path}: a point has no place among the indents; fill it in or remove its line")
    return given, rows[["map_row", "map_col"]].to_numpy()
