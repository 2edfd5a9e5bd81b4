"""SmoothGrad: the gradient averaged over noisy copies of each tile (Smilkov 2017, arXiv 1706.03825)."""

import numpy as np

from enamel_lib.explain.methods import gradient as plain
from enamel_lib.gradients import Gradient


def attribute(
    gradient: Gradient, tiles: np.ndarray, *, samples: int = 16, noise: float = 0.1, seed: int = 0
) -> np.ndarray:
    """Mean gradient of so many noisy copies of each tile.

    The noise is Gaussian, its standard deviation in units of colour; noisy colours may leave [0, 1]. Each tile has its
    own, so that its map does not depend on its neighbours in the batch.
    """
    smooth = np.empty_like(tiles)
    for number, tile in enumerate(tiles):
        noises = np.random.default_rng([seed, number]).standard_normal((samples, *tile.shape), np.float32)
        smooth[number] = plain.attribute(gradient, tile + np.float32(noise) * noises).mean(axis=0)
    return smooth
