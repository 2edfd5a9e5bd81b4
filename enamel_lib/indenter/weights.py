"""The network as it is trained: first weights, a faster norm layer, and the move from small windows to large ones."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras import layers

from enamel_lib.indenter import network


def grow(values: list[np.ndarray], size: int) -> list[np.ndarray]:
    """Weights of the same network for larger windows: only the dense kernel depends on their size.

    Its grid is repeated side by side and shared out, so that a window cut into smaller ones gets about the mean of
    what these got (exactly, were it not for the padding at their edges).

    Parameters
    ----------
    values
        Of `build_indenter(smaller size).variables`; the last two are the dense kernel and bias.
    size
        Side of the window in pixels.

    Returns
    -------
    list of np.ndarray
        For `build_indenter(size).variables`.
    """
    *features, kernel, bias = values
    filters = network.FILTERS[-1]
    old, new = math.isqrt(len(kernel) // filters), network.pooled_side(size)
    cell = np.arange(new) % old
    grid = kernel.reshape(old, old, filters, -1)[cell][:, cell]
    counts = np.bincount(cell, minlength=old)
    share = np.outer(counts[cell], counts[cell])[..., None, None]  # of one old cell's weight
    return [*features, (grid / share).astype(kernel.dtype).reshape(-1, len(bias)), bias]


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


def fresh_weights(size: int, seed: int, outputs: int = 1) -> list[np.ndarray]:
    """First values of the variables, as Keras draws them, but the same on every backend."""
    rng = np.random.default_rng(seed)
    model = network.build_indenter(size, outputs)
    for kernel in (v for v in model.variables if v.name == "kernel"):
        kernel.assign(glorot(kernel.shape, rng))
    return values_of(model.variables)


def glorot(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Random kernel, uniform within Glorot's bound."""
    *window, fan_in, fan_out = shape
    bound = math.sqrt(6 / (math.prod(window) * (fan_in + fan_out)))
    return rng.uniform(-bound, bound, shape).astype(np.float32)


@contextmanager
def computing_in(precision: str) -> Iterator[None]:
    """Let layers made meanwhile compute in a precision, "float32" or "mixed_bfloat16"."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def values_of(variables: list[keras.Variable]) -> list[np.ndarray]:
    """Copies of the values of variables."""
    return [np.array(keras.ops.convert_to_numpy(variable.value)) for variable in variables]


def assign(variables: list[keras.Variable], values: list[np.ndarray]) -> None:
    """Give variables their values, in order."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
