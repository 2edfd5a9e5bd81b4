"""Pictures too large for the memory, read part by part: tiled TIFF, BigTIFF, pyramids, and OME-Zarr.

The rules are those of `pictures`, as far as a part can tell: 8 bits, in colour; what has no hue has no signal.
"""

import math
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product
from pathlib import Path

import numpy as np
import tifffile
import zarr

from enamel_lib import pictures, tiffs
from enamel_lib.errors import InputError

MOST_CHUNK = 1 << 28  # bytes; a file stored in larger pieces cannot be read in a bounded memory
MOST_PX = 60_000_000  # of a TIFF that is read as a whole
METRES = {"meter": 1.0, "centimeter": 1e-2, "millimeter": 1e-3, "micrometer": 1e-6, "nanometer": 1e-9}


@dataclass
class LargePicture:
    """A PIC map in a file: `shape` `(H, W)`, `pixel_size_um` as stated or None; `damaged` are chunks that were passed.

    `key` names the array in an OME-Zarr, and `axes` its order, such as "cyx"; axes of length one that no picture has
    are "1".
    """

    path: Path
    key: str | None
    axes: str
    shape: tuple[int, int]
    pixel_size_um: float | None
    changed: int  # when, ns: another picture under the same name is another
    damaged: set[str] = field(default_factory=set, repr=False)

    def read(self, rows: slice, cols: slice) -> np.ndarray:
        """Give a part `(H, W, 3)` uint8, black where there is no signal, or where a chunk cannot be read."""
        array = _opened(self.path, self.key)
        span = {"y": rows, "x": cols}
        place = tuple(0 if axis == "1" else span.get(axis, slice(None)) for axis in self.axes)
        axes = self.axes.replace("1", "")
        try:
            part = array[place]
        except Exception:  # whatever a codec meets in a damaged chunk: the others are read one by one
            part = self._whole_chunks(array, place)
        part = np.moveaxis(part, axes.index("c"), -1)
        colours = part[..., :3]
        high, low = colours.max(axis=-1), colours.min(axis=-1)
        seen = high - low >= pictures.CHROMA
        if part.shape[-1] == 4:
            seen &= part[..., 3] == 255
        return colours * seen[..., None]

    def _whole_chunks(self, array: zarr.Array, place: tuple) -> np.ndarray:
        """Read chunk by chunk; zeros where that fails."""
        axes = [n for n, span in enumerate(place) if isinstance(span, slice)]
        spans = [range(*place[n].indices(array.shape[n])) for n in axes]
        part = np.zeros([len(span) for span in spans], array.dtype)
        sides = [array.chunks[n] for n in axes]
        touched = (range(s.start // side, -(-s.stop // side)) for s, side in zip(spans, sides, strict=True))
        for chunk in product(*touched):
            full = list(place)
            inner = []
            for n, number, side, span in zip(axes, chunk, sides, spans, strict=True):
                full[n] = slice(max(number * side, span.start), min((number + 1) * side, span.stop))
                inner.append(slice(full[n].start - span.start, full[n].stop - span.start))
            try:
                part[tuple(inner)] = array[tuple(full)]
            except Exception:
                at = {self.axes[n]: number * side for n, number, side in zip(axes, chunk, sides, strict=True)}
                self.damaged.add(f"{self.path.name}, chunk at row {at['y']}, column {at['x']}")
        return part


def is_large(path: Path) -> bool:
    """Whether a file is better read part by part: a folder, as an OME-Zarr is, or a TIFF of more than `MOST_PX`."""
    if path.is_dir():
        return True
    try:
        with tifffile.TiffFile(path, _multifile=False) as tif:
            page = tif.pages.first
            return page.imagewidth * page.imagelength > MOST_PX
    except (ValueError, IndexError, OSError):  # said better by who reads it
        return False


def open_large(path: Path) -> LargePicture:
    """Open a TIFF or an OME-Zarr; InputError if there is no one picture in 8-bit colour in it."""
    if not path.exists():
        raise InputError(f"{path}: no such file; check the path")
    key, axes, size = _in_zarr(path) if path.is_dir() else _in_tiff(path)
    array = _opened(path, key)
    sides = dict(zip(axes, array.shape, strict=False))
    if sides.get("c") not in (3, 4) or array.dtype != np.uint8:
        raise InputError(
            f"{path}: holds {array.shape} of {array.dtype}; a large map is read from 8-bit RGB, so convert it"
        )
    if (piece := math.prod(array.chunks) * array.dtype.itemsize) > MOST_CHUNK:
        raise InputError(f"{path}: is stored in pieces of {piece / 1e9:.1f} GB; save it in tiles, such as 1024 x 1024")
    return LargePicture(path.resolve(), key, axes, (sides["y"], sides["x"]), size, path.stat().st_mtime_ns)


@lru_cache(maxsize=2)
def _opened(path: Path, key: str | None) -> zarr.Array:
    if key is not None:
        return zarr.open_array(path, path=key, mode="r")
    return zarr.open_array(tifffile.TiffFile(path, _multifile=False).series[0].aszarr(level=0), mode="r")


def _in_tiff(path: Path) -> tuple[None, str, float | None]:
    with tifffile.TiffFile(path, _multifile=False) as tif:
        series = tif.series[0]
        axes = series.axes.replace("S", "c").replace("Y", "y").replace("X", "x")
        if sorted(axes) != ["c", "x", "y"]:
            raise InputError(f"{path}: its first picture has axes {series.axes}; save the one PIC map as RGB")
        return None, axes, _stated(tiffs.size_um(tif, series.keyframe), path)


def _in_zarr(path: Path) -> tuple[str, str, float | None]:
    try:
        group = zarr.open_group(path, mode="r")
        multiscales = dict(group.attrs).get("ome", dict(group.attrs))["multiscales"][0]
        first = multiscales["datasets"][0]
        named = [axis["name"] if isinstance(axis, dict) else axis for axis in multiscales["axes"]]
        shape = zarr.open_array(path, path=first["path"], mode="r").shape
    except Exception as error:
        raise InputError(f"{path}: is no OME-Zarr image ({error}); export it as OME-Zarr 0.4 or 0.5") from error
    axes = "".join("1" if side == 1 and name not in "cyx" else name for name, side in zip(named, shape, strict=True))
    if sorted(axes.replace("1", "")) != ["c", "x", "y"]:
        raise InputError(f"{path}: has axes {named} of {shape}; save the one PIC map as RGB")
    scale = [each["scale"] for each in first["coordinateTransformations"] if each["type"] == "scale"]
    units = {axis["name"]: axis.get("unit") for axis in multiscales["axes"] if isinstance(axis, dict)}
    if not scale or not all(units.get(axis) in METRES for axis in "yx"):
        return first["path"], axes, None
    sizes = [scale[0][axes.index(axis)] * METRES[units[axis]] * 1e6 for axis in "xy"]
    return first["path"], axes, _stated(tuple(sizes), path)


def _stated(size_um: tuple[float, float] | None, path: Path) -> float | None:
    return pictures.stated_pixel_size(size_um, path)[0]
