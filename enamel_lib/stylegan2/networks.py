"""The networks of StyleGAN2: mapping, skip synthesis, residual discriminator (Karras et al. 2020, arXiv 1912.04958)."""

import itertools
import math
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from enamel_lib.errors import InputError
from enamel_lib.stylegan2 import layers

FILTER = (1, 3, 3, 1)
SLOW = 0.01  # learning rate of the mapping network relative to the others


def build_generator(
    resolution: int = 256,
    *,
    fmap_base: int = 16384,
    fmap_max: int = 512,
    latent_dim: int = 512,
    style_dim: int = 512,
    labels: int = 0,
    mapping_layers: int = 8,
    mapping_dim: int | None = None,
    resample_filter: Sequence[float] = FILTER,
    dtype: str | None = None,
    seed: int = 0,
) -> "Generator":
    """Build a generator with fresh weights (config-f by default; config-e has `fmap_base=8192`).

    Parameters
    ----------
    resolution
        Side of the images, px: a power of two, 8 or more.
    fmap_base, fmap_max
        A layer at `r` px has `min(2 * fmap_base / r, fmap_max)` channels.
    latent_dim, style_dim
        Lengths of z and of w.
    labels
        Length of the one-hot labels; 0 without.
    mapping_layers, mapping_dim
        Layers between z and w, and their width (that of w if None).
    resample_filter
        Taps of the filter that doubles sides.
    dtype
        Keras dtype or policy, such as "mixed_bfloat16"; Keras' own default if None.
    seed
        Of weights and stored noise.

    Returns
    -------
    Generator
        Images are `(N, resolution, resolution, 3)`, colours about in [-1, 1].

    Raises
    ------
    InputError
        If the resolution is no power of two from 8.
    """
    return Generator(
        resolution=resolution,
        fmap_base=fmap_base,
        fmap_max=fmap_max,
        latent_dim=latent_dim,
        style_dim=style_dim,
        labels=labels,
        mapping_layers=mapping_layers,
        mapping_dim=mapping_dim or style_dim,
        resample_filter=tuple(resample_filter),
        dtype=dtype,
        seed=seed,
    )


def build_discriminator(
    resolution: int = 256,
    *,
    fmap_base: int = 16384,
    fmap_max: int = 512,
    labels: int = 0,
    group: int = 4,
    resample_filter: Sequence[float] = FILTER,
    dtype: str | None = None,
    seed: int = 0,
) -> "Discriminator":
    """Build a discriminator with fresh weights; parameters as for `build_generator`, but for `group`.

    Parameters
    ----------
    group
        Images whose spread is compared; batches must be multiples of it, or smaller.

    Returns
    -------
    Discriminator
        From images `(N, resolution, resolution, 3)` to scores `(N, 1)`, high for real ones.

    Raises
    ------
    InputError
        If the resolution is no power of two from 8.
    """
    return Discriminator(
        resolution=resolution,
        fmap_base=fmap_base,
        fmap_max=fmap_max,
        labels=labels,
        group=group,
        resample_filter=tuple(resample_filter),
        dtype=dtype,
        seed=seed,
    )


class _Network(keras.Model):
    """A model that remembers what it was built with."""

    def __init__(self, options: dict[str, Any], dtype: str | None) -> None:
        resolution = options["resolution"]
        if resolution < 8 or resolution & (resolution - 1):
            raise InputError(f"resolution {resolution} is no power of two from 8")
        super().__init__(dtype=dtype, autocast=False)
        self.options = options | {"resample_filter": tuple(options["resample_filter"])}

    @property
    def resolution(self) -> int:
        """Side of the images, px."""
        return self.options["resolution"]

    def get_config(self) -> dict[str, Any]:
        return self.options | {"dtype": self.dtype_policy.name}

    def copy(self, dtype: str | None = None) -> "_Network":
        """Make a network of the same weights, in another dtype if one is given."""
        other = type(self)(**self.options, dtype=dtype or self.dtype_policy.name)
        for mine, theirs in zip(self.variables, other.variables, strict=True):
            theirs.assign(mine.value)
        return other

    def _variable(self, shape: tuple[int, ...], initializer: Any, name: str) -> keras.Variable:
        return self.add_weight(shape=shape, initializer=initializer, name=name, autocast=False)

    def _channels(self, resolution: int) -> int:
        return min(2 * self.options["fmap_base"] // resolution, self.options["fmap_max"])


@keras.saving.register_keras_serializable("enamel")
class Generator(_Network):
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
            self.label_weight = self._variable((options["labels"], self.latent_dim), _normal(rng), "label_weight")
        self.w_avg = self._variable((style_dim,), "zeros", "w_avg")
        self.w_avg.trainable = False

        before = self._channels(4)
        self.constant = self._variable((1, 4, 4, before), _normal(rng), "constant")
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


@keras.saving.register_keras_serializable("enamel")
class Discriminator(_Network):
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


def _normal(rng: np.random.Generator) -> Any:
    return lambda shape, dtype: ops.convert_to_tensor(rng.standard_normal(shape, np.float32), dtype)
