"""StyleGAN2's mapping and skip synthesis networks (Karras et al. 2020, arXiv 1912.04958)."""

import itertools
import math
from collections.abc import Sequence
from typing import Any, Self

import keras
import numpy as np
from keras import ops

from enamel_lib.checkpoints import assign, values_of
from enamel_lib.errors import InputError
from enamel_lib.stylegan2 import layers

RESAMPLE_FILTER = (1, 3, 3, 1)  # taps
MOST_TAPS = 32
MAPPING_RATE = 0.01  # learning rate of the mapping network relative to the others


class Network(keras.Model):
    """What generator and discriminator have in common: a model that remembers the `options` it was built with."""

    def __init__(self, dtype: str | None, **options: Any) -> None:
        resolution = options["resolution"]
        if resolution < 8 or resolution & (resolution - 1):
            raise InputError(f"resolution {resolution} is no power of two from 8")
        taps = np.asarray(options["resample_filter"], np.float64)
        if not 2 <= len(taps) <= MOST_TAPS or not np.isfinite(taps).all() or not taps.sum():
            raise InputError(f"a filter has 2 to {MOST_TAPS} finite taps whose sum is not 0")
        super().__init__(dtype=dtype, autocast=False)
        self.resolution = resolution
        self.options = options | {"resample_filter": tuple(options["resample_filter"])}

    def get_config(self) -> dict[str, Any]:
        """Give the arguments that make a network of the same kind."""
        return self.options | {"dtype": self.dtype_policy.name}

    def copy(self, dtype: str | None = None) -> Self:
        """Make a network of the same weights, in another dtype if one is given."""
        other = type(self)(**self.options, dtype=dtype or self.dtype_policy.name)
        assign(other.variables, values_of(self.variables))
        return other

    def _channels(self, resolution: int) -> int:
        return min(2 * self.options["fmap_base"] // resolution, self.options["fmap_max"])


@keras.saving.register_keras_serializable("enamel")
class Generator(Network):
    """From latent vectors to images, with fresh weights (config-f by default; config-e has `fmap_base=8192`).

    Parameters
    ----------
    resolution
        Side of the images, px: a power of two, 8 or more (else an `InputError`).
    fmap_base, fmap_max
        A layer at `r` px has `min(2 * fmap_base / r, fmap_max)` channels.
    channels
        Of the images; 3 are colours.
    latent_dim, style_dim, labels
        Lengths of z, of w and of the one-hot labels; without labels 0.
    embedding
        To how many numbers the labels are mapped, and then normalized, as in the ADA branch (Karras et al. 2020, arXiv
        2006.06676); if 0 they become as many as z has, and are normalized with it.
    mapping_layers, mapping_dim
        Layers between z and w, and their width (that of w if None).
    resample_filter
        Taps of the filter that doubles sides.
    dtype
        Keras dtype or policy, such as "mixed_bfloat16"; Keras' own default if None.
    seed
        Of weights and stored noise.

    Attributes
    ----------
    num_layers
        Number of styles L of an image: `2 log2(resolution) - 2`.
    w_avg
        Centre of w, `(style_dim,)`, a variable that training moves.
    """

    def __init__(
        self,
        resolution: int = 256,
        *,
        fmap_base: int = 16384,
        fmap_max: int = 512,
        channels: int = 3,
        latent_dim: int = 512,
        style_dim: int = 512,
        labels: int = 0,
        embedding: int = 0,
        mapping_layers: int = 8,
        mapping_dim: int | None = None,
        resample_filter: Sequence[float] = RESAMPLE_FILTER,
        dtype: str | None = None,
        seed: int = 0,
    ) -> None:
        mapping_dim = mapping_dim or style_dim
        super().__init__(
            dtype,
            resolution=resolution,
            fmap_base=fmap_base,
            fmap_max=fmap_max,
            channels=channels,
            latent_dim=latent_dim,
            style_dim=style_dim,
            labels=labels,
            embedding=embedding,
            mapping_layers=mapping_layers,
            mapping_dim=mapping_dim,
            resample_filter=resample_filter,
        )
        self.latent_dim, self.num_layers = latent_dim, 2 * int(math.log2(resolution)) - 2
        rng = np.random.default_rng(seed)
        shared = {"rng": rng, "dtype": self.dtype_policy}

        embedded = embedding or (latent_dim if labels else 0)
        widths = [latent_dim + embedded] + [mapping_dim] * (mapping_layers - 1) + [style_dim]
        self.dense = [layers.Dense(*pair, multiplier=MAPPING_RATE, **shared) for pair in itertools.pairwise(widths)]
        self.label_weight, self.embed = None, None
        if embedding:
            self.embed = layers.Dense(labels, embedding, activate=False, **shared)
        elif labels:
            self.label_weight = self._normal((labels, latent_dim), rng, "label_weight")
        self.w_avg = self.add_weight(shape=(style_dim,), initializer="zeros", name="w_avg", autocast=False)
        self.w_avg.trainable = False  # only now, because files number the weights in the order that Keras met them

        before = self._channels(4)
        self.constant = self._normal((1, 4, 4, before), rng, "constant")
        self.convs = [layers.StyledConv(before, before, style_dim, 4, **shared)]
        self.to_rgb = [layers.ToRGB(before, channels, style_dim, **shared)]
        side = 4
        while (side := 2 * side) <= resolution:
            after = self._channels(side)
            self.convs.append(layers.StyledConv(before, after, style_dim, side, taps=resample_filter, **shared))
            self.convs.append(layers.StyledConv(after, after, style_dim, side, **shared))
            self.to_rgb.append(layers.ToRGB(after, channels, style_dim, **shared))
            before = after
        self.built = True

    def _normal(self, shape: tuple[int, ...], rng: np.random.Generator, name: str) -> keras.Variable:
        return self.add_weight(shape=shape, initializer=layers.normal(rng), name=name, autocast=False)

    def call(
        self, z: Any, labels: Any = None, psi: float | None = None, cutoff: int | None = None
    ) -> keras.KerasTensor:
        """Make images `(N, resolution, resolution, channels)` of z `(N, latent_dim)`, with the stored noise.

        Only the direction of z matters; labels are `(N, labels)`, where the network has them; see `styles` for the
        rest.
        """
        return self.synthesis(self.styles(self.mapping(z, labels), psi, cutoff))

    def mapping(self, z: Any, labels: Any = None) -> keras.KerasTensor:
        """Map `(N, latent_dim)`, and labels `(N, labels)` if it has them, to w `(N, style_dim)`."""
        x = ops.convert_to_tensor(z, self.variable_dtype)
        if (labels is None) != (not self.options["labels"]):
            raise InputError(
                f"the generator has {self.options['labels']} labels; give labels if and only if it has any"
            )
        if self.label_weight is not None:
            embedded = ops.matmul(ops.convert_to_tensor(labels, self.variable_dtype), self.label_weight)
            x = ops.concatenate([x, embedded], axis=1)
        x = layers.normalized(x)
        if self.embed is not None:
            x = ops.concatenate([x, layers.normalized(self.embed(labels))], axis=1)
        for layer in self.dense:
            x = layer(x)
        return x

    def styles(self, w: Any, psi: float | None = None, cutoff: int | None = None) -> keras.KerasTensor:
        """Repeat w `(N, style_dim)` for every layer, `(N, num_layers, style_dim)`, and pull it towards the centre.

        `psi` is the share of the distance from `w_avg` to keep, all of it if None; layers from `cutoff` on keep w.
        """
        w_plus = ops.repeat(ops.convert_to_tensor(w, self.variable_dtype)[:, None], self.num_layers, axis=1)
        if psi is None:
            return w_plus
        below = np.arange(self.num_layers) < (self.num_layers if cutoff is None else cutoff)
        share = ops.convert_to_tensor(np.where(below, psi, 1).astype(np.float32)[:, None], w_plus.dtype)
        return self.w_avg + share * (w_plus - self.w_avg)

    def synthesis(self, w_plus: Any, noise: Any = None) -> keras.KerasTensor:
        """Draw images `(N, resolution, resolution, channels)`, about in [-1, 1], of w+ `(N, num_layers, style_dim)`.

        `noise` are `num_layers - 1` arrays `(N or 1, side, side, 1)`, as `random_noise` draws; the stored noise if
        None.
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

    def random_noise(self, count: int, seed: keras.random.SeedGenerator) -> list[keras.KerasTensor]:
        """Draw fresh noise for `count` images; `seed` is a `keras.random.SeedGenerator`."""
        sides = [conv.noise.shape[1] for conv in self.convs]
        return [keras.random.normal((count, side, side, 1), dtype=self.variable_dtype, seed=seed) for side in sides]


build_generator = Generator
