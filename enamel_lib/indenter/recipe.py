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
DEFAULTS = {
    "precision": "float32",
    "batch_size": 32,
    "learning_rate": 0.001,
    "schedule": "constant",  # cosine falls to nothing at the end of the stage
    "norm_momentum": 0.99,  # of the running mean and variance in batch normalization
    "checkpoint_every": 100,  # steps
    "validation_tiles": 256,  # at most; drawn once
}
WHOLE = (lambda value: isinstance(value, int) and value > 0, "a whole number above 0")
SHARE = (lambda value: isinstance(value, float) and 0 < value < 1, "a number between 0 and 1")
RULES = {
    **dict.fromkeys(("size", "images", "batch_size", "checkpoint_every", "validation_tiles"), WHOLE),
    **dict.fromkeys(("learning_rate", "norm_momentum"), SHARE),
    "precision": checkpoints.one_of("float32", "mixed_bfloat16"),
    "schedule": checkpoints.one_of("constant", "cosine"),
}


def load_recipe(recipe: str | Path | dict[str, Any]) -> dict[str, Any]:
    """Read and check a recipe: the name of a file in `recipes/`, the path of a YAML file, or the settings themselves.

    Gives `stages`: one complete dictionary each, with the keys of `DEFAULTS`, `size` (pixels) and `images` (how many to
    show); `name`; and `sections`, None if the stages learn from labels. Raises InputError if there is no such recipe,
    or a key or value in it is unknown.
    """
    given = checkpoints.read_recipe(recipe, recipes=RECIPES)
    name, sections = given.pop("name"), given.pop("sections", None)
    if sections is not None and (not isinstance(sections, int) or sections < 2):
        raise InputError(f"recipe {name!r}: sections is {sections!r}; it must be a whole number above 1")
    stages = checkpoints.complete_stages(given, DEFAULTS, RULES, name=name)
    return {"name": name, "sections": sections, "stages": stages}
