"""Gradient of a network's output with respect to its pictures, compiled once, on TensorFlow or JAX."""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from enamel_lib.errors import EngineError

Gradient = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def input_gradient(model: keras.Model, score: Callable[[Any], Any] = lambda output: output[:, 0]) -> Gradient:
    """Compile the gradient of a score of each picture with respect to that picture, in inference mode.

    `model` is from `(N, H, W, 3)` float32; `score` is of its output to `(N,)`, in `keras.ops`, each picture's on that
    picture alone. Gives a function of pictures to scores `(N,)` and gradients `(N, H, W, 3)`, which reads the weights
    at every call. Raises EngineError if Keras runs on another backend.
    """
    backend = keras.backend.backend()
    if backend not in BACKENDS:
        raise EngineError(f"gradients are not written for Keras on {backend}; set KERAS_BACKEND to tensorflow or jax")
    run = BACKENDS[backend](model, score)
    return lambda pictures: tuple(np.asarray(values) for values in run(np.asarray(pictures, np.float32)))


def _tensorflow(model: keras.Model, score: Callable[[Any], Any]) -> Callable[[np.ndarray], tuple[Any, Any]]:
    import tensorflow as tf

    @tf.function(input_signature=[tf.TensorSpec([None, *model.input_shape[1:]], tf.float32)])
    def run(pictures: Any) -> tuple[Any, Any]:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(pictures)
            scores = score(model(pictures, training=False))
        return scores, tape.gradient(scores, pictures)

    return run


def _jax(model: keras.Model, score: Callable[[Any], Any]) -> Callable[[np.ndarray], tuple[Any, Any]]:
    import jax

    def total(pictures: Any, trainable: list, fixed: list) -> tuple[Any, Any]:
        output, _ = model.stateless_call(trainable, fixed, pictures, training=False)
        scores = score(output)
        return scores.sum(), scores

    gradient = jax.jit(jax.grad(total, has_aux=True))

    def run(pictures: np.ndarray) -> tuple[Any, Any]:
        weights = [[v.value for v in some] for some in (model.trainable_variables, model.non_trainable_variables)]
        return gradient(pictures, *weights)[::-1]

    return run


BACKENDS = {"tensorflow": _tensorflow, "jax": _jax}
