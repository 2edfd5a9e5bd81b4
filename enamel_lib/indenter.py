"""The virtual indenter: the residual network that reads hardness off one tile of a PIC map (Lew 2023, Methods)."""

import hashlib
import json
import os
from collections import Counter
from pathlib import Path

import keras
from keras import layers, ops

from enamel_lib import paths
from enamel_lib.errors import ModelError

BLOCKS = (2, 4, 4, 2)
FILTERS = (32, 64, 128, 256)
POOL = 4  # side of the average pool before the dense layer
NAMES = {"default": "indenter-audited"}


def build_indenter(size: int = 200) -> keras.Model:
    """Build the network with fresh weights: 162 variables and 3,550,797 parameters at 200 px.

    Only the dense layer depends on `size`, so weights can be moved between sizes (`training.grow`).

    Parameters
    ----------
    size
        Side of the square tile in pixels, 25 or more.

    Returns
    -------
    keras.Model
        From `(N, size, size, 3)` float32 in [0, 1] to `(N, 1)` float32 hardness in GPa.
    """
    named = _Names()
    tile = keras.Input((size, size, 3), name="tile")
    x = layers.BatchNormalization(name=named("batch_normalization"))(tile)
    x = _relu_norm(_conv(x, FILTERS[0], named), named)
    for stage, (blocks, filters) in enumerate(zip(BLOCKS, FILTERS, strict=True)):
        for block in range(blocks):
            x = _residual_block(x, filters, named, stride=2 if stage and not block else 1)
    x = layers.Flatten(name="flatten")(layers.AveragePooling2D(POOL, name="average_pooling2d")(x))
    return keras.Model(tile, layers.Dense(1, dtype="float32", name="dense")(x), name="indenter")


class _Names(Counter):
    """Layer names numbered within one network, as in the released graph, however many were built before."""

    def __call__(self, kind: str) -> str:
        self[kind] += 1
        return f"{kind}_{self[kind] - 1}" if self[kind] > 1 else kind


def _conv(x: keras.KerasTensor, filters: int, named: _Names, width: int = 3, stride: int = 1) -> keras.KerasTensor:
    return layers.Conv2D(filters, width, strides=stride, padding="same", name=named("conv2d"))(x)


def _relu_norm(x: keras.KerasTensor, named: _Names) -> keras.KerasTensor:
    x = layers.ReLU(name=named("re_lu"))(x)
    return layers.BatchNormalization(name=named("batch_normalization"))(x)


def _residual_block(x: keras.KerasTensor, filters: int, named: _Names, stride: int) -> keras.KerasTensor:
    y = _conv(_relu_norm(_conv(x, filters, named, stride=stride), named), filters, named)
    shortcut = _conv(x, filters, named, width=1, stride=stride) if stride > 1 else x
    return _relu_norm(layers.Add(name=named("add"))([shortcut, y]), named)
