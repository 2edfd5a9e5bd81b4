"""The house of the design: every module on a floor, imports only downwards, small modules, a light front door."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "enamel_lib"
FLOORS = (
    {"paths", "errors", "pic", "optimizers", "metrics", "microstructure"},
    {"simulate", "rods", "hardness_law", "images", "reference", "runs"},
    {"sources", "simulated_sources", "structure", "curation", "augmentation"},
    {
        "indenter",
        "model_files",
        "training",
        "training_run",
        "engines",
        "openvino_graph",
        "shared_windows",
        "batches",
        "trainable",
        "baselines",
        "probing",
        "evaluation",
        "stylegan2",
    },
    {
        "hardness_map",
        "intervals",
        "explain",
        "gradients",
        "filters",
        "sanity",
        "orientation_saliency",
        "sensitivity",
        "generators",
        "image_generator",
        "generator_metrics",
        "evolve",
        "breeding",
        "searches",
        "designs",
        "contest",
        "controls",
        "tf1_worker",
        "tf1_client",
    },
    {
        "plots",
        "map_plots",
        "explain_plots",
        "design_plots",
        "generator_plots",
        "design_commands",
        "evolve_command",
        "report",
        "notebooks",
        "console",
        "bench",
        "bench_evolve",
        "bench_generators",
        "doctor",
        "cli",
    },
)
FLOOR_OF = {name: level for level, names in enumerate(FLOORS) for name in names}
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py" or path.parent != PACKAGE)
LINES = 300


def room(path):
    """Name of the top-level module or subpackage that a file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(path):
    """Rooms of the package that a file imports, at its top or inside a function."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Import(names=names):
                found |= {name.name.split(".")[1] for name in names if name.name.startswith("enamel_lib.")}
            case ast.ImportFrom(module="enamel_lib", names=names, level=0):
                found |= {name.name for name in names}
            case ast.ImportFrom(module=str(module), level=0) if module.startswith("enamel_lib."):
                found.add(module.split(".")[1])
            case ast.ImportFrom(level=1, module=module, names=names) if path.parent == PACKAGE:
                found |= {module.split(".")[0]} if module else {name.name for name in names}
    return found - {room(path), "__version__"}


def test_every_module_is_on_a_floor():
    assert {room(path) for path in MODULES} <= FLOOR_OF.keys()


@pytest.mark.parametrize("path", MODULES, ids=room)
def test_no_import_points_up(path):
    up = {name for name in imported_rooms(path) if FLOOR_OF[name] > FLOOR_OF[room(path)]}
    assert not up


def test_no_imports_in_a_circle():
    graph = {}
    for path in MODULES:
        graph.setdefault(room(path), set()).update(imported_rooms(path))
    TopologicalSorter(graph).prepare()  # raises CycleError


@pytest.mark.parametrize("path", MODULES, ids=room)
def test_no_module_is_long(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LINES


def python(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_the_package_is_light_and_quick_to_import():
    code = """
import sys, time
start = time.perf_counter()
import enamel_lib
assert time.perf_counter() - start < 0.5
assert not {"tensorflow", "keras", "matplotlib", "jax", "torch"} & set(sys.modules)
"""
    python(code)


@pytest.mark.parametrize("floor", [0, 1, 2, 5])
def test_only_models_load_a_network_library(floor):
    """The data side of the house, and the command line before a command runs, need neither Keras nor matplotlib."""
    heavy_by_trade = {"optimizers", "plots", "map_plots", "explain_plots", "design_plots", "generator_plots", "doctor"}
    names = [room(path) for path in MODULES if FLOOR_OF[room(path)] == floor and room(path) not in heavy_by_trade]
    code = f"""
import importlib, sys
for name in {names!r}:
    importlib.import_module("enamel_lib." + name)
print(*sorted({{"tensorflow", "keras", "matplotlib"}} & set(sys.modules)))
"""
    assert python(code).split() == []
