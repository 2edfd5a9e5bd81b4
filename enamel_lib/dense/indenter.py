"""The dense indenter: hardness every 0.24 um, from a network that sees structure and labels that tell what it means.

>>> model = dense.load("default")
>>> mapped = dense.hardness_map(model, picture, pixel_size_um=0.06)  # inference.HardnessMap
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import layers

from enamel_lib import models, paths
from enamel_lib.dense import blocks, labels, reading
from enamel_lib.dense.code import CELL_UM
from enamel_lib.dense.structure import LOCAL
from enamel_lib.errors import ModelError
from enamel_lib.inference.hardness_map import HardnessMap
from enamel_lib.pic import PIXEL_UM

DEFAULT = "dense-grids"


def with_hardness(network: keras.Model, fit: labels.Fit) -> keras.Model:
    """Join a network of structure and what was fitted to labels.

    The first outputs, `log_hardness` and `log_level` `(N, R, C, 1)`, are what local and wide structure tell of log H.
    """
    heads = [layers.Conv2D(1, 1, name=name) for name in ("log_hardness", "log_level")]
    read = [head(structure) for head, structure in zip(heads, network.outputs, strict=True)]
    model = keras.Model(network.input, [*read, *network.outputs])
    for head, weights in zip(heads, np.split(fit.weights, [len(LOCAL)]), strict=True):
        head.kernel.assign(weights.reshape(1, 1, -1, 1))
    heads[0].bias.assign([fit.intercept])
    return model


def weights_of(model: keras.Model) -> np.ndarray:
    """Give the weights `(13,)` of local and wide structure in log H that a dense indenter was joined with."""
    heads = [keras.ops.convert_to_numpy(model.get_layer(name).kernel) for name in model.output_names[:2]]
    return np.concatenate([head.ravel() for head in heads])


def load(name: str | os.PathLike = "default") -> keras.Model:
    """Load trained weights: `dense-grids` (the default), `dense-paper`, or the path of a `.keras` file.

    Raises ModelError if the file is missing, is not the one its card describes, or is no dense indenter.
    """
    model = models.load(path_of(name))
    if not is_dense(model):
        raise ModelError(f"{name} holds no dense indenter; train one with `enamel train-dense`")
    return model


def path_of(name: str | os.PathLike) -> Path:
    """File of a model by its name as of `load`, or that path itself; a ModelError if it is missing."""
    path = paths.model(name, DEFAULT)
    if not path.is_file():
        raise ModelError(
            f"no model {path}; train one with `enamel train-dense`, or name one of those in {paths.MODELS}"
        )
    return path


def is_dense(model: keras.Model) -> bool:
    """Whether a network is a dense indenter."""
    return model.output_names[0] == "log_hardness"


def card(name: str | os.PathLike = "default") -> dict[str, Any]:
    """Model card of trained weights, by names as of `load`; empty if there is none."""
    return models.read_card(path_of(name))


def hardness_map(
    model: keras.Model, rgb: np.ndarray, *, pixel_size_um: float = PIXEL_UM, signal: np.ndarray | None = None
) -> HardnessMap:
    """Map the hardness of a picture, GPa: what an indent would find in every cell of 0.24 um.

    Arguments are as of `reading.read`. NaN where less than half of what an indent feels shows enamel.
    """
    found = reading.read(model, rgb, pixel_size_um=pixel_size_um, signal=signal)
    return map_of(found, rgb.shape[:2], pixel_size_um=pixel_size_um)


def map_of(found: Mapping[str, np.ndarray], shape: tuple[int, int], *, pixel_size_um: float) -> HardnessMap:
    """Map the hardness of a picture `(H, W)` that was read already, by `reading.read`."""
    cells = found["signal"].shape
    found = {name: found[name][..., 0] for name in ("log_hardness", "log_level")} | {"signal": found["signal"]}
    hardness = np.empty(cells, np.float32)
    for block in blocks.blocks(cells):
        hardness[block.place] = blocks.hardness(found, block, cells)
    step = CELL_UM / pixel_size_um
    rows, cols = (
        side / 2 + (np.arange(count) - (count - 1) / 2) * step
        for side, count in zip(shape, hardness.shape, strict=True)
    )
    return HardnessMap(hardness, rows, cols, shape, step, window=0)
