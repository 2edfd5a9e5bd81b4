"""One map with indents of one's own: predicted against measured, and a network refined on the indents.

Neighbouring indents share most of their windows, so scores come with intervals by blocks, and whatever is fitted is
judged on strips that were left out with a margin of one window.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from sklearn.decomposition import PCA

from enamel_lib import metrics, models
from enamel_lib.dataset.own import Indents
from enamel_lib.errors import DataError
from enamel_lib.images import TILE
from enamel_lib.indenter import network
from enamel_lib.indenter.linear_probe import dense_layer, fit_ridge
from enamel_lib.indenter.weights import Weights
from enamel_lib.inference import Predictor

BLOCK = 2 * TILE  # side of the blocks that are resampled, px
STRIPS = 5  # that are left out in turn
FEWEST = 10  # indents to fit a strip's network by
MEANS_SOMETHING = 30  # indents, below which no score of a fit does


def tiles_at(
    picture: np.ndarray, indents: Indents, *, scale: float = 1.0, signal: np.ndarray | None = None
) -> tuple[pd.DataFrame, np.ndarray]:
    """Windows around the indents of a picture `(H, W, 3)` at the training scale, enlarged by `scale` to be so.

    Gives the rows of `Indents.windows` and the tiles `(N, 200, 200, 3)`; `signal` is as there.
    """
    table = indents.windows(picture.shape, scale, signal=signal)
    corners = table[["top", "left"]].to_numpy()
    return table, np.stack([picture[top : top + TILE, left : left + TILE] for top, left in corners])


def compare(
    picture: np.ndarray,
    indents: Indents,
    predictor: Predictor,
    *,
    scale: float = 1.0,
    signal: np.ndarray | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Predict the hardness at each indent: the rows of `tiles_at` with `predicted` (GPa), and `scores` of them."""
    table, tiles = tiles_at(picture, indents, scale=scale, signal=signal)
    table = table.assign(predicted=predictor(tiles))
    return table, scores(table, table["predicted"])


def scores(table: pd.DataFrame, predicted: pd.Series) -> pd.DataFrame:
    """Score predictions (GPa) at indents: over the whole map, and spatially blocked.

    Rows `whole map`, `within blocks` (both freed of their means over blocks of 24 um), `between blocks` (those means);
    columns `n`, `r` with a 95 % interval `low` to `high` by resampling blocks, `rmse` and `bias` (GPa, predicted less
    measured). What is undefined, such as r or an interval of fewer than four, is NaN.
    """
    block = pd.Series(_blocks(table), table.index)
    both = pd.DataFrame({"predicted": predicted, "measured": table["hardness"]}).dropna()
    block = block[both.index]
    means = both.groupby(block).mean()
    within = both - means.loc[block].set_axis(both.index)
    kinds = {"whole map": (both, block), "within blocks": (within, block), "between blocks": (means, means.index)}
    return pd.DataFrame({kind: _score(*each) for kind, each in kinds.items()}).T.astype({"n": int})


def _blocks(table: pd.DataFrame) -> np.ndarray:
    cell = ((table[["top", "left"]] - table[["top", "left"]].min()) // BLOCK).to_numpy()
    return cell[:, 0] * (cell[:, 1].max() + 1) + cell[:, 1]


def _score(both: pd.DataFrame, groups: Any) -> dict[str, float]:
    one, two = both["predicted"].to_numpy(), both["measured"].to_numpy()
    compared = metrics.compare_maps(one, two)
    interval = np.nan, np.nan
    if len(np.unique(groups)) >= 4 and np.isfinite(compared["pearson"]):
        interval = metrics.bootstrap_interval(
            lambda rows: metrics.compare_maps(one[rows], two[rows])["pearson"], groups
        )
    low, high = interval
    found = {"n": len(one), "r": compared["pearson"] if len(one) > 3 else np.nan, "low": low, "high": high}
    return found | {"rmse": compared["rmse"], "bias": compared["mean_difference"]}


@dataclass(frozen=True)
class Refit:
    """A network whose dense layer was fitted anew to indents.

    Attributes
    ----------
    model
        The network, float32 and not compiled.
    table
        The indents with `before` (by the network as it was), `left_out` (by a fit to the strips beyond a margin) and
        `mean` (always the mean of those strips), GPa; NaN where too few strips are left to fit.
    scores
        `whole map` row of `scores`, of these three.
    ridge
        Record of the fit to all indents (`linear_probe.fit_dense_layer`).
    doubt
        Why the fit may mean nothing; empty if it does mean something.
    """

    model: keras.Model
    table: pd.DataFrame
    scores: pd.DataFrame
    ridge: dict[str, Any]
    doubt: str

    def save(self, path: Path, **about: Any) -> dict[str, Any]:
        """Write the network with its model card, which it gives."""
        validation = {name: {key: float(value) for key, value in row.items()} for name, row in self.scores.T.items()}
        labels = [float(self.table["hardness"].min()), float(self.table["hardness"].max())]
        card = {"name": path.stem, "indents": len(self.table), "labels_gpa": labels, "left_out_strips": validation}
        return models.save(
            self.model, path, card | about | {"doubt": self.doubt, "dense_layer": self.ridge, **models.made_with()}
        )


def refit(
    model: keras.Model,
    picture: np.ndarray,
    indents: Indents,
    *,
    scale: float = 1.0,
    signal: np.ndarray | None = None,
) -> Refit:
    """Fit the dense layer to the indents of one map by a ridge, on the features that the network has.

    `picture`, `indents`, `scale` and `signal` are as of `tiles_at`. The strength is chosen, and all judged, by strips
    across the map that are left out in turn with a margin of one window. An indent weighs by its standard deviation,
    where that is stated. Raises DataError if fewer than two strips can be left out.
    """
    table, tiles = tiles_at(picture, indents, scale=scale, signal=signal)
    features = network.pooled_features(model, tiles).reshape(len(tiles), -1).astype(np.float64)
    rows = pd.DataFrame(
        {"tile": np.arange(len(table)), "label": table["hardness"].to_numpy(), "weight": _weights(table)}
    )
    corners = table[["top", "left"]].to_numpy()
    place = corners[:, np.ptp(corners, axis=0).argmax()]
    folds = strips(place)
    if len(folds) < 2:
        raise DataError(
            f"{indents.path}: {len(table)} indents are too few or too close to leave any out by a margin; "
            f"spread {MEANS_SOMETHING} or more over {STRIPS * TILE} px"
        )
    pca = PCA()
    pca.fit(features)
    components = pca.transform(features)
    left_out, mean = np.full((2, len(table)), np.nan)
    for kept, left in folds:
        halves = np.array_split(np.argsort(place[kept], kind="stable"), 2)
        inner = strips(place[kept])
        ridge, _ = fit_ridge(components, rows.iloc[kept], inner if len(inner) > 1 else [halves, halves[::-1]])
        left_out[left], mean[left] = ridge.predict(components[left]), rows["label"].iloc[kept].mean()
    ridge, record = fit_ridge(components, rows, folds)
    old = Weights.of(model)
    refined = network.build_indenter(tiles.shape[1])
    replace(old, **dense_layer(pca, ridge)).assign_to(refined)
    before = (features @ old.kernel + old.bias)[:, 0]
    table = table.assign(before=before, left_out=left_out, mean=mean)
    judged = {name: scores(table, table[name]).loc["whole map"] for name in ("before", "left_out", "mean")}
    judged = pd.DataFrame(judged).T
    return Refit(refined, table, judged, record, _doubt(judged))


def strips(place: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Leave out strips of equally many indents in turn: positions of those kept, a window or more away, and left out.

    Parameters
    ----------
    place
        `(N,)`, along the map, px.
    """
    order = np.argsort(place, kind="stable")
    folds = []
    for left in np.array_split(order, STRIPS):
        if len(left) == 0:
            continue
        kept = np.flatnonzero((place <= place[left].min() - TILE) | (place >= place[left].max() + TILE))
        if len(kept) >= FEWEST:
            folds.append((kept, np.sort(left)))
    return folds


def _weights(table: pd.DataFrame) -> np.ndarray:
    """Weigh an indent by its stated standard deviation, and never many times the typical one."""
    if table["sd"].isna().any() or not table["sd"].median() > 0:
        return np.ones(len(table))
    weight = 1 / (table["sd"] ** 2 + table["sd"].median() ** 2)
    return (weight / weight.mean()).to_numpy()


def _doubt(judged: pd.DataFrame) -> str:
    count, fitted, mean = int(judged.at["left_out", "n"]), judged.loc["left_out"], judged.loc["mean"]
    if count < MEANS_SOMETHING:
        return f"{count} indents are too few for a fit to mean anything; {MEANS_SOMETHING} or more are needed"
    if not fitted["rmse"] < mean["rmse"]:
        return "on strips left out the fit is no better than always answering their neighbours' mean"
    if not fitted["low"] > 0:
        return "on strips left out the correlation may be nothing: its interval reaches 0, or there are too few blocks"
    return ""
