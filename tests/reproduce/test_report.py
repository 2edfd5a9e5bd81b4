"""Figures, facts and manifest: same input, same bytes."""

import json

import numpy as np
import pytest
from matplotlib.figure import Figure

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
    assert (output_root / "figures" / "a.pdf").read_bytes() == (output_root / "figures" / "b.pdf").read_bytes()


def test_a_figure_of_which_a_part_was_left_out_replaces_none(output_root):
    whole, part = Figure(), Figure()
    whole.subplots().plot([1, 3, 2])
    before = {path: path.read_bytes() for path in written_with(report.save_figure(whole, "a", keep=True))}
    assert {path: path.read_bytes() for path in written_with(report.save_figure(part, "a", keep=True))} == before
    assert all(path.read_bytes() != before[path] for path in written_with(report.save_figure(part, "a")))


def written_with(png):
    return [png, png.with_suffix(".pdf")]


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
