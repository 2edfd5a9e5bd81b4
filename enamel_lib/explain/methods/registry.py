"""The methods by name, and the one door to them.

A method is a function of a gradient function (`gradients.input_gradient`), tiles `(N, H, W, 3)` float32 in [0, 1] and
settings of its own; it gives `(N, H, W, 3)`. Source: Lew 2023, Fig. 3A. Whether such maps can be believed is tested
by `sanity_checks` and `orientation`.
"""

from functools import lru_cache
from typing import Any

import keras
import numpy as np

from enamel_lib import gradients, images
from enamel_lib.errors import check_choice
from enamel_lib.explain.methods import gradient, integrated_gradients, smooth_gradient

METHODS = {
    "gradient": gradient.attribute,
    "smoothgrad": smooth_gradient.attribute,
    "integrated": integrated_gradients.attribute,
}
_gradient_function = lru_cache(maxsize=4)(gradients.input_gradient)


def attribution(model: keras.Model, tiles: np.ndarray, *, method: str = "gradient", **settings: Any) -> np.ndarray:
    """Signed part of every colour value in the prediction of each tile, `(N, H, W, 3)` uint8, or float in [0, 1].

    The model is from `(N, H, W, 3)` float32 in [0, 1] to `(N, 1)` GPa; the settings are those of the method, one of
    `METHODS`, as its file tells. Gives `(N, H, W, 3)` float32, GPa per unit of colour (black to full), or GPa for
    "integrated". Raises InputError if the method is unknown or the tiles do not fit the network.
    """
    check_choice("saliency method", method, METHODS)
    tiles = images.to_float(images.check_pixels(tiles, (None, *model.input_shape[1:])))
    return METHODS[method](_gradient_function(model), tiles, **settings)


def strongest(values: np.ndarray) -> np.ndarray:
    """Largest absolute value over the channels: `(..., 3)` to `(...)`, the published measure of saliency."""
    return np.abs(values).max(axis=-1)


def saliency(model: keras.Model, tiles: np.ndarray, *, method: str = "gradient", **settings: Any) -> np.ndarray:
    """Saliency map `(N, H, W)` of each tile: `strongest` of its `attribution`; by "gradient" as published."""
    return strongest(attribution(model, tiles, method=method, **settings))
