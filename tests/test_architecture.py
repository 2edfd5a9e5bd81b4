"""The house of the design: every module in a room, imports only downwards, small modules, a light front door."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "enamel_lib"
GROUND = [
    "checkpoints",
    "errors",
    "gradients",
    "images",
    "metrics",
    "microstructure",
    "models",
    "optimizers",
    "paths",
    "pic",
    "pictures",
    "quiet",
    "reference",
    "structured",
    "tiffs",
]
ROOMS = (  # lowest first
    "ground",
    "reproduce",
    "inference",
    "simulate",
    "dataset",
    "dense",
    "indenter",
    "explain",
    "stylegan2",
    "generators",
    "evolve",
    "plots",
    "viewer",
    "cli",
)
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if not path.name.startswith("__"))
LINES = 300
SENTENCES = 3


def dotted(path):
    """Name of a module from the package on, such as `explain.filters`."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


def room(path):
    """Name of the folder that a file lies in, "ground" for the package itself."""
    first, *inner = path.relative_to(PACKAGE).parts
    return first if inner else "ground"


def imported(path):
    """Modules and rooms of the package that a file imports, at its top or inside a function."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                found |= {
                    name.name.removeprefix("enamel_lib.") for name in names if name.name.startswith("enamel_lib.")
                }
            case ast.ImportFrom(module="enamel_lib", names=names, level=0):
                found |= {name.name for name in names}
            case ast.ImportFrom(module=str(module), names=names, level=0) if module.startswith("enamel_lib."):
                folder = PACKAGE.joinpath(*module.split(".")[1:])
                for name in names:
                    inside = (folder / f"{name.name}.py").exists()
                    found.add(f"{module}.{name.name}"[11:] if inside else module[11:])
            case ast.ImportFrom(level=level) if level:
                pytest.fail(f"{path}: a relative import; write the whole name")
    return found - {"__version__"}


def test_the_ground_floor_is_as_designed_and_every_folder_is_a_room():
    assert sorted(path.stem for path in MODULES if room(path) == "ground") == GROUND
    assert {room(path) for path in MODULES} == set(ROOMS)


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_no_import_points_up(path):
    rooms = {name.split(".")[0] for name in imported(path)}
    above = ROOMS[ROOMS.index(room(path)) + 1 :]
    assert not rooms & set(above)


def test_no_imports_in_a_circle():
    graph = {dotted(path): imported(path) for path in MODULES}
    TopologicalSorter(graph).prepare()  # raises CycleError


@pytest.mark.parametrize("path", MODULES, ids=dotted)
def test_no_module_is_long(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LINES


@pytest.mark.parametrize("name", ROOMS[1:])
def test_a_room_says_what_lives_there_and_opens_what_it_promises(name):
    module = import_module(f"enamel_lib.{name}")
    assert sum(module.__doc__.count(end) for end in (".\n", ". ")) >= SENTENCES
    assert all(hasattr(module, public) for public in module.__all__)


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_the_rooms_are_light_and_quick_to_enter():
    code = f"""
import sys, time
start = time.perf_counter()
from enamel_lib import {", ".join(ROOMS[1:])}
assert time.perf_counter() - start < 0.5
assert not {{"tensorflow", "keras", "matplotlib", "jax", "torch", "pandas"}} & set(sys.modules)
"""
    python(code)


HEAVY_BY_TRADE = {"optimizers", "gradients", "models", "cli.doctor"}


@pytest.mark.parametrize("name", ["ground", "reproduce", "simulate", "dataset", "cli"])
def test_only_models_load_a_network_library(name):
    """The data side of the house, and the command line before a command runs, need neither Keras nor matplotlib."""
    names = [dotted(path) for path in MODULES if room(path) == name and dotted(path) not in HEAVY_BY_TRADE]
    code = f"""
import importlib, sys
for name in {names!r}:
    importlib.import_module("enamel_lib." + name)
print(*sorted({{"tensorflow", "keras", "matplotlib"}} & set(sys.modules)))
"""
    assert python(code).split() == []


TESTS = sorted(path for path in Path(__file__).parent.rglob("test_*.py") if "fixtures" not in path.parts)


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_tests_mirror_the_rooms(path):
    folder = path.parent.name
    assert folder in {"tests", "bench", *ROOMS[1:]}
