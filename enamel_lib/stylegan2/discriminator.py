"""StyleGAN2's residual discriminator (Karras et al. 2020, arXiv 1912.04958)."""

import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from enamel_lib.errors import InputError
from enamel_lib.stylegan2 import layers
from enamel_lib.stylegan2.generator import MAPPING_RATE, RESAMPLE_FILTER, Network


@keras.saving.register_keras_serializable("enamel")
class Discriminator(Network):
    """From images to scores, with fresh weights; parameters as for `Generator`.

    `group` is how many images are compared in their spread; batches must be multiples of it, or smaller. Where labels
    have an `embedding`, as in the ADA branch, `mapping_layers` of its width follow, and the result weighs the outputs.
    """

    def __init__(
        self,
        resolution: int = 256,
        *,
        fmap_base: int = 16384,
        fmap_max: int = 512,
        channels: int = 3,
        labels: int = 0,
        embedding: int = 0,
        mapping_layers: int = 0,
        group: int = 4,
        resample_filter: Sequence[float] = RESAMPLE_FILTER,
        dtype: str | None = None,
        seed: int = 0,
    ) -> None:
        if group < 1:
            raise InputError(f"images are compared in groups of at least 1, not {group}")
        super().__init__(
            dtype,
            resolution=resolution,
            fmap_base=fmap_base,
            fmap_max=fmap_max,
            channels=channels,
            labels=labels,
            embedding=embedding,
            mapping_layers=mapping_layers,
            group=group,
            resample_filter=resample_filter,
        )
        shared = {"rng": np.random.default_rng(seed), "dtype": self.dtype_policy}
        side, before, taps = resolution, self._channels(resolution), resample_filter
        self.from_rgb = layers.Conv(channels, before, 1, **shared)
        self.blocks = []
        half = math.sqrt(0.5)  # so that the sum of two branches keeps the variance
        while side > 4:
            after = self._channels(side // 2)
            conv = layers.Conv(before, before, **shared)
            down = layers.Conv(before, after, taps=taps, gain=half, **shared)
            skip = layers.Conv(before, after, 1, taps=taps, activate=False, gain=half, **shared)
            self.blocks.append([conv, down, skip])
            side, before = side // 2, after
        self.deviation = layers.MinibatchDeviation(group, dtype=self.dtype_policy)
        self.conv = layers.Conv(before + 1, before, **shared)
        self.dense = layers.Dense(16 * before, before, **shared)
        self.output_dense = layers.Dense(before, embedding or max(labels, 1), activate=False, **shared)
        self.embed = layers.Dense(labels, embedding, activate=False, **shared) if embedding else None
        pairs = [(embedding, embedding)] * mapping_layers
        self.mapping = [layers.Dense(*pair, multiplier=MAPPING_RATE, **shared) for pair in pairs]
        self.built = True

    def call(self, images: Any, labels: Any = None) -> keras.KerasTensor:
        """Score images `(N, resolution, resolution, channels)`, about in [-1, 1]: `(N, 1)`, high for real ones.

        `labels` are `(N, labels)`, where the network has them.
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
        if labels is None:
            return scores
        weights = ops.cast(labels, scores.dtype)
        if self.embed is not None:
            weights = layers.normalized(self.embed(weights))
            for layer in self.mapping:
                weights = layer(weights)
            weights = weights / math.sqrt(self.options["embedding"])
        return ops.sum(scores * weights, axis=1, keepdims=True)


build_discriminator = Discriminator
