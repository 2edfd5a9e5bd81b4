"""Smooth random fields, of which everything irregular in a section is made."""

from math import cos, pi, sin, sqrt

import numpy as np
from scipy import fft

POINTS = 3  # a field is drawn on a grid of so many points per shorter length, then interpolated


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
    return point_by_point(shape, pixel, lengths, angle, count, rng)


def point_by_point(shape, pixel: float, lengths: tuple[float, float], angle: float, count: int, rng) -> np.ndarray:
    """Draw the fields of `smooth` at every pixel, however long they are."""
    size = [fft.next_fast_len(side, real=True) for side in shape]
    kx = np.fft.fftfreq(size[0], pixel).astype(np.float32)[:, None]
    ky = np.fft.rfftfreq(size[1], pixel).astype(np.float32)[None, :]
    ca, sa = cos(angle), sin(angle)
    reach = ((kx * ca + ky * sa) * lengths[0]) ** 2 + ((ky * ca - kx * sa) * lengths[1]) ** 2
    amplitude = (1 + (2 * pi) ** 2 * reach) ** -1.5
    # variance of the field from both halves of the spectrum: columns 1.. stand for their mirror images too
    twice = np.full(ky.shape, 2.0)
    twice[:, 0] = 1.0
    amplitude *= size[0] * size[1] / sqrt(size[0] * size[1] * np.sum(twice * amplitude**2, dtype=np.float64))
    white = rng.standard_normal((count, *size), dtype=np.float32)
    field = fft.irfft2(fft.rfft2(white, workers=1) * amplitude, s=size, workers=1)
    return field[:, : shape[0], : shape[1]]


def _interpolated(field: np.ndarray, side: int, coarse: int, axis: int) -> np.ndarray:
    """Linearly between points `coarse` apart along `axis`, `side` points in all."""
    place = np.arange(side) / np.float32(coarse)
    left = place.astype(np.int32)
    part = np.expand_dims((place - left).astype(np.float32), [n for n in range(3) if n != axis])
    before = field.take(left, axis)
    return before + (field.take(left + 1, axis) - before) * part
