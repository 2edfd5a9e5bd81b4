"""Which crystals a dense reading hangs on: how the hardness it reads changes as a crystal turns.

The network reads structure, and hardness is a known function of it. So the derivative is taken through the structure,
not through the network down to colours, whose gradient is mostly noise: a crystal that turns changes its misorientation
with its four neighbours, and its angle to the indent.
"""

import math
from collections.abc import Iterable

import keras
import numpy as np
import pandas as pd

from enamel_lib import simulate
from enamel_lib.dense import code, reading
from enamel_lib.dense.code import CELL_PX
from enamel_lib.dense.evaluation import correlation
from enamel_lib.dense.indenter import weights_of
from enamel_lib.dense.structure import LOCAL, MISORIENTATION_DEG, WIDE, cells
from enamel_lib.pic import PIXEL_UM
from enamel_lib.simulate.simulator import Section

# Its four neighbours see a crystal from four sides, each counting by half: the mean length of such a sum, if the sides
# are random.
TURN = math.sqrt(math.pi) / 2
COMPARED_PX = 10  # side of the cells in which sensitivities are compared
MARGIN_PX = 50  # at the edge of a section the law repeats the outermost crystals


def sensitivity(model: keras.Model, rgb: np.ndarray, *, pixel_size_um: float = PIXEL_UM) -> np.ndarray:
    """Sensitivity of the hardness read to the turn of one crystal, in every cell of 0.24 um.

    It compares with the norm of `simulate.sensitivity.hardness_gradient` of the sum of a section's hardness, pixel by
    pixel; both are to be divided by the number of pixels of 0.06 um for the mean.

    Parameters
    ----------
    model
        `indenter.with_hardness`.
    rgb, pixel_size_um
        As of `reading.read`.

    Returns
    -------
    numpy.ndarray
        `(R, C)` float32, 0 or more, GPa per degree.
    """
    found = reading.read(model, rgb, pixel_size_um=pixel_size_um)
    local = dict(zip(LOCAL, np.moveaxis(found["local"], -1, 0), strict=True))
    slope = dict(zip((*LOCAL, *WIDE), weights_of(model), strict=True))
    turned, cos2 = np.maximum(local["misorientation"], 0), np.clip(local["cos2_psi"], 0, 1)
    by_turn = (slope["misorientation"] + 2 * slope["misorientation_squared"] * turned) / MISORIENTATION_DEG
    by_angle = slope["cos2_psi"] * 2 * np.sqrt(cos2 * (1 - cos2)) * math.radians(1)
    hardness = np.exp(found["log_hardness"] + found["log_level"])[..., 0]
    return hardness * np.hypot(TURN * by_turn, by_angle)


def true_sensitivity(section: Section) -> np.ndarray:
    """Give the true one of a section of 0.06 um per pixel, `(H, W)` GPa per degree, as `sensitivity` has it."""
    summed = np.ones(section.hardness.shape)
    return np.linalg.norm(simulate.sensitivity.hardness_gradient(section, summed), axis=-1)


def follow_sensitivity(model: keras.Model, sections: Iterable[Section]) -> pd.DataFrame:
    """Correlate what readings of sections hang on with the truth, over cells of 10 px: a row each.

    `read` is `sensitivity`; `shown`, which any reading must beat, less the misorientation of neighbours in the picture.
    Sections have sides that are multiples of 20 px, and 0.06 um per pixel.
    """
    rows = []
    for section in sections:
        true = _compared(true_sensitivity(section))
        read = np.kron(sensitivity(model, section.rgb), np.ones((CELL_PX, CELL_PX)))
        shown = -code.encode(section.rgb)[..., code.CHANNELS.index("step_1")]
        rows.append({"read": correlation(_compared(read), true), "shown": correlation(_compared(shown), true)})
    return pd.DataFrame(rows)


def _compared(field: np.ndarray) -> np.ndarray:
    return cells(field[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX], COMPARED_PX)
