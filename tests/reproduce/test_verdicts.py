"""The paper's claims and the facts that decide them."""

import json

import pytest
import yaml

from enamel_lib import paths
from enamel_lib.errors import DataError, InputError
from enamel_lib.reproduce import verdicts


@pytest.fixture
def claims(tmp_path, monkeypatch):
    """One claim that stands while a fact is below 0.5, and another while one is said to be so."""
    monkeypatch.setattr(verdicts.paths, "FIGURES", tmp_path)
    (tmp_path / "facts").mkdir()
    facts = {"r": {"value": 0.3}, "so": {"value": "yes"}, "wide": {"value": [1, 2]}}
    (tmp_path / "facts/05.json").write_text(json.dumps(facts))
    one = {"claim": "a", "where": "Fig. 1", "because": "b", "verdict": "does not hold"}
    bounds = [{"fact": "05: r", "below": 0.5}], [{"fact": "05: so", "equals": "yes"}, {"fact": "05: r", "above": 0.1}]
    file = tmp_path / "claims.yml"
    content = [one | {"decided_by": each} for each in bounds]
    file.write_text(yaml.safe_dump(content))
    return file, facts, content


def test_all_verdicts_stand_on_the_committed_facts():
    table = verdicts.verdicts("no such folder")
    assert len(table) == 12
    assert set(table["verdict"]) <= set(verdicts.VERDICTS)
    assert table.notna().all(axis=None)


def test_the_committed_notebook_shows_the_committed_facts():
    """It once showed those of a run before."""
    notebook = (paths.NOTEBOOKS / "12-verdicts.ipynb").read_text()
    for facts in verdicts.verdicts("no such folder")["facts"]:
        assert json.dumps(f"<td>{facts}</td>", ensure_ascii=False).strip('"') in notebook


def test_a_fact_that_leaves_its_bound_opens_the_verdict(claims):
    file, facts, _ = claims
    table = verdicts.verdicts("no such folder", file=file)
    assert table["verdict"].tolist() == ["does not hold"] * 2
    assert table["facts"].tolist() == ["05: r = 0.3", "05: so = yes; 05: r = 0.3"]
    (file.parent / "facts/05.json").write_text(json.dumps(facts | {"r": {"value": 0.6}}))
    table = verdicts.verdicts("no such folder", file=file)
    assert table["verdict"].tolist() == [verdicts.OPEN, "does not hold"]


def test_unknown_facts_and_verdicts_are_named(claims):
    file, _, content = claims
    content[0]["decided_by"][0]["fact"] = "05: q"
    file.write_text(yaml.safe_dump(content))
    with pytest.raises(DataError, match="records no fact 'q'"):
        verdicts.verdicts("no such folder", file=file)
    content[0]["verdict"] = "perhaps"
    file.write_text(yaml.safe_dump(content))
    with pytest.raises(InputError, match="perhaps"):
        verdicts.verdicts("no such folder", file=file)


def test_facts_of_this_run_go_before_those_that_are_committed(claims, tmp_path, monkeypatch):
    """They were once looked for where results lie that are no figures, so that a rerun changed no verdict."""
    file, facts, _ = claims
    monkeypatch.setenv("ENAMEL_OUTPUT_ROOT", str(tmp_path / "run"))
    (tmp_path / "run/figures/facts").mkdir(parents=True)
    (tmp_path / "run/figures/facts/05.json").write_text(json.dumps(facts | {"r": {"value": 0.6}}))
    assert verdicts.verdicts("figures", file=file)["verdict"].tolist() == [verdicts.OPEN, "does not hold"]
