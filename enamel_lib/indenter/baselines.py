"""What the network has to beat, and the most it could reach.

Baselines see the picture through orientation statistics; the ceiling sees the simulator's own hidden variables (true
directors, regions and rod size), which no picture shows whole. None of them sees depth.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from enamel_lib import metrics, microstructure
from enamel_lib.errors import check_choice
from enamel_lib.indenter.evaluation import r2

REGRESSORS = ("mean", "linear", "trees")
PICTURE, NOTHING, HIDDEN = "given the picture", "given nothing", "given what no\npicture shows"
CONTENDERS = (  # name, what it is given, regressor, features, what it learns from
    ("linear model of statistics", PICTURE, "linear", "statistics", "label"),
    ("trees of statistics", PICTURE, "trees", "statistics", "label"),
    ("always the mean", NOTHING, "mean", "statistics", "label"),
    ("linear model of hidden variables", HIDDEN, "linear", "hidden", "label"),
    ("trees of hidden variables", HIDDEN, "trees", "hidden", "label"),
    ("trees of hidden variables, taught the truth", HIDDEN, "trees", "hidden", "truth"),
)


def fit(name: str, features: pd.DataFrame, labels: np.ndarray, *, weights: np.ndarray | None = None, seed: int = 0):
    """Fit a regressor of `REGRESSORS` and return it.

    Parameters
    ----------
    name
        `mean` (always the weighted mean), `linear` (ridge on standardised features, strength by leave-one-out) or
        `trees` (gradient-boosted trees).
    features
        `(N, F)`.
    labels, weights
        `(N,)`, GPa; sample weights, or equal ones.
    """
    check_choice("regressor", name, REGRESSORS)
    if name == "mean":
        return DummyRegressor().fit(features, labels, sample_weight=weights)
    if name == "linear":
        model = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-2, 4, 25)))
        return model.fit(features, labels, ridgecv__sample_weight=weights)
    trees = HistGradientBoostingRegressor(max_iter=200, learning_rate=0.05, min_samples_leaf=20, random_state=seed)
    # on a thousand tiles two threads wait for each other longer than they work, and for minutes on a busy machine
    with threadpool_limits(1, user_api="openmp"):
        return trees.fit(features, labels, sample_weight=weights)


def unexplained(train: pd.DataFrame, tested: pd.DataFrame) -> float:
    """Share of the variance of true hardness that trees cannot tell from the hidden variables, learning from truth.

    Parameters
    ----------
    train, tested
        `truth` (GPa) and `hidden_*`.
    """
    trees = fit("trees", train.filter(like="hidden_"), train["truth"].to_numpy())
    return 1 - metrics.regression_scores(trees.predict(tested.filter(like="hidden_")), tested["truth"])["r2"]


def ranking(train: pd.DataFrame, scored: Mapping[str, pd.DataFrame], tiles: Mapping[str, np.ndarray]) -> pd.DataFrame:
    """Score the network and all `CONTENDERS` against the truth.

    Parameters
    ----------
    train
        Rows to learn from: `label`, `truth` (GPa), `weight` and `hidden_*`.
    scored
        Rows to predict, by name: `truth`, `map_id`, `hidden_*` and `predicted`, by the network.
    tiles
        `(N, 200, 200, 3)` uint8 of the rows, for `train` and for every name in `scored`.

    Returns
    -------
    pandas.DataFrame
        `predictor`, `given`, `tiles` (a name in `scored`), `r2`, `low` and `high` (95 %, maps resampled).
    """
    features = {
        "statistics": {name: microstructure.orientation_statistics(each) for name, each in tiles.items()},
        "hidden": {name: rows.filter(like="hidden_") for name, rows in {"train": train, **scored}.items()},
    }
    weights = train["weight"].to_numpy()
    predictions = [("network", PICTURE, {name: rows["predicted"] for name, rows in scored.items()})]
    for predictor, given, regressor, kind, target in CONTENDERS:
        fitted = fit(regressor, features[kind]["train"], train[target].to_numpy(), weights=weights)
        predictions.append((predictor, given, {name: fitted.predict(features[kind][name]) for name in scored}))
    return pd.DataFrame(
        {"predictor": predictor, "given": given, "tiles": name, **r2(predicted, rows["truth"], rows["map_id"])}
        for predictor, given, each in predictions
        for (name, rows), predicted in zip(scored.items(), each.values(), strict=True)
    )
