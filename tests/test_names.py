"""Names that others rely on are where the design says, and no text names a module that is gone."""

import pkgutil
import re
from pathlib import Path

import pytest

import enamel_lib
from enamel_lib import paths

PROMISED = """
pic.decode pic.encode pic.misorientation pic.to_director pic.to_sample_frame
reference.published_map reference.real_map
optimizers.Lookahead optimizers.Ranger optimizers.RectifiedAdam
inference.HardnessMap inference.make_predictor inference.raster
simulate.mosaic simulate.section
dataset.leakage_audit dataset.split dataset.united_table
indenter.build_indenter indenter.load_indenter
explain.maximize_filters explain.saliency
stylegan2.build_discriminator stylegan2.build_generator stylegan2.import_snapshot
generators.load_generator
evolve.evolve evolve.controls.averaged evolve.controls.averaged_director evolve.controls.block_shuffled
evolve.controls.hue_rotated evolve.controls.phase_randomized evolve.controls.scrambled
"""
GONE = """
bench bench_evolve bench_generators breeding contest design_commands design_plots engines evolve_command explain_plots
generator_metrics generator_plots hardness_law image_generator map_plots model_files networks openvino_graph
orientation_saliency probing runs samples sanity searches simulated_sources steps structure tf1_client tf1_worker
trainable training_run
"""
THERE = {module.name.split(".")[-1] for module in pkgutil.walk_packages(enamel_lib.__path__, "enamel_lib.")}
TEXTS = [
    *sorted(Path(enamel_lib.__file__).parent.rglob("*.py")),
    *sorted(paths.ROOT.glob("*.md")),
    *sorted(paths.DATA.glob("*.md")),
    *sorted(paths.NOTEBOOKS.glob("*.ipynb")),
]
MODULE = re.compile(r"`(?:enamel_lib[./])?(\w+)(?:\.[A-Za-z_]\w*)+(?:\(.*?\))?`")  # `judges.evaluator`, not `maps.csv`
FILES = {"csv", "json", "ipynb", "keras", "md", "npy", "npz", "pdf", "pkl", "png", "py", "toml", "yml"}


@pytest.mark.parametrize("name", PROMISED.split())
def test_what_others_rely_on_is_there(name):
    assert callable(pkgutil.resolve_name(f"enamel_lib.{name}"))


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: str(path.relative_to(paths.ROOT)))
def test_no_text_names_a_module_that_is_gone(path):
    gone = set(GONE.split()) - THERE
    named = [found for found in MODULE.finditer(path.read_text(encoding="utf-8")) if found[1] in gone]
    assert [found[0] for found in named if found[0].strip("`").rpartition(".")[2] not in FILES] == []
