"""All that measured maps tell, of any material: the model with its card, and the tables that notebook 13 draws."""

from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, Field, FiniteFloat, create_model

from enamel_lib import models, paths
from enamel_lib.dense import axes, labels, left_out, measured
from enamel_lib.errors import DataError, ModelError
from enamel_lib.reproduce import report
from enamel_lib.structured import Strict, read_json

SEEDS = 5  # of the folds, for grains and blocks
FAR = 3  # pixels of the farthest shift tried
CEILING = "each grain's mean"  # over all its indents, among the scores: what no value constant in a grain can pass
TABLES = ("predictions", "scores", "shifts", "labels", "intervals")
WHERE = paths.DATA / "results"  # shipped tables, `NAME-TABLE.csv`
FOLDER = "axes"  # of shipped models, `NAME.json`, within `paths.MODELS`


_Weights = Annotated[list[float], Field(min_length=len(axes.HARMONICS), max_length=len(axes.HARMONICS))]
_Fit = create_model(  # `labels.Fit`, as a card has it
    "_Fit", __base__=Strict, **{each.name: (float, ...) for each in fields(labels.Fit)} | {"weights": (_Weights, ...)}
)


class _Card(BaseModel):
    """What is read of a model's card, as `save` writes it."""

    harmonics: tuple[str, ...]
    fit: _Fit
    support_um: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    moves_um: list[tuple[FiniteFloat, FiniteFloat]]
    levels: dict[int, FiniteFloat]


def study(
    known: axes.Indented,
    out: Path,
    name: str,
    *,
    progress: Callable[[str], None] = lambda stage: None,
    **about: Any,
) -> pd.DataFrame:
    """Fit the c-axes of a material, judge it on what is left out, and write model and tables.

    Parameters
    ----------
    known
        Maps and indents.
    out
        Folder of `NAME.json`, the model and its card, and `NAME-TABLE.csv`, the `TABLES`.
    name
        Of the material.
    progress
        Hears what comes next.
    about
        More for the card, such as source and licence of the data.

    Returns
    -------
    scores
        A row for each `kind` of what is left out and `seed`, and R2 of each model; none of a kind that is one group.

    Raises
    ------
    DataError
        If all indents are on one grain.
    """
    if not left_out.folds(known.grains(), 0):
        raise DataError(f"all {len(known.table)} indents are on one grain; hardness is learned from c-axes that differ")
    progress("fit")
    model = axes.fit(known)
    rows, kept, ceiling = [], {}, left_out.ceiling(known, model.moves)
    kinds = [kind for kind in left_out.KINDS if left_out.folds(left_out.groups(known, kind), 0)]
    for kind in kinds:
        for seed in range(SEEDS if kind in ("grains", "blocks") else 1):
            progress(f"{kind} left out, seed {seed}")
            found = left_out.predictions(known, kind, seed=seed)
            rows.append({"kind": kind, "seed": seed} | left_out.scores(known, found).to_dict() | {CEILING: ceiling})
            if seed == 0:
                kept[kind] = found["c-axis"]
    tables = {"predictions": pd.DataFrame(kept), "scores": pd.DataFrame(rows)}
    progress("shifts")
    line = [(0, step) for step in range(-FAR, FAR + 1)] + [(step, 0) for step in range(-FAR, FAR + 1) if step]
    tables["shifts"] = measured.shifted(known, model, line)
    progress("labels")
    tables["labels"] = measured.worth_of_labels(known, model)
    progress("intervals")
    tables["intervals"] = measured.intervals_of_batches(known, model)
    for table, content in tables.items():
        with paths.atomic(out / f"{name}-{table}.csv") as temporary:
            content.to_csv(temporary, index=False, float_format="%.4f")
    judged = tables["scores"].groupby("kind")["c-axis"].agg(["mean", "std"]).round(4).fillna(0).T.to_dict()
    save(model, out / f"{name}.json", indents=len(known.table), left_out_r2=judged, **about)
    return tables["scores"]


def save(model: axes.AxisIndenter, path: Path, **about: Any) -> None:
    """Write a model with its card, in JSON."""
    fit = {key: np.round(value, 6).tolist() for key, value in asdict(model.fit).items()}
    learned = {"support_um": model.support_um, "moves_um": model.moves.round(4).tolist()}
    levels = {str(grain): round(float(level), 5) for grain, level in model.levels.items()}
    content = {"name": path.stem, "harmonics": axes.HARMONICS, "fit": fit} | learned | {"levels": levels}
    report.write_json(path, content | about | models.made_with())


def load(name: str | Path) -> axes.AxisIndenter:
    """Load a model, `titanium` or the path of a `.json`; a ModelError if there is none, or it is of another kind."""
    path = Path(name) if Path(name).suffix else paths.MODELS / FOLDER / f"{name}.json"
    if not path.is_file():
        raise ModelError(f"no model {path}; make one with `enamel fit-axes`, or name one of those in {path.parent}")
    card = read_json(path, _Card)
    if card.harmonics != axes.HARMONICS:
        raise ModelError(f"{path} was learned from other harmonics; make it anew with `enamel fit-axes`")
    fit = labels.Fit(**card.fit.model_dump() | {"weights": np.array(card.fit.weights)})
    return axes.AxisIndenter(fit, card.support_um, np.array(card.moves_um), card.levels)


def table(name: str, kind: str) -> pd.DataFrame:
    """Read one of the shipped `TABLES` of a material."""
    return pd.read_csv(WHERE / f"{name}-{kind}.csv")
