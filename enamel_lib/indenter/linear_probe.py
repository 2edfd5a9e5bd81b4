"""Hardness from a network that has learnt structure: its dense layer fitted to the labels, in closed form.

The labels come from few maps. A linear probe (Alain and Bengio 2016) leaves the features alone, which fine-tuning on so
few would distort (Kumar et al. 2022, "Fine-tuning can distort pretrained features and underperform out of
distribution").
"""

import math
from typing import Any

import keras
import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold

from enamel_lib.indenter import network
from enamel_lib.indenter.weights import assign, computing_in

STRENGTHS = np.logspace(-1, 5, 13)  # of the ridge
FOLDS = 5
AT_ONCE = 32  # tiles


def fit_dense_layer(
    values: list[np.ndarray], tiles: np.ndarray, rows: pd.DataFrame, groups: np.ndarray, *, precision: str
) -> tuple[list[np.ndarray], dict[str, Any]]:
    """Fit the dense layer by a ridge on what it sees; its strength is judged on groups of rows left out.

    Of the strengths within one standard error of the best, the strongest is taken (Hastie et al., "The elements of
    statistical learning", 7.10).

    Parameters
    ----------
    values
        Weights of `build_indenter(side)` with any number of outputs.
    tiles
        `(N, side, side, 3)` uint8.
    rows
        To learn from: `tile_id` (index into `tiles`), `label` (GPa) and `weight`.
    groups
        Number of the group of every row; at least two.
    precision
        In which the network computes.

    Returns
    -------
    weights : list of np.ndarray
        Kernel and bias of the dense layer for hardness.
    judged : dict
        Lists along `strength`: `train_mse` and `left_out_mse` (GPa^2, weighted) and `left_out_se`, the standard error
        of the latter over the folds; and the `chosen` strength.
    """
    used, tile = np.unique(rows["tile_id"], return_inverse=True)
    turned = PCA()  # as many numbers as tiles: all that a ridge could use of many more features, and sooner fitted
    seen = turned.fit_transform(_seen(values, tiles[used], precision))
    rows = pd.DataFrame({"tile": tile, "label": rows["label"].to_numpy(), "weight": rows["weight"].to_numpy()})
    folds = list(GroupKFold(min(FOLDS, len(np.unique(groups)))).split(rows, groups=groups))
    errors = np.array([[_left_out_mse(seen, rows, *fold, strength) for fold in folds] for strength in STRENGTHS])
    left_out, spread = errors.mean(axis=1), errors.std(axis=1, ddof=1) / math.sqrt(len(folds))
    best = left_out.argmin()
    chosen = STRENGTHS[left_out <= left_out[best] + spread[best]].max()
    ridge = _ridge(seen, rows, chosen)
    kernel = turned.components_.T @ ridge.coef_
    bias = ridge.intercept_ - turned.mean_ @ kernel
    judged = {
        "strength": STRENGTHS.tolist(),
        "train_mse": [_mse(_ridge(seen, rows, strength), seen, rows) for strength in STRENGTHS],
        "left_out_mse": left_out.tolist(),
        "left_out_se": spread.tolist(),
        "chosen": float(chosen),
    }
    return [kernel[:, None].astype(np.float32), np.array([bias], np.float32)], judged


def _left_out_mse(seen: np.ndarray, rows: pd.DataFrame, kept: np.ndarray, left: np.ndarray, strength: float) -> float:
    return _mse(_ridge(seen, rows.iloc[kept], strength), seen, rows.iloc[left])


def _ridge(seen: np.ndarray, rows: pd.DataFrame, strength: float) -> Ridge:
    """Fit to the mean label of every tile, as weighted: to a ridge the same as row by row."""
    totals = rows.assign(label=rows["label"] * rows["weight"]).groupby("tile")[["label", "weight"]].sum()
    label = totals["label"] / totals["weight"]
    return Ridge(strength).fit(seen[totals.index], label, sample_weight=totals["weight"].to_numpy())


def _mse(ridge: Ridge, seen: np.ndarray, rows: pd.DataFrame) -> float:
    """Mean squared error in GPa^2, as weighted."""
    error = ridge.predict(seen)[rows["tile"]] - rows["label"]
    return float(np.average(error**2, weights=rows["weight"]))


def _seen(values: list[np.ndarray], tiles: np.ndarray, precision: str) -> np.ndarray:
    """What the dense layer sees: `(N, features)`."""
    with computing_in(precision):
        model = network.build_indenter(tiles.shape[1], len(values[-1]))
    assign(model.variables, values)
    seen = keras.Model(model.input, model.layers[-1].input)
    parts = np.array_split(tiles, math.ceil(len(tiles) / AT_ONCE))
    return np.concatenate([seen.predict_on_batch(part.astype(np.float32) / np.float32(255)) for part in parts]).astype(
        np.float64
    )
