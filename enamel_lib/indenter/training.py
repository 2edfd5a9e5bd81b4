"""Training of the virtual indenter: read the data, train by a recipe, score the best weights, save them with a card.

Hardness is learnt from the labels alone, as the paper does, or by `pretrain_and_probe`: the structure of simulated
sections first, and from the labels the dense layer only.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from enamel_lib import models, paths
from enamel_lib.dataset import curation, simulated, sources
from enamel_lib.indenter import evaluation, network, pretraining
from enamel_lib.indenter.linear_probe import fit_dense_layer
from enamel_lib.indenter.recipe import load_recipe
from enamel_lib.indenter.run import HISTORY, Progress, Run, data_facts, predict

STRUCTURE = "structure"  # folder, within that of the run, of what comes first


def train(
    recipe: str | Path | dict[str, Any] = "cpu",
    *,
    protocol: str = "audited",
    seed: int = 0,
    root: Path | str | None = None,
    out: Path | str | None = None,
    resume: bool = False,
    anew: bool = False,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Train the indenter, score its best checkpoint on the held-out splits, save it; give its model card.

    Parameters
    ----------
    recipe
        See `recipe.load_recipe`; one with `sections` pretrains and probes, any other trains end to end.
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
    anew
        Start, and replace the checkpoint in `out`, once there is one to replace it.
    progress
        Called with (steps done, steps in all) after every step.

    Raises
    ------
    InputError
        If `out` holds a checkpoint, and neither `resume` nor `anew` is true, or the recipe or protocol is unknown.
    ModelError
        If the checkpoint is damaged, or of another recipe, seed or data.
    """
    recipe, name = load_recipe(recipe), f"indenter-{protocol}"
    out = paths.BUILD / "training" / name if out is None else Path(out)
    root = sources.default_root() if root is None else Path(root)
    united = curation.united_table(sources.load_sources(root), seed=seed)
    table = curation.split(united, protocol, seed=seed)
    tiles = curation.load_tiles(united, root)

    settings = {"protocol": protocol, "seed": seed, "out": out, "resume": resume, "anew": anew}
    if recipe["sections"]:
        model, facts = pretrain_and_probe(recipe, tiles, table, **settings, progress=progress)
    else:
        run = Run(tiles, table, recipe, **settings)
        run.fit(progress)
        model, facts = run.best_model(), run.facts()
    metrics = {}
    for held_out, rows in table[table["split"].isin(["val", "test"])].groupby("split"):
        predicted = evaluation.predicted(rows, tiles, lambda shown: predict(model, shown)[:, 0])
        metrics[held_out] = evaluation.scores(predicted).to_dict("index")
    manifest = root / sources.MANIFEST
    card = {
        "name": name,
        "protocol": protocol,
        "root": "data/raw" if root == paths.RAW else root.name,
        "world": simulated.read_manifest(root).world if manifest.is_file() else "real",
        "labels_gpa": [float(one) for one in table.loc[table["split"] == "train", "label"].agg(["min", "max"])],
        "metrics": metrics,
    }
    return models.save(model, out / f"{name}.keras", card | facts)


def pretrain_and_probe(
    recipe: dict[str, Any],
    tiles: np.ndarray,
    table: pd.DataFrame,
    *,
    protocol: str,
    seed: int,
    out: Path,
    resume: bool = False,
    anew: bool = False,
    progress: Progress | None = None,
) -> tuple[keras.Model, dict[str, Any]]:
    """Learn the structure of simulated windows stage by stage, then fit the dense layer to the labels.

    Every stage starts from the features of the last. `table` has rows as of `Run`; all else is as of `train`. Gives the
    network, float32 and not compiled, and what its model card says of the training.
    """
    simulated = pretraining.simulate_pretraining_set(recipe["sections"], seed=seed)
    runs: list[Run] = []
    for number, stage in enumerate(recipe["stages"]):
        pictures, measured = simulated.windows(stage["size"])
        own, targets = recipe | {"stages": [stage]}, pretraining.targets(stage["size"])
        settings = {"seed": seed, "out": out / STRUCTURE / str(number), "resume": resume, "anew": anew}
        run = Run(pictures, measured, own, **settings, targets=targets)
        if runs and run.step == 0:
            run.weights = replace(run.weights, features=runs[-1].best.features)
        run.fit(progress)
        runs.append(run)

    side, train_rows = tiles.shape[1], table[table["split"] == "train"]
    groups = curation.held_out_together(train_rows, protocol)
    weights, ridge = fit_dense_layer(
        runs[-1].best.grown(side), tiles, train_rows, groups, precision=recipe["stages"][-1]["precision"]
    )
    model = network.build_indenter(side)
    weights.assign_to(model)
    history = pd.concat([pd.DataFrame(run.history) for run in runs], keys=range(len(runs)), names=["stage"])
    with paths.atomic(out / HISTORY) as temporary:
        history.reset_index("stage").to_csv(temporary, index=False)
    kept = ("steps", "images", "best_step", "best_val_mse", "seconds")
    return model, {
        "recipe": recipe,
        "optimizer": "Ranger",
        "seed": seed,
        "structure": [{key: facts[key] for key in kept} for facts in (run.facts() for run in runs)],
        "dense_layer": ridge,
        **data_facts(tiles, train_rows),
        **models.made_with(),
    }


def summary(cards: Mapping[str, dict[str, Any]]) -> pd.DataFrame:
    """How networks were trained by `pretrain_and_probe`, from their model cards: a column each."""
    return pd.DataFrame(
        {
            name: {
                "recipe": card["recipe"]["name"],
                "structure, pictures": ", ".join(
                    f"{stage['images']:,} at {stage['size']} px" for stage in card["recipe"]["stages"]
                ),
                "structure, hours": f"{sum(stage['seconds'] for stage in card['structure']) / 3600:.1f}",
                "hardness, rows": f"{card['train_rows']:,}",
                "hardness, distinct tiles": f"{card['train_tiles']:,}",
                "strength of the ridge": f"{card['dense_layer']['chosen']:.0f}",
                "processor": f"{card['hardware']['processor']}, {card['hardware']['cores']} cores",
            }
            for name, card in cards.items()
        }
    )
