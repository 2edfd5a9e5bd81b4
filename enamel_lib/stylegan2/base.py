"""What generator and discriminator have in common."""

from typing import Any

import keras
import numpy as np
from keras import ops

from enamel_lib.errors import InputError


class Network(keras.Model):
    """A model that remembers what it was built with.

    Attributes
    ----------
    options
        Arguments of `build_generator` or `build_discriminator`, but for dtype and seed.
    """

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
        """Give the arguments that make a network of the same kind."""
        return self.options | {"dtype": self.dtype_policy.name}

    def copy(self, dtype: str | None = None) -> "Network":
        """Make a network of the same weights, in another dtype if one is given."""
        other = type(self)(**self.options, dtype=dtype or self.dtype_policy.name)
        for mine, theirs in zip(self.variables, other.variables, strict=True):
            theirs.assign(mine.value)
        return other

    def _variable(self, shape: tuple[int, ...], initializer: Any, name: str) -> keras.Variable:
        return self.add_weight(shape=shape, initializer=initializer, name=name, autocast=False)

    def _channels(self, resolution: int) -> int:
        return min(2 * self.options["fmap_base"] // resolution, self.options["fmap_max"])


def normal(rng: np.random.Generator) -> Any:
    """Initializer that draws from N(0, 1)."""
    return lambda shape, dtype: ops.convert_to_tensor(rng.standard_normal(shape, np.float32), dtype)
