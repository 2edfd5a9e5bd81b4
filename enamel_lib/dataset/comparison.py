"""Hardness read off a map against that measured at indents on it, with intervals that mind their neighbourhood."""

from typing import Any

import numpy as np
import pandas as pd

from enamel_lib import metrics
from enamel_lib.dataset.own import Indents
from enamel_lib.errors import DataError
from enamel_lib.inference.hardness_map import HardnessMap

BLOCK_UM = 24.0  # side of the blocks that are resampled, two windows of the paper's network
PLACE = ["down_um", "across_um"]


def compare(
    mapped: HardnessMap, indents: Indents, *, pixel_size_um: float, scale: float = 1.0
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read a hardness map at each indent.

    Parameters
    ----------
    mapped
        Of the indents' picture, enlarged by `scale`.
    indents
        On that picture.
    pixel_size_um
        Of the picture as given.

    Returns
    -------
    table, scores
        The rows of `Indents.table` that have a reading, with `predicted` (GPa), `down_um` and `across_um`; and
        `scores` of them.

    Raises
    ------
    DataError
        If an indent lies outside the picture, or none has a reading.
    """
    table = indents.table.assign(predicted=mapped.near(indents.places(mapped.image_shape, scale)))
    table[PLACE] = (table[["row", "col"]] + 0.5) * pixel_size_um
    table = table[table["predicted"].notna()]
    if table.empty:
        raise DataError(f"{indents.path}: the map has no reading at any indent; check unit, pixel size and mask")
    return table, scores(table, table["predicted"])


def scores(table: pd.DataFrame, predicted: pd.Series) -> pd.DataFrame:
    """Score predictions (GPa) at the indents of a `table` from `compare`: over the whole map, and spatially blocked.

    Rows `whole map`, `within blocks` (both freed of their means over blocks of 24 um), `between blocks` (those means);
    columns `n`, `r` with a 95 % interval `low` to `high` by resampling blocks, `rmse` and `bias` (GPa, predicted less
    measured). What is undefined is NaN, such as an interval of fewer than four blocks, or r where fewer than three
    places are free after means are taken out: that of all, or those of the blocks.
    """
    block = pd.Series(_blocks(table), table.index)
    both = pd.DataFrame({"predicted": predicted, "measured": table["hardness"]}).dropna()
    block = block[both.index]
    means = both.groupby(block).mean()
    within = both - means.loc[block].set_axis(both.index)
    places, blocks = len(table.loc[both.index, PLACE].drop_duplicates()), len(means)
    kinds = {
        "whole map": (both, block, places - 1),
        "within blocks": (within, block, places - blocks),
        "between blocks": (means, means.index, blocks - 1),
    }
    return pd.DataFrame({kind: _score(*each) for kind, each in kinds.items()}).T.astype({"n": int})


def _blocks(table: pd.DataFrame) -> np.ndarray:
    cell = ((table[PLACE] - table[PLACE].min()) // BLOCK_UM).to_numpy().astype(int)
    return cell[:, 0] * (cell[:, 1].max() + 1) + cell[:, 1]


def _score(both: pd.DataFrame, groups: Any, free: int) -> dict[str, float]:
    one, two = both["predicted"].to_numpy(), both["measured"].to_numpy()
    compared = metrics.compare_maps(one, two)
    r, interval = compared["pearson"] if free >= 3 else np.nan, (np.nan, np.nan)
    if len(np.unique(groups)) >= 4 and np.isfinite(r):
        interval = metrics.bootstrap_interval(
            lambda rows: metrics.compare_maps(one[rows], two[rows])["pearson"], groups
        )
    low, high = interval
    found = {"n": len(one), "r": r, "low": low, "high": high}
    return found | {"rmse": compared["rmse"], "bias": compared["mean_difference"]}
