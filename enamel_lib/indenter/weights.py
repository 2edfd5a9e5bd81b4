"""The weights of the indenter by name, and the network as it is trained: first weights, a faster norm layer."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Self

import keras
import numpy as np
from keras import layers

from enamel_lib.checkpoints import assign, values_of
from enamel_lib.indenter import network
from enamel_lib.models import glorot


@dataclass(frozen=True)
class Weights:
    """What a network has learnt, apart from the network.

    `features` are of all layers below the dense one, in the order of `keras.Model.variables`; they suit windows of any
    size. Of the dense layer, float32, are `kernel` `(cells * 256, outputs)`, with a square grid of cells that grows
    with the window, and `bias` `(outputs,)`.
    """

    features: Sequence[np.ndarray]
    kernel: np.ndarray
    bias: np.ndarray

    @classmethod
    def of(cls, model: keras.Model) -> Self:
        """Copy the weights of a network."""
        return cls.from_arrays(values_of(model.variables))

    @classmethod
    def from_arrays(cls, arrays: Sequence[np.ndarray]) -> Self:
        """Name the values of `keras.Model.variables`."""
        *features, kernel, bias = arrays
        return cls(features, kernel, bias)

    def to_arrays(self) -> list[np.ndarray]:
        """Give the values of `keras.Model.variables`."""
        return [*self.features, self.kernel, self.bias]

    def assign_to(self, model: keras.Model) -> None:
        """Give a network these weights; a `ModelError` if it has another layout."""
        assign(model.variables, self.to_arrays())

    def grown(self, size: int) -> Self:
        """Weights of the same network for larger windows, `size` px wide: only the dense kernel depends on their size.

        Its grid is repeated side by side and shared out, so that a window cut into smaller ones gets about the mean of
        what these got (exactly, were it not for the padding at their edges).
        """
        filters = network.FILTERS[-1]
        old, new = math.isqrt(len(self.kernel) // filters), network.pooled_side(size)
        cell = np.arange(new) % old
        grid = self.kernel.reshape(old, old, filters, -1)[cell][:, cell]
        counts = np.bincount(cell, minlength=old)
        share = np.outer(counts[cell], counts[cell])[..., None, None]  # of one old cell's weight
        return replace(self, kernel=(grid / share).astype(self.kernel.dtype).reshape(-1, len(self.bias)))


class _FusedNorm(layers.BatchNormalization):
    """The same layer by TensorFlow's one kernel in place of several passes: steps take two thirds of the time."""

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if not training:
            return super().call(inputs, training=training)
        import tensorflow as tf

        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs, scale=self.gamma, offset=self.beta, mean=[], variance=[], epsilon=self.epsilon, is_training=True
        )
        for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(moving * self.momentum + now * (1 - self.momentum))
        return outputs


def for_training(model: keras.Model, norm_momentum: float) -> keras.Model:
    """Give a copy of a network with the norm layers that training wants; its variables are in the same order."""
    norm = _FusedNorm if keras.backend.backend() == "tensorflow" else layers.BatchNormalization

    def copy(layer: keras.Layer) -> keras.Layer:
        config = layer.get_config()
        if isinstance(layer, layers.BatchNormalization):
            return norm.from_config(config | {"momentum": norm_momentum})
        return type(layer).from_config(config)

    return keras.models.clone_model(model, clone_function=copy)


def fresh_weights(size: int, seed: int, outputs: int = 1) -> Weights:
    """First weights, as Keras draws them, but the same on every backend."""
    rng = np.random.default_rng(seed)
    model = network.build_indenter(size, outputs)
    for kernel in (v for v in model.variables if v.name == "kernel"):
        kernel.assign(glorot(kernel.shape, rng))
    return Weights.of(model)


@contextmanager
def computing_in(precision: str) -> Iterator[None]:
    """Let layers made meanwhile compute in a precision, "float32" or "mixed_bfloat16"."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
