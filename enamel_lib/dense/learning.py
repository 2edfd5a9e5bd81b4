"""Learning of the dense indenter: its network sees simulated structure, then hardness is fitted to sets of labels."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from enamel_lib import models, paths
from enamel_lib.dense import (
    evaluation,
    indenter,
    intervals,
    labels,
    likeness,
    resolution,
    sources,
    training,
    worth,
)
from enamel_lib.dense.structure import LOCAL, WIDE

WORTH, EDGES = "dense-labels.csv", "dense-edges.csv"  # what each kind of label is worth; how boundaries are read
SURE = {"coverage": 0.9, "sections": 60}  # of the interval, and how many sections it is calibrated by
SURE_SHAPE, SURE_SEED = (600, 900), 8_000_000  # px, and the first of their seeds


def train(
    recipe: str | Path | dict[str, Any] = "cpu",
    *,
    seed: int = 0,
    out: Path | None = None,
    resume: bool = False,
    anew: bool = False,
    progress: training.Progress = lambda done, total: None,
) -> dict[str, dict[str, Any]]:
    """Train the network, fit hardness to each set of `sources.LABELS`, save `dense-NAME.keras` with its card.

    What each kind of label is worth goes beside them, and how boundaries are read. Arguments are as of
    `training.train_structure`; `out` is `build/training/dense` if None. Gives the cards by name.
    """
    out = paths.BUILD / "training" / "dense" if out is None else out
    run = {"seed": seed, "out": out, "resume": resume, "anew": anew}
    network, facts = training.train_structure(recipe, **run, progress=progress)
    known = {source.__name__: sources.gather(network, source(seed)) for source in sources.LABELS["grids"]}
    depths = (np.arange(SURE["sections"]) + 0.5) / SURE["sections"]
    unseen = evaluation.structure_and_truth(network, SURE_SHAPE, depths.tolist(), first_seed=SURE_SEED)
    like, cards, edges = likeness.learn(network), {}, []
    for name, parts in sources.LABELS.items():
        used = {source.__name__: known[source.__name__] for source in parts}
        found = labels.fit(labels.Labels.joined([*used.values()]), labels.PRIOR_SD)
        counts = {source: one.count for source, one in used.items()}
        model = indenter.with_hardness(network, found)
        spread = resolution.edge_spread(model)
        edges.append(spread.assign(model=f"dense-{name}"))
        card = {"name": f"dense-{name}", "labels": counts, "fit": _plain(found)} | facts
        card["labels_gpa"] = list(sources.simulated.LABELS_GPA)  # to which all of them are cut
        errors = evaluation.errors_of((found.hardness(seen), true) for seen, true in unseen)
        half = intervals.half_width(*errors, coverage=SURE["coverage"])
        card["likeness"] = like
        card["interval"] = SURE | {"relative_half_width": round(half, 4)}
        card["resolution"] = resolution.measures(spread).round(3).to_dict("records")
        cards[name] = models.save(model, out / f"dense-{name}.keras", card)
    table = worth.worth_of_labels(network, known, seed=seed)
    for name, result in {WORTH: table, EDGES: pd.concat(edges)}.items():
        with paths.atomic(out / name) as temporary:
            result.to_csv(temporary, index=False, float_format="%.4f")
    return cards


def _plain(fit: labels.Fit) -> dict[str, Any]:
    """For the card: weights by name, and what the labels leave."""
    values = asdict(fit)
    weights = dict(zip((*LOCAL, *WIDE), values.pop("weights").round(4).tolist(), strict=True))
    return {"weights": weights} | {key: round(value, 4) for key, value in values.items()}
