"""Commands around the generator: what they write, and how they refuse."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from enamel_lib import generators
from enamel_lib.cli import generator
from enamel_lib.evolve import judges
from enamel_lib.generators import save_generator
from enamel_lib.stylegan2 import build_generator

RECIPE = {
    "network": {"fmap_base": 32, "fmap_max": 8, "latent_dim": 8, "style_dim": 8, "mapping_layers": 2},
    "batch_size": 4,
    "path_weight": 0,
    "stages": [{"resolution": 8, "kimg": 0.008}],
}
SNAPSHOT = Path(__file__).parents[1] / "fixtures" / "stylegan2" / "asym32.pkl"


@pytest.fixture
def folder(tmp_path):
    """Pictures to learn from, and a tiny recipe."""
    rng = np.random.default_rng(0)
    for name in ("a.png", "b.png"):
        Image.fromarray(rng.integers(0, 256, (12, 12, 3), np.uint8)).save(tmp_path / name)
    (tmp_path / "tiny.yml").write_text(yaml.safe_dump(RECIPE))
    return tmp_path


def test_a_generator_is_trained_and_draws(enamel, folder):
    training = ("train-generator", "--images", folder, "--recipe", folder / "tiny.yml", "--out", folder / "run")
    code, said, _ = enamel(*training)
    assert code == 0
    assert "kimg/h" in said
    assert {path.name for path in (folder / "run").iterdir()} >= {"generator.keras", "generator.json", "history.csv"}

    code, _, complaint = enamel(*training)
    assert code == 2
    assert "--resume" in complaint

    drawing = ("generate", "--model", folder / "run" / "generator.keras", "--count", 3, "--out", folder / "drawn")
    assert enamel(*drawing)[0] == 0
    drawn = [np.asarray(Image.open(path)) for path in sorted((folder / "drawn").iterdir())]
    assert [picture.shape for picture in drawn] == [(8, 8, 3)] * 3
    assert enamel(*drawing)[0] == 2
    assert enamel(*drawing, "--force", "--seed", 1)[0] == 0
    assert not np.array_equal(drawn[0], np.asarray(Image.open(folder / "drawn" / "generated_00000.png")))


def test_pictures_of_a_wanted_hardness_are_chosen_among_more(enamel, tmp_path, monkeypatch):
    monkeypatch.setattr(generator, "DRAWN", 3)
    command = ("generate", "--count", 2, "--hardness", 4.3)
    code, said, _ = enamel(*command, "--out", tmp_path)
    assert code == 0
    low, high = map(float, re.search(r"read as ([\d.]+) to ([\d.]+) GPa", said).groups())
    drawn = np.stack([np.asarray(Image.open(path)) for path in sorted(tmp_path.iterdir())])
    read = judges.load("dense-grids").evaluate(drawn)
    assert sorted(read.round(2)) == pytest.approx([low, high], abs=0.011)
    drawing = generators.load_generator()
    chance = drawing.generate(np.random.default_rng(0).standard_normal((6, drawing.latent_dim)))
    off = np.sort(np.abs(judges.load("dense-grids").evaluate(chance) - 4.3))
    assert np.abs(read - 4.3) == pytest.approx(off[:2], abs=0.01)
    command = ("generate", "--count", 1, "--hardness", 9)
    code, _, complaint = enamel(*command, "--out", tmp_path / "far")
    assert code == 0
    assert re.search(r"no draw comes near 9 GPa: the nearest is read as [\d.]+, all 3 as [\d.]+ to [\d.]+", complaint)
    code, _, complaint = enamel("generate", "--hardness", 70, "--out", tmp_path / "none")
    assert code == 2
    assert "2 to 7 GPa" in complaint


def test_wrong_training_is_refused_before_it_begins(enamel, folder):
    for arguments, message in (
        (("--recipe", "slow"), "quick"),
        (("--recipe", "quick", "--resolution", 64), "no stage of 64 px"),
        (("--recipe", "quick", "--images", folder / "nowhere"), "no pictures"),
    ):
        code, _, complaint = enamel("train-generator", "--out", folder / "run", *arguments)
        assert code == 2
        assert message in complaint


def test_grey_pictures_of_a_class(enamel, tmp_path):
    sizes = RECIPE["network"] | {"labels": 2, "embedding": 3}
    save_generator(build_generator(8, **sizes, channels=1), tmp_path / "grey.keras", card={})
    drawing = ("generate", "--model", tmp_path / "grey.keras", "--count", 1, "--out", tmp_path / "drawn")
    for wrong in ((), ("--label", 2)):
        code, _, complaint = enamel(*drawing, *wrong)
        assert code == 2
        assert "2 classes" in complaint
    assert enamel(*drawing, "--label", 1)[0] == 0
    assert Image.open(tmp_path / "drawn" / "generated_00000.png").mode == "L"
    code, _, complaint = enamel(
        "evolve", "--generator", tmp_path / "grey.keras", "--target", 4, "--out", tmp_path / "evolved"
    )
    assert code == 2
    assert "no colours" in complaint


def test_a_snapshot_is_taken_over_once(enamel, tmp_path):
    target = tmp_path / "taken.keras"
    code, said, _ = enamel("import-generator", SNAPSHOT, "--out", target)
    assert code == 0
    assert "32 px" in said
    assert target.exists()
    assert target.with_suffix(".json").exists()
    assert enamel("import-generator", SNAPSHOT, "--out", target)[0] == 2
    code, _, complaint = enamel("import-generator", SNAPSHOT, "--out", tmp_path / "taken.h5")
    assert code == 2
    assert ".keras" in complaint
