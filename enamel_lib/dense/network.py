"""Network of the dense indenter: from the orientation code to the structure of enamel, every 0.24 um.

Fully convolutional: an encoder that looks ever wider, a decoder that brings it back to every cell. What it gives is
structure (`structure.LOCAL` of every cell, `structure.WIDE` of the surroundings); `indenter` makes hardness of it. No
layer normalizes: sections differ so much that statistics of a batch would not be those of the next picture.
"""

import keras
from keras import layers

from enamel_lib.dense.code import CELL_PX, CHANNELS
from enamel_lib.dense.structure import LOCAL, WIDE

FILTERS = (24, 48, 64, 96, 128)  # by level; cells are 0.24, 0.48, 0.96, 1.92 and 3.84 um wide
WIDE_BLOCKS = 2  # at the widest level
SETTINGS = {"activation": "relu", "kernel_initializer": "he_normal"}
MULTIPLE = CELL_PX * 2 ** (len(FILTERS) - 1)  # px: sides of the code are padded to multiples of this


def build(filters: tuple[int, ...] = FILTERS) -> keras.Model:
    """Build the network with fresh weights.

    From codes `(N, R, C, 6)` float32, R and C multiples of 64, to `local` `(N, R / 4, C / 4, 7)` and `wide`
    `(N, R / 4, C / 4, 6)`, float32; local in natural units once trained, wide standardised.
    """
    given = keras.Input((None, None, len(CHANNELS)), name="code")
    x, seen = layers.Conv2D(filters[0], CELL_PX, strides=CELL_PX, **SETTINGS)(given), []
    for level, count in enumerate(filters):
        if level:
            x = layers.AveragePooling2D(2)(x)
        x = _block(_conv(x, count), count)
        seen.append(x)
    for _ in range(WIDE_BLOCKS):
        x = _block(x, filters[-1])
    wide = layers.Conv2D(len(WIDE), 1, name="wide_read")(layers.AveragePooling2D(3, strides=1, padding="same")(x))
    enlarged = layers.UpSampling2D(2 ** (len(filters) - 1), name="enlarged")(wide)
    for count, skip in zip(filters[-2::-1], seen[-2::-1], strict=True):
        x = layers.UpSampling2D(2)(layers.Conv2D(count, 1)(x))  # joined by a sum, at half the work of a longer stack
        x = _block(_conv(layers.Add()([x, skip]), count), count)
    local = layers.Activation("linear", dtype="float32", name="local")(
        layers.Conv2D(len(LOCAL), 1, name="local_read")(x)
    )
    return keras.Model(given, [local, layers.Activation("linear", dtype="float32", name="wide")(enlarged)])


def _conv(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    return layers.Conv2D(filters, 3, padding="same", **SETTINGS)(x)


def _block(x: keras.KerasTensor, filters: int) -> keras.KerasTensor:
    return layers.Add()([x, _conv(x, filters)])
