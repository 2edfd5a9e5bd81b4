"""Smooth random fields, of which everything irregular in a section is made."""

from functools import lru_cache
from math import cos, pi, sin, sqrt

import numpy as np
from scipy import fft, signal

POINTS = 3  # a field is drawn on a grid of so many points per shorter length, then interpolated
REACH = 8  # lengths; what lies farther away weighs exp(-8) of what is here
NOISE = 128  # side of the tiles that the noise of an unbounded field is drawn in, points


class Drawn:
    """White and smooth fields of one section, of which every call gives new ones, drawn from a generator."""

    def __init__(self, shape: tuple[int, int], pixel: float, rng: np.random.Generator):
        self._shape, self._pixel, self._rng = shape, pixel, rng

    def smooth(self, lengths: tuple[float, float], count: int, angle: float = 0.0) -> np.ndarray:
        """As the function `smooth`."""
        return smooth(self._shape, self._pixel, lengths, count, self._rng, angle=angle)

    def white(self, count: int) -> np.ndarray:
        """`(H, W, count)` float32 white noise of unit variance."""
        return self._rng.standard_normal((*self._shape, count), dtype=np.float32)


class Cut(Drawn):
    """As `Drawn`, but cut out of unbounded fields at `start`: the same calls in the same order give the same fields."""

    def __init__(self, start: tuple[int, int], shape: tuple[int, int], pixel: float, seed: int):
        self._start, self._shape, self._pixel, self._seed, self._calls = start, shape, pixel, seed, 0

    def smooth(self, lengths: tuple[float, float], count: int, angle: float = 0.0) -> np.ndarray:
        """As the function `window`."""
        return window(self._start, self._shape, self._pixel, lengths, count, self._next(), angle=angle)

    def white(self, count: int) -> np.ndarray:
        """`(H, W, count)` float32 white noise of unit variance."""
        return np.moveaxis(_noise(self._start, self._shape, count, self._next()), 0, -1)

    def _next(self) -> tuple[int, int]:
        self._calls += 1
        return self._seed, self._calls


def smooth(shape, pixel: float, lengths: tuple[float, float], count: int, rng, *, angle: float = 0.0) -> np.ndarray:
    """`(count, H, W)` float32 Gaussian fields of unit variance.

    Parameters
    ----------
    shape, pixel
        `H, W`, and micrometres per pixel.
    lengths
        Over which they vary, along and across `angle` (radians from x), um.
    """
    coarse = max(1, int(min(lengths) / (POINTS * pixel)))
    if coarse > 1:
        field = smooth([-(-side // coarse) + 2 for side in shape], pixel * coarse, lengths, count, rng, angle=angle)
        return _interpolated(_interpolated(field, shape[0], coarse, 1), shape[1], coarse, 2)
    size = [fft.next_fast_len(side, real=True) for side in shape]
    amplitude = _amplitude(size, pixel, lengths, angle)
    white = rng.standard_normal((count, *size), dtype=np.float32)
    field = fft.irfft2(fft.rfft2(white, workers=1) * amplitude, s=size, workers=1)
    return field[:, : shape[0], : shape[1]]


def _amplitude(size: list[int], pixel: float, lengths: tuple[float, float], angle: float) -> np.ndarray:
    """What white noise of this size is multiplied with, in its spectrum, to become a field of unit variance."""
    kx = np.fft.fftfreq(size[0], pixel).astype(np.float32)[:, None]
    ky = np.fft.rfftfreq(size[1], pixel).astype(np.float32)[None, :]
    ca, sa = cos(angle), sin(angle)
    reach = ((kx * ca + ky * sa) * lengths[0]) ** 2 + ((ky * ca - kx * sa) * lengths[1]) ** 2
    amplitude = (1 + (2 * pi) ** 2 * reach) ** -1.5
    # variance of the field from both halves of the spectrum: columns 1.. stand for their mirror images too
    twice = np.full(ky.shape, 2.0)
    twice[:, 0] = 1.0
    amplitude *= size[0] * size[1] / sqrt(size[0] * size[1] * np.sum(twice * amplitude**2, dtype=np.float64))
    return amplitude


def window(
    start: tuple[int, int], shape, pixel: float, lengths: tuple[float, float], count: int, seed, *, angle: float = 0.0
) -> np.ndarray:
    """Cut `(count, H, W)` out of unbounded fields, of the kind that `smooth` draws.

    A field is white noise on an unbounded lattice, of which every tile has a seed of its own, weighted by distance
    (the spectrum of `smooth` is that of exp(-distance / length)). So windows that overlap agree, but for rounding.

    Parameters
    ----------
    start
        Row and column of the window's first pixel on the lattice; may be negative.
    seed
        Whole numbers that name the fields.
    shape, pixel, lengths, count, angle
        As of `smooth`.
    """
    coarse = max(1, int(min(lengths) / (POINTS * pixel)))
    if coarse > 1:
        first = [place // coarse for place in start]
        few = [(place + side - 1) // coarse - low + 2 for place, side, low in zip(start, shape, first, strict=True)]
        field = window(first, few, pixel * coarse, lengths, count, seed, angle=angle)
        for axis in range(2):
            field = _interpolated(field, shape[axis], coarse, axis + 1, start[axis] - first[axis] * coarse)
        return field
    weights = _weights(pixel, tuple(lengths), angle)
    around = len(weights) // 2
    noise = _noise([place - around for place in start], [side + 2 * around for side in shape], count, seed)
    return signal.oaconvolve(noise, weights[None], mode="valid", axes=(1, 2))


@lru_cache(maxsize=32)
def _weights(pixel: float, lengths: tuple[float, float], angle: float) -> np.ndarray:
    """Weights of the noise around a point, odd sides, as far as it matters."""
    around = int(REACH * max(lengths) / pixel) + 1
    size = 2 * [2 * around + 1]
    weights = np.fft.fftshift(fft.irfft2(_amplitude(size, pixel, lengths, angle), s=size))
    return (weights / sqrt(np.sum(weights * weights, dtype=np.float64))).astype(np.float32)


def _noise(start: list[int], shape: list[int], count: int, seed) -> np.ndarray:
    """White noise `(count, H, W)` of a part of an unbounded lattice."""
    noise = np.empty((count, *shape), np.float32)
    spans = [_tiles(place, side) for place, side in zip(start, shape, strict=True)]
    for down, rows, row in spans[0]:
        for right, cols, col in spans[1]:
            rng = np.random.default_rng([*seed, down % 2**32, right % 2**32])
            noise[:, rows, cols] = rng.standard_normal((count, NOISE, NOISE), dtype=np.float32)[:, row, col]
    return noise


def _tiles(start: int, side: int) -> list[tuple[int, slice, slice]]:
    """Tiles of noise that a span touches: their number, where they lie in the span, and which part of them."""
    touched = range(start // NOISE, (start + side - 1) // NOISE + 1)
    spans = [(max(start, NOISE * n), min(start + side, NOISE * (n + 1)), n) for n in touched]
    return [(n, slice(a - start, b - start), slice(a - NOISE * n, b - NOISE * n)) for a, b, n in spans]


def _interpolated(field: np.ndarray, side: int, coarse: int, axis: int, start: int = 0) -> np.ndarray:
    """Linearly between points `coarse` apart along `axis`, `side` points in all, the first one `start` points along."""
    place = np.arange(start, start + side) / np.float32(coarse)
    left = place.astype(np.int32)
    part = np.expand_dims((place - left).astype(np.float32), [n for n in range(3) if n != axis])
    before = field.take(left, axis)
    return before + (field.take(left + 1, axis) - before) * part
