"""Parts of a map for a page to show: of every level of its pyramid, picture and hardness."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from enamel_lib.errors import InputError
from enamel_lib.inference import ome_zarr

TILE = 256  # side of what a page asks for at once
LIMITS = (1, 99)  # percentiles of the hardness that colours span at first


class MapTiles:
    """The tiles of a map that `enamel map` wrote; InputError if there is none at the path."""

    def __init__(self, store: Path | str) -> None:
        self.store = Path(store)
        about = ome_zarr.attributes(self.store)
        if "facts" not in about.get("enamel", {}):
            raise InputError(f"{self.store}: is no map of hardness that is done; make one with `enamel map`")
        datasets = about["ome"]["multiscales"][0]["datasets"]
        self.cell_um = datasets[0]["coordinateTransformations"][0]["scale"][-1] * 1e6
        self._levels = [
            (ome_zarr.opened(self.store, str(level)), ome_zarr.opened(self.store, f"picture/{level}"))
            for level in range(len(datasets))
        ]
        self._interval = ome_zarr.opened(self.store, "interval/0") if (self.store / "interval").is_dir() else None

    def about(self) -> dict[str, Any]:
        """What a page has to know before it asks for tiles."""
        low, high = np.nanpercentile(self._levels[-1][0][:], LIMITS)
        return {
            "name": self.store.stem,
            "shapes": [hardness.shape for hardness, _ in self._levels],
            "tile": TILE,
            "cell_um": self.cell_um,
            "limits": [math.floor(low * 10) / 10, math.ceil(high * 10) / 10],
        }

    def tile(self, level: int, row: int, col: int) -> tuple[bytes, bytes]:
        """Give hardness, float32, and picture, RGBA, of a tile of a level; smaller at the edges. InputError beyond."""
        if not 0 <= level < len(self._levels):
            raise InputError(f"level {level} of {len(self._levels)}")
        hardness, picture = self._levels[level]
        spans = tuple(slice(TILE * n, TILE * (n + 1)) for n in (row, col))
        if row < 0 or col < 0 or any(span.start >= side for span, side in zip(spans, hardness.shape, strict=True)):
            raise InputError(f"tile {row}, {col} lies beyond level {level}")
        rgb = np.moveaxis(picture[(slice(None), *spans)], 0, -1)
        rgba = np.concatenate([rgb, np.full((*rgb.shape[:2], 1), 255, np.uint8)], axis=-1)
        return hardness[spans].astype("<f4").tobytes(), rgba.tobytes()

    def read(self, row: int, col: int) -> dict[str, Any]:
        """Give the hardness of a cell, GPa, with its interval if the model has one; None if there is no reading."""
        rows, cols = self._levels[0][0].shape
        if not (0 <= row < rows and 0 <= col < cols):
            raise InputError(f"cell {row}, {col} lies beyond the map of {rows} x {cols}")
        value = float(self._levels[0][0][row, col])
        found = {"gpa": value if math.isfinite(value) else None}
        if self._interval is not None and found["gpa"]:
            found |= zip(("low_gpa", "high_gpa"), self._interval[:, row, col].tolist(), strict=True)
        return found

    def profile(self, start: tuple[float, float], end: tuple[float, float]) -> dict[str, list]:
        """Give the hardness along a line between two cells, row and column each, a value a cell: `um` and `gpa`."""
        count = int(np.hypot(end[0] - start[0], end[1] - start[1])) + 1
        rows, cols = (np.linspace(a, b, count) for a, b in zip(start, end, strict=True))
        sides = self._levels[0][0].shape
        at = [np.clip(np.floor(x).astype(int), 0, side - 1) for x, side in zip((rows, cols), sides, strict=True)]
        values = self._levels[0][0].vindex[at[0], at[1]]
        um = np.hypot(rows - start[0], cols - start[1]) * self.cell_um
        return {
            "um": um.round(3).tolist(),
            "gpa": [round(float(each), 4) if np.isfinite(each) else None for each in values],
        }

    def still(self, most: int = 400_000) -> tuple[np.ndarray, np.ndarray]:
        """Give picture `(R, C, 3)` and hardness `(R, C)` of the largest level of at most so many cells."""
        hardness, picture = next((pair for pair in self._levels if math.prod(pair[0].shape) <= most), self._levels[-1])
        return np.moveaxis(picture[:], 0, -1), hardness[:]
