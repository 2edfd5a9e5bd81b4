"""Translate a Keras network to OpenVINO: for separate tiles, or for all windows of a patch at once.

Windows of a raster overlap almost wholly, so most of what the network computes in one window it computes again in
the next. It may be shared, but for the zero padding: a value near the edge of a window depends on where that edge
is. `block_graph` shares exactly what is equal. Along one axis a layer's output in a window falls into three spans:

- `MIDDLE`: out of reach of both edges, a function of the position in the patch alone; kept once for all windows;
- `BEGIN`, `END`: within reach of one edge, a function of that edge's position too; kept once for each window.

Along both axes that makes nine regions: the centre is computed once, the four sides once for each row or column of
windows, and only the four corners once for each window. Every convolution widens the spans by its reach. The sums
are those of the window-by-window network, term for term, so the result differs by rounding only. For the virtual
indenter at a stride of 8 px a window costs about a sixth of the arithmetic.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self

import keras
import numpy as np
import openvino as ov
from keras import layers
from openvino import opset13 as op

from enamel_lib.errors import EngineError

BEGIN, MIDDLE, END = range(3)
Node = ov.Output | ov.Node


def tile_graph(model: keras.Model, batch: int, dtype: type) -> ov.Model:
    """Translate the network for a batch of separate tiles.

    Parameters
    ----------
    model
        A functional Keras model from `(N, size, size, 3)` in [0, 1] to `(N, 1)`.
    batch
        Number of tiles, fixed.
    dtype
        `numpy.uint8` (the division by 255 becomes part of the graph) or `numpy.float32`.

    Returns
    -------
    openvino.Model
        From `(batch, size, size, 3)` to `(batch, 1)` float32.
    """
    parameter, pixels = _pixels((batch, *model.input_shape[1:]), dtype)
    return ov.Model([_translate(model, pixels)], [parameter])


def block_graph(model: keras.Model, shape: tuple[int, int], step: int, dtype: type) -> ov.Model:
    """Translate the network for a grid of overlapping windows, sharing what they have in common.

    Parameters
    ----------
    model
        As for `tile_graph`.
    shape
        Windows along the rows and along the columns of the patch.
    step
        Distance between windows, px; a multiple of `total_stride(model)`.
    dtype
        As for `tile_graph`.

    Returns
    -------
    openvino.Model
        From one patch `(1, size + step * (shape[0] - 1), size + step * (shape[1] - 1), 3)` to
        `(shape[0] * shape[1], 1)` float32, in row-major order of the windows.
    """
    size = model.input_shape[1]
    axes = tuple(Axis(count, size, 0, 0, step) for count in shape)
    parameter, pixels = _pixels((1, *(size + step * (count - 1) for count in shape), 3), dtype)
    return ov.Model([_translate(model, Regions({(MIDDLE, MIDDLE): pixels}, axes))], [parameter])


def total_stride(model: keras.Model) -> int:
    """Give the factor between a tile's pixels and those of the last convolution (8 for the virtual indenter)."""
    side = next(layer.output.shape[1] for layer in reversed(model.layers) if isinstance(layer, layers.Conv2D))
    return round(model.input_shape[1] / side)


def multiply_adds(graph: ov.Model) -> int:
    """Count the multiply-add operations in the convolutions of a graph."""
    convolutions = [node for node in graph.get_ops() if node.get_type_name() == "Convolution"]
    return sum(
        int(np.prod(node.output(0).shape)) * int(np.prod(node.input_value(1).shape[1:])) for node in convolutions
    )


@dataclass(frozen=True)
class Axis:
    """How the windows lie along one axis, in pixels of one layer."""

    count: int  # number of windows
    size: int  # side of a window
    begin: int  # length of the span that feels the window's near edge
    end: int  # the same of its far edge
    step: int  # distance between windows


@dataclass(frozen=True)
class Regions:
    """One layer's output in all windows of a patch.

    Attributes
    ----------
    parts
        By span along (rows, columns): `(R * C, channels, height, width)`, where R is the number of windows along the
        rows, or 1 for the middle span, whose height then covers the whole patch; likewise C along the columns.
    axes
        Of the rows, of the columns.
    """

    parts: dict[tuple[int, int], Node]
    axes: tuple[Axis, Axis]

    def apply(self, function: Callable[[Node], Node]) -> Self:
        """Apply what acts on each pixel alone."""
        return Regions({spans: function(part) for spans, part in self.parts.items()}, self.axes)

    def recut(
        self, dim: int, axis: Axis, begin: tuple[int, int], middle: tuple[int, int], end: tuple[int, int]
    ) -> Self:
        """Cut the spans of one axis anew, and say how the windows lie after that.

        `begin` and `end` are the pixels [start, stop) of every window; `middle` is what `_trim` takes off.
        """
        old, parts = self.axes[dim], {}
        for other, line in self._lines(dim):
            cut = {
                BEGIN: _span(line, old, dim, *begin),
                MIDDLE: _trim(line[MIDDLE], dim, *middle),
                END: _span(line, old, dim, *end),
            }
            for span, part in cut.items():
                if part is not None:
                    parts[(span, other) if dim == 0 else (other, span)] = part
        return Regions(parts, (axis, self.axes[1]) if dim == 0 else (self.axes[0], axis))

    def grown(self, axes: tuple[Axis, Axis]) -> Self:
        """Move the borders of the spans inwards, to those of another layer of the same size."""
        regions = self
        for dim, (old, new) in enumerate(zip(self.axes, axes, strict=True)):
            middle = (new.begin - old.begin, new.end - old.end)
            regions = regions.recut(dim, new, (0, new.begin), middle, (new.size - new.end, new.size))
        return regions

    def whole(self) -> Node:
        """Put every window together: `(count_rows * count_cols, channels, size, size)`."""
        regions = self
        for dim, axis in enumerate(self.axes):
            joined = {other: _span(line, axis, dim, 0, axis.size) for other, line in regions._lines(dim)}
            parts = {(MIDDLE, other) if dim == 0 else (other, MIDDLE): part for other, part in joined.items()}
            regions = Regions(parts, self.axes)
        return regions.parts[MIDDLE, MIDDLE]

    def _lines(self, dim: int) -> Iterator[tuple[int, dict[int, Node]]]:
        """Give the parts along one axis, for each span of the other."""
        for other in sorted({spans[1 - dim] for spans in self.parts}):
            yield other, {spans[dim]: part for spans, part in self.parts.items() if spans[1 - dim] == other}


def _span(line: dict[int, Node], axis: Axis, dim: int, start: int, stop: int) -> Node | None:
    """Cut pixels [start, stop) out of every window, from as many of its spans as they touch; None for no pixels."""
    if start >= stop:
        return None
    clean = axis.size - axis.end  # where the middle span of a window stops
    pieces = []
    if start < axis.begin:
        pieces.append(_trim(line[BEGIN], dim, start, max(0, axis.begin - stop)))
    first, last = max(start, axis.begin), min(stop, clean)
    if first < last:
        pieces.append(_from_middle(line[MIDDLE], axis, dim, first - axis.begin, last - first))
    if stop > clean:
        pieces.append(_trim(line[END], dim, max(0, start - clean), axis.size - stop))
    return op.concat(pieces, 2 + dim) if len(pieces) > 1 else pieces[0]


def _from_middle(middle: Node, axis: Axis, dim: int, offset: int, length: int) -> Node:
    """Copy the same stretch of every window out of the middle span, which all windows share."""
    index = axis.step * np.arange(axis.count)[:, None] + offset + np.arange(length)
    batch, channels, height, width = middle.shape
    picked = op.gather(middle, index, np.int64(2 + dim))
    if dim == 0:  # the windows' rows come before the columns in the batch
        picked = op.transpose(picked, np.array([2, 0, 1, 3, 4]))
        return op.reshape(picked, np.array([axis.count * batch, channels, length, width]), False)
    picked = op.transpose(picked, np.array([0, 3, 1, 2, 4]))
    return op.reshape(picked, np.array([batch * axis.count, channels, height, length]), False)


def _trim(part: Node, dim: int, front: int, back: int) -> Node:
    """Take pixels off both ends of an axis."""
    if front == back == 0:
        return part
    stop = part.shape[2 + dim] - back
    return op.slice(part, *(np.array([value]) for value in (front, stop, 1, 2 + dim)))


def _pixels(shape: tuple[int, ...], dtype: type) -> tuple[ov.Node, Node]:
    """Make the input of a graph, and the channels-first picture in [0, 1] that it becomes."""
    parameter = op.parameter(list(shape), dtype)
    pixels = parameter if dtype == np.float32 else op.divide(op.convert(parameter, "f32"), np.float32(255))
    return parameter, op.transpose(pixels, np.array([0, 3, 1, 2]))


def _translate(model: keras.Model, pixels: Node | Regions) -> Node:
    """Follow the layers from the input to the output."""
    made = {id(model.inputs[0]): pixels}
    for layer in model.layers:
        if isinstance(layer, layers.InputLayer):
            continue
        sources = [made[id(tensor)] for tensor in keras.tree.flatten(layer.input)]
        made[id(layer.output)] = _layer(layer, sources)
    return made[id(model.outputs[0])]


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
            return _sum(*sources)
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
    bias, strides, width = _per_channel(_array(layer.bias)), list(layer.strides), layer.kernel_size[0]
    if not isinstance(source, Regions):
        same = op.convolution(source, kernel, strides, [0, 0], [0, 0], [1, 1], auto_pad="same_upper")
        return op.add(same, bias)
    regions, padding = source, []
    for dim, stride in enumerate(strides):
        old = regions.axes[dim]
        size = -(-old.size // stride)
        pad = max((size - 1) * stride + width - old.size, 0)
        before, after = pad // 2, pad - pad // 2  # "same", as TensorFlow pads
        begin = -(-(old.begin + before) // stride)
        end = size - 1 - (old.size - old.end - width + before) // stride
        new = Axis(old.count, size, begin, end, old.step // stride)
        if begin + end >= size:
            raise EngineError(f"layer {layer.name!r} sees the whole of a window, so windows have nothing to share")
        reach = stride * (begin - 1) - before + width if begin else 0
        rest = stride * (size - end) - before if end else old.size
        middle = (stride * begin - before - old.begin, 0)
        regions = regions.recut(dim, new, (0, reach), middle, (rest, old.size))
        padding.append((before, after))
    parts = {}
    for spans, part in regions.parts.items():
        front = [before if span == BEGIN else 0 for span, (before, _) in zip(spans, padding, strict=True)]
        back = [after if span == END else 0 for span, (_, after) in zip(spans, padding, strict=True)]
        parts[spans] = op.add(op.convolution(part, kernel, strides, front, back, [1, 1]), bias)
    return Regions(parts, regions.axes)


def _sum(first: Node | Regions, second: Node | Regions) -> Node | Regions:
    if not isinstance(first, Regions):
        return op.add(first, second)
    axes = tuple(
        Axis(a.count, a.size, max(a.begin, b.begin), max(a.end, b.end), a.step)
        for a, b in zip(first.axes, second.axes, strict=True)
    )
    first, second = first.grown(axes), second.grown(axes)
    return Regions({spans: op.add(part, second.parts[spans]) for spans, part in first.parts.items()}, axes)


def _each_pixel(source: Node | Regions, function: Callable[[Node], Node]) -> Node | Regions:
    return source.apply(function) if isinstance(source, Regions) else function(source)


def _per_channel(values: np.ndarray) -> ov.Node:
    return op.constant(values.reshape(1, -1, 1, 1))


def _array(variable: keras.Variable) -> np.ndarray:
    return np.asarray(variable.numpy(), np.float32)
