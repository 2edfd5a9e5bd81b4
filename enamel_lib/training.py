"""Training of the virtual indenter from a recipe: fit, score the best checkpoint, save it with a model card."""

import json
import math
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from enamel_lib import curation, indenter, metrics, paths, sources
from enamel_lib.batches import load_recipe
from enamel_lib.training_run import Progress, Run, predict


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
    run.fit(progress)
    model = run.best_model()
    facts = {
        "protocol": protocol,
        "root": "data/raw" if root == paths.RAW else root.name,
        "world": _world(root),
        "metrics": {"val": score(model, tiles, run.held), "test": score(model, tiles, table[table["split"] == "test"])},
    }
    return save(model, out, {"name": name} | facts | run.facts())


def score(model: keras.Model, tiles: np.ndarray, rows: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Score a model on rows of one split.

    Parameters
    ----------
    model
        From `indenter.build_indenter`.
    tiles
        `(N, side, side, 3)` uint8.
    rows
        With `tile_id`, `label`, `weight`, and, where there is one, `truth` (GPa, NaN if unknown) and `source`.

    Returns
    -------
    dict
        `metrics.regression_scores` against the weighted labels as `label`, and for the rows of each source as
        `label_<source>`; against the unweighted truth of distinct tiles as `truth`.
    """
    ids, at = np.unique(rows["tile_id"], return_inverse=True)
    predicted = predict(model, tiles[ids])[at]
    scores = {"label": metrics.regression_scores(predicted, rows["label"], rows["weight"])}
    if "source" in rows:
        for source in sorted(rows["source"].unique()):
            own = (rows["source"] == source).to_numpy()
            scores[f"label_{source}"] = metrics.regression_scores(predicted[own], rows["label"][own])
    if "truth" in rows:
        known = (rows["truth"].notna() & ~rows["tile_id"].duplicated()).to_numpy()
        if known.any():
            scores["truth"] = metrics.regression_scores(predicted[known], rows["truth"][known])
    return scores


def save(model: keras.Model, out: Path, card: dict[str, Any]) -> dict[str, Any]:
    """Write `<name>.keras` and its model card `<name>.json`; give the card with the `sha256` of the weights in it."""
    path = out / f"{card['name']}.keras"
    with paths.atomic(path) as temporary:
        model.save(temporary)
    card = card | {"parameters": model.count_params(), "sha256": indenter.sha256(path)}
    with paths.atomic(path.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(_without_nan(card), indent=2, allow_nan=False) + "\n")
    return card


def _without_nan(value: Any) -> Any:
    """Give None for NaN, which JSON lacks."""
    if isinstance(value, dict):
        return {key: _without_nan(entry) for key, entry in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value


def _world(root: Path) -> str:
    manifest = root / sources.MANIFEST
    return json.loads(manifest.read_text())["world"] if manifest.is_file() else "real"
