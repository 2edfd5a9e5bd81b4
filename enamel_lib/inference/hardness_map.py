"""Hardness maps: the network's reading in a window that slides over a picture (Lew 2023, Fig. 4)."""

import math
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from scipy import signal
from scipy.interpolate import RegularGridInterpolator

from enamel_lib import images, metrics, paths
from enamel_lib.errors import InputError
from enamel_lib.inference.base import Predictor, Progress
from enamel_lib.reproduce import report

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FILES = (".npy", ".csv", ".png", ".json")  # GPa at every pixel, NaN on the border; one line per window; both; settings

ROWS = 64  # of a picture or a map, written at once

PERIOD = 8.0  # px; total stride of the network, where its pooling leaves a grid in the map (DOMAIN.md D9)


@dataclass(frozen=True)
class HardnessMap:
    """Hardness, `(R, C)` float32, GPa, at the centres of a grid of windows.

    `rows` `(R,)` and `cols` `(C,)` are the centres, in pixels of the mapped picture (a window from pixel 0 to 199 has
    its centre at 100, as in the authors' map), `image_shape` its height and width; `stride` is the step between windows
    (the mean one where places are given) and `window` their side, px, 0 of a map that no windows read.
    Hardness is NaN where there is no signal.
    """

    hardness: np.ndarray
    rows: np.ndarray
    cols: np.ndarray
    image_shape: tuple[int, int]
    stride: float
    window: float

    def at(self, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
        """Interpolate linearly between window centres, on the grid of some rows `(M,)` and columns `(N,)`, px.

        Gives `(M, N)` float32, GPa; NaN beyond the outermost centres, and nearer to places without a reading.
        """
        grid, values = self._grid()
        places = tuple(np.meshgrid(np.asarray(rows, float), np.asarray(cols, float), indexing="ij", sparse=True))
        read = np.isfinite(values)
        inside = RegularGridInterpolator(grid, np.where(read, values, 0), bounds_error=False)(places)
        if not read.all():  # what is read spreads half way to what is not
            share = RegularGridInterpolator(grid, read.astype(np.float32), bounds_error=False)(places)
            inside = np.divide(inside, share, out=np.full_like(inside, np.nan), where=share >= 0.5)
        return inside.astype(np.float32)

    def near(self, places: np.ndarray) -> np.ndarray:
        """Interpolate linearly at places `(N, 2)`, down and across, px: `(N,)` GPa.

        NaN beyond the outermost centres, and next to places without a reading.
        """
        return RegularGridInterpolator(*self._grid(), bounds_error=False)(places)

    def _grid(self) -> tuple[list[np.ndarray], np.ndarray]:
        """Centres along both axes, two or more, and the hardness there."""
        grid, values = [self.rows, self.cols], self.hardness
        for axis in range(2):
            if len(grid[axis]) == 1:  # a single line is a plane of no extent, which SciPy does not know
                grid[axis] = grid[axis][0] + np.array([0, np.finfo(np.float32).eps])
                values = np.repeat(values, 2, axis)
        return grid, values

    def full(self) -> np.ndarray:
        """Give the map pixel by pixel: `(H, W)` float32, GPa; NaN on the border, where no window has its centre."""
        return self.at(*(self._pixels(0, side) for side in self.image_shape))

    def _pixels(self, start: int, stop: int) -> np.ndarray:
        """Where pixels are read: in their centres; a window's, between two pixels, is that of the second (`rows`)."""
        return np.arange(start, stop) + (0 if self.window else 0.5)

    def averaging(self, field: np.ndarray) -> Self:
        """Average a field `(H, W)` over each window: what the map of a true hardness should read."""
        sums = np.pad(field.cumsum(axis=0, dtype=np.float64).cumsum(axis=1), ((1, 0), (1, 0)))
        top, left = (np.rint(centres - self.window / 2).astype(int) for centres in (self.rows, self.cols))
        side = round(self.window)
        corners = ((1, 0, 0), (-1, 0, side), (-1, side, 0), (1, side, side))
        boxes = sum(sign * sums[np.ix_(top + down, left + right)] for sign, down, right in corners)
        return replace(self, hardness=(boxes / side**2).astype(np.float32))

    def against_truth(self, field: np.ndarray) -> pd.DataFrame:
        """Compare with a true hardness `(H, W)`, its window means and its values at their centres: a row each."""
        centres = field[np.ix_(self.rows.astype(int), self.cols.astype(int))]
        truths = {"window mean": self.averaging(field).hardness, "window centre": centres}
        rows = {name: metrics.compare_maps(self.hardness, truth) for name, truth in truths.items()}
        return pd.DataFrame.from_dict(rows, orient="index")

    def every(self, step: int) -> Self:
        """Give every so-manieth row and column of readings."""
        thinned = {"hardness": self.hardness[::step, ::step], "rows": self.rows[::step], "cols": self.cols[::step]}
        return replace(self, stride=self.stride * step, **thinned)

    def to_frame(self, px: float = 1) -> pd.DataFrame:
        """Give one line per window: `row`, `col` and `hardness` (GPa).

        Places are counted as in tables of indents, from the centre of the first pixel, in pixels of which the mapped
        picture's have `px` to a side.
        """
        rows, cols = np.meshgrid(self.rows * px - 0.5, self.cols * px - 0.5, indexing="ij")
        return pd.DataFrame({"row": rows.ravel(), "col": cols.ravel(), "hardness": self.hardness.ravel()})

    @property
    def kind(self) -> str:
        """What was read: windows, or cells of a map that no windows read."""
        return "windows" if self.window else "cells"

    def facts(self) -> dict[str, Any]:
        """Count the windows or cells and those read; mean and sd of what was read, GPa.

        Raises InputError if nothing was read.
        """
        lines = (line[np.isfinite(line)].astype(np.float64) for line in self.hardness)  # to save memory
        read, total, squares = np.sum([(line.size, line.sum(), line @ line) for line in lines], axis=0)
        if not read:
            wanted = f"{images.MIN_SIGNAL:.0%} of its pixels" if self.window else "half of what an indent feels"
            raise InputError(f"no {self.kind[:-1]} has signal in {wanted}, so there is no reading")
        mean = total / read
        sd = math.sqrt(max(squares / read - mean**2, 0))
        counts = {self.kind: self.hardness.size, f"{self.kind}_read": int(read)}
        return counts | {"mean_gpa": round(float(mean), 4), "sd_gpa": round(sd, 4)}

    def save(self, stem: Path, about: Mapping[str, Any], figure: "Figure", *, scale: float = 1.0) -> dict[str, Any]:
        """Write the map as `FILES`, all or none: paths of a common stem, the `figure` as picture of the map.

        `about` says how the map was made, for the `.json`; `facts` are added, and the whole is given back. Places in
        the `.csv` are px of the picture as given, before it was enlarged `scale` times. Memory is that of some rows.
        """
        about = {**about, **self.facts()}
        with ExitStack() as together:
            npy, csv, png, json = (together.enter_context(paths.atomic(f"{stem}{suffix}")) for suffix in FILES)
            with npy.open("wb") as file:
                kind = {"descr": "<f4", "fortran_order": False, "shape": self.image_shape}
                np.lib.format.write_array_header_1_0(file, kind)
                for start in range(0, self.image_shape[0], ROWS):
                    rows = self._pixels(start, min(start + ROWS, self.image_shape[0]))
                    first, last = np.searchsorted(self.rows, (rows[0], rows[-1]))
                    around = slice(max(min(first, len(self.rows) - 1) - 1, 0), last + 2)
                    near = replace(self, rows=self.rows[around], hardness=self.hardness[around])
                    file.write(near.at(rows, self._pixels(0, self.image_shape[1])).astype("<f4").data)
            for start in range(0, len(self.rows), ROWS):
                part = slice(start, start + ROWS)
                table = replace(self, rows=self.rows[part], hardness=self.hardness[part]).to_frame(1 / scale)
                table.to_csv(csv, mode="a", header=not start, index=False, float_format="%.4f")
            figure.savefig(png, dpi=report.DPI, metadata={"Software": None})
            report.write_json(json, about)
        return about


def raster(
    image: np.ndarray,
    predictor: Predictor,
    *,
    stride: int = 1,
    centres: tuple[np.ndarray, np.ndarray] | None = None,
    signal: np.ndarray | None = None,
    progress: Progress | None = None,
) -> HardnessMap:
    """Slide the window over a picture, at the scale of the training tiles, and read the hardness in each place.

    Windows lie `stride` px apart along both axes, or have their `centres` in given rows and columns, rising, px, to the
    nearest whole pixel. The picture is `(H, W, 3)`, uint8 or float in [0, 1]. Where less than `images.MIN_SIGNAL` of a
    window has `signal`, `(H, W)` bool, there is no reading. Progress hears of the windows done and their total. Raises
    InputError if no window fits in the picture, or a centre is too near its edge.
    """
    size = predictor.size
    counts = images.windows(image, size, stride).shape[:2]
    if centres is None:
        starts = [np.arange(count) * stride for count in counts]
    else:
        starts = [np.rint(np.asarray(places) - size / 2).astype(int) for places in centres]
        if any(first[0] < 0 or first[-1] > side - size for first, side in zip(starts, image.shape, strict=False)):
            raise InputError(f"a window of {size} px around some centre leaves the picture; keep {size // 2} px away")
    hardness = predictor.slide(image, *starts, progress=progress)
    if signal is not None:
        for line, share in zip(hardness, images.signal_share(signal, *starts, size), strict=True):
            line[share < images.MIN_SIGNAL] = np.nan
    rows, cols = (first + size / 2 for first in starts)
    step = stride if centres is None else float(np.mean([np.diff(first).mean() for first in starts]))
    return HardnessMap(hardness, rows, cols, image.shape[:2], step, size)


def grid_artefact(mapped: HardnessMap) -> dict[str, float]:
    """Measure how far the network's own grid, of `PERIOD` pixels, stands out of a map's spectrum, by axis.

    Along `rows` and `cols` the lines are freed of their mean and slope, tapered (Hann) and transformed; the amplitude
    is the root of the power averaged over lines. Given is the largest one within one frequency bin of the period, over
    the median from 0.7 to 1.4 times its frequency; 1 means nothing stands out. NaN where the map is too coarse or too
    short.
    """
    return {
        name: _peak_over_median(np.moveaxis(mapped.hardness, axis, 0), np.diff(places).mean() / PERIOD)
        for axis, (name, places) in enumerate({"rows": mapped.rows, "cols": mapped.cols}.items())
    }


def _peak_over_median(lines: np.ndarray, frequency: float) -> float:
    """Compare the amplitude at a frequency, in cycles per sample along axis 0, with that around it."""
    count = len(lines)
    bins = np.fft.rfftfreq(count)
    beside = (bins >= 0.7 * frequency) & (bins <= 1.4 * frequency) & (np.abs(bins - frequency) > 3 / count)
    if frequency > 0.5 or beside.sum() < 5:
        return math.nan
    flat = signal.detrend(lines.astype(float), axis=0)
    amplitude = np.sqrt((np.abs(np.fft.rfft(flat * np.hanning(count)[:, None], axis=0)) ** 2).mean(axis=1))
    peak = amplitude[np.abs(bins - frequency) <= 1.5 / count].max()
    return float(peak / np.median(amplitude[beside]))
