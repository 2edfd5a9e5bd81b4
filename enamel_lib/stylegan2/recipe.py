"""Recipes of generator training: one network, and stages that show it ever larger pictures.

A recipe is a YAML file in `recipes/`: sizes of the network, and `stages` that may override settings.
"""

from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from enamel_lib import checkpoints, structured
from enamel_lib.errors import InputError

RECIPES = Path(__file__).parent / "recipes"
Positive = Annotated[float, Field(gt=0, le=1e9)]
Width = Annotated[int, Field(gt=0, le=65536)]


class Network(structured.Strict):
    """Arguments of `build_generator`."""

    fmap_base: Width = 8192
    fmap_max: Width = 512
    latent_dim: Width = 512
    style_dim: Width = 512
    mapping_layers: Annotated[int, Field(gt=0, le=64)] = 8


class Stage(structured.Strict):
    """One part of the training, at one resolution."""

    resolution: Annotated[int, Field(gt=0, le=1024, multiple_of=4)]  # px
    kimg: Positive  # thousands of pictures to show
    precision: Literal["float32", "mixed_bfloat16"] = "float32"
    checkpoint_precision: Literal["float32", "float16"] = "float32"  # float16: half the file; resuming then rounds
    augmentation: Literal["orientation-true", "paper", "none"] = "orientation-true"  # see `pictures.augment`
    batch_size: Annotated[int, Field(gt=0, le=65536, multiple_of=4)] = 32
    learning_rate: Positive = 0.002
    r1_gamma: Positive = 10.0
    path_weight: Annotated[float, Field(ge=0, le=1e9)] = 2.0  # of the path-length regularisation; 0 leaves it out
    # of adaptive discriminator augmentation (`ada`), 0.6 by its authors; 0 leaves it out
    ada_target: Annotated[float, Field(ge=0, lt=1)] = 0.0
    checkpoint_kimg: Positive = 4.0  # also between rows of the history


class Recipe(structured.Strict):
    """How a generator is trained."""

    name: str
    network: Network = Network()
    stages: Annotated[list[Stage], Field(min_length=1, max_length=100)]

    @model_validator(mode="after")
    def _grows_by_twos(self) -> Self:
        for before, stage in pairwise(self.stages):
            if stage.resolution not in (before.resolution, 2 * before.resolution):
                raise ValueError("a stage has the resolution of the one before, or twice it")
        return self


def load_recipe(
    recipe: str | Path | dict[str, Any], *, resolution: int | None = None, kimg: float | None = None
) -> dict[str, Any]:
    """Read and check a recipe: `name`, `network`, arguments of `build_generator`, and `stages` with all their settings.

    Parameters
    ----------
    recipe
        Name of a shipped recipe (a file in `recipes/`), path of a YAML file, or the settings themselves.
    resolution
        Leave out the stages above it, px; the recipe must have a stage of it.
    kimg
        Thousands of pictures to show in the last stage, instead of what the recipe says.

    Returns
    -------
    dict
        The settings of a `Recipe`, all stages complete.

    Raises
    ------
    InputError
        If there is no such recipe, or a key or value in it is wrong.
    """
    read = checkpoints.read_recipe(recipe, Recipe, recipes=RECIPES)
    stages = read["stages"]
    if resolution is not None:
        stages = [stage for stage in stages if stage["resolution"] <= resolution]
        if not stages or stages[-1]["resolution"] != resolution:
            raise InputError(
                f"recipe {read['name']!r} has no stage of {resolution} px; choose another, or write a recipe"
            )
    if kimg is not None:
        stages[-1] = stages[-1] | {"kimg": kimg}
    return read | {"stages": stages}
