"""Hardness maps: the network's reading in a window that slides over a picture (Lew 2023, Fig. 4)."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pandas as pd

from enamel_lib import images
from enamel_lib.errors import InputError

BLOCK = 16  # windows along each side of a block that shares its computation; more gains little and needs memory
PERIOD = 8.0  # px; total stride of the network, where its pooling leaves a grid in the map (DOMAIN.md D9)

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class HardnessMap:
    """Hardness at the centres of a grid of windows.

    Attributes
    ----------
    hardness
        `(R, C)` float32, GPa.
    rows, cols
        `(R,)` and `(C,)` float64: centres of the windows, in pixels of the mapped picture (a window from pixel 0 to
        199 has its centre at 100, as in the authors' map).
    image_shape
        Height and width of the mapped picture, px.
    stride, window
        Step between windows, and side of a window, px; no whole numbers in a map that was `rescaled`.
    """

    hardness: np.ndarray
    rows: np.ndarray
    cols: np.ndarray
    image_shape: tuple[int, int]
    stride: float
    window: float

    def at(self, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
        """Interpolate linearly between window centres, on the grid of some rows and columns.

        Parameters
        ----------
        rows, cols
            `(M,)` and `(N,)`, px.

        Returns
        -------
        numpy.ndarray
            `(M, N)` float32, GPa; NaN beyond the outermost centres.
        """
        return _interpolated(_interpolated(self.hardness, self.rows, rows).T, self.cols, cols).T

    def full(self) -> np.ndarray:
        """Give the map pixel by pixel: `(H, W)` float32, GPa; NaN on the border, where no window has its centre."""
        return self.at(*(np.arange(side) for side in self.image_shape))

    def rescaled(self, factor: float) -> Self:
        """Give the same readings in the pixels of the picture enlarged by `factor`; below 1 it is shrunk."""
        shape = tuple(round(side * factor) for side in self.image_shape)
        scaled = {name: getattr(self, name) * factor for name in ("rows", "cols", "stride", "window")}
        return replace(self, image_shape=shape, **scaled)

    def to_frame(self) -> pd.DataFrame:
        """Give one line per window: `row`, `col` (px) and `hardness` (GPa)."""
        rows, cols = np.meshgrid(self.rows, self.cols, indexing="ij")
        return pd.DataFrame({"row": rows.ravel(), "col": cols.ravel(), "hardness": self.hardness.ravel()})


def raster(
    image: np.ndarray,
    predictor: Callable[[np.ndarray], np.ndarray],
    *,
    stride: int = 1,
    batch_size: int = 64,
    share: bool = True,
    progress: Progress | None = None,
) -> HardnessMap:
    """Slide the window over a picture and read the hardness in each.

    Memory is that of the picture, the map and one batch or block.

    Parameters
    ----------
    image
        `(H, W, 3)` uint8, or float in [0, 1], at the scale of the training tiles.
    predictor
        From `engines.make_predictor`; or any function from `(N, 200, 200, 3)` to `(N,)`.
    stride
        Step between windows along both axes, px.
    batch_size
        Windows handed to the predictor at once. Does not change the result.
    share
        Compute only once what overlapping windows share, where the engine can (`predict_block`). The result is the
        same to rounding; turn it off to check that.
    progress
        Called with the windows done and their total.

    Raises
    ------
    InputError
        If no window fits in the picture, or an argument makes no sense.
    """
    if batch_size < 1:
        raise InputError(f"batch size {batch_size} is not a whole number above 0")
    size = getattr(predictor, "size", images.TILE)
    view = images.windows(image, size, stride)
    hardness = np.full(view.shape[:2], np.nan, np.float32)
    step = math.lcm(stride, getattr(predictor, "block_step", None) or size)
    # beyond a quarter of the window too little overlaps to be worth sharing
    if share and step <= size // 4:
        parts = _blocks(image, predictor, hardness, size, stride, step)
    else:
        parts = _batches(view, predictor, hardness, batch_size)
    done = 0
    for count in parts:
        done += count
        if progress:
            progress(done, hardness.size)
    rows, cols = (np.arange(count) * float(stride) + size / 2 for count in hardness.shape)
    return HardnessMap(hardness, rows, cols, image.shape[:2], stride, size)


def _batches(view: np.ndarray, predictor: Callable, hardness: np.ndarray, batch_size: int) -> Iterator[int]:
    """Fill in the map batch by batch; only one batch of windows is ever copied out of the view."""
    for start in range(0, hardness.size, batch_size):
        index = np.unravel_index(np.arange(start, min(start + batch_size, hardness.size)), hardness.shape)
        hardness[index] = predictor(view[index])
        yield len(index[0])


def _blocks(
    image: np.ndarray, predictor: Callable, hardness: np.ndarray, size: int, stride: int, step: int
) -> Iterator[int]:
    """Fill in the map block by block, each of windows a whole `step` apart, for every phase of that step in turn."""
    phases = step // stride
    # equal blocks; the last ones may reach beyond the picture, into black that no kept window sees
    counts = [-(-count // phases) for count in hardness.shape]
    shape = [-(-count // -(-count // BLOCK)) for count in counts]
    for row in range(phases):
        for col in range(phases):
            lattice = hardness[row::phases, col::phases]
            for top in range(0, lattice.shape[0], shape[0]):
                for left in range(0, lattice.shape[1], shape[1]):
                    corner = (row * stride + top * step, col * stride + left * step)
                    part = lattice[top : top + shape[0], left : left + shape[1]]
                    patch = _patch(image, corner, [size + step * (count - 1) for count in shape])
                    part[:] = predictor.predict_block(patch, step)[: part.shape[0], : part.shape[1]]
                    yield part.size


def _patch(image: np.ndarray, corner: tuple[int, int], sides: list[int]) -> np.ndarray:
    """Cut a patch; black where it leaves the picture."""
    inside = image[corner[0] : corner[0] + sides[0], corner[1] : corner[1] + sides[1]]
    if inside.shape[:2] == tuple(sides):
        return inside
    patch = np.zeros((*sides, 3), image.dtype)
    patch[: inside.shape[0], : inside.shape[1]] = inside
    return patch


def window_means(field: np.ndarray, *, stride: int = 1, window: int = images.TILE) -> np.ndarray:
    """Average a field over the windows that `raster` would read.

    Parameters
    ----------
    field
        `(H, W)`, for instance the true hardness of a simulated section.
    stride, window
        Step between windows, and their side, px.

    Returns
    -------
    numpy.ndarray
        `(R, C)` float32, on the grid of `raster` at the same stride.
    """
    sums = np.pad(field.cumsum(axis=0, dtype=np.float64).cumsum(axis=1), ((1, 0), (1, 0)))
    boxes = sums[window:, window:] - sums[:-window, window:] - sums[window:, :-window] + sums[:-window, :-window]
    return (boxes[::stride, ::stride] / window**2).astype(np.float32)


def grid_artefact(
    hardness: np.ndarray, spacing_px: float | tuple[float, float], *, period_px: float = PERIOD
) -> dict[str, float]:
    """Measure how far the network's own grid stands out of a map's spectrum.

    Along each axis the lines are freed of their mean and slope, tapered (Hann) and transformed; the amplitude is
    the root of the power averaged over lines.

    Parameters
    ----------
    hardness
        `(R, C)` without NaN.
    spacing_px
        Distance between map points, in pixels of the mapped picture; along rows and columns, or one for both.
    period_px
        Period looked for, px.

    Returns
    -------
    dict
        `rows` and `cols`: largest amplitude within one frequency bin of the period, over the median amplitude from
        0.7 to 1.4 times its frequency; 1 means nothing stands out. NaN where the map is too coarse or too short.
    """
    if np.isnan(hardness).any():
        raise InputError("the map has NaN in it; give the grid of window centres without its border")
    spacing = np.broadcast_to(spacing_px, 2)
    return {
        name: _peak_over_median(np.moveaxis(hardness, axis, 0), spacing[axis] / period_px)
        for axis, name in enumerate(("rows", "cols"))
    }


def _peak_over_median(lines: np.ndarray, frequency: float) -> float:
    """Compare the amplitude at a frequency, in cycles per sample along axis 0, with that around it."""
    count = len(lines)
    around = (0.7 * frequency, 1.4 * frequency)
    bins = np.fft.rfftfreq(count)
    beside = (bins >= around[0]) & (bins <= around[1]) & (np.abs(bins - frequency) > 3 / count)
    if frequency > 0.5 or beside.sum() < 5:
        return math.nan
    position = np.linspace(-1, 1, count)
    flat = lines - lines.mean(axis=0)
    flat = flat - np.outer(position, position @ flat / (position @ position))
    amplitude = np.sqrt((np.abs(np.fft.rfft(flat * np.hanning(count)[:, None], axis=0)) ** 2).mean(axis=1))
    peak = amplitude[np.abs(bins - frequency) <= 1.5 / count].max()
    return float(peak / np.median(amplitude[beside]))


def _interpolated(values: np.ndarray, grid: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Interpolate linearly along axis 0, from an even grid to points; NaN outside the grid."""
    points = np.asarray(points, float)
    position = np.interp(points, grid, np.arange(len(grid)))
    below = np.minimum(position.astype(int), max(len(grid) - 2, 0))
    above = np.minimum(below + 1, len(grid) - 1)
    weight = (position - below)[:, None].astype(np.float32)
    mixed = values[below] * (1 - weight) + values[above] * weight
    mixed[(points < grid[0]) | (points > grid[-1])] = np.nan
    return mixed
