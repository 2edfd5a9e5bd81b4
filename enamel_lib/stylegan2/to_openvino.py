"""Translate a generator to OpenVINO: the mapping, and the synthesis for a fixed number of images."""

import math

import keras
import numpy as np
import openvino as ov
from keras import ops
from openvino import opset13 as op

from enamel_lib.stylegan2 import layers
from enamel_lib.stylegan2.generator import MAPPING_RATE, Generator


def mapping_graph(generator: Generator) -> ov.Model:
    """From z `(N, latent_dim)`, and labels `(N, labels)` if it has them, to w `(N, style_dim)`."""
    inputs = [op.parameter([-1, generator.latent_dim], np.float32)]
    x = inputs[0]
    if generator.options["labels"]:
        inputs.append(op.parameter([-1, generator.options["labels"]], np.float32))
    if generator.label_weight is not None:
        x = op.concat([x, _product(inputs[1], _array(generator.label_weight))], 1)
    x = _normalized(x)
    if (embed := generator.embed) is not None:
        weight = _array(embed.weight) / np.float32(math.sqrt(embed.weight.shape[0]))
        x = op.concat([x, _normalized(op.add(_product(inputs[1], weight), _constant(_array(embed.bias))))], 1)
    for dense in generator.dense:
        weight = _array(dense.weight) * np.float32(layers.GAIN * MAPPING_RATE / math.sqrt(dense.weight.shape[0]))
        x = _leaky(
            op.add(_product(x, weight), op.constant(_array(dense.bias) * np.float32(layers.GAIN * MAPPING_RATE)))
        )
    return ov.Model([x], inputs)


def _normalized(x: ov.Node) -> ov.Node:
    return op.multiply(x, _rsqrt(op.reduce_mean(op.multiply(x, x), np.array([1]), True)))


def synthesis_graphs(generator: Generator, count: int, *, exact: int | None = None) -> list[ov.Model]:
    """Translate the synthesis with the stored noise for `count` images per call.

    Gives one or two graphs, to be run one after the other, from w_plus `(count, num_layers, style_dim)` to images
    `(count, resolution, resolution, channels)`. If `exact` is given, what works up to this side, px, and all styles get
    a graph of their own, so that the rest can have another precision.
    """
    w_plus = op.parameter([count, generator.num_layers, generator.options["style_dim"]], np.float32)
    styles = op.split(w_plus, op.constant(1), generator.num_layers).outputs()
    styles = [op.squeeze(style, op.constant(np.array([1]))) for style in styles]
    factors = {f"conv{index}": _factors(conv, styles[index]) for index, conv in enumerate(generator.convs)}
    factors |= {f"rgb{index}": _factors(layer, styles[2 * index + 1]) for index, layer in enumerate(generator.to_rgb)}
    taps, graphs, parameters = generator.options["resample_filter"], [], [w_plus]

    x = _constant(np.repeat(_channels_first(_array(generator.constant)), count, axis=0))
    x = _styled(generator.convs[0], x, factors["conv0"], None)
    rgb = _to_rgb(generator.to_rgb[0], x, factors["rgb0"])
    for block in range(1, len(generator.to_rgb)):
        if exact is not None and not graphs and 4 << block > exact:
            values = [x, rgb, *(factor for pair in factors.values() for factor in pair)]
            graphs.append(ov.Model(values, parameters))
            parameters = [op.parameter(list(value.shape), np.float32) for value in values]
            x, rgb, *flat = parameters
            factors = {key: [flat.pop(0) for _ in pair] for key, pair in factors.items()}
        x = _styled(generator.convs[2 * block - 1], x, factors[f"conv{2 * block - 1}"], taps)
        x = _styled(generator.convs[2 * block], x, factors[f"conv{2 * block}"], None)
        rgb = op.add(_double(rgb, taps), _to_rgb(generator.to_rgb[block], x, factors[f"rgb{block}"]))
    return [*graphs, ov.Model([op.transpose(rgb, op.constant(np.array([0, 2, 3, 1])))], parameters)]


def _factors(layer: layers.StyledConv | layers.ToRGB, w: ov.Node) -> list[ov.Node]:
    """Give the factors `(N, C, 1, 1)` of the incoming channels, and of the outgoing ones where there are any."""
    weight = _array(layer.mod_weight) / np.float32(math.sqrt(layer.mod_weight.shape[0]))
    style = op.add(_product(w, weight), _constant(_array(layer.mod_bias)[None] + 1))
    if isinstance(layer, layers.ToRGB):
        return [_per_image(style)]
    power = _product(op.multiply(style, style), np.square(_kernel(layer)).sum(axis=(0, 1)))
    return [_per_image(style), _per_image(op.multiply(_rsqrt(power), np.float32(layers.GAIN)))]


def _styled(layer: layers.StyledConv, x: ov.Node, factors: list[ov.Node], taps: layers.Taps | None) -> ov.Node:
    style, demodulation = factors
    x, kernel = op.multiply(x, style), _kernel(layer)
    if taps is None:
        x = op.convolution(x, _constant(kernel.transpose(3, 2, 0, 1)), [1, 1], [1, 1], [1, 1], [1, 1])
    else:
        x = _upconv(x, kernel, taps)
    noise = _channels_first(_array(layer.noise)) * _array(layer.noise_strength) * np.float32(layers.GAIN)
    bias = _array(layer.bias) * np.float32(layers.GAIN)
    x = op.add(op.multiply(x, demodulation), _constant(noise))
    return _leaky(op.add(x, _constant(bias.reshape(1, -1, 1, 1))))


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


def _to_rgb(layer: layers.ToRGB, x: ov.Node, factors: list[ov.Node]) -> ov.Node:
    x = op.multiply(x, *factors)
    x = op.convolution(x, _constant(_kernel(layer).transpose(3, 2, 0, 1)), [1, 1], [0, 0], [0, 0], [1, 1])
    return op.add(x, _constant(_array(layer.bias).reshape(1, -1, 1, 1)))


def _double(rgb: ov.Node, taps: layers.Taps) -> ov.Node:
    kernel = 4 * layers.outer_filter(taps) * np.eye(rgb.shape[1], dtype=np.float32)[:, :, None, None]
    count = len(taps)
    first = count - 2 - (count - 1) // 2  # as in `layers.double`
    side = 2 * rgb.shape[2]
    last = 2 * (rgb.shape[2] - 1) + count - side - first
    return op.convolution_backprop_data(
        rgb, _constant(kernel), [2, 2], pads_begin=[first, first], pads_end=[last, last], dilations=[1, 1]
    )


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
