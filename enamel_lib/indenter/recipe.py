"""Training recipes: how a network is trained, as settings in a YAML file.

A recipe lies in `recipes/`: settings, and `stages` that may override any of them. A stage trains on windows of `size`
pixels cut out of the tiles anywhere, small ones first: cheaper, and pixels keep their scale. With `sections`, the
stages do not learn hardness from the labels but the structure of so many simulated sections, and only the dense layer
is fitted to the labels (`training.pretrain_and_probe`).
"""

from pathlib import Path
from typing import Any

from enamel_lib import checkpoints
from enamel_lib.errors import InputError

RECIPES = Path(__file__).parent / "recipes"
CHOICES = {"precision": ("float32", "mixed_bfloat16"), "schedule": ("constant", "cosine")}
DEFAULTS = {
    "precision": "float32",
    "batch_size": 32,
    "learning_rate": 0.001,
    "schedule": "constant",  # cosine falls to nothing at the end of the stage
    "norm_momentum": 0.99,  # of the running mean and variance in batch normalization
    "checkpoint_every": 100,  # steps
    "validation_tiles": 256,  # at most; drawn once
}


def load_recipe(recipe: str | Path | dict[str, Any]) -> dict[str, Any]:
    """Read and check a recipe: the name of a file in `recipes/`, the path of a YAML file, or the settings themselves.

    Gives `stages`: one complete dictionary each, with the keys of `DEFAULTS`, `size` (pixels) and `images` (how many to
    show); `name`; and `sections`, None if the stages learn from labels. Raises InputError if there is no such recipe,
    or a key or value in it is unknown.
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
    if unknown := set(stage) ^ {*DEFAULTS, "size", "images"}:
        raise InputError(f"recipe {name!r}: {', '.join(sorted(unknown))} is missing from a stage or unknown")
    for key, value in stage.items():
        if key in CHOICES:
            good, wanted = value in CHOICES[key], f"one of {', '.join(CHOICES[key])}"
        elif isinstance(DEFAULTS.get(key), float):
            good, wanted = isinstance(value, float) and 0 < value < 1, "a number between 0 and 1"
        else:
            good, wanted = isinstance(value, int) and value > 0, "a whole number above 0"
        if not good:
            raise InputError(f"recipe {name!r}: {key} is {value!r}; it must be {wanted}")
