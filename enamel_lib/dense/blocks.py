"""A picture in blocks at fixed places, of which each can be read and finished alone: one way for all sizes.

A block's window holds the receptive field of the network, in each of the four flips on that flip's own lattice, so a
map has no seams; and as blocks lie where the size of the picture puts them, no tiling of a file changes a bit.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import openvino as ov

from enamel_lib.dense import labels
from enamel_lib.dense.code import CELL_PX, FLIPPED, Grid, Read
from enamel_lib.inference import runtime
from enamel_lib.simulate.law import SUPPORT_UM

STEP_PX = 64  # between values of the network's widest level: windows lie on multiples of it
REACH_PX = 576  # from what is read to what it depends on, at most 567: every level's kernels, whole steps of the widest
DECODED_PX = 128  # the same of the decoder, at most 120
BLOCK_CELLS = 384  # side of a block, a multiple of 16: more saves work, but two processes would pass 1.5 GiB
LEAST_SIGNAL = 0.5  # of what an indent would feel must be enamel, or else there is no reading

Span = tuple[int, int]  # first and past the last
Array = Any  # `(R, C)`, of numpy or of a Zarr store: parts are cut out by slices


@dataclass(frozen=True)
class Block:
    """Rows and columns of cells, `[start, stop)`."""

    rows: Span
    cols: Span

    @property
    def place(self) -> tuple[slice, slice]:
        """Where the block lies in an array of all cells."""
        return slice(*self.rows), slice(*self.cols)

    def grown(self, by: int, cells: tuple[int, int]) -> "Block":
        """The block and what lies up to `by` cells around it, within the map."""
        spans = [
            (max(start - by, 0), min(stop + by, side))
            for (start, stop), side in zip((self.rows, self.cols), cells, strict=True)
        ]
        return Block(*spans)

    def within(self, other: "Block") -> tuple[slice, slice]:
        """Where the block lies in an array of another's cells."""
        pairs = zip((self.rows, self.cols), (other.rows, other.cols), strict=True)
        return tuple(slice(start - first, stop - first) for (start, stop), (first, _) in pairs)


def blocks(cells: tuple[int, int]) -> Iterator[Block]:
    """Cut a map of `cells` rows and columns into blocks, row by row."""
    rows, cols = ([(start, min(start + BLOCK_CELLS, end)) for start in range(0, end, BLOCK_CELLS)] for end in cells)
    for down, right in product(rows, cols):
        yield Block(down, right)


def sides(cells: int) -> tuple[int, int]:
    """Side of the windows, and of the decoded part, px, along an axis of so many cells."""
    padded = -(-cells * CELL_PX // STEP_PX) * STEP_PX
    core = min(BLOCK_CELLS * CELL_PX, padded)
    return min(core + 2 * REACH_PX + STEP_PX, padded), min(core + 2 * DECODED_PX + STEP_PX, padded)


class Reader:
    """Reads blocks by the graphs of `graph.translate` for the `sides` of a grid; `names` are those of the outputs.

    >>> read = Reader(graphs, names)
    >>> read(grid, picture, block)  # {"log_hardness": (R, C, 1) float32, ..., "signal": (R, C) float32}
    """

    def __init__(self, graphs: Sequence[ov.Model], names: Sequence[str], *, threads: int = 0) -> None:
        self._first, self._rest = (runtime.compiled(graph, threads=threads) for graph in graphs)
        self._names = names
        self._strip, self._seen = (np.zeros(graph.input(0).shape, np.float32) for graph in graphs)
        self._dark: dict[tuple, list[np.ndarray]] = {}  # what is read where there is nothing, by place in the window

    def __call__(self, grid: Grid, picture: Read, block: Block) -> dict[str, np.ndarray]:
        """Read a block: the mean over four flips, so that a flip changes nothing; and the share of it with signal."""
        axes = [
            _Axis(span, cells, turned)
            for span, cells in zip((block.rows, block.cols), grid.cells, strict=True)
            for turned in (False, True)
        ]
        union = [(min(a.seen[0], b.seen[0]), max(a.seen[1], b.seen[1])) for a, b in (axes[:2], axes[2:])]
        code = grid.encode(picture, *(slice(*span) for span in union), dtype=np.float16)  # half the memory
        if code[..., 0].any():
            total = self._read(code, axes, union)
        else:  # much of a large map is no tooth
            place = tuple((axis.core, axis.decoded) for axis in axes)
            total = self._dark[place] = self._dark.get(place) or self._read(code, axes, union)
        rows, cols = (
            slice(CELL_PX * start - first, CELL_PX * stop - first)
            for (start, stop), (first, _) in zip((block.rows, block.cols), union, strict=True)
        )
        seen = code[rows, cols, 0].astype(np.float32)
        signal = seen.reshape(total[0].shape[0], CELL_PX, -1, CELL_PX).mean(axis=(1, 3))
        return dict(zip(self._names, (each / 4 for each in total), strict=True)) | {"signal": signal}

    def _read(self, code: np.ndarray, axes: list["_Axis"], union: list[Span]) -> list[np.ndarray]:
        """Sum over the four flips, of each output."""
        total = None
        for down, across in product(axes[:2], axes[2:]):
            cut = tuple(slice(*np.subtract(axis.seen, union[n][0])) for n, axis in enumerate((down, across)))
            signs = FLIPPED if down.turned != across.turned else np.float32(1)
            self._look(code[cut][:: down.sign, :: across.sign], signs)
            starts = [np.array([axis.decoded], np.int64) for axis in (down, across)]
            found = self._rest([self._seen, *starts], share_inputs=True, share_outputs=True).values()
            found = [each[0, slice(*down.core), slice(*across.core)] for each in found]
            found = [each[:: down.sign, :: across.sign] for each in found]
            total = (
                [each.copy() for each in found] if total is None else [a + b for a, b in zip(total, found, strict=True)]
            )
        return total

    def _look(self, code: np.ndarray, signs: np.ndarray) -> None:
        """Compute the first layer of a window, whose code `(R, C, 6)` may lack rows and columns at its end."""
        strip, seen = self._strip[0], self._seen[0]
        rows = strip.shape[0] // CELL_PX
        for n in range(seen.shape[1] // rows):
            part = code[n * STEP_PX : (n + 1) * STEP_PX]
            strip[len(part) :], strip[:, part.shape[1] :] = 0, 0
            np.multiply(part, signs, out=strip[: len(part), : part.shape[1]])
            seen[:, n * rows : (n + 1) * rows] = self._first([self._strip], share_inputs=True, share_outputs=True)[0][0]


class _Axis:
    """Where a block's window lies along one axis of a picture, as it is or `turned`.

    `seen` is what of the code lies in the window, px of the picture as it is; `decoded` is where the decoded part
    begins, steps of the window, and `core` where the block lies in that, cells.
    """

    def __init__(self, span: Span, cells: int, turned: bool) -> None:
        self.turned, self.sign, total = turned, -1 if turned else 1, cells * CELL_PX
        start, stop = (cells - span[1], cells - span[0]) if turned else span  # in the picture as the network sees it
        padded = -(-total // STEP_PX) * STEP_PX
        side, decoded = sides(cells)
        first = (start * CELL_PX - REACH_PX) // STEP_PX * STEP_PX
        first = min(max(first, 0), padded - side)
        last = min(first + side, total)
        self.seen = (total - last, total - first) if turned else (first, last)
        at = (start * CELL_PX - DECODED_PX) // STEP_PX * STEP_PX - first
        at = min(max(at, 0), side - decoded)
        self.decoded = at // STEP_PX
        origin = (first + at) // CELL_PX
        self.core = (start - origin, stop - origin)


def hardness(read: Mapping[str, Array], block: Block, cells: tuple[int, int]) -> np.ndarray:
    """Give the hardness of a block, `(R, C)` float32, GPa: what an indent would find in every cell.

    `read` holds `log_hardness`, `log_level` and `signal` of all cells, of which the block's surroundings are looked at.
    NaN where less than half of what an indent feels shows enamel.
    """
    near, wide = (block.grown(reach, cells) for reach in (labels.FELT_CELLS, labels.AROUND_CELLS))
    dark = labels.felt(read["signal"][near.place], SUPPORT_UM)[block.within(near)] < LEAST_SIGNAL
    if dark.all():
        return np.full(dark.shape, np.nan, np.float32)
    local, level = read["log_hardness"][near.place], read["log_level"][wide.place]
    found = np.exp(labels.felt(local, SUPPORT_UM)[block.within(near)] + labels.around(level)[block.within(wide)])
    found[dark] = np.nan
    return found
