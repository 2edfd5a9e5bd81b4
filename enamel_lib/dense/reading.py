"""What a dense network reads in every cell of a picture: the mean over four flips, so that a flip changes nothing."""

from collections.abc import Mapping
from functools import lru_cache

import keras
import numpy as np

from enamel_lib.dense import blocks, code
from enamel_lib.dense.code import Grid
from enamel_lib.dense.graph import translate
from enamel_lib.errors import InputError
from enamel_lib.inference import base
from enamel_lib.pic import PIXEL_UM

MOST_PX = 60_000_000  # of the code; about 1 GB


def read(
    model: keras.Model, rgb: np.ndarray, *, pixel_size_um: float = PIXEL_UM, signal: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Read a picture.

    Parameters
    ----------
    model
        `network.build` or, with hardness, `indenter.with_hardness`.
    rgb, pixel_size_um, signal
        As of `code.encode`.

    Returns
    -------
    read
        The outputs of the network by name, `(R, C, K)` float32 of every cell of 0.24 um, and `signal` `(R, C)`, the
        share of the cell that has one.

    Raises
    ------
    InputError
        If the picture is larger than `MOST_PX` at 0.06 um, or `code.encode` refuses it.
    """
    grid, picture = Grid.over(rgb.shape[:2], pixel_size_um), code.reading(rgb, signal)
    size = rgb.shape[0] * rgb.shape[1] * (pixel_size_um / PIXEL_UM) ** 2
    if size > MOST_PX:
        raise InputError(
            f"{size / 1e6:.0f} megapixels at {PIXEL_UM} um, more than {MOST_PX / 1e6:.0f}; save the picture as TIFF or "
            "OME-Zarr, which `enamel map` reads part by part"
        )
    read_block, found = reader(model, grid.cells), {}
    for block in blocks.blocks(grid.cells):
        for name, values in read_block(grid, picture, block).items():
            found.setdefault(name, np.empty((*grid.cells, *values.shape[2:]), np.float32))[block.place] = values
    return found


def reader(model: keras.Model, cells: tuple[int, int]) -> blocks.Reader:
    """What reads blocks of a map of so many cells."""
    return _reader(model, base.weights_sha256(model), *(blocks.sides(side) for side in cells))


@lru_cache(maxsize=4)
def _reader(model: keras.Model, weights: str, rows: tuple[int, int], cols: tuple[int, int]) -> blocks.Reader:
    """One of these weights and sides, kept."""
    graphs = translate(model, *zip(rows, cols, strict=True), blocks.STEP_PX)
    return blocks.Reader(graphs, model.output_names)


def structure(model: keras.Model, rgb: np.ndarray, **of) -> np.ndarray:
    """Structure `(R, C, 13)` float32 of every cell, local then wide; arguments as of `read`."""
    return structure_of(read(model, rgb, **of))


def structure_of(found: Mapping[str, np.ndarray]) -> np.ndarray:
    """The structure in what `read` gave."""
    return np.concatenate([found["local"], found["wide"]], axis=-1)
