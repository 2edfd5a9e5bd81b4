"""Translate a Keras network to OpenVINO: for separate tiles, or for all windows of a patch at once."""

from collections.abc import Callable

import keras
import numpy as np
import openvino as ov
from keras import layers
from openvino import opset13 as op

from enamel_lib.errors import EngineError
from enamel_lib.inference.shared_windows import MIDDLE, Axis, Node, Regions


def tile_graphs(model: keras.Model, batch: int, dtype: type, *, split: bool = False) -> list[ov.Model]:
    """Translate a functional network, from `(N, size, size, 3)` in [0, 1] to `(N, 1)`, for a fixed batch of tiles.

    `dtype` is `numpy.uint8` (the division by 255 becomes part of the graph) or `numpy.float32`. If `split`, the layers
    that work at the tile's full resolution get a graph of their own, so that they can have another precision. Gives one
    or two graphs, to be run one after the other: from `(batch, size, size, 3)` to `(batch, 1)` float32.
    """
    parameter, pixels = _pixels((batch, *model.input_shape[1:]), dtype)
    return _translate(model, parameter, pixels, split)


def block_graphs(
    model: keras.Model, counts: tuple[int, int], sides: tuple[int, int], dtype: type, *, split: bool = False
) -> list[ov.Model]:
    """Translate the network for a grid of overlapping windows, sharing what they have in common (`shared_windows`).

    As `tile_graphs`, for so many windows (`counts`) along the rows and the columns of a patch of height and width
    `sides`, px. Inputs are one patch `(1, *sides, 3)`, or what the graph before gives, and then the first rows
    `(counts[0],)` and first columns `(counts[1],)` of the windows in it, int64, multiples of `total_stride(model)`.
    Output is `(counts[0] * counts[1], 1)` float32, in row-major order of the windows. Raises EngineError if a layer has
    no translation, or sees the whole of a window.
    """
    size = model.input_shape[1]
    axes = tuple(Axis(count, size, 0, 0, 1, op.parameter([count], np.int64)) for count in counts)
    parameter, pixels = _pixels((1, *sides, 3), dtype)
    return _translate(model, parameter, Regions({(MIDDLE, MIDDLE): pixels}, axes), split)


def total_stride(model: keras.Model) -> int:
    """Give the factor between a tile's pixels and those of the last convolution (8 for the virtual indenter)."""
    side = next(layer.output.shape[1] for layer in reversed(model.layers) if isinstance(layer, layers.Conv2D))
    return round(model.input_shape[1] / side)


def _pixels(shape: tuple[int, ...], dtype: type) -> tuple[ov.Node, Node]:
    """Make the input of a graph, and the channels-first picture in [0, 1] that it becomes."""
    parameter = op.parameter(list(shape), dtype)
    pixels = parameter if dtype == np.float32 else op.divide(op.convert(parameter, "f32"), np.float32(255))
    return parameter, op.transpose(pixels, np.array([0, 3, 1, 2]))


def _translate(model: keras.Model, parameter: ov.Node, pixels: Node | Regions, split: bool) -> list[ov.Model]:
    """Follow the layers from the input to the output."""
    starts = [axis.starts for axis in pixels.axes] if isinstance(pixels, Regions) else []
    graphs, parameters, made = [], [parameter], {id(model.inputs[0]): pixels}
    cut = _cut(model) if split else None
    for layer in model.layers:
        if isinstance(layer, layers.InputLayer):
            continue
        value = _layer(layer, [made[id(tensor)] for tensor in keras.tree.flatten(layer.input)])
        if layer is cut:
            parts = value.parts if isinstance(value, Regions) else {None: value}
            inputs = {spans: op.parameter(list(part.shape), np.float32) for spans, part in parts.items()}
            graphs.append(ov.Model(list(parts.values()), [*parameters, *starts]))
            parameters = list(inputs.values())
            value = Regions(inputs, value.axes) if isinstance(value, Regions) else inputs[None]
        made[id(layer.output)] = value
    return [*graphs, ov.Model([made[id(model.outputs[0])]], [*parameters, *starts])]


def _cut(model: keras.Model) -> layers.Layer | None:
    """Find the last layer at the tile's full resolution that alone feeds all that follow."""
    chain = [layer for layer in model.layers if not isinstance(layer, layers.InputLayer)]
    place = {id(layer.output): index for index, layer in enumerate(chain)}
    oldest = [min(place.get(id(tensor), -1) for tensor in keras.tree.flatten(layer.input)) for layer in chain]
    for index in range(len(chain) - 2, -1, -1):
        shape = chain[index].output.shape
        if len(shape) == 4 and shape[1] == model.input_shape[1] and min(oldest[index + 1 :]) >= index:
            return chain[index]
    return None


def _layer(layer: layers.Layer, sources: list[Node | Regions]) -> Node | Regions:
    if getattr(layer, "activation", keras.activations.linear) is not keras.activations.linear:
        raise EngineError(f"layer {layer.name!r} has an activation of its own; use the keras engine")
    match layer:
        case layers.Conv2D(groups=1, dilation_rate=(1, 1), padding="same", data_format="channels_last", use_bias=True):
            return _convolution(layer, sources[0])
        case layers.BatchNormalization(center=True, scale=True):
            factor = _array(layer.gamma) / np.sqrt(_array(layer.moving_variance) + layer.epsilon)
            offset = _array(layer.beta) - _array(layer.moving_mean) * factor
            return _each_pixel(sources[0], lambda x: op.add(op.multiply(x, _per_channel(factor)), _per_channel(offset)))
        case layers.ReLU(max_value=None, negative_slope=0, threshold=0):
            return _each_pixel(sources[0], op.relu)
        case layers.Add():
            first, second = sources
            return first.plus(second) if isinstance(first, Regions) else op.add(first, second)
    (x,) = (source.whole() if isinstance(source, Regions) else source for source in sources)
    match layer:
        case layers.AveragePooling2D(padding="valid"):
            return op.avg_pool(x, list(layer.strides), [0, 0], [0, 0], list(layer.pool_size), exclude_pad=True)
        case layers.Flatten():
            return op.reshape(op.transpose(x, np.array([0, 2, 3, 1])), np.array([x.shape[0], -1]), False)
        case layers.Dense(units=1):
            # a product and a sum, for OpenVINO would round a matrix product to bfloat16
            total = op.reduce_sum(op.multiply(x, _array(layer.kernel).T), np.array([1]), True)
            return op.add(total, _array(layer.bias))
    raise EngineError(f"layer {layer.name!r} ({type(layer).__name__}) has no translation; use the keras engine")


def _convolution(layer: layers.Conv2D, source: Node | Regions) -> Node | Regions:
    kernel = op.constant(np.ascontiguousarray(_array(layer.kernel).transpose(3, 2, 0, 1)))
    strides, bias = list(layer.strides), _per_channel(_array(layer.bias))
    if isinstance(source, Regions):
        convolved = source.convolved(kernel, strides, layer.name)
    else:
        convolved = op.convolution(source, kernel, strides, [0, 0], [0, 0], [1, 1], auto_pad="same_upper")
    return _each_pixel(convolved, lambda x: op.add(x, bias))


def _each_pixel(source: Node | Regions, function: Callable[[Node], Node]) -> Node | Regions:
    return source.apply(function) if isinstance(source, Regions) else function(source)


def _per_channel(values: np.ndarray) -> ov.Node:
    return op.constant(values.reshape(1, -1, 1, 1))


def _array(variable: keras.Variable) -> np.ndarray:
    return np.asarray(variable.numpy(), np.float32)
