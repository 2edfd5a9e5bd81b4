"""Rectified Adam (Liu 2020), Lookahead (Zhang 2019) and the two together, Ranger, which trained the virtual indenter.

Keras 3 optimizers for any backend, step for step those of TensorFlow Addons 0.11 that the authors used.
"""

from collections.abc import Sequence
from typing import Any

import keras
from keras import ops

PACKAGE = "enamel_lib"


@keras.saving.register_keras_serializable(package=PACKAGE)
class RectifiedAdam(keras.optimizers.Adam):
    """Adam whose adaptive step is held back while its variance estimate rests on few gradients (Liu 2020, alg. 2).

    The step is adaptive once the approximated simple moving average is `sma_threshold` long, and plain momentum before.
    All else is as of Adam. Raises ValueError if a beta is outside [0, 1).
    """

    def __init__(self, *args: Any, sma_threshold: float = 5.0, name: str = "rectified_adam", **kwargs: Any) -> None:
        super().__init__(*args, name=name, **kwargs)
        if not (0 <= self.beta_1 < 1 and 0 <= self.beta_2 < 1):
            raise ValueError(f"beta_1 and beta_2 must be in [0, 1), not {self.beta_1} and {self.beta_2}")
        self.sma_threshold = sma_threshold

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[keras.Variable] | None = None) -> None:
        """Take one step; what depends on the step alone is computed once for all variables."""
        self._factors = self._factors_of(self.iterations + 1)
        try:
            super().apply(grads, trainable_variables)
        finally:
            self._factors = None

    def _factors_of(self, step: Any) -> tuple[Any, ...]:
        """Give beta_1, beta_2, the bias corrections of mean and square, whether the step is adaptive, and its factor.

        All in float32, because factors near 1 need it, and with one rounding of beta throughout.
        """
        beta_1, beta_2 = (ops.convert_to_tensor(beta, "float32") for beta in (self.beta_1, self.beta_2))
        step = ops.cast(step, "float32")
        decay_1, decay_2 = ops.power(beta_1, step), ops.power(beta_2, step)
        longest = 2.0 / (1.0 - beta_2) - 1.0
        length = longest - 2.0 * step * decay_2 / (1.0 - decay_2)
        ratio = (length - 4.0) / (longest - 4.0) * (length - 2.0) / (longest - 2.0) * longest / length
        rectified = ops.sqrt(ops.maximum(ratio, 0.0))  # negative only where it is not used
        return beta_1, beta_2, 1.0 - decay_1, 1.0 - decay_2, length >= self.sma_threshold, rectified

    def update_step(self, gradient: Any, variable: keras.Variable, learning_rate: Any) -> None:
        """Move one variable down its gradient."""
        beta_1, beta_2, correction_1, correction_2, adaptive, rectified = self._factors
        dtype = variable.dtype
        index = self._get_variable_index(variable)
        mean, square = self._momentums[index], self._velocities[index]
        gradient = ops.cast(gradient, "float32")
        new_mean = beta_1 * ops.cast(mean, "float32") + (1.0 - beta_1) * gradient
        new_square = beta_2 * ops.cast(square, "float32") + (1.0 - beta_2) * ops.square(gradient)
        move = new_mean / correction_1
        root = ops.sqrt(new_square / correction_2) + self.epsilon
        move = ops.where(adaptive, rectified * move / root, move)
        self.assign(mean, ops.cast(new_mean, dtype))
        self.assign(square, ops.cast(new_square, dtype))
        self.assign_sub(variable, ops.cast(ops.cast(learning_rate, "float32") * move, dtype))

    def get_config(self) -> dict[str, Any]:
        """Arguments that build the same optimizer."""
        return super().get_config() | {"sma_threshold": self.sma_threshold}


@keras.saving.register_keras_serializable(package=PACKAGE)
class Lookahead(keras.optimizers.Optimizer):
    """Slow weights that follow any optimizer's fast weights, which then restart from them (Zhang 2019, alg. 1).

    Every `sync_period` steps (1 or more) the slow weights move a share `slow_step_size`, in (0, 1], of the way to the
    fast ones, which `inner_optimizer`, an optimizer or its Keras config, moves. Raises ValueError beyond these ranges.
    """

    def __init__(
        self,
        inner_optimizer: keras.optimizers.Optimizer | dict[str, Any],
        sync_period: int = 6,
        slow_step_size: float = 0.5,
        name: str = "lookahead",
    ) -> None:
        if sync_period < 1 or not 0 < slow_step_size <= 1:
            raise ValueError(f"need sync_period >= 1 and 0 < slow_step_size <= 1, not {sync_period}, {slow_step_size}")
        super().__init__(learning_rate=0.0, name=name)  # the rate in use is the inner optimizer's
        self.inner_optimizer = keras.optimizers.get(inner_optimizer)
        self.sync_period = sync_period
        self.slow_step_size = slow_step_size

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Start the slow weights at the fast ones."""
        if self.built:
            return
        super().build(variables)
        self.inner_optimizer.build(variables)
        self._slow = self.add_optimizer_variables(variables, "slow")
        for slow, fast in zip(self._slow, variables, strict=True):
            slow.assign(ops.copy(fast))  # JAX would share the buffer, and may then give it away twice

    def apply(self, grads: Sequence[Any], trainable_variables: Sequence[keras.Variable] | None = None) -> None:
        """Take one step of the inner optimizer; every `sync_period` steps move and return to the slow weights."""
        variables = self._trainable_variables if trainable_variables is None else list(trainable_variables)
        self.build(variables)
        self.inner_optimizer.apply(grads, trainable_variables)
        due = ops.equal(self.inner_optimizer.iterations % self.sync_period, 0)
        for variable in variables:
            slow = self._slow[self._get_variable_index(variable)]
            kept, fast = ops.convert_to_tensor(slow), ops.convert_to_tensor(variable)
            moved = kept + self.slow_step_size * (fast - kept)
            self.assign(slow, ops.where(due, moved, kept))
            self.assign(variable, ops.where(due, moved, fast))

    @property
    def variables(self) -> list[keras.Variable]:
        """Slow weights and the inner optimizer's state."""
        return self._variables + self.inner_optimizer.variables

    @property
    def iterations(self) -> Any:
        """Steps taken."""
        return self.inner_optimizer.iterations

    @property
    def learning_rate(self) -> Any:
        """The inner optimizer's."""
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.inner_optimizer.learning_rate = value

    def scale_loss(self, loss: Any) -> Any:
        """As the inner optimizer, which undoes it in its step."""
        return self.inner_optimizer.scale_loss(loss)

    def get_config(self) -> dict[str, Any]:
        """Arguments that build the same optimizer."""
        return {
            "inner_optimizer": keras.optimizers.serialize(self.inner_optimizer),
            "sync_period": self.sync_period,
            "slow_step_size": self.slow_step_size,
            "name": self.name,
        }


@keras.saving.register_keras_serializable(package=PACKAGE)
class Ranger(Lookahead):
    """Rectified Adam in Lookahead, with the settings of Lew 2023; `kwargs` are those of `RectifiedAdam`."""

    def __init__(
        self,
        learning_rate: Any = 0.001,
        sync_period: int = 6,
        slow_step_size: float = 0.5,
        name: str = "ranger",
        **kwargs: Any,
    ) -> None:
        super().__init__(RectifiedAdam(learning_rate, **kwargs), sync_period, slow_step_size, name)

    def get_config(self) -> dict[str, Any]:
        """Arguments that build the same optimizer."""
        inner = self.inner_optimizer.get_config()
        inner.pop("name")
        return inner | {"sync_period": self.sync_period, "slow_step_size": self.slow_step_size, "name": self.name}
