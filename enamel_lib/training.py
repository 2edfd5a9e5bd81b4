"""Training of the virtual indenter from a recipe: fit, score the best checkpoint, save it with a model card."""

import json
import math
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from enamel_lib import curation, evaluation, model_files, paths, sources, structure
from enamel_lib.batches import load_recipe
from enamel_lib.probing import linear_head
from enamel_lib.training_run import HISTORY, Progress, Run, predict

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

    run = Run(tiles, table, recipe, protocol=protocol, seed=seed, out=out, resume=resume)
    if "structure" in recipe and run.step == 0:
        features = _learn_structure(recipe, seed=seed, out=out / STRUCTURE, resume=resume, progress=progress)
        first = recipe["stages"][0]
        head = linear_head(features, tiles, table, size=first["size"], precision=first["precision"])
        run.values = [*features, *head]
    run.fit(progress)
    model = run.best_model()
    facts = {
        "protocol": protocol,
        "root": "data/raw" if root == paths.RAW else root.name,
        "world": _world(root),
        "metrics": {
            split: evaluation.scores(evaluation.predicted(rows, tiles, partial(predict, model))).to_dict("index")
            for split, rows in (("val", run.held), ("test", table[table["split"] == "test"]))
        },
    }
    if "structure" in recipe:
        history = pd.read_csv(out / STRUCTURE / HISTORY)
        facts["structure"] = {"seconds": round(history["seconds"].sum(), 1), "best_val_mse": history["val_mse"].min()}
    return save(model, out, {"name": name} | facts | run.facts())


def _learn_structure(recipe: dict[str, Any], **options: Any) -> list[np.ndarray]:
    """Give the weights, all but the dense layer's, of a network that has learnt the structure of simulated windows."""
    stages = recipe["structure"]["stages"]
    pictures, table = structure.windows(recipe["structure"]["sections"], stages[-1]["size"], seed=options["seed"])
    progress = options.pop("progress")
    run = Run(pictures, table, {"name": recipe["name"], "stages": stages}, targets=structure.TARGETS, **options)
    run.fit(progress)
    return run.best[:-2]


def save(model: keras.Model, out: Path, card: dict[str, Any]) -> dict[str, Any]:
    """Write `<name>.keras` and its model card `<name>.json`; give the card with the `sha256` of the weights in it."""
    return model_files.save(model, out / f"{card['name']}.keras", _without_nan(card))


def _without_nan(value: Any) -> Any:
    """Give None for NaN, which JSON lacks."""
    if isinstance(value, dict):
        return {key: _without_nan(entry) for key, entry in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value


def _world(root: Path) -> str:
    manifest = root / sources.MANIFEST
    return json.loads(manifest.read_text())["world"] if manifest.is_file() else "real"
