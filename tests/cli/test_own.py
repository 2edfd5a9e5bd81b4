"""A map of one's own with indents: compared, registered, and a network fitted to it."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import threadpoolctl
import tifffile
from PIL import Image
from scipy import ndimage

from enamel_lib import dense, inference, simulate
from enamel_lib.dense import axes, left_out, measured, study
from enamel_lib.indenter import network
from enamel_lib.inference import base
from tests.dense.test_axes import PIXEL_UM, grown, law, write


class Brightness(inference.Predictor):
    """Hardness is 2 GPa and what the window's mean brightness adds."""

    engine, size, batch_size, weights_sha256 = "brightness", 200, 64, "none"

    def __init__(self):
        pass

    def _predict(self, batch):
        return 2 + np.asarray(batch, np.float32).mean(axis=(1, 2, 3)) / 64


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A picture of smooth blobs at 0.12 um per pixel, read in windows; indents read it 2.4 um too far right."""
    monkeypatch.setattr(network, "load_either", lambda model: (None, False))
    monkeypatch.setattr(base, "make_predictor", lambda model, engine: Brightness())
    rng = np.random.default_rng(1)
    blobs = ndimage.gaussian_filter(rng.standard_normal((400, 500)), 25)
    picture = np.uint8(40 + 170 * (blobs - blobs.min()) / np.ptp(blobs))
    Image.fromarray(np.stack([picture, picture // 2, 255 - picture], -1)).save(tmp_path / "a.png")
    rows, cols = rng.uniform(60, 340, 120), rng.uniform(60, 440, 120)
    around = ndimage.uniform_filter(np.asarray(Image.open(tmp_path / "a.png"), float).mean(axis=2), 100)
    hardness = 2 + around[rows.astype(int), cols.astype(int)] / 64
    table = pd.DataFrame({"X [µm]": (cols + 0.5) * 0.12, "Y [µm]": (rows + 0.5) * 0.12, "H (GPa)": hardness})
    table.to_csv(tmp_path / "true.csv", sep=";", decimal=",", index=False)
    table.assign(**{"X [µm]": table["X [µm]"] + 2.4}).to_csv(tmp_path / "shifted.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_compare_writes_each_indent_and_scores_whole_and_blocked(enamel, here):
    code, _, remarks = enamel("compare", "a.png", "true.csv", "--pixel-size", "0.12")
    assert code == 0, remarks
    assert "decimal commas" in remarks
    assert "scale 2: from 0.12 um per pixel" in remarks
    table = pd.read_csv("a-comparison.csv")
    np.testing.assert_allclose(table["predicted"], table["hardness"], atol=0.05)
    scores = json.loads((here / "a-comparison.json").read_text())["scores"]
    assert list(scores) == ["whole map", "within blocks", "between blocks"]
    assert scores["whole map"]["r"] > 0.99
    assert abs(scores["whole map"]["bias"]) < 0.05
    assert (here / "a-comparison.png").is_file()
    code, _, complaint = enamel("compare", "a.png", "true.csv", "--pixel-size", "0.12")
    assert code == 2
    assert "--force" in complaint
    code, _, complaint = enamel("compare", "a.png", "true.csv", "--out", "other")
    assert code == 2
    assert "--pixel-size" in complaint


def test_register_finds_the_shift_and_how_sharp_it_is(enamel, here):
    code, said, complaint = enamel("register", "a.png", "shifted.csv", "--pixel-size", "0.12")
    assert code == 0, complaint
    assert "a sharp optimum" in said
    moved, true = pd.read_csv("shifted-registered.csv"), pd.read_csv("true.csv", sep=";", decimal=",")
    np.testing.assert_allclose((moved["col"] + 0.5) * 0.12, true["X [µm]"], atol=0.7)
    assert enamel("compare", "a.png", "shifted-registered.csv", "--pixel-size", "0.12")[0] == 0
    pd.read_csv("shifted.csv").head(10).to_csv("few.csv", index=False)
    code, _, complaint = enamel("register", "a.png", "few.csv", "--pixel-size", "0.12")
    assert code == 2
    assert "10 indents are too few" in complaint
    code, _, complaint = enamel("register", "a.png", "few.csv", "--pixel-size", "0")
    assert (code, "what a PIC map can have" in complaint) == (2, True)


def test_register_by_points_takes_an_affine(enamel, here):
    points = pd.DataFrame({"x_um": [12.0, 48, 12, 48], "y_um": [12.0, 12, 36, 36]})
    points["map_col"], points["map_row"] = points["x_um"] / 0.12 - 20.5, points["y_um"] / 0.12 - 0.5
    points.to_csv("points.csv", index=False)
    code, said, complaint = enamel("register", "a.png", "shifted.csv", "--pixel-size", 0.12, "--points", "points.csv")
    assert code == 0, complaint
    assert "a sharp optimum" in said
    moved, true = pd.read_csv("shifted-registered.csv"), pd.read_csv("true.csv", sep=";", decimal=",")
    np.testing.assert_allclose((moved["col"] + 0.5) * 0.12, true["X [µm]"], atol=0.01)
    for count, message in ((2, "needs three"), (3, None)):
        points.head(count).to_csv("points.csv", index=False)
        code, said, complaint = enamel(
            "register", "a.png", "shifted.csv", "--pixel-size", 0.12, "--points", "points.csv", "--force"
        )
        assert (message in complaint) if message else ("NOT sharp" in said)
    points.assign(y_um=points["x_um"]).head(3).to_csv("points.csv", index=False)
    code, _, complaint = enamel(
        "register", "a.png", "shifted.csv", "--pixel-size", 0.12, "--points", "points.csv", "--force"
    )
    assert code == 2
    assert "on a line" in complaint


def test_fit_writes_a_model_that_map_takes_and_says_what_it_is_worth(enamel, tmp_path, monkeypatch):
    """Measured is the simulator's hardness, half as large: the scale of another instrument."""
    monkeypatch.chdir(tmp_path)
    section = simulate.section((200, 1300), seed=5, depth=0.5)
    Image.fromarray(section.rgb).save("a.png")
    rows, cols = np.random.default_rng(1).uniform((5, 5), (195, 1295), (120, 2)).T
    half = section.hardness[rows.astype(int), cols.astype(int)] / 2
    table = pd.DataFrame({"row": rows - 0.5, "col": cols - 0.5, "hardness_gpa": half})
    table.to_csv("half.csv", index=False)
    code, said, complaint = enamel("fit", "a.png", "half.csv", "--pixel-size", "0.06", "--out", "mine.keras")
    assert code == 0, complaint
    assert "left_out" in said
    card = json.loads((tmp_path / "mine.json").read_text())
    assert card["indents"] == 120
    assert card["likeness"] == dense.card()["likeness"]  # the network is the same
    scores = card["left_out_strips"]
    assert scores["before"]["bias"] > 1.5 > 0.3 > abs(scores["left_out"]["bias"])
    assert scores["left_out"]["r"] > 0.6
    assert scores["left_out"]["rmse"] < scores["mean"]["rmse"] < scores["before"]["rmse"]
    code, _, complaint = enamel("map", "a.png", "--pixel-size", "0.06", "--model", "mine.keras", "--out", "maps")
    assert code == 0, complaint
    assert json.loads(Path("maps/a-hardness.json").read_text())["mean_gpa"] == pytest.approx(half.mean(), abs=0.15)
    table.head(6).to_csv("few.csv", index=False)
    code, _, complaint = enamel("fit", "a.png", "few.csv", "--pixel-size", "0.06", "--out", "few.keras")
    assert code == 2
    assert "spread 30 or more" in complaint
    assert not Path("few.keras").exists()
    code, _, complaint = enamel(
        "fit", "a.png", "half.csv", "--model", "indenter-paper", "--pixel-size", "0.06", "--out", "w.keras"
    )
    assert code == 2
    assert "holds no dense indenter" in complaint


def test_compare_reads_the_dense_map_at_each_indent(enamel, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    section = simulate.section((300, 360), seed=6, depth=0.5)
    tifffile.imwrite("a.tif", section.rgb, imagej=True, resolution=(1 / 0.06,) * 2, metadata={"unit": "um"})
    places = np.random.default_rng(1).uniform((2, 2), (16, 19.6), (60, 2))
    hardness = section.hardness[tuple((places / 0.06).astype(int).T)]
    pd.DataFrame({"x_um": places[:, 1], "y_um": places[:, 0], "H (GPa)": hardness}).to_csv("b.csv", index=False)
    code, said, remarks = enamel("compare", "a.tif", "b.csv")
    assert code == 0, remarks
    assert "60 of 60 indents" in said
    table = pd.read_csv("a-comparison.csv")
    mapped = dense.hardness_map(dense.load(), section.rgb)
    nearest = [
        np.abs(centres[:, None] - place / 0.06).argmin(axis=0)
        for centres, place in zip((mapped.rows, mapped.cols), places.T, strict=True)
    ]
    np.testing.assert_allclose(table["predicted"], mapped.hardness[tuple(nearest)], atol=0.3)
    assert np.corrcoef(table["predicted"], table["hardness"])[0, 1] > 0.6


def test_the_size_of_pixels_is_that_of_the_file_and_no_signal_is_no_reading(enamel, here):
    pixels = np.array(Image.open("a.png"))
    pixels[:, :200] = 0
    tifffile.imwrite("b.tif", pixels, imagej=True, resolution=(1 / 0.12,) * 2, metadata={"unit": "um"})
    code, said, remarks = enamel("compare", "b.tif", "true.csv")
    assert code == 0, remarks
    table, true = pd.read_csv("b-comparison.csv"), pd.read_csv("true.csv", sep=";", decimal=",")
    first = true["X [µm]"] / 0.12 - (200 - 25 + 50)  # px right of the first window with signal enough
    assert (first >= 10).sum() <= len(table) <= (first >= 0).sum() < len(true)
    assert f"{len(table)} of {len(true)} indents" in said


@pytest.fixture
def hurried(monkeypatch):
    """`enamel fit-axes` with as few folds, seeds and draws as there can be; threads would wait for each other."""
    for module, values in {
        left_out: {"FOLDS": 2},
        measured: {"COUNTS": (64,), "DRAWS": 1},
        study: {"SEEDS": 1, "FAR": 1},
    }.items():
        for name, value in values.items():
            monkeypatch.setattr(module, name, value)
    with threadpoolctl.threadpool_limits(1):
        yield


@pytest.mark.usefixtures("hurried")
def test_fit_axes_learns_another_material_and_judges_it(enamel, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table = pd.read_csv(write(Path("metal"), count=1) / "indents.csv").sample(300, random_state=0)
    table.to_csv("metal/indents.csv", index=False)
    code, _, complaint = enamel("fit-axes", "metal", "--name", "metal", "--out", "axes")
    assert code == 0, complaint
    assert {path.name for path in Path("axes").iterdir()} == {"metal.json", *(f"metal-{n}.csv" for n in study.TABLES)}
    new = grown(9)
    read = study.load("axes/metal.json").hardness_map(axes.AxisMap("new", new, PIXEL_UM)).hardness
    assert np.corrcoef(read.ravel(), law(new).ravel())[0, 1] > 0.8
    card, scores = json.loads(Path("axes/metal.json").read_text()), pd.read_csv("axes/metal-scores.csv")
    assert card["indents"] == len(pd.read_csv("axes/metal-predictions.csv")) == 300
    assert list(scores["kind"]) == list(left_out.KINDS)
    assert set(pd.read_csv("axes/metal-intervals.csv")["by"]) == {"rows", "blocks"}  # of two batches, one is left
    assert card["left_out_r2"]["grains"]["mean"] == scores.set_index("kind").at["grains", "c-axis"]
    code, _, complaint = enamel("fit-axes", "metal", "--name", "metal", "--out", "axes")
    assert code == 2
    assert "--force" in complaint


@pytest.mark.parametrize(
    ("arguments", "word"),
    [(("nowhere",), "nowhere"), (("metal", "--name", "../mine"), "'../mine'"), (("metal", "--name", ""), "''")],
)
def test_fit_axes_refuses_before_any_work(enamel, tmp_path, monkeypatch, arguments, word):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(study, "study", None)
    Path("metal").mkdir()
    code, _, complaint = enamel("fit-axes", *arguments, "--out", "axes")
    assert code == 2
    assert word in complaint
    assert complaint.count("\n") == 1
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]
