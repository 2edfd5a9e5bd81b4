"""The dense indenter fitted to indents on a map of one's own, and judged on strips that were left out."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from enamel_lib import models
from enamel_lib.dataset import comparison
from enamel_lib.dataset.own import Indents
from enamel_lib.dense import indenter, labels, reading
from enamel_lib.dense.code import CELL_UM
from enamel_lib.errors import DataError
from enamel_lib.pic import PIXEL_UM

STRIPS = 5  # that are left out in turn
MARGIN_UM = 12.0  # from a strip that is left out to the nearest indent that is kept
FEWEST = 10  # places to fit by where a strip is left out
MEANS_SOMETHING = 30  # places, below which no score of a fit does


@dataclass(frozen=True)
class Fitted:
    """A dense indenter whose reading of structure was fitted to indents.

    Attributes
    ----------
    model
        As from `indenter.load`.
    table
        The indents as from `comparison.compare`, with `before` (by the model as it was), `left_out` (by a fit to the
        strips beyond a margin) and `mean` (always the mean of those strips), GPa; NaN where too few are left to fit.
    scores
        `whole map` row of `comparison.scores`, of these three.
    fit
        To all indents.
    doubt
        Why the fit may mean nothing; empty if it does mean something.
    """

    model: keras.Model
    table: pd.DataFrame
    scores: pd.DataFrame
    fit: labels.Fit
    doubt: str

    def save(self, path: Path, **about: Any) -> dict[str, Any]:
        """Write the model with its card, which it gives."""
        judged = {name: {key: float(value) for key, value in row.items()} for name, row in self.scores.T.items()}
        said = [float(self.table["hardness"].min()), float(self.table["hardness"].max())]
        card = {"name": path.stem, "indents": len(self.table), "labels_gpa": said, "left_out_strips": judged}
        fit = {name: np.round(value, 4).tolist() for name, value in asdict(self.fit).items()}
        return models.save(self.model, path, card | about | {"doubt": self.doubt, "fit": fit, **models.made_with()})


def fit(
    model: keras.Model,
    rgb: np.ndarray,
    indents: Indents,
    *,
    pixel_size_um: float = PIXEL_UM,
    signal: np.ndarray | None = None,
) -> Fitted:
    """Fit what the structure of a map means for hardness to indents on it, starting from what the model knows.

    Parameters
    ----------
    model
        From `indenter.load`; its network stays, its weights of structure are the middle of the prior.
    rgb, pixel_size_um, signal
        As of `indenter.hardness_map`.
    indents
        On that picture.

    Raises
    ------
    DataError
        If an indent lies outside the picture, none has a reading, or fewer than two strips can be left out.
    """
    found = reading.read(model, rgb, pixel_size_um=pixel_size_um, signal=signal)
    mapped = indenter.map_of(found, rgb.shape[:2], pixel_size_um=pixel_size_um)
    table, _ = comparison.compare(mapped, indents, pixel_size_um=pixel_size_um)
    folds = strips(table[comparison.PLACE].to_numpy())
    if len(folds) < 2:
        raise DataError(
            f"{indents.path}: {len(table)} indents are too few or too close to leave any out by a margin; "
            f"spread {MEANS_SOMETHING} or more over {STRIPS * MARGIN_UM:.0f} um"
        )
    structure = reading.structure_of(found)
    first = np.array([mapped.rows[0], mapped.cols[0]]) * pixel_size_um - CELL_UM / 2  # corner of the cells
    places, hardness = table[comparison.PLACE].to_numpy() - first, table["hardness"].to_numpy()
    at = tuple(np.clip(places // CELL_UM, 0, np.array(mapped.hardness.shape) - 1).astype(int).T)
    known, before = labels.Labels(), indenter.weights_of(model)
    known.add_indents(structure, places, hardness)
    ((seen, said),) = known.indents

    def fitted_to(chosen: np.ndarray) -> labels.Fit:
        return labels.fit(labels.Labels([(seen[chosen], said[chosen])]), labels.PRIOR_SD, prior_mean=before)

    left_out, mean = np.full((2, len(table)), np.nan)
    for kept, left in folds:
        left_out[left] = fitted_to(kept).hardness(structure)[at][left]
        mean[left] = hardness[kept].mean()
    table = table.rename(columns={"predicted": "before"}).assign(left_out=left_out, mean=mean)
    names = ("before", "left_out", "mean")
    judged = pd.DataFrame({name: comparison.scores(table, table[name]).loc["whole map"] for name in names}).T
    judged = judged.astype({"n": int})
    places = len(table.loc[table["left_out"].notna(), comparison.PLACE].drop_duplicates())
    last = fitted_to(np.arange(len(table)))
    network = keras.Model(model.input, model.outputs[2:])
    return Fitted(indenter.with_hardness(network, last), table, judged, last, _doubt(judged, places))


def strips(places_um: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Leave out strips across a map in turn, of equally many indents at `(N, 2)`: positions kept, and left out.

    Those kept lie a margin away or more.
    """
    place = places_um[:, np.ptp(places_um, axis=0).argmax()]
    folds = []
    for left in np.array_split(np.argsort(place, kind="stable"), STRIPS):
        if len(left) == 0:
            continue
        kept = np.flatnonzero((place <= place[left].min() - MARGIN_UM) | (place >= place[left].max() + MARGIN_UM))
        if len(np.unique(places_um[kept], axis=0)) >= FEWEST:
            folds.append((kept, np.sort(left)))
    return folds


def _doubt(judged: pd.DataFrame, places: int) -> str:
    fitted, mean, before = (judged.loc[name] for name in ("left_out", "mean", "before"))
    if places < MEANS_SOMETHING:
        return f"{places} places are too few for a fit to mean anything; {MEANS_SOMETHING} or more are needed"
    if not fitted["rmse"] < mean["rmse"]:
        return "on strips left out the fit is no better than always answering their neighbours' mean"
    if not fitted["rmse"] < before["rmse"]:
        return "on strips left out the fit is no better than the model was before"
    if not fitted["low"] > 0:
        return "on strips left out the correlation may be nothing: its interval reaches 0, or there are too few blocks"
    return ""
