"""Augmentation of training tiles: as the paper did it, and with their directions kept true."""

import numpy as np

# A zoom changes the scale that the labels depend on, and a plain flip the directions: the audited protocol does
# neither.
AUGMENTATION = {
    "paper": {"lowest_zoom": 0.5, "orientation_true": False},
    "audited": {"lowest_zoom": 1.0, "orientation_true": True},
}


def augment(
    tiles: np.ndarray, rng: np.random.Generator, *, lowest_zoom: float = 0.5, orientation_true: bool = False
) -> np.ndarray:
    """Zoom and flip every tile of a batch `(N, H, W, 3)` at random, as the paper did or with its directions kept true.

    Both axes zoom in about the centre by factors of their own: a factor f, uniform in `lowest_zoom` to 1, stretches the
    middle f of the axis over the whole of it (`zoom_range=[0.5, 1]` of Keras' ImageDataGenerator). Left-right and
    up-down flips have probability 1/2 each. Zooming changes the physical scale, and the direction of what is drawn when
    the factors differ, but no colour: the label is kept all the same, as in the paper.

    Without `orientation_true` colours interpolate linearly channel by channel and stay as they are in a flip, as in
    Keras. With it the nearest pixel is taken, so that no new hue arises between two crystals, and a flip of one axis
    maps phi to -phi, hue h to 1 - h, which is green and blue exchanged. For up-down flips (x is shared by the image and
    polarization planes) this is the exact mirror image; for left-right flips it mirrors the polarization plane, which
    stands at 60 degrees to the surface.
    """
    tiles = np.asarray(tiles)
    zoom = rng.uniform(lowest_zoom, 1.0, (len(tiles), 2))
    flip = rng.uniform(size=(len(tiles), 2)) < 0.5
    out = np.empty_like(tiles)
    for tile, (zoom_row, zoom_col), (flip_row, flip_col), result in zip(tiles, zoom, flip, out, strict=True):
        rows = _sample_at(tile.shape[0], zoom_row, flip_row)
        cols = _sample_at(tile.shape[1], zoom_col, flip_col)
        if orientation_true:
            picked = tile[np.rint(rows).astype(np.intp)].take(np.rint(cols).astype(np.intp), axis=1)
            result[:] = picked[..., [0, 2, 1]] if flip_row != flip_col else picked
        else:
            blended = _blend(_blend(tile, rows, 0), cols, 1)
            result[:] = np.rint(blended) if tiles.dtype == np.uint8 else blended
    return out


def _sample_at(length: int, zoom: float, flip: bool) -> np.ndarray:
    """Where along an axis of `length` pixels the zoomed, flipped pixels are sampled."""
    middle = (length - 1) / 2
    return middle + (np.arange(length) - middle) * (-zoom if flip else zoom)


def _blend(image: np.ndarray, at: np.ndarray, axis: int) -> np.ndarray:
    """Linear interpolation at fractional pixels along one axis."""
    low = np.minimum(at.astype(np.intp), image.shape[axis] - 2)
    part = (at - low).astype(np.float32).reshape([-1 if a == axis else 1 for a in range(image.ndim)])
    first = image.take(low, axis=axis).astype(np.float32, copy=False)
    return first + part * (image.take(low + 1, axis=axis) - first)
