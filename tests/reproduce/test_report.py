"""Figures, facts and manifest: same input, same bytes."""

import json

import numpy as np
import pytest
from matplotlib.figure import Figure

from enamel_lib.errors import InputError
from enamel_lib.reproduce import report


@pytest.fixture
def output_root(tmp_path, monkeypatch):
    monkeypatch.setenv("ENAMEL_OUTPUT_ROOT", str(tmp_path))
    return tmp_path


def test_the_same_figure_gives_the_same_bytes(output_root):
    written = []
    for name in ("a", "b"):
        figure = Figure()
        figure.subplots().plot([1, 3, 2])
        written.append(report.save_figure(figure, name, "figures").read_bytes())
    assert (output_root / "figures" / "a.png").exists()
    assert written[0] == written[1]
    assert b"Software" not in written[0]


def test_facts_are_rounded_sorted_and_shown_in_the_order_given(output_root):
    facts = {
        "rows": np.int64(22730),
        "r2": {"value": 0.94449, "paper": 0.94},
        "mean error": {"value": np.float32(-0.0123456), "paper": -0.01, "unit": "GPa"},
        "pixels": 123456.7,
        "nothing": float("nan"),
        "above": np.bool_(True),
        "world": "confounded",
    }
    table = report.write_facts("5", facts, "figures")
    text = (output_root / "figures" / "facts" / "05.json").read_text()
    written = json.loads(text)
    assert list(written) == sorted(written)
    assert written["r2"] == {"value": 0.944, "paper": 0.94}
    assert written["rows"]["value"] == 22730
    assert written["pixels"]["value"] == 123457
    assert written["nothing"]["value"] is None
    assert list(table["fact"])[:3] == ["rows", "r2", "mean error (GPa)"]
    assert list(table["here"]) == ["22,730", "0.944", "-0.0123", "123,457", "–", "yes", "confounded"]
    assert list(table["paper"])[:3] == ["–", "0.94", "-0.01"]
    report.write_facts("5", dict(reversed(facts.items())), "figures")
    assert (output_root / "figures" / "facts" / "05.json").read_text() == text


def test_a_fact_with_a_misspelt_key_is_refused(output_root):
    with pytest.raises(InputError, match="papr"):
        report.write_facts("1", {"r2": {"value": 1.0, "papr": 0.94}})


def test_json_never_holds_nan_and_leaves_nothing_behind(tmp_path):
    with pytest.raises(ValueError, match="JSON"):
        report.write_json(tmp_path / "a.json", {"x": float("nan")})
    assert list(tmp_path.iterdir()) == []


def test_the_manifest_names_versions_and_times(tmp_path):
    report.write_manifest(tmp_path / "m.json", "quick", {"01-a": {"status": "done", "minutes": 1.5}})
    manifest = json.loads((tmp_path / "m.json").read_text())
    assert manifest["profile"] == "quick"
    assert manifest["minutes"] == 1.5
    assert manifest["versions"]["numpy"] == np.__version__


def test_stages_in_words():
    assert report.stages([{"images": 4800, "size": 50}, {"images": 80, "size": 99}]) == "4,800 at 50 px, 80 at 99 px"
