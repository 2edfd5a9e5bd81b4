"""Layers of StyleGAN2 (Karras et al. 2020, arXiv 1912.04958): channels last, any Keras backend, twice differentiable.

Weights are drawn from N(0, 1) and scaled when used, so that one learning rate suits all of them. Factors that commute
with the activation (its gain of sqrt 2, the gain of the resampling filter) are folded into weights and biases, which
are smaller than images.

In mixed precision only what is as large as an image is computed in the lower one: styles, demodulation, the mapping
network, colours and scores stay in that of the variables.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

GAIN = math.sqrt(2)  # after the activation, so that it keeps the variance
SLOPE = 0.2  # of the leaky ReLU, for negative values
EPSILON = 1e-8

Taps = Sequence[float]


class _Scaled(keras.Layer):
    """A layer whose weights are made with it, since all shapes are known, and scaled when used.

    `rng` draws them; `dtype` is that of Keras. Subclasses hand both on as what they are `made` with.
    """

    def __init__(self, *, rng: np.random.Generator, dtype: str | None = None) -> None:
        super().__init__(dtype=dtype, autocast=False)
        self._rng = rng

    def _weight(self, shape: tuple[int, ...], name: str = "weight", multiplier: float = 1) -> keras.Variable:
        return self.add_weight(shape=shape, initializer=normal(self._rng, multiplier), name=name, autocast=False)

    def _zeros(self, shape: tuple[int, ...], name: str) -> keras.Variable:
        return self.add_weight(shape=shape, initializer="zeros", name=name, autocast=False)

    def _lower(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Cast to the precision of images."""
        return ops.cast(x, self.compute_dtype)


class Dense(_Scaled):
    """Matrix product with scaled weights, then the leaky ReLU and its gain, if it is to `activate`.

    `multiplier` is of weights and bias when used, next to 1/sqrt(inputs); 0.01 in the mapping network.
    """

    def __init__(self, inputs: int, units: int, *, activate: bool = True, multiplier: float = 1, **made: Any) -> None:
        super().__init__(**made)
        self.weight = self._weight((inputs, units), multiplier=multiplier)
        self.bias = self._zeros((units,), "bias")
        self._gain = multiplier * (GAIN if activate else 1)
        self._activate = activate

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """From `(N, inputs)` to `(N, units)`."""
        scale = self._gain / math.sqrt(self.weight.shape[0])
        y = ops.matmul(ops.cast(x, self.variable_dtype), self.weight * scale) + self.bias * self._gain
        return ops.leaky_relu(y, SLOPE) if self._activate else y


class Conv(_Scaled):
    """Convolution with scaled weights, as the discriminator uses it; `width`, 1 or 3, is the side of the kernel.

    `taps` are a filter to halve the sides with; they stay if None. A bias, the leaky ReLU and its gain follow, if it is
    to `activate`, and a further `gain`.
    """

    def __init__(
        self,
        inputs: int,
        filters: int,
        width: int = 3,
        *,
        taps: Taps | None = None,
        activate: bool = True,
        gain: float = 1,
        **made: Any,
    ) -> None:
        super().__init__(**made)
        self.weight = self._weight((width, width, inputs, filters))
        self.bias = self._zeros((filters,), "bias") if activate else None
        self._gain = gain * (GAIN if activate else 1)
        self._taps = taps

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """From `(N, H, W, inputs)` to `(N, H, W, filters)`, or half of H and W."""
        x, kernel = (
            self._lower(x),
            self._lower(self.weight * (self._gain / math.sqrt(math.prod(self.weight.shape[:3])))),
        )
        if self._taps is None:
            y = ops.conv(x, kernel, padding="same")
        else:
            spare = len(self._taps) + kernel.shape[0] - 3
            y = ops.conv(blur(x, self._taps, spare), kernel, strides=2, padding="valid")
        return y if self.bias is None else ops.leaky_relu(y + self._lower(self.bias * self._gain), SLOPE)


class _Modulated(_Scaled):
    """What the generator's convolutions share: a kernel, a bias, and a style that scales the incoming channels."""

    def __init__(self, inputs: int, filters: int, width: int, style_dim: int, **made: Any) -> None:
        super().__init__(**made)
        self.weight = self._weight((width, width, inputs, filters))
        self.mod_weight = self._weight((style_dim, inputs), "mod_weight")
        self.mod_bias = self._zeros((inputs,), "mod_bias")
        self.bias = self._zeros((filters,), "bias")
        self._scale = 1 / math.sqrt(width * width * inputs)

    def style(self, w: keras.KerasTensor) -> keras.KerasTensor:
        """Factors of the incoming channels, `(N, inputs)`."""
        return ops.matmul(w, self.mod_weight / math.sqrt(self.mod_weight.shape[0])) + (self.mod_bias + 1)


class StyledConv(_Modulated):
    """Modulated 3x3 convolution, demodulation, noise, bias, leaky ReLU.

    The style scales the activations and not the weights, so that one kernel serves the whole batch. `resolution` is the
    side of the result, px; `taps` are a filter to double the sides with, which stay if None.
    """

    def __init__(
        self, inputs: int, filters: int, style_dim: int, resolution: int, *, taps: Taps | None = None, **made: Any
    ) -> None:
        super().__init__(inputs, filters, 3, style_dim, **made)
        self.noise_strength = self._zeros((), "noise_strength")
        self.noise = self._weight((1, resolution, resolution, 1), "noise")
        self.noise.trainable = False
        self._taps = taps

    def call(self, x: keras.KerasTensor, w: keras.KerasTensor, noise: keras.KerasTensor | None) -> keras.KerasTensor:
        """From `(N, h, h, inputs)` and `(N, style_dim)` to `(N, resolution, resolution, filters)`."""
        style, kernel = self.style(w), self.weight * self._scale
        power = ops.matmul(ops.square(style), ops.sum(ops.square(kernel), axis=(0, 1)))
        demodulation = GAIN * ops.rsqrt(power + EPSILON)
        x, kernel = x * self._lower(style)[:, None, None, :], self._lower(kernel)
        if self._taps is None:
            x = ops.conv(x, kernel, padding="same")
        else:
            # the rule correlates the unflipped kernel with zeros inserted, a transposed convolution convolves
            x = ops.conv_transpose(x, ops.transpose(kernel[::-1, ::-1], (0, 1, 3, 2)), strides=2, padding="valid")
            x = blur(x, self._taps, len(self._taps) - 2, gain=4)
        noise = self.noise if noise is None else noise
        x = x * self._lower(demodulation)[:, None, None, :]
        x = x + self._lower(noise * (self.noise_strength * GAIN)) + self._lower(self.bias * GAIN)
        return ops.leaky_relu(x, SLOPE)


class ToRGB(_Modulated):
    """Modulated 1x1 convolution to colours, or other `channels` of a picture, neither demodulated nor activated."""

    def __init__(self, inputs: int, channels: int, style_dim: int, **made: Any) -> None:
        super().__init__(inputs, channels, 1, style_dim, **made)

    def call(self, x: keras.KerasTensor, w: keras.KerasTensor) -> keras.KerasTensor:
        """From `(N, H, W, inputs)` and `(N, style_dim)` to `(N, H, W, channels)`."""
        kernel = self._lower(self.weight[0, 0] * self._scale)
        rgb = ops.matmul(x * self._lower(self.style(w))[:, None, None, :], kernel)
        return ops.cast(rgb, self.variable_dtype) + self.bias


class MinibatchDeviation(keras.Layer):
    """One more channel: how much the images of a group differ, so that the discriminator sees a collapse."""

    def __init__(self, group: int = 4, dtype: str | None = None) -> None:
        super().__init__(dtype=dtype, autocast=False)
        self._group = group

    def call(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """From `(N, H, W, C)` to `(N, H, W, C + 1)`."""
        count, *rest = ops.shape(x)
        # JAX knows the number when it compiles, and must not make a traced value of it
        group = min(self._group, count) if isinstance(count, int) else ops.minimum(self._group, count)
        grouped = ops.reshape(ops.cast(x, self.variable_dtype), (group, -1, *rest))  # image n is in group n mod (N / G)
        centred = grouped - ops.mean(grouped, axis=0, keepdims=True)
        deviation = ops.sqrt(ops.mean(ops.square(centred), axis=0) + EPSILON)
        deviation = ops.mean(deviation, axis=(1, 2, 3))[:, None, None, None]
        deviation = ops.broadcast_to(ops.tile(deviation, (group, 1, 1, 1)), (count, *rest[:2], 1))
        return ops.concatenate([x, ops.cast(deviation, x.dtype)], axis=-1)


def normal(rng: np.random.Generator, multiplier: float = 1) -> Callable:
    """Initializer that draws from N(0, 1), divided by what the weight is multiplied with when used."""
    return lambda shape, dtype: ops.convert_to_tensor(
        rng.standard_normal(shape, np.float32) / np.float32(multiplier), dtype
    )


def normalized(z: keras.KerasTensor) -> keras.KerasTensor:
    """Scale each row to a mean square of 1."""
    return z * ops.rsqrt(ops.mean(ops.square(z), axis=-1, keepdims=True) + EPSILON)


def blur(x: keras.KerasTensor, taps: Taps, spare: int, gain: float = 1) -> keras.KerasTensor:
    """Convolve every channel of `(N, H, W, C)` with the filter outer(taps, taps) / sum, times `gain`.

    `spare` zeros are added along each side pair, before more than after if odd.
    """
    before, after = (spare + 1) // 2, spare // 2
    channels = x.shape[-1]
    kernel = np.broadcast_to(gain * outer_filter(taps)[::-1, ::-1, None, None], (len(taps), len(taps), channels, 1))
    padded = ops.pad(x, ((0, 0), (before, after), (before, after), (0, 0)))
    return ops.depthwise_conv(padded, ops.convert_to_tensor(kernel, x.dtype), padding="valid")


def double(x: keras.KerasTensor, taps: Taps) -> keras.KerasTensor:
    """Enlarge `(N, H, W, C)` to twice the sides: zeros between pixels, then the filter, times 4."""
    channels, side, count = x.shape[-1], 2 * x.shape[1], len(taps)
    kernel = 4 * outer_filter(taps)[:, :, None, None] * np.eye(channels)
    full = ops.conv_transpose(x, ops.convert_to_tensor(kernel, x.dtype), strides=2, padding="valid")
    first = count - 2 - (count - 1) // 2  # pixels that the transposed convolution has before those wanted
    return full[:, first : first + side, first : first + side]


def outer_filter(taps: Taps) -> np.ndarray:
    """Filter of a picture from its taps along one side, with a sum of 1."""
    taps = np.asarray(taps, np.float64)
    return (np.outer(taps, taps) / taps.sum() ** 2).astype(np.float32)
