"""The command line: what it writes, and how it refuses."""

import errno
import hashlib
import json
import signal
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import tifffile
import typer
from PIL import Image

from enamel_lib import __main__, inference, paths, pictures, reference, simulate
from enamel_lib.cli import app, console
from enamel_lib.dataset import curation
from enamel_lib.indenter import network
from enamel_lib.inference import base
from enamel_lib.reproduce import notebooks

WINDOWS = ("--model", "indenter-audited")  # of `enamel map`, whose default reads no windows


@pytest.fixture
def quick_predictor(monkeypatch):
    """A predictor that needs no network: hardness is 2 GPa and what the window's mean brightness adds."""

    class Brightness(inference.Predictor):
        engine, size, batch_size, weights_sha256 = "brightness", 200, 64, "none"

        def __init__(self):
            pass

        def _predict(self, batch):
            return 2 + np.asarray(batch, np.float32).max(axis=3).mean(axis=(1, 2)) / 255

    monkeypatch.setattr(console, "predictor", lambda model, engine: Brightness())
    monkeypatch.setattr(network, "load_either", lambda model: (None, False))
    monkeypatch.setattr(base, "make_predictor", lambda model, engine: Brightness())


@pytest.fixture
def picture(tmp_path):
    pixels = np.zeros((220, 240, 3), np.uint8)
    pixels[:, :120], pixels[:, 120:] = (20, 0, 0), (0, 200, 20)
    path = tmp_path / "section.png"
    Image.fromarray(pixels).save(path)
    return path


def refused(result, *words):
    """One line on standard error, exit code 2, and it says what is wrong."""
    code, _, complaint = result
    assert code == 2
    assert complaint.startswith("enamel: ")
    assert complaint.count("\n") == 1
    assert all(word in complaint for word in words), complaint


def test_fetch_lists_what_there_is_and_says_what_to_do_without_a_network(enamel, tmp_path, monkeypatch):
    content = b"the picture"
    item = reference.Item(
        "a picture", "MIT, somebody", 1234, hashlib.sha256(content).hexdigest(), "http://127.0.0.1:9/x"
    )
    elsewhere = [name for name, one in reference.REGISTRY.items() if one.url]
    for name in elsewhere:
        monkeypatch.setitem(reference.REGISTRY, name, item)
    monkeypatch.setattr(paths, "SHARED", tmp_path)
    monkeypatch.setenv("ENAMEL_CACHE", str(tmp_path / "cache"))
    code, said, complaint = enamel("fetch")
    assert code == 2
    assert "a picture\n    1 kB, MIT, somebody; missing" in said
    assert "published_hardness_map.npz: the authors' hardness map" in said
    assert "without a network" in complaint
    for name in elsewhere:
        (tmp_path / "cache" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "cache" / name).write_bytes(content)
    code, said, complaint = enamel("fetch")
    assert (code, complaint) == (0, "")
    assert said.count("as published") == len(reference.REGISTRY)


def test_simulate_writes_tiles_truth_and_labels_the_same_each_time(enamel, tmp_path):
    for name in ("a", "b"):
        assert enamel("simulate", "--out", tmp_path / name, "--count", 2, "--size", 64, "--seed", 7)[0] == 0
    labels = pd.read_csv(tmp_path / "a" / "labels.csv")
    assert list(labels["seed"]) == [7, 8]
    truth = np.load(tmp_path / "a" / "tile_00001.npz")
    assert truth["director"].shape == (64, 64, 3)
    assert labels["hardness_gpa"][1] == pytest.approx(truth["hardness"].mean(), abs=1e-3)
    assert Image.open(tmp_path / "a" / "tile_00001.png").size == (64, 64)
    for file in ("tile_00000.png", "labels.csv"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_simulate_overwrites_only_when_forced(enamel, tmp_path):
    arguments = ("simulate", "--out", tmp_path, "--size", 32)
    assert enamel(*arguments)[0] == 0
    refused(enamel(*arguments), "labels.csv", "--force")
    assert enamel(*arguments, "--force")[0] == 0


def test_map_writes_four_files_that_agree(enamel, quick_predictor, picture, tmp_path):
    out = tmp_path / "maps"
    code, said, log = enamel("map", picture, *WINDOWS, "--out", out, "--stride", 10, "--pixel-size", 0.06)
    assert code == 0
    assert "GPa" in said
    assert "scale" not in log
    assert sorted(path.name for path in out.iterdir()) == [
        f"section-hardness.{s}" for s in ("csv", "json", "npy", "png")
    ]
    hardness = np.load(out / "section-hardness.npy")
    settings = json.loads((out / "section-hardness.json").read_text())
    table = pd.read_csv(out / "section-hardness.csv")
    assert settings["engine"] == "brightness"
    assert settings["stride"] == 10
    assert settings["mean_gpa"] == pytest.approx(table["hardness"].mean(), abs=1e-4)
    assert hardness.shape == (220, 240)
    assert np.isnan(hardness[[0, -1]]).all()
    assert np.isnan(hardness[:, [0, -1]]).all()
    assert settings["windows"] == len(table) == 3 * 5
    assert table["hardness"].to_numpy() == pytest.approx(
        hardness[(table["row"] + 0.5).astype(int), (table["col"] + 0.5).astype(int)], abs=1e-4
    )
    assert settings["windows_read"] == 15
    by_column = table.groupby("col")["hardness"].mean()
    assert by_column.is_monotonic_increasing  # the right of the picture is brighter
    assert by_column.iloc[0] < by_column.iloc[-1]
    refused(enamel("map", picture, *WINDOWS, "--out", out), "section-hardness", "--force")


def test_the_default_map_has_a_reading_every_quarter_of_a_micrometre(enamel, tmp_path):
    shown = simulate.section((50, 60), pixel_size_um=0.24, seed=1, texture="real-map").rgb
    shown[:20, :20] = 0
    Image.fromarray(shown).save(tmp_path / "mine.png")
    code, said, log = enamel("map", tmp_path / "mine.png", "--out", tmp_path / "out", "--pixel-size", 0.24)
    assert code == 0
    assert "90% of a map should lie within" in said
    assert "13% of it carries no signal" in log
    about = json.loads((tmp_path / "out" / "mine-hardness.json").read_text())
    table = pd.read_csv(tmp_path / "out" / "mine-hardness.csv")
    assert len(table) == about["cells"] == 50 * 60
    assert 300 < table["hardness"].isna().sum() == about["cells"] - about["cells_read"] < 420
    assert 2 < about["mean_gpa"] < 7
    assert about["pixel_size_um"] == 0.24
    card = json.loads((paths.MODELS / "dense-grids.json").read_text())
    assert (about["interval"], about["resolution"]) == (card["interval"], card["resolution"])
    assert about["model"] == "dense-grids"
    code, said, log = enamel("map", tmp_path / "mine.png", "--out", tmp_path / "guessed")
    assert "should lie within" not in said
    assert "no pixel size is stated, so 0.06 um is assumed" in log
    assert json.loads((tmp_path / "guessed" / "mine-hardness.json").read_text())["cells"] == 12 * 15
    code, _, log = enamel("map", tmp_path / "mine.png", "--out", tmp_path / "x", "--pixel-size", 0.5)
    assert code == 2
    assert "0.03 to 0.3" in log.splitlines()[-1]


def test_a_full_disk_leaves_nothing(enamel, quick_predictor, picture, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device", "somewhere")

    monkeypatch.setattr(pd.DataFrame, "to_csv", full)
    code, _, log = enamel("map", picture, *WINDOWS, "--out", tmp_path / "maps", "--stride", 20)
    assert code == 2
    assert log.splitlines()[1:] == ["enamel: No space left on device: somewhere"]  # after a word on the pixel size
    assert not (tmp_path / "maps").exists()
    refused(enamel("simulate", "--out", tmp_path / "tiles", "--size", 32), "No space left on device")
    assert not (tmp_path / "tiles").exists()


@pytest.mark.parametrize("command", ["predict", "map"])
def test_bad_pictures_are_refused_in_one_line(enamel, quick_predictor, picture, tmp_path, command):
    text, cut, small = (tmp_path / name for name in ("text.png", "cut.png", "small.png"))
    text.write_text("no picture")
    cut.write_bytes(picture.read_bytes()[:300])
    Image.new("RGB", (150, 400), "teal").save(small)
    extra = (*WINDOWS, "--out", tmp_path / "maps") if command == "map" else ()
    for path, word in ((text, "text.png"), (cut, "cut.png"), (small, "200"), (tmp_path / "none.png", "none.png")):
        refused(enamel(command, path, *extra), word)
    assert not (tmp_path / "maps").exists()


def test_predict_reads_the_middle_window(enamel, quick_predictor, picture):
    code, said, _ = enamel("predict", picture, picture, "--json")
    assert code == 0
    found = json.loads(said)
    assert (found[0]["scale"], found[0]["pixel_size_um"]) == (1, None)
    assert [entry["image"] for entry in found] == [str(picture)] * 2
    assert found[0]["hardness_gpa"] == pytest.approx(2 + 110 / 255, abs=1e-4)
    assert enamel("predict", picture)[1].startswith("2.43 GPa")


def test_readings_beyond_the_labels_are_counted_and_said(enamel, quick_predictor, picture, tmp_path, monkeypatch):
    code, _, log = enamel("map", picture, "--out", tmp_path / "plain", "--model", "indenter-audited")
    assert code == 0
    assert "lie beyond" not in log  # of a model whose card does not tell the range
    model = console.predictor("", "")
    monkeypatch.setattr(type(model), "labels_gpa", (2.0, 2.4), raising=False)
    code, _, log = enamel("map", picture, "--out", tmp_path / "map", "--model", "indenter-audited")
    about = json.loads((tmp_path / "map" / f"{picture.stem}-hardness.json").read_text())
    hardness = np.load(tmp_path / "map" / f"{picture.stem}-hardness.npy")
    assert code == 0
    assert about["labels_gpa"] == [2.0, 2.4]
    assert about["readings_outside"] == (hardness > 2.4).sum() > 0
    assert f"{about['readings_outside']:,} readings lie beyond the labels" in log
    code, said, log = enamel("predict", picture, "--json")
    assert code == 0
    assert json.loads(said)[0]["readings_outside"] == 1
    assert log.count("lie beyond") == 1


def test_one_bad_file_does_not_hide_the_others(enamel, quick_predictor, picture, tmp_path):
    bad, black = tmp_path / "bad.png", tmp_path / "black.png"
    bad.write_text("no picture")
    Image.new("RGB", (220, 220)).save(black)
    code, said, log = enamel("predict", bad, picture, black, picture)
    assert code == 2
    assert said.splitlines() == [f"2.43 GPa  {picture}"] * 2
    assert [line.split(": ")[1] for line in log.splitlines() if "pixel size" not in line] == [str(bad), str(black)]


def test_no_signal_no_reading(enamel, quick_predictor, picture, tmp_path):
    pixels = np.zeros((220, 700, 3), np.uint8)
    pixels[:, :240] = np.asarray(Image.open(picture))
    path = tmp_path / "half.png"
    Image.fromarray(pixels).save(path)
    whole, half = tmp_path / "whole", tmp_path / "half"
    assert enamel("map", picture, *WINDOWS, "--out", whole, "--stride", 20)[0] == 0
    code, _, log = enamel("map", path, *WINDOWS, "--out", half, "--stride", 20)
    assert code == 0
    assert "66% of it carries no signal" in log
    facts = json.loads((half / "half-hardness.json").read_text())
    table = pd.read_csv(half / "half-hardness.csv")
    read = table["col"] + 0.5 + 100 - 240 <= 200 * 0.25
    assert (table["hardness"].notna() == read).all()
    assert facts["windows_read"] == read.sum() < facts["windows"] == len(table)
    assert facts["mean_gpa"] == pytest.approx(table["hardness"].mean(), abs=1e-3)
    hardness = np.load(half / "half-hardness.npy")
    assert np.isnan(hardness[:, 240:]).all()
    first = np.load(whole / "section-hardness.npy")
    np.testing.assert_allclose(hardness[100, 100:141], first[100, 100:141])
    code, said, log = enamel("predict", path)
    assert (code, said) == (2, "")
    assert "no reading: 0% of the window" in log
    mask = np.zeros((220, 240), np.uint8)
    mask[:, 120:] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    code, _, log = enamel("map", picture, *WINDOWS, "--mask", tmp_path / "mask.png", "--out", tmp_path / "none")
    assert code == 2
    assert "no window has signal" in log
    assert not (tmp_path / "none").exists()


def test_the_pixel_size_decides_the_scale(enamel, quick_predictor, tmp_path):
    pixels = np.zeros((60, 70, 3), np.uint8)
    pixels[..., 0] = 90
    tifffile.imwrite(tmp_path / "a.tif", pixels, imagej=True, resolution=(4, 4), metadata={"unit": "um"})
    Image.fromarray(pixels).resize((240, 240)).save(tmp_path / "b.png")
    code, _, log = enamel("map", tmp_path / "a.tif", *WINDOWS, "--out", tmp_path / "a", "--stride", 10)
    assert code == 0
    assert "scale 4.167: from 0.25 um per pixel to the 0.06 um" in log
    facts = json.loads((tmp_path / "a" / "a-hardness.json").read_text())
    assert (facts["scale"], facts["pixel_size_um"]) == (pytest.approx(4.1667, abs=1e-3), 0.25)
    assert np.load(tmp_path / "a" / "a-hardness.npy").shape == (250, 292)
    assert "0.25 um per pixel, but 0.24 um was given" in enamel("predict", tmp_path / "a.tif", "--pixel-size", 0.24)[2]
    assert "0.0625 um" not in enamel("predict", tmp_path / "a.tif", "--scale", 4)[2]
    assert "readings mean little" in enamel("predict", tmp_path / "a.tif", "--scale", 8)[2]
    assert "give --pixel-size" in enamel("predict", tmp_path / "b.png")[2]
    for size in (250, "inf", "nan", 0):
        refused(enamel("predict", tmp_path / "b.png", "--pixel-size", size), "micrometres per pixel")
    for scale in ("huge", 0, "inf", "nan"):
        refused(enamel("predict", tmp_path / "b.png", "--scale", scale), "neither auto nor a number")


def test_a_map_takes_little_memory(enamel, quick_predictor, tmp_path):
    """12 bytes a pixel at most, by the growth from one size to another."""
    peaks, sides = [], (1200, 2400)  # drawn at the same size
    for side in sides:
        path = tmp_path / f"{side}.png"
        Image.fromarray(np.full((side, side, 3), (0, 200, 20), np.uint8)).save(path)
        tracemalloc.start()
        assert enamel("map", path, *WINDOWS, "--out", tmp_path, "--stride", 100)[0] == 0
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert (peaks[1] - peaks[0]) / (sides[1] ** 2 - sides[0] ** 2) < 12


def test_reproduce_keeps_going_and_reports_failures(enamel, tmp_path, monkeypatch):
    jobs = [notebooks.Job(tmp_path / f"0{n}-x.ipynb", {}, tmp_path / "build" / f"0{n}-x.ipynb") for n in (1, 2)]
    monkeypatch.setattr(notebooks, "plan", lambda profile, numbers: jobs)
    monkeypatch.setattr(notebooks.Job, "cells", 3)
    monkeypatch.setattr(paths, "BUILD", tmp_path)
    records = iter([{"status": "cell 2: ValueError: no", "minutes": 0.1}, {"status": "done", "minutes": 0.2}])
    monkeypatch.setattr(notebooks, "run", lambda job, on_cell: next(records))
    code, said, log = enamel("reproduce", "--profile", "quick")
    assert code == 1
    assert "1 of 2 notebooks ran" in said
    assert "cell 2: ValueError: no" in log
    assert json.loads((tmp_path / "quick" / "manifest.json").read_text())["notebooks"]["02-x"]["status"] == "done"


def test_unknown_profile_is_refused(enamel):
    refused(enamel("reproduce", "--profile", "huge"), "huge", "quick")


CHOICES = [
    ("simulate", "world", simulate.WORLDS),
    ("train", "split", curation.PROTOCOLS),
    ("reproduce", "profile", [path.stem for path in notebooks.PROFILES.glob("*.yml")]),
]


@pytest.mark.parametrize(("command", "option", "choices"), CHOICES)
def test_help_names_every_choice(command, option, choices):
    option = next(o for o in typer.main.get_command(app.app).commands[command].params if o.name == option)
    assert [name for name in choices if name not in option.help] == []


def test_an_unknown_choice_is_refused_with_those_there_are(enamel, tmp_path):
    refused(enamel("simulate", "--out", tmp_path / "x", "--world", "flat"), "flat", "confounded")
    assert not (tmp_path / "x").exists()


def test_wrong_options_exit_with_2(enamel):
    assert enamel("map", "x.png", "--out", "x", "--engine", "magic")[0] == 2
    assert enamel("simulate", "--out", "x", "--count", "0")[0] == 2


def test_a_texture_is_fitted_to_a_map_and_sections_are_drawn_from_it(enamel, tmp_path):
    shown = simulate.section((60, 80), pixel_size_um=0.24, seed=1, texture="real-map")
    Image.fromarray(shown.rgb).save(tmp_path / "mine.png")
    fitted = tmp_path / "fitted"
    assert "--pixel-size" in enamel("fit-texture", tmp_path / "mine.png", "--out", fitted)[2]
    options = ("--generations", 1, "--pixel-size", 0.24)
    code, out, err = enamel("fit-texture", tmp_path / "mine.png", "--out", fitted, *options)
    assert code == 0, err
    assert "mean distance" in out
    assert len(pd.read_csv(fitted / "history.csv")) == 1
    code, _, err = enamel("simulate", "--texture", fitted / "texture.yml", "--size", 40, "--out", tmp_path / "tiles")
    assert code == 0, err
    assert (tmp_path / "tiles" / "labels.csv").exists()


def test_a_picture_of_simulate_is_read_at_its_own_scale(enamel, tmp_path):
    assert enamel("simulate", "--out", tmp_path, "--size", 48, "--pixel-size", 0.06)[0] == 0
    assert pictures.read_picture(tmp_path / "tile_00000.png").pixel_size_um == 0.06


def test_ctrl_c_ends_quietly_while_importing(monkeypatch):
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # shells have what runs behind ignore it
    monkeypatch.setattr(app, "main", lambda: signal.raise_signal(signal.SIGINT))
    with pytest.raises(SystemExit) as ended:
        __main__.main()
    signal.signal(signal.SIGINT, before)
    assert ended.value.code == 130
