"""`enamel evolve`: what it writes, how it refuses, and that it goes on after being killed."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from enamel_lib import dense, images, models
from enamel_lib.evolve import designs, judges
from enamel_lib.generators import loading
from tests.evolve.test_genetic import LATENT, generate


@pytest.fixture
def evolve(enamel, monkeypatch):
    """Run `enamel evolve` with a generator and an indenter that need no networks."""
    drawing = SimpleNamespace(generate=generate, latent_dim=LATENT, channels=3, w_avg=np.zeros(LATENT))
    monkeypatch.setattr(loading, "load_generator", lambda name, engine: drawing)

    def predictor(tiles):
        halves = tiles.reshape(len(tiles), 200, 2, -1).mean(axis=(1, 3), dtype=float)
        return 4 + 0.02 * (halves[:, 0] - halves[:, 1])

    predictor.size = 200
    judge = judges.Judge(None, False, judges.evaluator(predictor), "this one")
    monkeypatch.setattr(judges, "load", lambda name, penalty: replace(judge, penalty=penalty))

    return lambda *arguments: enamel("evolve", *arguments)


def test_it_writes_a_design_with_its_trace(evolve, tmp_path):
    code, said, _ = evolve("--target", 4.1, "--out", tmp_path, "--generations", 15, "--seed", 3)
    assert code == 0
    facts = json.loads((tmp_path / "design.json").read_text())
    trace = pd.read_csv(tmp_path / "trace.csv")
    assert len(trace) == 16
    assert facts["evaluations"] == 10 + 5 * 15
    assert trace["best"].iloc[-1] == pytest.approx(facts["hardness_gpa"], abs=1e-4)
    picture = np.asarray(Image.open(tmp_path / "design.png"))
    assert np.abs(picture.astype(int) - generate(np.array([facts["code"]]))[0]).max() <= 1
    assert facts["law_hardness_gpa"] == pytest.approx(judges.law_hardness(picture[None])[0], abs=1e-3)
    assert f"{facts['hardness_gpa']:.3f} GPa for a target of 4.1 GPa" in said
    mapped = np.load(tmp_path / "map.npz")
    assert (mapped["low"] < mapped["hardness"]).all()
    assert (mapped["hardness"] < mapped["high"]).all()
    assert mapped["hardness"].shape == (50, 50)
    assert facts["dense_hardness_gpa"] == pytest.approx(mapped["hardness"].mean(), abs=1e-3)
    assert facts["unlike"] > 1  # a toy's picture is no enamel


def test_several_designs_come_on_a_sheet(evolve, tmp_path):
    command = ("--target", 4.1, "--out", tmp_path, "--generations", 4, "--seed", 5, "--seeds", 2)
    assert evolve(*command)[0] == 0
    table = pd.read_csv(tmp_path / "designs.csv", index_col="seed")
    assert table.index.tolist() == [5, 6]
    facts = json.loads((tmp_path / "seed-6" / "design.json").read_text())
    assert table.loc[6, "hardness_gpa"] == facts["hardness_gpa"]
    assert Image.open(tmp_path / "designs.png").size[0] > 500
    code, _, complaint = evolve(*command)
    assert code == 2
    assert "--resume" in complaint
    assert evolve(*command, "--resume")[0] == 0
    code, _, complaint = evolve(*command[:-3], 7, *command[-2:])
    assert (code, "designs.png" in complaint) == (2, True)
    assert pd.read_csv(tmp_path / "designs.csv", index_col="seed").index.tolist() == [5, 6]


def test_it_goes_on_from_its_checkpoint_and_overwrites_only_when_forced(evolve, tmp_path):
    assert evolve("--target", 4.1, "--out", tmp_path / "once", "--generations", 12)[0] == 0
    assert evolve("--target", 4.1, "--out", tmp_path / "twice", "--generations", 5)[0] == 0
    code, _, complaint = evolve("--target", 4.1, "--out", tmp_path / "twice", "--generations", 12)
    assert code == 2
    assert "--force" in complaint
    assert evolve("--target", 4.1, "--out", tmp_path / "twice", "--generations", 12, "--resume")[0] == 0
    traces = [(tmp_path / name / "trace.csv").read_text() for name in ("once", "twice")]
    assert traces[0] == traces[1]
    code, _, complaint = evolve("--target", 4.2, "--out", tmp_path / "twice", "--resume")
    assert code == 2
    assert "another targets" in complaint


@pytest.mark.parametrize("target", ["nan", "-1", "0", "1e9"])
def test_what_is_no_hardness_is_refused_before_anything_is_loaded(evolve, monkeypatch, tmp_path, target):
    monkeypatch.setattr(judges, "load", None)
    code, _, complaint = evolve("--target", target, "--out", tmp_path)
    assert code == 2
    assert complaint.count("\n") == 1
    assert "2 to 7 GPa" in complaint


def test_a_target_out_of_reach_is_refused_with_the_range(evolve, tmp_path):
    code, _, complaint = evolve("--target", 9, "--out", tmp_path)
    assert code == 2
    assert "out of reach: this generator gives" in complaint
    assert not list(tmp_path.iterdir())


def test_a_rare_target_is_looked_for(evolve, tmp_path):
    code, said, warned = evolve("--target", 4.3, "--out", tmp_path, "--tolerance", 0.05)
    assert code == 0
    assert "rare" in warned
    assert "missed" not in said


def test_a_run_with_a_penalty_is_another_and_of_the_audited_protocol(evolve, tmp_path):
    command = ("--target", 4.1, "--out", tmp_path, "--generations", 3)
    code, _, complaint = evolve(*command, "--penalty", 1, "--protocol", "paper")
    assert code == 2
    assert "knows no --penalty" in complaint
    assert evolve(*command)[0] == 0
    assert "another penalty" in evolve(*command, "--penalty", 1, "--resume")[2]


def test_a_dense_judge_maps_its_own_designs(monkeypatch, tmp_path):
    """The network is loaded once, and what is written is what it read."""
    loaded = []
    load = models.load
    monkeypatch.setattr(models, "load", lambda path: loaded.append(path) or load(path))
    monkeypatch.setattr(designs, "_default", None)
    judge = judges.load("dense")
    picture = generate(np.ones((1, LATENT)))[0]
    mapped, unlike = designs.dense_map(picture, judge)
    assert len(loaded) == 1
    read = dense.reading.read(judge.network, images.resize_all(picture[None])[0])
    known = dense.likeness.of_card(judge.card, "the judge")
    assert known.judge(*dense.likeness.summed(read)) == {"distance": unlike, "flagged": unlike > 1}
    assert (mapped["low"] < mapped["high"]).all()
