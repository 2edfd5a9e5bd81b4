"""Orientation code: what the dense indenter sees of a PIC map, at 0.06 um per pixel whatever the picture's scale.

The in-plane angle enters as cos and sin of twice the angle, since a c-axis has no head, and the off-plane angle as
sin^2, since its sign is not in the picture (DOMAIN.md A). So the code of a flipped picture is the flipped code with the
sine negated, exactly. Misorientation of neighbours is given, as a network of sums would have to learn it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import ceil, floor

import numpy as np
from PIL import Image

from enamel_lib import pic
from enamel_lib.errors import InputError
from enamel_lib.pic import PIXEL_UM

CHANNELS = ("signal", "cos_2phi", "sin_2phi", "sin2_gamma", "step_1", "step_2")
FLIPPED = np.array([1, 1, -1, 1, 1, 1], np.float32)  # how each channel changes when the picture is flipped
CELL_PX = 4  # pixels of the code in a cell, the place of one reading
CELL_UM = CELL_PX * PIXEL_UM
PIXEL_SIZES_UM = (0.03, 0.3)
DARK = 8  # of 255: darker pixels are pits, cracks or no enamel
STEP_DEG = 10.0  # the misorientation of neighbours is given in units of this
LAGS = (1, 2)  # px: which neighbours
STRIP = 128  # rows that are encoded at once: what a strip needs stays in the cache

Read = Callable[[slice, slice], np.ndarray]  # rows and columns of a picture -> `(H, W, 3)` uint8, black without signal


def encode(rgb: np.ndarray, *, pixel_size_um: float = PIXEL_UM, signal: np.ndarray | None = None) -> np.ndarray:
    """Orientation code of a PIC map.

    Parameters
    ----------
    rgb
        `(H, W, 3)` uint8.
    pixel_size_um
        Of the picture, 0.03 to 0.3 um.
    signal
        `(H, W)` bool: where the picture shows enamel; where it is brighter than black, if None.

    Returns
    -------
    code
        `(R, C, 6)` float32, R and C multiples of 4: the `CHANNELS`, zero where there is no signal. At 0.06 um the
        picture keeps its pixels (up to three rows and columns at its edges are left out), else it is resampled.

    Raises
    ------
    InputError
        If the pixel size is outside its range, or the picture smaller than one cell.
    """
    grid = Grid.over(rgb.shape[:2], pixel_size_um)
    return grid.encode(reading(rgb, signal), slice(0, grid.shape[0]), slice(0, grid.shape[1]))


def reading(rgb: np.ndarray, signal: np.ndarray | None = None) -> Read:
    """Read parts of a picture that is in the memory; arguments as of `encode`."""
    if signal is None:
        return lambda rows, cols: rgb[rows, cols]
    return lambda rows, cols: rgb[rows, cols] * signal[rows, cols, None]


@dataclass(frozen=True)
class Grid:
    """Where the code of a picture of `picture` rows and columns lies: `cells` of them, `CELL_PX` px of the code each.

    `scale` is in pixels of the picture per pixel of the code, by rows and columns, and `corner`, in pixels of the
    picture, is where the code begins.
    """

    picture: tuple[int, int]
    cells: tuple[int, int]
    scale: tuple[float, float]
    corner: tuple[int, int]

    @classmethod
    def over(cls, picture: tuple[int, int], pixel_size_um: float) -> "Grid":
        """Lay the grid over a picture; InputError as of `encode`."""
        if not PIXEL_SIZES_UM[0] <= pixel_size_um <= PIXEL_SIZES_UM[1]:
            low, high = PIXEL_SIZES_UM
            raise InputError(
                f"pixels of {pixel_size_um:g} um: the dense indenter reads {low} to {high} um; resample the picture"
            )
        cells = tuple(int(side * pixel_size_um / CELL_UM + 1e-6) for side in picture)
        if min(cells) < 1:
            raise InputError(f"a picture of {picture} px of {pixel_size_um:g} um is smaller than {CELL_UM} um")
        if pixel_size_um == PIXEL_UM:
            corner = tuple((side - CELL_PX * count) // 2 for side, count in zip(picture, cells, strict=True))
            return cls(tuple(picture), cells, (1.0, 1.0), corner)
        scale = tuple(side / (CELL_PX * count) for side, count in zip(picture, cells, strict=True))
        return cls(tuple(picture), cells, scale, (0, 0))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the whole code."""
        return self.cells[0] * CELL_PX, self.cells[1] * CELL_PX

    def encode(self, read: Read, rows: slice, cols: slice, *, dtype: type = np.float32) -> np.ndarray:
        """Give a part of the code, `(R, C, 6)`: as cut out of the whole, but for rounding if resampled."""
        code = np.zeros((rows.stop - rows.start, cols.stop - cols.start, len(CHANNELS)), dtype)
        place = self._below(self._around((rows.start, rows.stop), (cols.start, cols.stop)))
        rgb = read(*place)  # at once, as chunks of a file may be larger than strips
        if rgb.max(initial=0) < DARK:
            return code

        def within(*wanted: slice) -> np.ndarray:
            return rgb[tuple(slice(s.start - of.start, s.stop - of.start) for s, of in zip(wanted, place, strict=True))]

        for start in range(rows.start, rows.stop, STRIP):
            stop = min(start + STRIP, rows.stop)
            code[start - rows.start : stop - rows.start] = self._strip(within, (start, stop), (cols.start, cols.stop))
        return code

    def _around(self, *wanted: tuple[int, int]) -> list[tuple[int, int]]:
        """What of the code a part of it depends on."""
        beyond = max(LAGS)
        return [(max(a - beyond, 0), min(b + beyond, side)) for (a, b), side in zip(wanted, self.shape, strict=True)]

    def _strip(self, read: Read, *wanted: tuple[int, int]) -> np.ndarray:
        spans = self._around(*wanted)
        places = self._below(spans)
        planes = _planes(read(*places))
        if self.scale != (1.0, 1.0):
            box = [
                edge * scale - place.start
                for which in range(2)
                for scale, place, edge in zip(
                    self.scale[::-1], places[::-1], [span[which] for span in spans[::-1]], strict=True
                )
            ]
            box = [max(box[0], 0), max(box[1], 0), *np.minimum(box[2:], planes[0].shape[::-1])]
            size = tuple(b - a for a, b in spans[::-1])
            planes = [np.asarray(Image.fromarray(each).resize(size, Image.Resampling.BILINEAR, box)) for each in planes]
        seen = planes[0] > 0.5
        share = np.where(seen, planes[0], np.float32(np.inf))
        cos, sin, out = (plane / share for plane in planes[1:])
        steps = [each / np.float32(STEP_DEG) for each in _misorientations(seen, cos, sin, out)]
        inner = tuple(slice(a - low, b - low) for (a, b), (low, _) in zip(wanted, spans, strict=True))
        return np.stack([plane[inner] for plane in (seen.astype(np.float32), cos, sin, out, *steps)], axis=-1)

    def _below(self, spans: list[tuple[int, int]]) -> list[slice]:
        """Rows and columns of the picture that a part of the code is made of."""
        if self.scale == (1.0, 1.0):
            return [slice(a + first, b + first) for (a, b), first in zip(spans, self.corner, strict=True)]
        reach = [ceil(max(scale, 1)) + 1 for scale in self.scale]
        return [
            slice(max(floor(a * scale) - more, 0), min(ceil(b * scale) + more, side))
            for (a, b), scale, more, side in zip(spans, self.scale, reach, self.picture, strict=True)
        ]


def _planes(rgb: np.ndarray) -> list[np.ndarray]:
    """Signal, cos and sin of twice phi as far as the c-axis lies in the plane, and sin^2 of gamma: `(H, W)` float32."""
    red, green, blue = (np.ascontiguousarray(rgb[..., channel], np.int16) for channel in range(3))
    high = np.maximum(np.maximum(red, green), blue)
    chroma = high - np.minimum(np.minimum(red, green), blue)
    of_green = high == green
    place = np.where(of_green, blue - red + (3 * 255 + 1), red - green + (5 * 255 + 2))
    place = np.where(high == red, green - blue + 255, place) * np.int32(256) + chroma
    cos, sin, flat = _tables()
    in_plane = flat[high]
    planes = [cos.take(place) * in_plane, sin.take(place) * in_plane, 1 - in_plane]
    signal = (high >= DARK).astype(np.float32)
    return [signal, *(plane * signal for plane in planes)]


@cache
def _tables() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What `pic.decode` reads in 8 bits: cos and sin of twice phi by hue, and cos^2 of gamma by the highest channel.

    A hue is which channel is highest (red, green, blue), the next one less the last, -255 to 255, and the chroma.
    """
    _, less, chroma = np.ogrid[:3, -255:256, :256]
    rgb = np.zeros((3, 511, 256, 3), np.uint8)
    for channel in range(3):
        rgb[channel, ..., channel] = chroma
        rgb[channel, ..., (channel + 1) % 3] = np.clip(less, 0, chroma)
        rgb[channel, ..., (channel + 2) % 3] = np.clip(-less, 0, chroma)
    phi = np.radians(pic.decode(rgb)[0], dtype=np.float32)
    grey = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
    flat = np.cos(np.radians(pic.decode(grey)[1], dtype=np.float32)) ** 2
    return np.cos(2 * phi).ravel(), np.sin(2 * phi).ravel(), flat


def _misorientations(seen: np.ndarray, cos: np.ndarray, sin: np.ndarray, out: np.ndarray) -> list[np.ndarray]:
    """Mean angle to the four pixels that are each of `LAGS` away, degrees `(H, W)`.

    Both are taken to be on the same side of the polarization plane. Small angles: sin^2 of the turn in the plane, as
    far as both lie in it, and the difference in tilt.
    """
    length = np.sqrt(cos * cos + sin * sin)
    flat = np.sqrt(length)  # cos gamma
    safe = np.maximum(length, np.float32(1e-6))
    cos, sin, gamma = cos / safe, sin / safe, np.arctan2(np.sqrt(np.maximum(out, 0)), flat)
    means = []
    for lag in LAGS:
        total, count = np.zeros((2, *seen.shape), np.float32)
        for ahead, behind in ((np.s_[lag:, :], np.s_[:-lag, :]), (np.s_[:, lag:], np.s_[:, :-lag])):
            turn = flat[ahead] * flat[behind] * (1 - cos[ahead] * cos[behind] - sin[ahead] * sin[behind]) / 2
            tilt = gamma[ahead] - gamma[behind]
            both = seen[ahead] & seen[behind]
            angle = np.degrees(np.sqrt(np.maximum(turn, 0) + tilt * tilt)) * both
            for side in (ahead, behind):
                total[side] += angle
                count[side] += both
        means.append(total / np.maximum(count, 1))
    return means
