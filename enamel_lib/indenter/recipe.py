"""Training recipes: how a network is trained, as settings in a YAML file.

A recipe lies in `recipes/`: settings, and `stages` that may override any of them. A stage trains on windows of `size`
pixels cut out of the tiles anywhere, small ones first: cheaper, and pixels keep their scale. With `sections`, the
stages do not learn hardness from the labels but the structure of so many simulated sections, and only the dense layer
is fitted to the labels (`training.pretrain_and_probe`).
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from enamel_lib import checkpoints, structured

RECIPES = Path(__file__).parent / "recipes"
Count = Annotated[int, Field(gt=0, le=10**9)]
Share = Annotated[float, Field(gt=0, lt=1)]


class Stage(structured.Strict):
    """One part of the training, at one size of window."""

    size: Annotated[int, Field(gt=0, le=4096)]  # px
    images: Count  # to show
    precision: Literal["float32", "mixed_bfloat16"] = "float32"
    batch_size: Annotated[int, Field(gt=0, le=65536)] = 32
    learning_rate: Share = 0.001
    schedule: Literal["constant", "cosine"] = "constant"  # cosine falls to nothing at the end of the stage
    norm_momentum: Share = 0.99  # of the running mean and variance in batch normalization
    checkpoint_every: Count = 100  # steps
    validation_tiles: Count = 256  # at most; drawn once


class Recipe(structured.Strict):
    """How a network is trained; without `sections`, the stages learn from labels."""

    name: str
    sections: Annotated[int, Field(ge=2, le=10**6)] | None = None
    stages: Annotated[list[Stage], Field(min_length=1, max_length=100)]


def load_recipe(recipe: str | Path | dict[str, Any]) -> dict[str, Any]:
    """Read and check a recipe: the name of a file in `recipes/`, the path of a YAML file, or the settings themselves.

    Gives the settings of a `Recipe`, all stages complete. Raises InputError if there is no such recipe, or a key or
    value in it is unknown.
    """
    return checkpoints.read_recipe(recipe, Recipe, recipes=RECIPES)
