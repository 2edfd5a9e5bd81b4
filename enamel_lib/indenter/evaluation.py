"""How well a predictor does: against labels as the paper scored it, and against the truth a simulator knows."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from enamel_lib import metrics


def predicted(rows: pd.DataFrame, tiles: np.ndarray, predictor: Callable[[np.ndarray], np.ndarray]) -> pd.DataFrame:
    """Add the column `predicted` (GPa) to rows of a split table; each distinct tile is predicted once.

    Parameters
    ----------
    rows
        With `tile_id`, an index into `tiles`.
    tiles
        `(N, 200, 200, 3)`.
    predictor
        From `inference.make_predictor`.
    """
    ids, at = np.unique(rows["tile_id"], return_inverse=True)
    return rows.assign(predicted=predictor(tiles[ids])[at])


def scores(rows: pd.DataFrame) -> pd.DataFrame:
    """Score predictions overall and per source, against labels and against the truth.

    Parameters
    ----------
    rows
        From `predicted`, with `source`, `label`, `weight` and `truth` (GPa, NaN where unknown).

    Returns
    -------
    scores
        Index `source` (`overall` last); columns `rows`, `tiles`, and against labels (rows as weighted) `mse`,
        `mean_error`, `sd_error`, `r2`; against the truth (each tile once) `mse_truth` and `r2_truth`, R2 being
        1 - mse / variance and NaN where the variance is 0.
    """
    groups = {**dict(tuple(rows.groupby("source", sort=True))), "overall": rows}
    records = {}
    for source, group in groups.items():
        label = metrics.regression_scores(group["predicted"], group["label"], group["weight"])
        record = {"rows": len(group), "tiles": group["tile_id"].nunique()}
        record |= {key: label[key] for key in ("mse", "mean_error", "sd_error", "r2")}
        known = group[group["truth"].notna()].drop_duplicates("tile_id")
        if len(known):
            truth = metrics.regression_scores(known["predicted"], known["truth"])
            record |= {"mse_truth": truth["mse"], "r2_truth": truth["r2"]}
        records[source] = record
    return pd.DataFrame.from_dict(records, orient="index").rename_axis("source")


def best_possible_mse(rows: pd.DataFrame) -> float:
    """Least mean squared error that any predictor can expect on labels drawn at random, GPa^2 (DOMAIN.md D5).

    Each repeat of a noisy tile draws its label from its map's standard deviation, which no picture can foretell.
    """
    return float((rows["label_sd"].fillna(0) ** 2).mean())
