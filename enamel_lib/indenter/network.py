"""The virtual indenter: the residual network that reads hardness off one tile of a PIC map (Lew 2023, Methods)."""

import os
from collections import Counter
from functools import lru_cache
from pathlib import Path

import keras
import numpy as np
from keras import layers

from enamel_lib import dense, models, paths
from enamel_lib.errors import InputError, ModelError
from enamel_lib.images import in_batches

BLOCKS = (2, 4, 4, 2)
FILTERS = (32, 64, 128, 256)
POOL = 4  # side of the average pool before the dense layer
DEFAULT = "indenter-audited"


def build_indenter(size: int = 200, outputs: int = 1) -> keras.Model:
    """Build the network with fresh weights: 162 variables and 3,550,797 parameters at 200 px.

    From tiles `(N, size, size, 3)` float32 in [0, 1], 25 px or more (or else an InputError), to `(N, outputs)` float32:
    hardness in GPa, or as many targets as there are while it learns structure (`pretraining`). Only the dense layer
    depends on `size`, so weights can be moved between sizes (`weights.Weights.grown`).
    """
    if pooled_side(size) < 1:
        raise InputError(f"the indenter needs tiles of 25 px or more, not {size}")
    named = _Names()
    tile = keras.Input((size, size, 3), name="tile")
    x = layers.BatchNormalization(name=named("batch_normalization"))(tile)
    x = _relu_norm(_conv(x, FILTERS[0], named), named)
    for stage, (blocks, filters) in enumerate(zip(BLOCKS, FILTERS, strict=True)):
        for block in range(blocks):
            x = _residual_block(x, filters, named, stride=2 if stage and not block else 1)
    x = layers.Flatten(name="flatten")(layers.AveragePooling2D(POOL, name="average_pooling2d")(x))
    return keras.Model(tile, layers.Dense(outputs, dtype="float32", name="dense")(x), name="indenter")


def pooled_side(size: int) -> int:
    """Side of the grid of features that the dense layer sees for tiles of `size` pixels."""
    for _ in range(len(BLOCKS) - 1):
        size = (size + 1) // 2
    return size // POOL


def pooled_features(model: keras.Model, tiles: np.ndarray) -> np.ndarray:
    """What the dense layer sees: `(N, k, k, 256)` float32 of tiles `(N, size, size, 3)` uint8, k = `pooled_side`."""
    return in_batches(_up_to_pool(model).predict_on_batch, tiles).astype(np.float32)


def penultimate_features(model: keras.Model, tiles: np.ndarray) -> np.ndarray:
    """Pooled features averaged over each tile: `(N, 256)` float32 of tiles `(N, size, size, 3)` uint8."""
    return pooled_features(model, tiles).mean(axis=(1, 2))


@lru_cache(maxsize=4)
def _up_to_pool(model: keras.Model) -> keras.Model:
    """Kept, for TensorFlow compiles every new model anew."""
    return keras.Model(model.input, model.get_layer("average_pooling2d").output)


class _Names(Counter):
    """Layer names numbered within one network, as in the released graph, however many were built before."""

    def __call__(self, kind: str) -> str:
        self[kind] += 1
        return f"{kind}_{self[kind] - 1}" if self[kind] > 1 else kind


def load_indenter(name: str | os.PathLike = "default") -> keras.Model:
    """Load trained weights: `indenter-audited` (the default), `indenter-paper`, or the path of a `.keras` file.

    Raises ModelError if the file is missing, is not the one its card describes, is no Keras file, or holds another
    network than that of `build_indenter`.
    """
    path = paths.model(name, DEFAULT)
    if not path.is_file():
        raise ModelError(f"no model {path}; train one with `enamel train`, or name one of those in {paths.MODELS}")
    return _checked(models.load(path), path)


def load_either(name: str | os.PathLike) -> tuple[keras.Model, bool]:
    """Load a dense indenter or the window network, by names as of `dense.load`, and tell whether it is dense.

    Raises ModelError as `load_indenter`.
    """
    path = dense.indenter.path_of(name)
    model = models.load(path)
    is_dense = dense.indenter.is_dense(model)
    return model if is_dense else _checked(model, path), is_dense


def _checked(model: keras.Model, path: Path) -> keras.Model:
    """Give a network if it is that of `build_indenter`; a ModelError if not."""
    expected = build_indenter()
    shapes = [[(v.path, v.shape) for v in network.variables] for network in (model, expected)]
    if shapes[0] != shapes[1] or model.input_shape != expected.input_shape:
        raise ModelError(
            f"{path} holds another network than the indenter for 200-px tiles; train one with `enamel train`"
        )
    return model


def _conv(x: keras.KerasTensor, filters: int, named: _Names, width: int = 3, stride: int = 1) -> keras.KerasTensor:
    return layers.Conv2D(filters, width, strides=stride, padding="same", name=named("conv2d"))(x)


def _relu_norm(x: keras.KerasTensor, named: _Names) -> keras.KerasTensor:
    x = layers.ReLU(name=named("re_lu"))(x)
    return layers.BatchNormalization(name=named("batch_normalization"))(x)


def _residual_block(x: keras.KerasTensor, filters: int, named: _Names, stride: int) -> keras.KerasTensor:
    y = _conv(_relu_norm(_conv(x, filters, named, stride=stride), named), filters, named)
    shortcut = _conv(x, filters, named, width=1, stride=stride) if stride > 1 else x
    return _relu_norm(layers.Add(name=named("add"))([shortcut, y]), named)
