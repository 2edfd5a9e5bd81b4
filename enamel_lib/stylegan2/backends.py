"""What differs between backends in training: a gradient that can itself be differentiated, and one step of descent.

Everything else (losses, networks, the run) is written with `keras.ops` and knows no backend.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras

from enamel_lib.errors import EngineError

Loss = Callable[..., tuple[Any, Any]]  # arrays -> (scalar to descend, anything to report)
Step = Callable[..., Any]  # arrays -> what the loss reports


def gradient(function: Callable[[Any], Any], x: Any) -> Any:
    """Gradient of a scalar function at `x`, of the shape of `x`; may be part of a loss."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.grad(function)(x)
    import tensorflow as tf

    x = tf.convert_to_tensor(x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = function(x)
    return tape.gradient(value, x)


def make_step(
    loss: Loss, optimizer: keras.optimizers.Optimizer, variables: Sequence[keras.Variable], fixed: Sequence = ()
) -> Step:
    """Compile one step of an optimizer down a loss: it takes what the loss takes, and gives what the loss reports.

    It changes `variables`, which the optimizer was built for; several steps may share one. `fixed` is what else the
    loss reads and something else may change between the steps. Backends other than TensorFlow and JAX are an
    `EngineError`.
    """
    makers = {"tensorflow": _tensorflow_step, "jax": _jax_step}
    if (backend := keras.backend.backend()) not in makers:
        raise EngineError(f"generators train on {' or '.join(makers)}, not on {backend}; set KERAS_BACKEND to one")
    return makers[backend](loss, optimizer, list(variables), list(fixed))


def _tensorflow_step(loss: Loss, optimizer: keras.optimizers.Optimizer, variables: list, fixed: list) -> Step:
    import tensorflow as tf

    @tf.function(autograph=False)
    def step(*inputs: Any) -> Any:
        with tf.GradientTape() as tape:
            value, report = loss(*inputs)
        gradients = tape.gradient(value, [v.value for v in variables], unconnected_gradients="zero")
        optimizer.apply(gradients, variables)
        return report

    return step


def _jax_step(loss: Loss, optimizer: keras.optimizers.Optimizer, variables: list, fixed: list) -> Step:
    import jax

    @jax.jit
    def pure(values: list, others: list, state: list, inputs: tuple) -> tuple:
        def of(values: list) -> tuple[Any, Any]:
            now = [*zip(variables, values, strict=True), *zip(fixed, others, strict=True)]
            with keras.StatelessScope(state_mapping=now):
                return loss(*inputs)

        (_, report), gradients = jax.value_and_grad(of, has_aux=True)(values)
        return *optimizer.stateless_apply(state, gradients, values), report

    def step(*inputs: Any) -> Any:
        before = ([v.value for v in group] for group in (variables, fixed, optimizer.variables))
        values, state, report = pure(*before, inputs)
        for variable, value in zip([*variables, *optimizer.variables], [*values, *state], strict=True):
            variable.assign(value)
        return report

    return step
