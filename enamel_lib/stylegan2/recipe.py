"""Recipes of generator training: one network, and stages that show it ever larger pictures.

A recipe is a YAML file in `recipes/`: sizes of the network, and `stages` that may override settings.
"""

import itertools
from pathlib import Path
from typing import Any

from enamel_lib import checkpoints
from enamel_lib.errors import InputError

RECIPES = Path(__file__).parent / "recipes"
NETWORK = {"fmap_base": 8192, "fmap_max": 512, "latent_dim": 512, "style_dim": 512, "mapping_layers": 8}
DEFAULTS = {
    "precision": "float32",  # or mixed_bfloat16
    "checkpoint_precision": "float32",  # float16 halves the file; a resumed run then differs by rounding
    "augmentation": "orientation-true",
    "batch_size": 32,
    "learning_rate": 0.002,
    "r1_gamma": 10.0,
    "path_weight": 2.0,  # of the path-length regularisation; 0 leaves it out
    "ada_target": 0.0,  # of adaptive discriminator augmentation (`ada`), 0.6 by its authors; 0 leaves it out
    "checkpoint_kimg": 4.0,  # also between rows of the history
}
MULTIPLE = (lambda value: isinstance(value, int) and value > 0 and value % 4 == 0, "a multiple of 4 above 0")
ABOVE = (lambda value: isinstance(value, int | float) and value > 0, "a number above 0")
RULES = {
    **dict.fromkeys(("resolution", "batch_size"), MULTIPLE),
    **dict.fromkeys(("kimg", "learning_rate", "r1_gamma", "checkpoint_kimg"), ABOVE),
    "path_weight": (lambda value: isinstance(value, int | float) and value >= 0, "0 or a number above"),
    "ada_target": (lambda value: isinstance(value, int | float) and 0 <= value < 1, "0 or a number below 1"),
    "precision": checkpoints.one_of("float32", "mixed_bfloat16"),
    "checkpoint_precision": checkpoints.one_of("float32", "float16"),
    "augmentation": checkpoints.one_of("orientation-true", "paper", "none"),  # see `pictures.augment`
}


def load_recipe(
    recipe: str | Path | dict[str, Any], *, resolution: int | None = None, kimg: float | None = None
) -> dict[str, Any]:
    """Read and check a recipe: `name`, `network`, arguments of `build_generator`, and `stages` with all their settings.

    `recipe` is as `checkpoints.read_recipe` takes it. Stages above a `resolution`, px, are left out, and there must be
    one of it; `kimg`, thousands of pictures, replaces what the recipe says of the last stage. An `InputError` tells
    what is wrong.
    """
    given = checkpoints.read_recipe(recipe, recipes=RECIPES)
    name, network = given.pop("name"), given.pop("network", {})
    stages = checkpoints.complete_stages(given, DEFAULTS, RULES, name=name)
    if unknown := set(network) - set(NETWORK):
        raise InputError(f"recipe {name!r}: network has the unknown {', '.join(sorted(unknown))}")
    for before, stage in itertools.pairwise(stages):
        if stage["resolution"] not in (before["resolution"], 2 * before["resolution"]):
            raise InputError(f"recipe {name!r}: a stage has the resolution of the one before, or twice it")
    if resolution is not None:
        stages = [stage for stage in stages if stage["resolution"] <= resolution]
        if not stages or stages[-1]["resolution"] != resolution:
            raise InputError(f"recipe {name!r} has no stage of {resolution} px; choose another, or write a recipe")
    if kimg is not None:
        stages[-1] = stages[-1] | {"kimg": kimg}
    return {"name": name, "network": NETWORK | network, "stages": stages}
