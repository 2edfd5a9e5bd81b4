"""StyleGAN2's mapping and skip synthesis networks (Karras et al. 2020, arXiv 1912.04958)."""

import itertools
import math
from typing import Any

import keras
import numpy as np
from keras import ops

from enamel_lib.errors import InputError
from enamel_lib.stylegan2 import layers
from enamel_lib.stylegan2.base import Network, normal

SLOW = 0.01  # learning rate of the mapping network relative to the others


@keras.saving.register_keras_serializable("enamel")
class Generator(Network):
    """From latent vectors to images; see `build_generator`.

    Attributes
    ----------
    num_layers
        Number of styles L of an image: `2 log2(resolution) - 2`.
    w_avg
        Centre of w, `(style_dim,)`, a variable that training moves.
    """

    def __init__(self, *, dtype: str | None = None, seed: int = 0, **options: Any) -> None:
        super().__init__(options, dtype)
        rng, style_dim = np.random.default_rng(seed), options["style_dim"]
        dtype, taps = self.dtype_policy, options["resample_filter"]
        self.latent_dim, self.num_layers = options["latent_dim"], 2 * int(math.log2(self.resolution)) - 2

        both = 2 if options["labels"] else 1
        widths = [both * self.latent_dim] + [options["mapping_dim"]] * (options["mapping_layers"] - 1) + [style_dim]
        self.dense = [layers.Dense(*pair, multiplier=SLOW, rng=rng, dtype=dtype) for pair in itertools.pairwise(widths)]
        self.label_weight = None
        if options["labels"]:
            self.label_weight = self._variable((options["labels"], self.latent_dim), normal(rng), "label_weight")
        self.w_avg = self._variable((style_dim,), "zeros", "w_avg")
        self.w_avg.trainable = False

        before = self._channels(4)
        self.constant = self._variable((1, 4, 4, before), normal(rng), "constant")
        self.convs = [layers.StyledConv(before, before, style_dim, 4, rng=rng, dtype=dtype)]
        self.to_rgb = [layers.ToRGB(before, style_dim, rng=rng, dtype=dtype)]
        side = 4
        while (side := 2 * side) <= self.resolution:
            after = self._channels(side)
            self.convs.append(layers.StyledConv(before, after, style_dim, side, taps=taps, rng=rng, dtype=dtype))
            self.convs.append(layers.StyledConv(after, after, style_dim, side, rng=rng, dtype=dtype))
            self.to_rgb.append(layers.ToRGB(after, style_dim, rng=rng, dtype=dtype))
            before = after
        self.built = True

    def call(
        self, z: Any, labels: Any = None, psi: float | None = None, cutoff: int | None = None
    ) -> keras.KerasTensor:
        """Make images with the stored noise.

        Parameters
        ----------
        z
            `(N, latent_dim)`, any length: only the direction matters.
        labels
            `(N, labels)`, where the network has them.
        psi, cutoff
            See `styles`.

        Returns
        -------
        tensor
            `(N, resolution, resolution, 3)`, about in [-1, 1].
        """
        return self.synthesis(self.styles(self.mapping(z, labels), psi, cutoff))

    def mapping(self, z: Any, labels: Any = None) -> keras.KerasTensor:
        """Map `(N, latent_dim)`, and labels `(N, labels)` if it has them, to w `(N, style_dim)`."""
        x = ops.convert_to_tensor(z, self.variable_dtype)
        if (labels is None) != (self.label_weight is None):
            raise InputError(
                f"the generator has {self.options['labels']} labels; give labels if and only if it has any"
            )
        if labels is not None:
            embedded = ops.matmul(ops.convert_to_tensor(labels, self.variable_dtype), self.label_weight)
            x = ops.concatenate([x, embedded], axis=1)
        x = layers.normalized(x)
        for layer in self.dense:
            x = layer(x)
        return x

    def styles(self, w: Any, psi: float | None = None, cutoff: int | None = None) -> keras.KerasTensor:
        """Repeat w for every layer, and pull it towards the centre.

        Parameters
        ----------
        w
            `(N, style_dim)`.
        psi
            Share of the distance from `w_avg` to keep; all of it if None.
        cutoff
            Layers from this one on keep w; none if None.

        Returns
        -------
        tensor
            w_plus, `(N, num_layers, style_dim)`.
        """
        w_plus = ops.repeat(ops.convert_to_tensor(w, self.variable_dtype)[:, None], self.num_layers, axis=1)
        if psi is None:
            return w_plus
        below = np.arange(self.num_layers) < (self.num_layers if cutoff is None else cutoff)
        share = ops.convert_to_tensor(np.where(below, psi, 1).astype(np.float32)[:, None], w_plus.dtype)
        return self.w_avg + share * (w_plus - self.w_avg)

    def synthesis(self, w_plus: Any, noise: Any = None) -> keras.KerasTensor:
        """Draw images.

        Parameters
        ----------
        w_plus
            `(N, num_layers, style_dim)`.
        noise
            `num_layers - 1` arrays `(N or 1, side, side, 1)`, as `random_noise` draws; the stored noise if None.

        Returns
        -------
        tensor
            `(N, resolution, resolution, 3)`, about in [-1, 1].
        """
        w_plus = ops.convert_to_tensor(w_plus, self.variable_dtype)
        styles = ops.unstack(w_plus, self.num_layers, axis=1)
        noise = [None] * len(self.convs) if noise is None else noise
        x = ops.cast(self.constant, self.compute_dtype)
        x = ops.broadcast_to(x, (ops.shape(w_plus)[0], *self.constant.shape[1:]))
        # a layer's style and noise have its own number; a ToRGB shares its style with the next first convolution
        x = self.convs[0](x, styles[0], noise[0])
        rgb = self.to_rgb[0](x, styles[1])
        for index in range(1, len(self.convs), 2):
            x = self.convs[index](x, styles[index], noise[index])
            x = self.convs[index + 1](x, styles[index + 1], noise[index + 1])
            rgb = layers.double(rgb, self.options["resample_filter"])
            rgb = rgb + self.to_rgb[(index + 1) // 2](x, styles[index + 2])
        return rgb

    def random_noise(self, count: int, seed: Any) -> list[keras.KerasTensor]:
        """Draw fresh noise for `count` images.

        Parameters
        ----------
        seed
            A `keras.random.SeedGenerator`, or what else Keras takes for a seed.
        """
        if isinstance(seed, int):
            seed = keras.random.SeedGenerator(seed)
        sides = [conv.noise.shape[1] for conv in self.convs]
        return [keras.random.normal((count, side, side, 1), dtype=self.variable_dtype, seed=seed) for side in sides]
