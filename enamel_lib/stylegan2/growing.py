"""Grow trained networks to twice the resolution, so that training goes on where it was."""

import math
from itertools import chain

import keras
import numpy as np
from keras import ops

from enamel_lib.checkpoints import assign, values_of
from enamel_lib.stylegan2.discriminator import Discriminator
from enamel_lib.stylegan2.generator import Generator
from enamel_lib.stylegan2.layers import blur


def grow_generator(old: Generator, new: Generator) -> None:
    """Give a generator all layers of one of half its resolution; its pictures are then the old ones, enlarged.

    The new layers keep their first weights, but the last ToRGB adds nothing yet.
    """
    new.constant.assign(old.constant.value)
    new.w_avg.assign(old.w_avg.value)
    for group in ("dense", "convs", "to_rgb"):
        for mine, theirs in zip(getattr(new, group), getattr(old, group), strict=False):
            _copy(theirs, mine)
    weight = new.to_rgb[-1].weight
    weight.assign(ops.zeros_like(weight.value))


def grow_discriminator(old: Discriminator, new: Discriminator, reals: np.ndarray) -> None:
    """Give a discriminator all blocks of one of half its resolution, and nearly its scores of reduced pictures.

    The old first layer saw colours; the new block replaces it: its convolutions add nothing yet, and its skip is fitted
    so that the old blocks see what they are used to, on some `reals` `(N, R, R, 3)` in [-1, 1] at the new resolution.
    """
    for theirs, mine in zip(chain(*old.blocks), chain(*new.blocks[1:]), strict=True):
        _copy(theirs, mine)
    for name in ("conv", "dense", "output_dense"):
        _copy(getattr(old, name), getattr(new, name))
    _, down, skip = new.blocks[0]
    down.weight.assign(ops.zeros_like(down.weight.value))

    taps = new.options["resample_filter"]
    features = blur(new.from_rgb(reals), taps, len(taps) - 2)[:, ::2, ::2]
    wanted = old.from_rgb(blur(ops.convert_to_tensor(reals), taps, len(taps) - 2)[:, ::2, ::2])
    features, wanted = (
        np.array(ops.convert_to_numpy(ops.cast(x, "float32"))).reshape(-1, x.shape[-1]) for x in (features, wanted)
    )
    fitted = np.linalg.lstsq(features, wanted, rcond=None)[0]
    skip.weight.assign(fitted[None, None] * math.sqrt(2 * features.shape[1]))  # undoes the scaling at run time


def _copy(source: keras.Layer, target: keras.Layer) -> None:
    assign(target.variables, values_of(source.variables))
