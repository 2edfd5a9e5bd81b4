"""What `enamel doctor` says of models and engines."""

import json
import shutil

import pytest

from enamel_lib import paths
from enamel_lib.cli import doctor
from enamel_lib.dense import study


@pytest.fixture(scope="module")
def rows():
    return {what: (there, about) for what, there, about in doctor.examine()}


def test_the_shipped_models_are_whole(rows):
    names = {card.stem for card in paths.MODELS.glob("*.json")}
    assert {"generator", "indenter-audited"} <= names
    assert {name: rows[name] for name in names} == dict.fromkeys(names, (True, "weights match their card"))


def test_what_was_learned_of_another_material_is_read_too(rows, tmp_path, monkeypatch):
    assert rows["titanium"] == (True, "what c-axes mean can be read")
    (tmp_path / study.FOLDER).mkdir()
    card = json.loads((paths.MODELS / study.FOLDER / "titanium.json").read_text())
    card["fit"]["weights"] = card["fit"]["weights"][1:]
    (tmp_path / study.FOLDER / "titanium.json").write_text(json.dumps(card))
    monkeypatch.setattr(paths, "MODELS", tmp_path)
    ((name, there, about),) = doctor._materials()
    assert (name, there) == ("titanium", False)
    assert "fit.weights: List should have at least 6 items" in about


def test_packages_and_engines_are_there(rows):
    for what in (*doctor.PACKAGES, "engine keras", "engine openvino"):
        assert rows[what][0], rows[what]


def test_a_damaged_model_is_named(tmp_path, monkeypatch):
    for suffix in (".json", ".keras"):
        shutil.copy(paths.MODELS / f"generator{suffix}", tmp_path)
    with (tmp_path / "generator.keras").open("ab") as file:
        file.write(b"more")
    monkeypatch.setattr(paths, "MODELS", tmp_path)
    found = {what: (there, about) for what, there, about in doctor._models_and_engines()}
    assert not found["generator"][0]
    assert "SHA-256 differs" in found["generator"][1]
    assert found["engine keras"][0]
