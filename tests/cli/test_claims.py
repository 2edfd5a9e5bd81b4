"""Nothing of the user's is lost: results are claimed before the work, and one folder belongs to one run."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import yaml

from enamel_lib import paths
from enamel_lib.errors import InputError
from enamel_lib.evolve import benchmark, designs, judges
from enamel_lib.indenter import network, training
from enamel_lib.models import save
from tests.cli.test_app import refused
from tests.cli.test_evolve import evolve  # noqa: F401 - a fixture
from tests.cli.test_generator import RECIPE


@pytest.fixture(autouse=True)
def _no_work(monkeypatch):
    """Whatever begins to work has not refused in time."""

    def begun(*_, **__):
        pytest.fail("the work began")

    monkeypatch.setattr(training, "train", begun)
    monkeypatch.setattr(benchmark, "compare_shipped", begun)


@pytest.mark.parametrize(
    ("command", "there"),
    [
        (("train",), "indenter-audited.keras"),
        (("train",), "history.csv"),
        (("train", "--resume"), "indenter-audited.json"),
        (("train-dense", "--recipe", "quick"), "dense-grids.keras"),
        (("train-dense", "--recipe", "quick"), "dense-labels.csv"),
        (("train-generator", "--recipe", "quick"), "generator.keras"),
        (("train-generator", "--recipe", "quick", "--resume"), "generator.json"),
        (("simulate", "--count", 3), "tile_00002.npz"),
        (("fit-texture",), "history.csv"),
        (("evolve", "--target", 4), "design.png"),
        (("evolve", "--target", 4, "--resume"), "trace.csv"),
        (("generate",), "generated_00003.png"),
    ],
)
def test_what_is_there_is_not_overwritten(enamel, tmp_path, command, there):
    mine = tmp_path / there
    mine.write_text("mine")
    refused(enamel(*command, "--out", tmp_path), there, "--force")
    assert mine.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [mine]


@pytest.mark.parametrize("command", [("train",), ("simulate",), ("evolve", "--target", 4), ("generate",)])
def test_an_out_that_cannot_be_a_folder_is_refused_at_once(enamel, tmp_path, command):
    (tmp_path / "file").write_text("mine")
    refused(enamel(*command, "--out", tmp_path / "file"), "is a file")
    refused(enamel(*command, "--out", tmp_path / "file" / "below"), "is a file")


def test_a_file_where_a_folder_is_is_refused_though_forced(enamel, tmp_path):
    (tmp_path / "tile_00000.png").mkdir()
    refused(enamel("simulate", "--out", tmp_path, "--force"), "is a folder")


def test_a_contest_needs_a_name_that_it_can_write(enamel, tmp_path):
    refused(enamel("contest", "--out", tmp_path / "mine", "--seeds", 3), ".npz")
    refused(enamel("contest", "--out", tmp_path / "mine.npz", "--method", "luck"), "luck")
    assert not list(tmp_path.iterdir())


def test_a_search_that_fails_keeps_the_checkpoint(evolve, tmp_path, monkeypatch):  # noqa: F811
    assert evolve("--target", 4.1, "--out", tmp_path, "--generations", 3)[0] == 0
    before = (tmp_path / designs.CHECKPOINT).read_bytes()
    code, _, complaint = evolve("--target", 9, "--out", tmp_path, "--force")
    assert code == 2
    assert "out of reach" in complaint
    assert (tmp_path / designs.CHECKPOINT).read_bytes() == before
    assert evolve("--target", 4.2, "--out", tmp_path, "--generations", 3, "--force")[0] == 0
    assert (tmp_path / designs.CHECKPOINT).read_bytes() != before


def test_a_search_goes_on_with_its_own_networks_only(evolve, tmp_path, monkeypatch):  # noqa: F811
    assert evolve("--target", 4.1, "--out", tmp_path, "--generations", 3)[0] == 0
    another = replace(judges.load("window", penalty=0), weights_sha256="another")
    monkeypatch.setattr(judges, "load", lambda name, penalty: another)
    refused(evolve("--target", 4.1, "--out", tmp_path, "--generations", 5, "--resume"), "another indenter")


def test_two_runs_do_not_share_a_folder(enamel, tmp_path):
    with paths.claimed(tmp_path):
        refused(enamel("simulate", "--out", tmp_path), f"process {os.getpid()}")
    assert enamel("simulate", "--out", tmp_path, "--size", 32)[0] == 0
    assert not (tmp_path / paths.LOCK).exists()


def test_what_a_killed_run_left_goes_with_the_next(tmp_path):
    program = f"""
import time
from pathlib import Path
from enamel_lib import paths
with paths.claimed(Path({str(tmp_path)!r})), paths.atomic(Path({str(tmp_path)!r}) / "samples" / "x.png"):
    print(flush=True)
    time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    process.stdout.readline()
    with pytest.raises(InputError, match=str(process.pid)), paths.claimed(tmp_path):
        pass
    (half,) = (tmp_path / "samples").iterdir()
    others = [tmp_path / ".partial-mine", tmp_path / f".partial-{os.getppid()}-x"]
    for other in others:
        other.write_text("mine")
    process.send_signal(signal.SIGKILL)
    process.wait()
    time.sleep(0.1)
    with paths.claimed(tmp_path):
        assert not half.exists()
    assert all(other.exists() for other in others)


def test_generator_training_starts_anew_when_forced(enamel, tmp_path):
    from PIL import Image

    for name in ("a.png", ".hidden.png", "below/b.jpeg"):
        (tmp_path / "pictures" / name).parent.mkdir(exist_ok=True, parents=True)
        Image.fromarray(np.zeros((12, 12, 3), np.uint8)).save(tmp_path / "pictures" / name)
    (tmp_path / "pictures" / "._a.png").write_text("no picture")
    (tmp_path / "tiny.yml").write_text(yaml.safe_dump(RECIPE))
    command = ("train-generator", "--images", tmp_path / "pictures", "--recipe", tmp_path / "tiny.yml")
    out = ("--out", tmp_path / "run")
    assert enamel(*command, *out)[0] == 0
    refused(enamel(*command, *out), "--resume", "--force")
    assert enamel(*command, *out, "--resume")[0] == 0
    assert enamel(*command, *out, "--force", "--seed", 1)[0] == 0


def test_weights_that_are_no_numbers_are_refused(enamel, tmp_path):
    model = network.build_indenter()
    model.variables[0].assign(np.full(model.variables[0].shape, np.nan))
    save(model, tmp_path / "nan.keras", {})
    Image = pytest.importorskip("PIL.Image")
    Image.fromarray(np.random.default_rng(0).integers(60, 200, (200, 200, 3), np.uint8)).save(tmp_path / "a.png")
    code, said, log = enamel("predict", tmp_path / "a.png", "--model", tmp_path / "nan.keras")
    assert (code, said) == (2, "")
    assert "nan.keras holds weights that are no numbers (NaN" in log.splitlines()[-1]
