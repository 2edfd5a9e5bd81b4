"""What long runs share: recipes, shuffled passes over the data, and checkpoints that survive being killed."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from enamel_lib import paths, structured
from enamel_lib.errors import InputError, ModelError

if TYPE_CHECKING:
    import keras
    from pydantic import BaseModel


def read_recipe(recipe: str | Path | dict[str, Any], kind: type["BaseModel"], *, recipes: Path) -> dict[str, Any]:
    """Settings of a recipe, checked and complete.

    Parameters
    ----------
    recipe
        Name of a shipped recipe, path of a YAML file, or the settings themselves.
    kind
        What a recipe holds. Settings that it does not name are of every stage that does not override them.
    recipes
        Folder of the shipped ones, `NAME.yml`.

    Raises
    ------
    InputError
        If there is no such recipe, or it is not YAML, or not of that kind.
    """
    given, name = recipe, "own"
    if not isinstance(recipe, dict):
        path = Path(recipe) if Path(recipe).suffix else recipes / f"{recipe}.yml"
        if not path.exists():
            names = ", ".join(shipped(recipes))
            raise InputError(f"no recipe {str(recipe)!r}: choose one of {names}, or give the path of a YAML file")
        given, name = structured.read_yaml(path, Any), path.stem
    given = {"name": name} | (given if isinstance(given, dict) else {})
    common = {key: given.pop(key) for key in given.keys() - kind.model_fields.keys()}
    if isinstance(stages := given.get("stages"), list):
        given["stages"] = [common | stage if isinstance(stage, dict) else stage for stage in stages]
    return structured.check(kind, given, what=f"recipe {given['name']!r}").model_dump()


def shipped(recipes: Path) -> list[str]:
    """Names of the recipes in a folder."""
    return sorted(path.stem for path in recipes.glob("*.yml"))


def shuffled(step: int, size: int, count: int, rng: Callable[[int], np.random.Generator]) -> np.ndarray:
    """Positions of one batch, `(size,)`, in shuffled passes over `count` rows; `rng` gives a generator per pass."""
    at = step * size + np.arange(size)
    passes = {number: rng(number).permutation(count) for number in np.unique(at // count).tolist()}
    return np.array([passes[number][place] for number, place in zip(*divmod(at, count), strict=True)])


def write_checkpoint(path: Path, about: dict[str, Any], arrays: Mapping[str, Sequence[np.ndarray]]) -> None:
    """Replace a checkpoint, a `.npz` file, in one go.

    `about` is what JSON can hold: what the run is (its recipe, seed, data, ...), and where it stands; `arrays` are
    lists of arrays of any shape and dtype, by name.
    """
    flat = {f"{name}_{index}": array for name, each in arrays.items() for index, array in enumerate(each)}
    with paths.atomic(path) as temporary:
        np.savez(temporary, about=np.array(json.dumps(about)), **flat)


def read_checkpoint(path: Path) -> tuple[dict[str, Any], dict[str, list[np.ndarray]]]:
    """Give back what `write_checkpoint` wrote, lists of no arrays left out.

    Raises
    ------
    ModelError
        If the file is damaged.
    """
    arrays: dict[str, list[np.ndarray]] = {}
    found = structured.read_npz(path)
    with structured.restoring(path):
        about = structured.parse_json(str(found.pop("about")), dict[str, Any], what=str(path))
    for name, array in found.items():
        arrays.setdefault(name.rpartition("_")[0], []).append(array)
    return about, arrays


def must_be_of(path: Path, wrote: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raise a ModelError if a checkpoint is of another recipe, seed or whatever else `now` names."""
    for key, value in now.items():
        if wrote.get(key) != value:
            raise ModelError(f"checkpoint {path} is of another {key}; resume with the one it began with")


def values_of(variables: Iterable["keras.Variable"]) -> list[np.ndarray]:
    """Copies of the values of variables."""
    from keras import ops

    return [np.array(ops.convert_to_numpy(variable.value)) for variable in variables]


def assign(variables: Sequence["keras.Variable"], values: Sequence[np.ndarray]) -> None:
    """Give variables their values, in order.

    If number or shapes differ, it is a `ModelError`, before any variable has changed.
    """
    if len(variables) != len(values):
        raise ModelError(f"{len(values)} arrays cannot be the weights of a network with {len(variables)} variables")
    for variable, value in zip(variables, values, strict=True):
        if tuple(variable.shape) != np.shape(value):
            raise ModelError(
                f"these are weights of another network: {variable.path} has shape {tuple(variable.shape)}, "
                f"the array in its place {np.shape(value)}"
            )
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
