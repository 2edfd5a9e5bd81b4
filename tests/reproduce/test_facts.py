"""Facts: recorded where they are stated, rounded, written the same on every machine."""

import json

import numpy as np
import pandas as pd
import pytest

from enamel_lib.errors import InputError
from enamel_lib.reproduce import facts as module
from enamel_lib.reproduce import published
from enamel_lib.reproduce.facts import Facts


@pytest.fixture
def facts():
    facts = Facts("5")
    facts.record("rows", np.int64(22730))
    facts.record("r2", 0.94449, paper=0.94)
    facts.record("mean error", np.float32(-0.0123456), paper=-0.01, unit="GPa")
    facts.record("pixels", 123456.7)
    facts.record("nothing", float("nan"))
    facts.record("above", np.bool_(True))
    facts.record("world", "confounded")
    return facts


def test_they_are_rounded_written_and_shown_in_the_order_recorded(facts, tmp_path, monkeypatch):
    monkeypatch.setenv("ENAMEL_OUTPUT_ROOT", str(tmp_path))
    table = facts.write("figures")
    written = json.loads((tmp_path / "figures" / "facts" / "05.json").read_text())
    assert list(written) == ["rows", "r2", "mean error", "pixels", "nothing", "above", "world"]
    assert written["r2"] == {"value": 0.944, "paper": 0.94}
    assert written["rows"] == {"value": 22730}
    assert written["pixels"]["value"] == 123457
    assert written["nothing"]["value"] is None
    assert list(table["fact"])[:3] == ["rows", "r2", "mean error (GPa)"]
    assert list(table["here"]) == ["22,730", "0.944", "-0.0123", "123,457", "–", "yes", "confounded"]
    assert list(table["paper"])[:3] == ["–", "0.94", "-0.01"]


def test_facts_of_a_part_left_out_stay_as_committed(facts, tmp_path, monkeypatch):
    monkeypatch.setattr(module.paths, "FIGURES", tmp_path / "committed")
    monkeypatch.setenv("ENAMEL_OUTPUT_ROOT", str(tmp_path))
    (tmp_path / "committed" / "facts").mkdir(parents=True)
    committed = {"rows": {"value": 1}, "mean, real map": {"value": 3.65, "unit": "GPa"}, "r2": {"value": 0.9}}
    (tmp_path / "committed" / "facts" / "05.json").write_text(json.dumps(committed))
    table = facts.write("figures", keep=True)
    assert list(table["fact"])[:4] == ["rows", "mean, real map (GPa)", "r2", "mean error (GPa)"]
    assert list(table["here"])[:3] == ["22,730", "3.65", "0.944"]
    written = json.loads((tmp_path / "figures" / "facts" / "05.json").read_text())
    assert written["mean, real map"] == committed["mean, real map"]


def test_a_finding_states_facts_as_they_are_written(facts):
    assert facts.say("**{r2|.2f}** of {rows}, {mean error} GPa").data == "**0.94** of 22,730, -0.0123 GPa"
    with pytest.raises(InputError, match="no fact 'r3'"):
        facts.say("{r3}")


def test_a_finding_is_rounded_once(facts):
    facts.record("softest", 3.7461)
    facts.record("inside", np.float64(0.9147))
    assert (facts["softest"], facts["inside"]) == (3.75, 0.915)
    assert facts.say("{softest}: {softest|.1f}, {inside|.0%}").data == "3.75: 3.7, 91%"


def test_a_table_gives_a_fact_for_each_key_with_the_papers_beside(facts):
    facts.table("hardness, target {}", pd.Series({3.0: 3.1, 3.5: 3.52}), paper={3.5: 3.626}, unit="GPa")
    assert facts["hardness, target 3"] == 3.1
    assert facts._facts["hardness, target 3.5"] == {"value": 3.52, "paper": 3.626, "unit": "GPa"}


def test_no_fact_is_recorded_twice(facts):
    with pytest.raises(InputError, match="'r2' is recorded already"):
        facts.record("r2", 1.0)


def test_the_papers_numbers_are_kept_in_one_place():
    assert published()["indenter"]["r2"] == 0.94
    assert len(published()["evolution"]["hardness"]) == len(published()["evolution"]["targets"])
    assert module.paths.PUBLISHED.is_dir()
