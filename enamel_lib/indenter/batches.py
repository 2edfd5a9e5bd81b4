"""Training recipes, and the batches that follow from one: plain functions of the seed and the step.

A recipe is a YAML file in `recipes/`: settings, and `stages` that may override any of them. A stage trains on
windows of `size` pixels cut out of the tiles anywhere, small ones first: cheaper, and pixels keep their scale.
With `sections`, the stages do not learn hardness from the labels but the structure of so many simulated sections, and
only the dense layer is fitted to the labels (`training.train`).
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from enamel_lib import checkpoints
from enamel_lib.dataset.augmentation import augment
from enamel_lib.errors import InputError

RECIPES = Path(__file__).parent / "recipes"
DEFAULTS = {
    "precision": "float32",  # or mixed_bfloat16
    "batch_size": 32,
    "learning_rate": 0.001,
    "schedule": "constant",  # or cosine: falls to nothing at the end of the stage
    "norm_momentum": 0.99,  # of the running mean and variance in batch normalization
    "checkpoint_every": 100,  # steps
    "validation_tiles": 256,  # at most; drawn once
}


def load_recipe(recipe: str | Path | dict[str, Any]) -> dict[str, Any]:
    """Read and check a recipe.

    Parameters
    ----------
    recipe
        Name of a shipped recipe (a file in `recipes/`), path of a YAML file, or the settings themselves.

    Returns
    -------
    dict
        `stages`: one complete dictionary each, with the keys of `DEFAULTS`, `size` (pixels) and `images` (how many to
        show); `name`; and `sections`, None if the stages learn from labels.

    Raises
    ------
    InputError
        If there is no such recipe, or a key or value in it is unknown.
    """
    given = checkpoints.read_recipe(recipe, recipes=RECIPES)
    stages, name, sections = given.pop("stages", None), given.pop("name"), given.pop("sections", None)
    if sections is not None and (not isinstance(sections, int) or sections < 2):
        raise InputError(f"recipe {name!r}: sections is {sections!r}; it must be a whole number above 1")
    complete = checkpoints.complete_stages(
        stages, DEFAULTS | given, name=name, needs="a `size` and a number of `images`"
    )
    for stage in complete:
        _check_stage(stage, name)
    return {"name": name, "sections": sections, "stages": complete}


def _check_stage(stage: dict[str, Any], name: str) -> None:
    choices = {
        "precision": ("float32", "mixed_bfloat16"),
        "schedule": ("constant", "cosine"),
    }
    if unknown := set(stage) ^ {*DEFAULTS, "size", "images"}:
        raise InputError(f"recipe {name!r}: {', '.join(sorted(unknown))} is missing from a stage or unknown")
    for key, value in stage.items():
        if key in choices:
            good, wanted = value in choices[key], f"one of {', '.join(choices[key])}"
        elif isinstance(DEFAULTS.get(key), float):
            good, wanted = isinstance(value, float) and 0 < value < 1, "a number between 0 and 1"
        else:
            good, wanted = isinstance(value, int) and value > 0, "a whole number above 0"
        if not good:
            raise InputError(f"recipe {name!r}: {key} is {value!r}; it must be {wanted}")


@dataclass(frozen=True)
class Batches:
    """Batches of one stage as a pure function of the step, so that any run of any part of them is the same.

    Attributes
    ----------
    tiles
        `(N, side, side, 3)` uint8.
    rows
        Training rows: `tile_id`, `weight` and the `targets`. Equal weights: shuffled passes over the rows;
        otherwise rows are drawn in proportion to them.
    stage
        Settings of the stage.
    seed
        Of order, draws, windows and augmentation.
    number
        Of the stage, from 0: each has its own stream.
    augmentation
        Arguments of `augmentation.augment`, which come with the protocol.
    targets
        Columns to learn; `label` is in GPa.
    """

    tiles: np.ndarray
    rows: pd.DataFrame
    stage: dict[str, Any]
    seed: int
    number: int
    augmentation: dict[str, Any]
    targets: tuple[str, ...] = ("label",)

    def chosen(self, step: int) -> np.ndarray:
        """Positions in `rows` of one batch, `(batch_size,)`; `step` counts from the start of the stage."""
        size, weight = self.stage["batch_size"], self.rows["weight"].to_numpy()
        if np.ptp(weight) > 0:
            return self._rng(step, 0).choice(len(weight), size, p=weight / weight.sum())
        return checkpoints.shuffled(step, size, len(weight), lambda number: self._rng(number, 2))

    def __call__(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Windows `(batch_size, size, size, 3)` in [0, 1] and targets `(batch_size, len(targets))` of one batch."""
        rows = self.rows.iloc[self.chosen(step)]
        rng, size = self._rng(step, 1), self.stage["size"]
        corners = rng.integers(0, self.tiles.shape[1] - size + 1, (len(rows), 2))
        windows = [
            self.tiles[tile, row : row + size, col : col + size]
            for tile, (row, col) in zip(rows["tile_id"], corners, strict=True)
        ]
        tiles = augment(np.stack(windows), rng, **self.augmentation)
        return tiles.astype(np.float32) / np.float32(255), rows[list(self.targets)].to_numpy(np.float32)

    def _rng(self, *key: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, self.number, *key))
