"""What every trained generator offers, whichever engine draws (`loading.ENGINES`)."""

from abc import ABC, abstractmethod

import numpy as np

from enamel_lib import images
from enamel_lib.errors import InputError

BATCH_SIZE = 16  # images in one call of an engine
STYLE_DRAWS = 10_000  # from which the spread of styles is taken


class ImageGenerator(ABC):
    """A generator of pictures.

    `latent_dim` and `label_dim` are the lengths of z and of the labels (0 without), `layers` the number L of styles,
    `resolution` the side of an image in px, `channels` its number C of channels (3 are colours), and `w_avg` `(w,)`
    float32 the centre of the styles.
    """

    latent_dim: int
    label_dim: int
    layers: int
    resolution: int
    channels: int = 3
    w_avg: np.ndarray

    def generate(self, z: np.ndarray, labels: np.ndarray | None = None, *, psi: float = 1.0) -> np.ndarray:
        """Draw images `(N, resolution, resolution, C)` uint8 of latent codes `(N, latent_dim)`, directions only.

        `labels` are `(N, label_dim)`, if the network has them; `psi` is the share of the styles' distance from their
        centre to keep.
        """
        return images.to_uint8(self.synthesis(self.w_avg + np.float32(psi) * (self.mapping(z, labels) - self.w_avg)))

    def mapping(self, z: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """Map latent codes, and labels if the network has them, to styles `(N, L, w)` float32, before truncation."""
        given = [_checked(z, "latent codes", (self.latent_dim,))]
        if (labels is None) != (not self.label_dim):
            raise InputError(f"this generator has {self.label_dim} labels; give them if and only if it has any")
        if labels is not None:
            given.append(_checked(labels, "labels", (self.label_dim,)))
        return np.repeat(self._map(*given)[:, None], self.layers, axis=1)

    def synthesis(self, w_plus: np.ndarray) -> np.ndarray:
        """Draw images `(N, H, W, C)` float32, about in [-1, 1], of styles `(N, L, w)`."""
        w_plus = _checked(w_plus, "styles", (self.layers, len(self.w_avg)))
        if not len(w_plus):
            return np.empty((0, self.resolution, self.resolution, self.channels), np.float32)
        return np.concatenate([self._draw(w_plus[i : i + BATCH_SIZE]) for i in range(0, len(w_plus), BATCH_SIZE)])

    @abstractmethod
    def _map(self, *given: np.ndarray) -> np.ndarray:
        """From z, and labels if there are any, to w `(N, w)`."""

    @abstractmethod
    def _draw(self, w_plus: np.ndarray) -> np.ndarray:
        """Images of at most `BATCH_SIZE` styles."""


class StyleSpace:
    """The styles of a generator as codes, a space to search beside that of directions; one style for all layers.

    Codes at random, of mean 0 and standard deviation 1, are spread as the styles of random directions are: along their
    principal axes. It may be searched farther out than the mapping network goes.
    """

    def __init__(self, generator: ImageGenerator) -> None:
        self._generator, self.latent_dim = generator, len(generator.w_avg)
        directions = np.random.default_rng(0).standard_normal((STYLE_DRAWS, generator.latent_dim))
        styles = generator.mapping(directions)[:, 0].astype(float)
        self._mean, cov = styles.mean(axis=0), np.cov(styles.T)
        variances, axes = np.linalg.eigh(cov)
        self._spread = np.sqrt(np.maximum(variances, 0))[:, None] * axes.T

    def generate(self, codes: np.ndarray) -> np.ndarray:
        """Draw images `(N, H, W, C)` uint8 of codes `(N, latent_dim)`."""
        styles = self._mean + _checked(codes, "codes", (self.latent_dim,)) @ self._spread
        return images.to_uint8(self._generator.synthesis(np.repeat(styles[:, None], self._generator.layers, axis=1)))


def _checked(array: np.ndarray, what: str, shape: tuple[int, ...]) -> np.ndarray:
    array = np.asarray(array, np.float32)
    if array.shape[1:] != shape or not np.isfinite(array).all():
        wanted = ", ".join(map(str, shape))
        raise InputError(f"{what} are finite and of shape (N, {wanted}); these have shape {array.shape}")
    return array
