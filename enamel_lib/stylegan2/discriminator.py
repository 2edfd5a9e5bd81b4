"""StyleGAN2's residual discriminator (Karras et al. 2020, arXiv 1912.04958)."""

import math
from typing import Any

import keras
import numpy as np
from keras import ops

from enamel_lib.errors import InputError
from enamel_lib.stylegan2 import layers
from enamel_lib.stylegan2.base import Network


@keras.saving.register_keras_serializable("enamel")
class Discriminator(Network):
    """From images to scores; see `build_discriminator`."""

    def __init__(self, *, dtype: str | None = None, seed: int = 0, **options: Any) -> None:
        super().__init__(options, dtype)
        rng, taps, dtype = np.random.default_rng(seed), options["resample_filter"], self.dtype_policy
        side, before = self.resolution, self._channels(self.resolution)
        self.from_rgb = layers.Conv(3, before, 1, rng=rng, dtype=dtype)
        self.blocks = []
        half = math.sqrt(0.5)  # so that the sum of two branches keeps the variance
        while side > 4:
            after = self._channels(side // 2)
            conv = layers.Conv(before, before, rng=rng, dtype=dtype)
            down = layers.Conv(before, after, taps=taps, gain=half, rng=rng, dtype=dtype)
            skip = layers.Conv(before, after, 1, taps=taps, activate=False, gain=half, rng=rng, dtype=dtype)
            self.blocks.append([conv, down, skip])
            side, before = side // 2, after
        self.deviation = layers.MinibatchDeviation(options["group"], dtype=dtype)
        self.conv = layers.Conv(before + 1, before, rng=rng, dtype=dtype)
        self.dense = layers.Dense(16 * before, before, rng=rng, dtype=dtype)
        self.output_dense = layers.Dense(before, max(options["labels"], 1), activate=False, rng=rng, dtype=dtype)
        self.built = True

    def call(self, images: Any, labels: Any = None) -> keras.KerasTensor:
        """Score images.

        Parameters
        ----------
        images
            `(N, resolution, resolution, 3)`, about in [-1, 1].
        labels
            `(N, labels)`, where the network has them.

        Returns
        -------
        tensor
            `(N, 1)`, high for real images.
        """
        if (labels is None) != (not self.options["labels"]):
            raise InputError(
                f"the discriminator has {self.options['labels']} labels; give them if and only if it has any"
            )
        x = self.from_rgb(ops.convert_to_tensor(images, self.variable_dtype))
        for conv, down, skip in self.blocks:
            x = down(conv(x)) + skip(x)
        x = self.conv(self.deviation(x))
        x = ops.reshape(ops.transpose(x, (0, 3, 1, 2)), (-1, self.dense.weight.shape[0]))  # the rule's order: C, H, W
        scores = self.output_dense(self.dense(x))
        if labels is not None:
            scores = ops.sum(scores * ops.cast(labels, scores.dtype), axis=1, keepdims=True)
        return scores
