"""Scores of predictions against labels or truth; comparison of maps, intervals by resampling, p of several tests."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

DRAWS = 1000  # resamplings behind an interval


def regression_scores(predicted: ArrayLike, label: ArrayLike, weights: ArrayLike | None = None) -> dict[str, float]:
    """Score predictions `(N,)` against labels `(N,)`, GPa, with `weights` of 0 or more (all equal if None).

    Gives `n` rows; `mse` (GPa^2) and `rmse` (GPa); `mean_error` and `sd_error` (GPa) of predicted minus label; `r2`,
    1 - mse / variance of the labels; `pearson_r2`, the square of the correlation, which forgives scale and offset
    (Lew 2023 does not say which of the two its 0.94 is). What is undefined (constant labels) is NaN. Raises ValueError
    if the shapes differ, there is nothing to score, or a weight is negative.
    """
    predicted, label = np.asarray(predicted, float), np.asarray(label, float)
    weights = np.ones(label.shape) if weights is None else np.asarray(weights, float)
    if label.ndim != 1 or not predicted.shape == label.shape == weights.shape:
        raise ValueError(f"need arrays of one shape (N,), not {predicted.shape}, {label.shape} and {weights.shape}")
    if (weights < 0).any() or not weights.sum() > 0:
        raise ValueError("weights must be 0 or more, and not all 0")
    weights = weights / weights.sum()
    error = predicted - label
    mse, mean_error = weights @ error**2, weights @ error
    d_predicted, d_label = predicted - weights @ predicted, label - weights @ label
    variance, spread = weights @ d_label**2, weights @ d_predicted**2
    with np.errstate(divide="ignore", invalid="ignore"):
        r2 = 1 - mse / variance if variance else np.nan
        pearson_r2 = np.square(weights @ (d_predicted * d_label)) / (variance * spread)
    return {
        "n": len(label),
        "mse": float(mse),
        "rmse": float(np.sqrt(mse)),
        "mean_error": float(mean_error),
        "sd_error": float(np.sqrt(max(mse - mean_error**2, 0))),
        "r2": float(r2),
        "pearson_r2": float(pearson_r2),
    }


def compare_maps(a: ArrayLike, b: ArrayLike) -> dict[str, float]:
    """Compare two maps of one shape where both are known, that is not NaN.

    Gives `n` cells that both know; `pearson` and `spearman` correlation; `mean_difference` and `rmse` of a minus b, in
    their unit. What is undefined (fewer than 2 cells, a constant map) is NaN. Raises ValueError if the shapes differ.
    """
    a, b = np.asarray(a, float), np.asarray(b, float)
    if a.shape != b.shape:
        raise ValueError(f"maps must be on one grid, not {a.shape} and {b.shape}")
    known = np.isfinite(a) & np.isfinite(b)
    a, b = a[known], b[known]
    varied = len(a) > 1 and np.ptp(a) > 0 and np.ptp(b) > 0
    return {
        "n": len(a),
        "pearson": float(stats.pearsonr(a, b).statistic) if varied else np.nan,
        "spearman": float(stats.spearmanr(a, b).statistic) if varied else np.nan,
        "mean_difference": float(np.mean(a - b)) if len(a) else np.nan,
        "rmse": float(np.sqrt(np.mean((a - b) ** 2))) if len(a) else np.nan,
    }


def bootstrap_interval(
    score: Callable[[np.ndarray], float], groups: ArrayLike, *, seed: int = 0
) -> tuple[float, float]:
    """95 % interval of a score, drawing whole groups (maps, blocks), within which rows depend on each other.

    `score` is of row positions `(M,)`, where it may be NaN, to a number; `groups`, `(N,)`, are of every row. Raises
    ValueError if there are fewer than two.
    """
    names, member = np.unique(np.asarray(groups), return_inverse=True)
    if len(names) < 2:
        raise ValueError("resampling groups needs two or more of them")
    rows = [np.flatnonzero(member == index) for index in range(len(names))]
    rng = np.random.default_rng(seed)
    scores = [
        score(np.concatenate([rows[index] for index in rng.integers(len(names), size=len(names))]))
        for _ in range(DRAWS)
    ]
    low, high = np.nanquantile(scores, [0.025, 0.975])
    return float(low), float(high)


def holm(p: ArrayLike) -> np.ndarray:
    """Correct the p values `(N,)` of N tests for their number (Holm, Scand. J. Stat. 6, 1979)."""
    p = np.asarray(p, float)
    order = np.argsort(p)
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1)), 1)
    return corrected
