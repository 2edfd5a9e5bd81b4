"""What long runs share: recipes, shuffled passes over the data, and checkpoints that survive being killed."""

import json
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import yaml

from enamel_lib import paths
from enamel_lib.errors import InputError, ModelError

if TYPE_CHECKING:
    import keras


Rule = tuple[Callable[[Any], bool], str]  # whether a value of a setting is good, and what it must be


def read_recipe(recipe: str | Path | dict[str, Any], *, recipes: Path) -> dict[str, Any]:
    """Settings of a recipe and its `name`, unchecked.

    It is given by the name of a shipped one, `NAME.yml` in the folder `recipes`, the path of a YAML file, or the
    settings themselves. A file that is not there or no YAML is an `InputError`.
    """
    if isinstance(recipe, dict):
        return {"name": "own"} | recipe
    path = Path(recipe) if Path(recipe).suffix else recipes / f"{recipe}.yml"
    if not path.is_file():
        names = ", ".join(shipped(recipes))
        raise InputError(f"no recipe {str(recipe)!r}: choose one of {names}, or give the path of a YAML file")
    try:
        given = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"recipe {path} is not YAML: {str(error).splitlines()[0]}") from None
    return {"name": path.stem} | (given if isinstance(given, dict) else {})


def shipped(recipes: Path) -> list[str]:
    """Names of the recipes in a folder."""
    return sorted(path.stem for path in recipes.glob("*.yml"))


def one_of(*choices: str) -> Rule:
    """Rule of a setting that has a few choices."""
    return lambda value: value in choices, f"one of {', '.join(choices)}"


def complete_stages(
    given: dict[str, Any], defaults: dict[str, Any], rules: dict[str, Rule], *, name: str
) -> list[dict[str, Any]]:
    """Stages of a recipe with the settings that they do not override, its own or by default, good by the rules.

    No list of stages, a key without a rule, a rule without a key and a value that is not good are an `InputError`.
    """
    stages = given.pop("stages", None)
    if not stages or not isinstance(stages, list) or not all(isinstance(stage, dict) for stage in stages):
        needed = " and ".join(f"`{key}`" for key in rules if key not in defaults)
        raise InputError(f"recipe {name!r} has no list of `stages`; give each {needed}")
    stages = [defaults | given | stage for stage in stages]
    for stage in stages:
        if unknown := set(stage) ^ set(rules):
            raise InputError(f"recipe {name!r}: {', '.join(sorted(unknown))} is missing from a stage or unknown")
        for key, value in stage.items():
            good, wanted = rules[key]
            if not good(value):
                raise InputError(f"recipe {name!r}: {key} is {value!r}; it must be {wanted}")
    return stages


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
    """Give back what `write_checkpoint` wrote, lists of no arrays left out; a damaged file is a `ModelError`."""
    try:
        with np.load(path, allow_pickle=False) as file:
            about, arrays = json.loads(str(file["about"])), {}
            for name in file.files:  # in the order of writing
                if name != "about":
                    arrays.setdefault(name.rpartition("_")[0], []).append(file[name])
            return about, arrays
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ModelError(f"checkpoint {path} is damaged ({error}); delete it and start anew") from None


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
