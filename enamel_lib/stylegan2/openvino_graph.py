"""Translate a generator to OpenVINO: the mapping, and the synthesis for a fixed number of images."""

import math

import keras
import numpy as np
import openvino as ov
from keras import ops
from openvino import opset13 as op

from enamel_lib.stylegan2 import layers
from enamel_lib.stylegan2.networks import SLOW, Generator


def mapping_graph(generator: Generator) -> ov.Model:
    """From z `(N, latent_dim)`, and labels `(N, labels)` if it has them, to w `(N, style_dim)`."""
    inputs = [op.parameter([-1, generator.latent_dim], np.float32)]
    x = inputs[0]
    if generator.label_weight is not None:
        inputs.append(op.parameter([-1, generator.options["labels"]], np.float32))
        x = op.concat([x, _product(inputs[1], _array(generator.label_weight))], 1)
    power = op.reduce_mean(op.multiply(x, x), np.array([1]), True)
    x = op.multiply(x, _rsqrt(power))
    for dense in generator.dense:
        weight = _array(dense.weight) * np.float32(layers.GAIN * SLOW / math.sqrt(dense.weight.shape[0]))
        x = _leaky(op.add(_product(x, weight), op.constant(_array(dense.bias) * np.float32(layers.GAIN * SLOW))))
    return ov.Model([x], inputs)


def synthesis_graph(generator: Generator, count: int) -> ov.Model:
    """From w_plus `(count, num_layers, style_dim)` to images `(count, resolution, resolution, 3)`, stored noise."""
    w_plus = op.parameter([count, generator.num_layers, generator.options["style_dim"]], np.float32)
    styles = op.split(w_plus, op.constant(1), generator.num_layers).outputs()
    styles = [op.squeeze(style, op.constant(np.array([1]))) for style in styles]
    taps = generator.options["resample_filter"]

    x = op.constant(np.repeat(_channels_first(_array(generator.constant)), count, axis=0))
    x = _styled(generator.convs[0], x, styles[0], None)
    rgb = _to_rgb(generator.to_rgb[0], x, styles[1])
    for index in range(1, len(generator.convs), 2):
        x = _styled(generator.convs[index], x, styles[index], taps)
        x = _styled(generator.convs[index + 1], x, styles[index + 1], None)
        rgb = op.add(_double(rgb, taps), _to_rgb(generator.to_rgb[(index + 1) // 2], x, styles[index + 2]))
    return ov.Model([op.transpose(rgb, op.constant(np.array([0, 2, 3, 1])))], [w_plus])


def _styled(layer: layers.StyledConv, x: ov.Node, w: ov.Node, taps: layers.Taps | None) -> ov.Node:
    style, kernel = _style(layer, w), _kernel(layer)
    power = _product(op.multiply(style, style), np.square(kernel).sum(axis=(0, 1)))
    demodulation = op.multiply(_rsqrt(power), np.float32(layers.GAIN))
    x = op.multiply(x, _per_image(style))
    if taps is None:
        x = op.convolution(x, _constant(kernel.transpose(3, 2, 0, 1)), [1, 1], [1, 1], [1, 1], [1, 1])
    else:
        x = _upconv(x, kernel, taps)
    x = op.multiply(x, _per_image(demodulation))
    noise = _channels_first(_array(layer.noise)) * _array(layer.noise_strength) * np.float32(layers.GAIN)
    bias = _array(layer.bias) * np.float32(layers.GAIN)
    return _leaky(op.add(op.add(x, _constant(noise)), _constant(bias.reshape(1, -1, 1, 1))))


def _upconv(x: ov.Node, kernel: np.ndarray, taps: layers.Taps) -> ov.Node:
    """Transposed convolution with the kernel flipped, then the filter, times 4."""
    flipped = kernel[::-1, ::-1].transpose(2, 3, 0, 1)
    x = op.convolution_backprop_data(
        x, _constant(flipped), [2, 2], pads_begin=[0, 0], pads_end=[0, 0], dilations=[1, 1]
    )
    spare, channels = len(taps) - 2, kernel.shape[3]
    before, after = [(spare + 1) // 2] * 2, [spare // 2] * 2
    blur = np.broadcast_to(4 * layers.outer_filter(taps)[::-1, ::-1], (channels, 1, 1, len(taps), len(taps)))
    return op.group_convolution(x, _constant(blur), [1, 1], before, after, [1, 1])


def _to_rgb(layer: layers.ToRGB, x: ov.Node, w: ov.Node) -> ov.Node:
    x = op.multiply(x, _per_image(_style(layer, w)))
    x = op.convolution(x, _constant(_kernel(layer).transpose(3, 2, 0, 1)), [1, 1], [0, 0], [0, 0], [1, 1])
    return op.add(x, _constant(_array(layer.bias).reshape(1, -1, 1, 1)))


def _double(rgb: ov.Node, taps: layers.Taps) -> ov.Node:
    kernel = 4 * layers.outer_filter(taps) * np.eye(3, dtype=np.float32)[:, :, None, None]
    count = len(taps)
    first = count - 2 - (count - 1) // 2  # as in `layers.double`
    side = 2 * rgb.shape[2]
    last = 2 * (rgb.shape[2] - 1) + count - side - first
    return op.convolution_backprop_data(
        rgb, _constant(kernel), [2, 2], pads_begin=[first, first], pads_end=[last, last], dilations=[1, 1]
    )


def _style(layer: layers.StyledConv | layers.ToRGB, w: ov.Node) -> ov.Node:
    weight = _array(layer.mod_weight) / np.float32(math.sqrt(layer.mod_weight.shape[0]))
    return op.add(_product(w, weight), op.constant(_array(layer.mod_bias)[None] + 1))


def _kernel(layer: layers.StyledConv | layers.ToRGB) -> np.ndarray:
    kernel = _array(layer.weight)
    return kernel / np.float32(math.sqrt(math.prod(kernel.shape[:3])))


def _product(x: ov.Node, weight: np.ndarray) -> ov.Node:
    return op.matmul(x, _constant(weight), False, False)


def _rsqrt(x: ov.Node) -> ov.Node:
    return op.power(op.add(x, op.constant(np.float32(layers.EPSILON))), op.constant(np.float32(-0.5)))


def _leaky(x: ov.Node) -> ov.Node:
    return op.prelu(x, op.constant(np.array([layers.SLOPE], np.float32)))


def _per_image(factors: ov.Node) -> ov.Node:
    """From `(N, C)` to `(N, C, 1, 1)`."""
    return op.unsqueeze(factors, op.constant(np.array([2, 3])))


def _channels_first(values: np.ndarray) -> np.ndarray:
    return values.transpose(0, 3, 1, 2)


def _constant(values: np.ndarray) -> ov.Node:
    return op.constant(np.ascontiguousarray(values, np.float32))


def _array(variable: keras.Variable) -> np.ndarray:
    return np.asarray(ops.convert_to_numpy(variable.value), np.float32)
