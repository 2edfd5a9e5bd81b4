"""What a dense network reads in every cell of a picture: the mean over four flips, so that a flip changes nothing."""

from functools import lru_cache

import keras
import numpy as np

from enamel_lib.dense.code import CELL_PX, FLIPPED, encode
from enamel_lib.dense.network import MULTIPLE
from enamel_lib.errors import InputError
from enamel_lib.pic import PIXEL_UM

MOST_PX = 60_000_000  # of the code; about 5 GB


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
    size = rgb.shape[0] * rgb.shape[1] * (pixel_size_um / PIXEL_UM) ** 2
    if size > MOST_PX:
        raise InputError(f"{size / 1e6:.0f} megapixels at {PIXEL_UM} um; map parts of {MOST_PX / 1e6:.0f} at most")
    code = encode(rgb, pixel_size_um=pixel_size_um, signal=signal)
    rows, cols = code.shape[:2]
    padding = [(0, -side % MULTIPLE) for side in (rows, cols)] + [(0, 0)]
    cells = rows // CELL_PX, cols // CELL_PX
    shape = tuple(side + after for side, (_, after) in zip(code.shape, padding, strict=True))
    network = _of_one_size(model, shape)
    total = None
    for down in (1, -1):
        for across in (1, -1):
            given = code[::down, ::across] * (FLIPPED if down != across else 1)
            found = network.predict_on_batch(np.pad(given, padding)[None])
            found = [each[0, : cells[0], : cells[1]][::down, ::across] for each in found]
            total = found if total is None else [a + b for a, b in zip(total, found, strict=True)]
    seen = code[..., 0].reshape(cells[0], CELL_PX, cells[1], CELL_PX).mean(axis=(1, 3))
    return dict(zip(model.output_names, (each / 4 for each in total), strict=True)) | {"signal": seen}


@lru_cache(maxsize=4)
def _of_one_size(model: keras.Model, shape: tuple[int, ...]) -> keras.Model:
    """The network for codes of one shape, kept; compiled for any, TensorFlow could not enlarge by layers of Keras."""
    given = keras.Input(shape)
    return keras.Model(given, model(given))


def structure(model: keras.Model, rgb: np.ndarray, **of) -> np.ndarray:
    """Structure `(R, C, 13)` float32 of every cell, local then wide; arguments as of `read`."""
    found = read(model, rgb, **of)
    return np.concatenate([found["local"], found["wide"]], axis=-1)
