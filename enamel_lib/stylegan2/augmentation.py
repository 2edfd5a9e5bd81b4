"""Augmentation of the pictures that a generator learns from; it learns to draw whatever is done to them."""

import numpy as np

from enamel_lib.dataset import augmentation

KINDS = ("orientation-true", "paper", "none")
BRIGHTNESS = (0.5, 2.0)  # Lew 2023, Methods


def augment(pictures: np.ndarray, rng: np.random.Generator, kind: str = "orientation-true") -> np.ndarray:
    """Vary every picture of a batch at random.

    Parameters
    ----------
    pictures
        `(N, R, R, 3)` uint8.
    rng
        Source of the draws.
    kind
        `orientation-true`: flips that turn the directions with the picture, at true scale and brightness, since
        brightness stands for the tilt of a crystal. `paper`: flips that leave colours alone, zoom 0.5 to 1 of each
        axis and brightness 0.5 to 2. `none`.

    Returns
    -------
    np.ndarray
        `(N, R, R, 3)` uint8.
    """
    if kind == "none":
        return pictures
    if kind == "orientation-true":
        return augmentation.augment(pictures, rng, lowest_zoom=1.0, orientation_true=True)
    pictures = augmentation.augment(pictures, rng, lowest_zoom=0.5)
    brightness = rng.uniform(*BRIGHTNESS, (len(pictures), 1, 1, 1))
    return np.rint(np.minimum(pictures * brightness, 255)).astype(np.uint8)
