"""Build the networks of StyleGAN2 (Karras et al. 2020, arXiv 1912.04958) with fresh weights."""

from collections.abc import Sequence

from enamel_lib.stylegan2.discriminator import Discriminator
from enamel_lib.stylegan2.generator import Generator

FILTER = (1, 3, 3, 1)


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
) -> Generator:
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
) -> Discriminator:
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
