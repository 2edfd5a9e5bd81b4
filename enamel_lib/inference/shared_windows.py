"""What overlapping windows have in common: one layer's output in all windows of a patch, computed once where equal.

Windows of a raster overlap almost wholly, so most of what the network computes in one window it computes again in
the next. It may be shared, but for the zero padding: a value near the edge of a window depends on where that edge
is. Along one axis a layer's output in a window falls into three spans:

- `MIDDLE`: out of reach of both edges, a function of the position in the patch alone; kept once for all windows;
- `BEGIN`, `END`: within reach of one edge, a function of that edge's position too; kept once for each window.

Along both axes that makes nine regions: the centre is computed once, the four sides once for each row or column of
windows, and only the four corners once for each window. Every convolution widens the spans by its reach. The sums
are those of the window-by-window network, term for term, so the result differs by rounding only. For the virtual
indenter at a stride of 8 px a window costs about a sixth of the arithmetic.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import openvino as ov
from openvino import opset13 as op

from enamel_lib.errors import EngineError

BEGIN, MIDDLE, END = range(3)
Node = ov.Output | ov.Node


@dataclass(frozen=True)
class Axis:
    """How the windows lie along one axis, in pixels of one layer."""

    count: int  # number of windows
    size: int  # side of a window
    begin: int  # length of the span that feels the window's near edge
    end: int  # the same of its far edge
    stride: int  # pixels of the patch to one of the layer
    starts: Node  # `(count,)` int64, an input of the graph: where windows begin, in pixels of the patch


@dataclass(frozen=True)
class Regions:
    """One layer's output in all windows of a patch, by span along (rows, columns).

    Parts are `(R * C, channels, height, width)`, where R is the number of windows along the rows, or 1 for the middle
    span, whose height then covers the whole patch; likewise C along the columns. `axes` are those of the rows, of the
    columns.
    """

    parts: dict[tuple[int, int], Node]
    axes: tuple[Axis, Axis]

    def apply(self, function: Callable[[Node], Node]) -> Self:
        """Apply what acts on each pixel alone."""
        return Regions({spans: function(part) for spans, part in self.parts.items()}, self.axes)

    def convolved(self, kernel: Node, strides: list[int], name: str) -> Self:
        """Convolve every window with a kernel `(out, in, K, K)`, padded with zeros as "same" pads in TensorFlow."""
        regions, width, padding = self, kernel.shape[-1], []
        for dim, stride in enumerate(strides):
            old = regions.axes[dim]
            size = -(-old.size // stride)
            pad = max((size - 1) * stride + width - old.size, 0)
            before, after = pad // 2, pad - pad // 2
            begin = -(-(old.begin + before) // stride)
            end = size - 1 - (old.size - old.end - width + before) // stride
            if begin + end >= size:
                raise EngineError(f"layer {name!r} sees the whole of a window, so windows have nothing to share")
            reach = stride * (begin - 1) - before + width if begin else 0
            rest = stride * (size - end) - before if end else old.size
            new = replace(old, size=size, begin=begin, end=end, stride=old.stride * stride)
            regions = regions.recut(dim, new, (0, reach), (stride * begin - before - old.begin, 0), (rest, old.size))
            padding.append((before, after))
        parts = {}
        for spans, part in regions.parts.items():
            front = [before if span == BEGIN else 0 for span, (before, _) in zip(spans, padding, strict=True)]
            back = [after if span == END else 0 for span, (_, after) in zip(spans, padding, strict=True)]
            # a single column at a stride of 2 comes out wrong in bfloat16 on AMX (OpenVINO 2026.4): make two, keep one
            spare = int(part.shape[3] + front[1] + back[1] < width + strides[1])
            back[1] += spare * strides[1]
            parts[spans] = _trim(op.convolution(part, kernel, strides, front, back, [1, 1]), 1, 0, spare)
        return Regions(parts, regions.axes)

    def plus(self, other: Self) -> Self:
        """Add another layer's output of the same size; its spans may be wider or narrower."""
        axes = tuple(
            replace(a, begin=max(a.begin, b.begin), end=max(a.end, b.end))
            for a, b in zip(self.axes, other.axes, strict=True)
        )
        first, second = self.grown(axes), other.grown(axes)
        return Regions({spans: op.add(part, second.parts[spans]) for spans, part in first.parts.items()}, axes)

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
    begin = op.unsqueeze(op.divide(axis.starts, np.int64(axis.stride)), np.int64(1))
    index = op.add(begin, offset + np.arange(length)[None])
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
