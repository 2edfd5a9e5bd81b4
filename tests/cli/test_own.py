"""A map of one's own with indents: compared, registered, and a network fitted to it."""

import json

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image
from scipy import ndimage

from enamel_lib import inference
from enamel_lib.cli import console
from enamel_lib.indenter import network


class Brightness(inference.Predictor):
    """Hardness is 2 GPa and what the window's mean brightness adds."""

    engine, size, batch_size, weights_sha256 = "brightness", 200, 64, "none"

    def __init__(self):
        pass

    def _predict(self, batch):
        return 2 + np.asarray(batch, np.float32).mean(axis=(1, 2, 3)) / 64


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A picture of smooth blobs at 0.12 um per pixel, and indents that read its brightness, 2.4 um too far right."""
    monkeypatch.setattr(console, "predictor", lambda model, engine: Brightness())
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


def test_fit_writes_a_network_that_map_takes_and_says_what_it_is_worth(enamel, here, monkeypatch):
    import keras

    keras.utils.set_random_seed(0)
    fresh = network.build_indenter()

    def features(model, tiles):
        """Brightness of each part of the window, in place of what convolutions would take a minute for."""
        cells = tiles[:, :198, :198].reshape(len(tiles), 6, 33, 6, 33, 3).mean(axis=(2, 4)) / 255
        return np.pad(cells, ((0, 0), (0, 0), (0, 0), (0, 253))).astype(np.float32)

    monkeypatch.setattr(network, "load_indenter", lambda name: fresh)
    monkeypatch.setattr(network, "pooled_features", features)
    code, _, complaint = enamel("fit", "a.png", "true.csv", "--pixel-size", "0.12", "--out", "mine.keras")
    assert code == 0, complaint
    card = json.loads((here / "mine.json").read_text())
    assert card["indents"] == 120
    assert card["left_out_strips"]["left_out"]["rmse"] < card["left_out_strips"]["before"]["rmse"]
    monkeypatch.undo()
    monkeypatch.chdir(here)
    assert network.load_indenter("mine.keras").input_shape == (None, 200, 200, 3)
    pd.read_csv("true.csv", sep=";", decimal=",").head(6).to_csv("few.csv", index=False)
    monkeypatch.setattr(network, "load_indenter", lambda name: fresh)
    code, _, complaint = enamel("fit", "a.png", "few.csv", "--pixel-size", "0.12", "--out", "few.keras")
    assert code == 2
    assert "spread 30 or more" in complaint
    assert not (here / "few.keras").exists()


def test_the_size_of_pixels_is_that_of_the_file_and_no_signal_is_no_reading(enamel, here):
    pixels = np.array(Image.open("a.png"))
    pixels[:, :200] = 0
    tifffile.imwrite("b.tif", pixels, imagej=True, resolution=(1 / 0.12,) * 2, metadata={"unit": "um"})
    code, said, remarks = enamel("compare", "b.tif", "true.csv")
    assert code == 0, remarks
    table, true = pd.read_csv("b-comparison.csv"), pd.read_csv("true.csv", sep=";", decimal=",")
    assert len(table) == (true["X [µm]"] / 0.12 >= 200 - 25 + 50).sum() < len(true)
    assert f"{len(table)} of {len(true)} indents" in said
