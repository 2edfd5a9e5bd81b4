"""The reference engine, Keras itself, and the files that networks are kept in."""

import os
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops

from enamel_lib import models
from enamel_lib.errors import InputError, ModelError
from enamel_lib.generators.base import ImageGenerator
from enamel_lib.stylegan2 import Generator, import_average


class NetworkGenerator(ImageGenerator):
    """A generator of this library behind an engine, from the Keras network or the path of its file (`load_network`).

    It keeps the `network`, for gradients. Its `precision` is "float32", or "bfloat16" in which the largest layers
    compute.
    """

    engine: str
    precision = "float32"

    def __init__(self, source: Generator | str | os.PathLike) -> None:
        self.network = network = source if isinstance(source, Generator) else load_network(source)
        self.latent_dim, self.label_dim = network.latent_dim, network.options["labels"]
        self.layers, self.resolution = network.num_layers, network.resolution
        self.channels = network.options["channels"]
        self.w_avg = np.array(ops.convert_to_numpy(network.w_avg.value))


class KerasGenerator(NetworkGenerator):
    """The reference: the network itself, compiled by whichever backend Keras runs."""

    engine = "keras"

    def __init__(self, source: Generator | str | os.PathLike) -> None:
        super().__init__(source)
        self._mapping, self._synthesis = _Part(self.network, "mapping"), _Part(self.network, "synthesis")

    def _map(self, *given: np.ndarray) -> np.ndarray:
        return self._mapping.predict_on_batch(given)

    def _draw(self, w_plus: np.ndarray) -> np.ndarray:
        return self._synthesis.predict_on_batch([w_plus])


class _Part(keras.Model):
    """One method of a network as a model, so that Keras compiles it."""

    def __init__(self, network: Generator, method: str) -> None:
        super().__init__(name=method)
        self.network, self._method = network, method
        self.built = True

    def call(self, inputs: list) -> Any:
        return getattr(self.network, self._method)(*inputs)


def load_network(path: str | os.PathLike) -> Generator:
    """Load the network that `save_generator` wrote, in float32, or the moving average in a snapshot `.pkl`.

    A file that is missing, is not the one its card describes, or holds something else is a `ModelError`.
    """
    path = Path(path)
    if path.suffix == ".pkl":
        return import_average(path)
    if not path.is_file():
        raise ModelError(f"no generator {path}; train one with `enamel train-generator`, or import a snapshot")
    network = models.load(path)
    if not isinstance(network, Generator):
        raise ModelError(f"{path} holds another network than a generator; train one with `enamel train-generator`")
    return network.copy("float32")


def save_generator(network: Generator, path: str | os.PathLike, *, card: dict[str, Any]) -> Path:
    """Write a generator in float16, which halves the file and changes images by less than a step of 1/255.

    The path ends in `.keras` (else an `InputError`); beside it goes the model card, ending in `.json`: name, `card`,
    sizes and SHA-256.
    """
    path = Path(path)
    if path.suffix != ".keras":
        raise InputError(f"{path} does not end in .keras; name the file to write")
    models.save(network.copy("float16"), path, {"name": path.stem} | card | {"network": network.options})
    return path
