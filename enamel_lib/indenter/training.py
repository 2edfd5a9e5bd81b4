"""Training of the virtual indenter from a recipe: fit, score the best checkpoint, save it with a model card."""

import json
import math
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from enamel_lib import models, paths
from enamel_lib.dataset import curation, sources
from enamel_lib.indenter import evaluation, network, pretraining
from enamel_lib.indenter.batches import load_recipe
from enamel_lib.indenter.linear_probe import fit_dense_layer
from enamel_lib.indenter.run import HISTORY, Progress, Run, labelled, made_with, predict
from enamel_lib.indenter.weights import assign, grow

STRUCTURE = "structure"  # folder, within that of the run, of what comes first


def train(
    recipe: str | Path | dict[str, Any] = "cpu",
    *,
    protocol: str = "audited",
    seed: int = 0,
    root: Path | str | None = None,
    out: Path | str | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Train the indenter, score its best checkpoint on the test split, and save it with a model card.

    Parameters
    ----------
    recipe
        See `batches.load_recipe`.
    protocol
        How the data are split: `audited` or `paper` (`curation.split`).
    seed
        Of the united table, the split, the first weights, the batches and the choice of validation tiles.
    root
        Folder of the sources; the default one if None (`sources.default_root`).
    out
        Folder for `indenter-<protocol>.keras`, its card `.json`, the history, the checkpoint and, with TensorFlow, a
        TensorBoard log; `build/training/indenter-<protocol>` if None.
    resume
        Go on from the checkpoint in `out`; start where there is none.
    progress
        Called with (steps done, steps in all) after every step.

    Returns
    -------
    dict
        The model card.

    Raises
    ------
    InputError
        If `out` holds a checkpoint and `resume` is false, or the recipe or protocol is unknown.
    ModelError
        If the checkpoint is damaged, or of another recipe, seed or data.
    """
    recipe, name = load_recipe(recipe), f"indenter-{protocol}"
    out = paths.BUILD / "training" / name if out is None else Path(out)
    root = sources.default_root() if root is None else Path(root)
    united = curation.united_table(sources.load_sources(root), seed=seed)
    table = curation.split(united, protocol, seed=seed)
    tiles = curation.load_tiles(united, root)

    if recipe["sections"] is None:
        run = Run(tiles, table, recipe, protocol=protocol, seed=seed, out=out, resume=resume)
        run.fit(progress)
        model, facts = run.best_model(), run.facts()
    else:
        lessons = _learn_structure(recipe, seed=seed, out=out / STRUCTURE, resume=resume, progress=progress)
        train_rows = table[table["split"] == "train"]
        model, judged = _with_dense_layer(lessons, tiles, train_rows, protocol)
        told = ("steps", "images", "best_step", "best_val_mse", "seconds")
        facts = {
            "recipe": recipe,
            "optimizer": "Ranger",
            "seed": seed,
            "structure": [{key: run.facts()[key] for key in told} for run in lessons],
            "dense_layer": judged,
            **labelled(tiles, train_rows),
            **made_with(),
        }
        history = pd.concat([pd.DataFrame(run.history) for run in lessons], keys=range(len(lessons)), names=["stage"])
        with paths.atomic(out / HISTORY) as temporary:
            history.reset_index("stage").to_csv(temporary, index=False)
    card = {
        "name": name,
        "protocol": protocol,
        "root": "data/raw" if root == paths.RAW else root.name,
        "world": _world(root),
        "metrics": {
            held: evaluation.scores(evaluation.predicted(rows, tiles, partial(predict, model))).to_dict("index")
            for held, rows in table[table["split"].isin(["val", "test"])].groupby("split")
        },
    }
    return save(model, out, card | facts)


def _learn_structure(
    recipe: dict[str, Any], *, seed: int, out: Path, resume: bool, progress: Progress | None
) -> list[Run]:
    """Learn the structure of simulated windows, stage by stage; every stage starts from the features of the last."""
    lesson = pretraining.simulate_lesson(recipe["sections"], seed=seed)
    lessons: list[Run] = []
    for number, stage in enumerate(recipe["stages"]):
        pictures, table = lesson.windows(stage["size"])
        settings, targets = recipe | {"stages": [stage]}, pretraining.targets(stage["size"])
        run = Run(pictures, table, settings, seed=seed, out=out / str(number), resume=resume, targets=targets)
        if lessons and run.step == 0:
            run.values = lessons[-1].best[:-2] + run.values[-2:]  # other targets, so another dense layer
        run.fit(progress)
        lessons.append(run)
    return lessons


def _with_dense_layer(
    lessons: list[Run], tiles: np.ndarray, train: pd.DataFrame, protocol: str
) -> tuple[keras.Model, dict[str, Any]]:
    """Give the network that learnt structure, its dense layer fitted to the labels, and how that was judged."""
    side, last = tiles.shape[1], lessons[-1]
    values, precision = grow(last.best, side), last.recipe["stages"][-1]["precision"]
    groups = curation.held_out_together(train, protocol)
    dense, judged = fit_dense_layer(values, tiles, train, groups, precision=precision)
    model = network.build_indenter(side)
    assign(model.variables, values[:-2] + dense)
    return model, judged


def save(model: keras.Model, out: Path, card: dict[str, Any]) -> dict[str, Any]:
    """Write `<name>.keras` and its model card `<name>.json`; give the card with the `sha256` of the weights in it."""
    return models.save(model, out / f"{card['name']}.keras", _without_nan(card))


def _without_nan(value: Any) -> Any:
    """Give None for NaN, which JSON lacks."""
    if isinstance(value, dict):
        return {key: _without_nan(entry) for key, entry in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value


def _world(root: Path) -> str:
    manifest = root / sources.MANIFEST
    return json.loads(manifest.read_text())["world"] if manifest.is_file() else "real"
