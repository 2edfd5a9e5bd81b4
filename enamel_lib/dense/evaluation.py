"""How well dense maps follow a known truth, place by place, window by window and map by map."""

from collections.abc import Iterable, Sequence

import keras
import numpy as np
import pandas as pd
from scipy import ndimage

from enamel_lib.dense import indenter, reading
from enamel_lib.dense.code import CELL_PX
from enamel_lib.dense.structure import cells
from enamel_lib.images import TILE
from enamel_lib.pic import PIXEL_UM
from enamel_lib.simulate import simulator
from enamel_lib.simulate.simulator import Section

WINDOW = TILE // CELL_PX  # cells that the paper's window spans


def structure_and_truth(
    network: keras.Model, shape: tuple[int, int], depths: Sequence[float], *, first_seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """What a network reads of simulated sections `(R, C, 13)`, one for each depth, and their true hardness `(R, C)`."""
    made = simulator.sections(shape, range(first_seed, first_seed + len(depths)), depths=depths)
    return [(reading.structure(network, one.rgb), cells(one.hardness)) for one in made]


def follow_truth(model: keras.Model, sections: Iterable[Section]) -> pd.DataFrame:
    """Map simulated sections of 0.06 um per pixel, and compare: a row each.

    `point` and `window` correlate reading and truth over the cells of the section, and over means of 12-um windows (NaN
    where none fits); `read` and `true` are their means over the section, `sd` the truth's spread, GPa, `rmse` what is
    left of the truth where both means are made equal.
    """
    return pd.DataFrame(
        compare(indenter.hardness_map(model, section.rgb).hardness, cells(section.hardness)) for section in sections
    )


def compare(read: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Compare what is read in every cell, `(R, C)` GPa with NaN where there is no reading, with the truth."""
    seen = np.isfinite(read)
    filled = np.where(seen, read, true)
    windows = [_window_means(field) for field in (filled, true)]
    level = read[seen].mean() - true[seen].mean()
    return {
        "point": correlation(read[seen], true[seen]),
        "window": correlation(*windows) if windows[0].size > 1 else np.nan,
        "read": float(read[seen].mean()),
        "true": float(true.mean()),
        "sd": float(true.std()),
        "rmse": float(np.sqrt(np.mean((read[seen] - true[seen] - level) ** 2))),
    }


def relative_errors(model: keras.Model, sections: Iterable[Section]) -> tuple[np.ndarray, np.ndarray]:
    """Errors of log H in every third cell each way, `(N,)`, and the number of the section that each is of, from 0."""
    return errors_of(
        (indenter.hardness_map(model, section.rgb).hardness, cells(section.hardness)) for section in sections
    )


def errors_of(pairs: Iterable[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    """The same of maps that were read, and their truth."""
    errors = []
    for read, true in pairs:
        left = (np.log(read) - np.log(true))[::3, ::3]
        errors.append(left[np.isfinite(left)])
    return np.concatenate(errors), np.repeat(np.arange(len(errors)), [len(each) for each in errors])


def summary(table: pd.DataFrame) -> pd.Series:
    """Means over sections, the worst of them, and the correlation between sections' means."""
    return pd.Series(
        {
            "point r": table["point"].mean(),
            "point r, worst section": table["point"].min(),
            "window r": table["window"].mean(),
            "window r, worst section": table["window"].min(),
            "r between sections": table["read"].corr(table["true"]),
        }
    )


def mean_readings(model: keras.Model, pictures: Iterable[np.ndarray], *, pixel_size_um: float = PIXEL_UM) -> np.ndarray:
    """Mean hardness that is read of each picture, `(N,)` GPa."""
    maps = (indenter.hardness_map(model, picture, pixel_size_um=pixel_size_um) for picture in pictures)
    return np.array([np.nanmean(each.hardness) for each in maps])


def tile_r2(model: keras.Model, sections: Iterable[Section]) -> float:
    """R2 of the mean reading of tiles, each a section of its own, against their mean true hardness."""
    pictures, true = zip(*((one.rgb, one.hardness.mean()) for one in sections), strict=True)
    return float(1 - np.mean((mean_readings(model, pictures) - true) ** 2) / np.var(true))


def _window_means(field: np.ndarray) -> np.ndarray:
    half = WINDOW // 2
    inside = np.s_[half : field.shape[0] - half + 1, half : field.shape[1] - half + 1]
    return ndimage.uniform_filter(field.astype(np.float64), WINDOW)[inside]


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson's, of two fields of one shape."""
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])
