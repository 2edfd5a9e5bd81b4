"""Hardness from a network that has learnt structure: its dense layer fitted to the labels, in closed form.

The labels come from few maps. A linear probe (Alain and Bengio 2016) leaves the features alone, which fine-tuning on so
few would distort (Kumar et al. 2022, "Fine-tuning can distort pretrained features and underperform out of
distribution").
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge
from sklearn.metrics import mean_squared_error
from sklearn.model_selection import GroupKFold

from enamel_lib.indenter import network
from enamel_lib.indenter.weights import Weights, computing_in

STRENGTHS = np.logspace(-1, 5, 13)  # of the ridge
FOLDS = 5


def fit_dense_layer(
    weights: Weights, tiles: np.ndarray, rows: pd.DataFrame, groups: np.ndarray, *, precision: str
) -> tuple[Weights, dict[str, Any]]:
    """Fit the dense layer to labels by a ridge on the features, its strength chosen by error on groups left out.

    Of the strengths within one standard error of the best, the strongest is taken (Hastie et al., "The elements of
    statistical learning", 7.10).

    `weights` are of `build_indenter(side)` with any number of outputs, `tiles` `(N, side, side, 3)` uint8; `rows`, to
    learn from, have `tile_id` (index into `tiles`), `label` (GPa) and `weight`, and `groups` the number of the group of
    each, two or more. The network computes in `precision`.

    Gives the same features with a dense layer for hardness in GPa, and lists along `strength`: `train_mse` and
    `left_out_mse` (GPa^2, weighted), `left_out_se`, the standard error of the latter over the folds; and the `chosen`
    one.
    """
    used, tile = np.unique(rows["tile_id"], return_inverse=True)
    pca = PCA()  # as many numbers as tiles: all that a ridge could use of many more features, and sooner fitted
    features = pca.fit_transform(_features(weights, tiles[used], precision))
    rows = pd.DataFrame({"tile": tile, "label": rows["label"].to_numpy(), "weight": rows["weight"].to_numpy()})
    folds = list(GroupKFold(min(FOLDS, len(np.unique(groups)))).split(rows, groups=groups))
    ridge, record = fit_ridge(features, rows, folds)
    return replace(weights, **dense_layer(pca, ridge)), record


def fit_ridge(
    features: np.ndarray, rows: pd.DataFrame, folds: Sequence[tuple[np.ndarray, np.ndarray]]
) -> tuple[Ridge, dict[str, Any]]:
    """Fit a ridge to `rows` (`tile`, an index into `features`, `label` and `weight`), its strength chosen by the folds.

    Gives the record of `fit_dense_layer`, too.
    """
    errors = np.array([[_left_out_mse(features, rows, *fold, strength) for fold in folds] for strength in STRENGTHS])
    left_out, standard_error = errors.mean(axis=1), errors.std(axis=1, ddof=1) / math.sqrt(len(folds))
    best = left_out.argmin()
    chosen = STRENGTHS[left_out <= left_out[best] + standard_error[best]].max()
    ridge = _ridge(features, rows, chosen)
    return ridge, {
        "strength": STRENGTHS.tolist(),
        "train_mse": [_mse(_ridge(features, rows, strength), features, rows) for strength in STRENGTHS],
        "left_out_mse": left_out.tolist(),
        "left_out_se": standard_error.tolist(),
        "chosen": float(chosen),
    }


def dense_layer(pca: PCA, ridge: Ridge) -> dict[str, np.ndarray]:
    """Give `kernel` and `bias` of the dense layer that does on features what a ridge does on their components."""
    kernel = pca.components_.T @ ridge.coef_
    bias = ridge.intercept_ - pca.mean_ @ kernel
    return {"kernel": kernel[:, None].astype(np.float32), "bias": np.array([bias], np.float32)}


def _left_out_mse(
    features: np.ndarray, rows: pd.DataFrame, kept: np.ndarray, left: np.ndarray, strength: float
) -> float:
    return _mse(_ridge(features, rows.iloc[kept], strength), features, rows.iloc[left])


def _ridge(features: np.ndarray, rows: pd.DataFrame, strength: float) -> Ridge:
    """Fit to the mean label of every tile, as weighted: to a ridge the same as row by row."""
    totals = rows.assign(label=rows["label"] * rows["weight"]).groupby("tile")[["label", "weight"]].sum()
    label = totals["label"] / totals["weight"]
    return Ridge(strength).fit(features[totals.index], label, sample_weight=totals["weight"].to_numpy())


def _mse(ridge: Ridge, features: np.ndarray, rows: pd.DataFrame) -> float:
    """Mean squared error in GPa^2, as weighted."""
    return mean_squared_error(rows["label"], ridge.predict(features)[rows["tile"]], sample_weight=rows["weight"])


def _features(weights: Weights, tiles: np.ndarray, precision: str) -> np.ndarray:
    """Features `(N, F)`, one for each row of the dense kernel."""
    with computing_in(precision):
        model = network.build_indenter(tiles.shape[1], len(weights.bias))
    weights.assign_to(model)
    return network.pooled_features(model, tiles).reshape(len(tiles), -1).astype(np.float64)
