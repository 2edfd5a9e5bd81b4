"""Adaptive discriminator augmentation (Karras et al. 2020, arXiv 2006.06676), for few pictures; off by default.

The discriminator sees real and drawn pictures only after random changes, so that it cannot learn the real ones by
heart. Each change happens with probability p, which follows how sure it is of real pictures. The generator does not
learn to draw changed pictures as long as many stay unchanged, so even changes that no enamel allows, of tilt
(brightness) and of direction (hue), are safe here, as they are not in `augmentation`.
"""

from typing import Any

import numpy as np
from keras import ops

KIMG = 500.0  # thousand pictures in which p could go from 0 to 1
ZOOM, SHIFT, BRIGHTNESS = 0.2, 0.125, 0.2  # sd in octaves, share of the side at most, sd in octaves
GREY = np.array([[0, -1, 1], [1, 0, -1], [-1, 1, 0]]) / np.sqrt(3)  # rotates colours about the grey axis


def draw_changes(rng: np.random.Generator, count: int, side: int, p: float) -> tuple[np.ndarray, ...]:
    """Draw the changes of a batch: mirror, zoom and shift of each axis, brightness, rotated hue; each with chance `p`.

    Gives how much every row, column and channel takes of each row, column and channel of the picture: twice
    `(count, side, side)` and `(count, 3, 3)`, float32.
    """
    rows, columns = (_axis(rng, count, side, p) for _ in range(2))
    angle = np.where(rng.random(count) < p, rng.uniform(-np.pi, np.pi, count), 0)[:, None, None]
    rotation = np.eye(3) + np.sin(angle) * GREY + (1 - np.cos(angle)) * GREY @ GREY
    brightness = np.where(rng.random(count) < p, 2 ** rng.normal(0, BRIGHTNESS, count), 1)[:, None, None]
    return rows, columns, (brightness * rotation).astype(np.float32)


def _axis(rng: np.random.Generator, count: int, side: int, p: float) -> np.ndarray:
    """Mirror, zoom and shift of one axis, reflected at the borders and interpolated linearly."""
    mirror = np.where(rng.random(count) < p, rng.choice([-1, 1], count), 1)
    zoom = np.where(rng.random(count) < p, 2 ** rng.normal(0, ZOOM, count), 1)
    shift = np.where(rng.random(count) < p, rng.uniform(-SHIFT, SHIFT, count) * side, 0)
    place, last = np.arange(side), side - 1
    source = last / 2 + shift[:, None] + (mirror / zoom)[:, None] * (place - last / 2)
    source = np.abs((source - last) % (2 * last) - last)
    return np.maximum(0, 1 - np.abs(source[..., None] - place)).astype(np.float32)


def change(images: Any, rows: Any, columns: Any, colours: Any) -> Any:
    """Change images `(N, R, R, 3)` in [-1, 1] as drawn by `draw_changes`; differentiable, colours are not cut off."""
    rows, columns, colours = (ops.cast(each, images.dtype) for each in (rows, columns, colours))
    light = ops.einsum("nij,njkc->nikc", rows, images + 1)
    light = ops.einsum("nkl,nilc->nikc", columns, light)
    return ops.einsum("ndc,nikc->nikd", colours, light) - 1


def adjusted(p: float, sureness: float, target: float, pictures: int) -> float:
    """Probability after so many more pictures.

    `sureness` is the mean sign of the discriminator's scores of real pictures, near 1 if it knows them all; at `target`
    p stays.
    """
    return float(np.clip(p + np.sign(sureness - target) * pictures / (1000 * KIMG), 0, 1))
