"""How well a predictor does: against labels as the paper scored it, and against the truth a simulator knows."""

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from enamel_lib import inference, metrics
from enamel_lib.inference import Predictor
from enamel_lib.simulate import Section

# the audited split holds out few maps, and its dense layer saw neither part of them
HELD_OUT = {"paper": ("test",), "audited": ("val", "test")}


def predicted(rows: pd.DataFrame, tiles: np.ndarray, predictor: Callable[[np.ndarray], np.ndarray]) -> pd.DataFrame:
    """Add the column `predicted` (GPa) to rows of a split table; each distinct tile is predicted once.

    Of the rows, `tile_id` is an index into `tiles`, `(N, 200, 200, 3)`; `predictor` is from `inference.make_predictor`.
    """
    ids, at = np.unique(rows["tile_id"], return_inverse=True)
    return rows.assign(predicted=predictor(tiles[ids])[at])


def held_out(
    splits: Mapping[str, pd.DataFrame],
    tiles: np.ndarray,
    predictors: Mapping[str, Callable[[np.ndarray], np.ndarray]],
    *,
    most: int,
    seed: int = 0,
) -> dict[str, pd.DataFrame]:
    """Predict what each split holds out (`HELD_OUT`), of at most so many distinct tiles drawn at random.

    By protocol: `splits` are tables of `curation.split`, `predictors` the networks trained on them.
    """
    rows = {}
    for protocol, table in splits.items():
        held = table[table["split"].isin(HELD_OUT[protocol])]
        ids = np.random.default_rng(seed).permutation(held["tile_id"].unique())[:most]
        rows[protocol] = predicted(held[held["tile_id"].isin(ids)], tiles, predictors[protocol])
    return rows


def mean_baseline(table: pd.DataFrame) -> float:
    """Mean squared error, GPa^2 and as weighted, of always answering the mean label of the training rows."""
    train = table[table["split"] == "train"]
    return float(np.cov(train["label"], aweights=train["weight"], ddof=0))


def r2(
    predicted: ArrayLike, target: ArrayLike, groups: ArrayLike, weights: ArrayLike | None = None
) -> dict[str, float]:
    """R2 = 1 - mse / variance (`r2`), with a 95 % interval (`low`, `high`) by resampling `groups` (maps) whole.

    All arguments are `(N,)`; weights are 0 or more, all equal if None. With fewer than two groups there is no interval.
    What is undefined is NaN.
    """
    predicted, target = np.asarray(predicted), np.asarray(target)
    weights = np.ones(len(target)) if weights is None else np.asarray(weights)

    def score(rows: np.ndarray | slice) -> float:
        return metrics.regression_scores(predicted[rows], target[rows], weights[rows])["r2"]

    several = len(np.unique(np.asarray(groups))) > 1
    low, high = metrics.bootstrap_interval(score, groups) if several else (np.nan, np.nan)
    return {"r2": score(slice(None)), "low": low, "high": high}


def leakage(tested: Mapping[str, pd.DataFrame], unseen: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """R2 of networks on the test rows of their own splits, against labels, and on new enamel, against the truth.

    By split: `tested`, its test rows, has `predicted`, `label`, `weight` and `map_id`, and `unseen` `predicted` and
    `truth` of the same tiles of new enamel, each from a map of its own. Gives two rows for each split: `split`,
    `scored` (`own test split` or `new enamel`), `r2`, `low` and `high`.
    """
    rows = []
    for split, own in tested.items():
        new = unseen[split]
        on_own = r2(own["predicted"], own["label"], own["map_id"], own["weight"])
        rows.append({"split": split, "scored": "own test split", **on_own})
        rows.append({"split": split, "scored": "new enamel", **r2(new["predicted"], new["truth"], np.arange(len(new)))})
    return pd.DataFrame(rows)


def gain(better: pd.DataFrame, other: pd.DataFrame) -> tuple[float, float]:
    """95 % interval of how far R2 is above that of another prediction of the same new tiles, which are resampled."""

    def difference(rows: np.ndarray) -> float:
        one, two = (
            metrics.regression_scores(each["predicted"].iloc[rows], each["truth"].iloc[rows])["r2"]
            for each in (better, other)
        )
        return one - two

    return metrics.bootstrap_interval(difference, np.arange(len(better)))


def scores(rows: pd.DataFrame) -> pd.DataFrame:
    """Score rows of `predicted` per source and `overall`, against labels and against the truth (NaN where unknown).

    Columns are `rows`, `tiles`, and against labels (rows as weighted) `mse`, `mean_error`, `sd_error`, `r2` and
    `pearson_r2`; against the truth (each tile once) `mse_truth` and `r2_truth`: as of `metrics.regression_scores`.
    """
    groups = {**dict(tuple(rows.groupby("source", sort=True))), "overall": rows}
    records = {}
    for source, group in groups.items():
        label = metrics.regression_scores(group["predicted"], group["label"], group["weight"])
        record = {"rows": len(group), "tiles": group["tile_id"].nunique()}
        record |= {key: label[key] for key in ("mse", "mean_error", "sd_error", "r2", "pearson_r2")}
        known = group[group["truth"].notna()].drop_duplicates("tile_id")
        if len(known):
            truth = metrics.regression_scores(known["predicted"], known["truth"])
            record |= {"mse_truth": truth["mse"], "r2_truth": truth["r2"]}
        records[source] = record
    return pd.DataFrame.from_dict(records, orient="index").rename_axis("source")


def follow_truth(predictor: Predictor, sections: Iterable[Section], *, stride: int) -> pd.DataFrame:
    """Map simulated sections and compare each map with the true mean hardness of its windows, `stride` px apart.

    One row per section, from 1: `read` and `true` mean (GPa), `sd` of the truth within the section (GPa), and
    `pearson`, the correlation of map and truth within it.
    """
    rows = []
    for section in sections:
        made = inference.raster(section.rgb, predictor, stride=stride)
        truth = made.averaging(section.hardness).hardness
        pearson = metrics.compare_maps(made.hardness, truth)["pearson"]
        rows.append({"read": made.hardness.mean(), "true": truth.mean(), "sd": truth.std(), "pearson": pearson})
    return pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="section"), dtype=float)


def best_possible_mse(rows: pd.DataFrame) -> float:
    """Least mean squared error that any predictor can expect on labels drawn at random, GPa^2 (DOMAIN.md D5).

    Each repeat of a noisy tile draws its label from its map's standard deviation, which no picture can foretell.
    """
    return float((rows["label_sd"].fillna(0) ** 2).mean())
