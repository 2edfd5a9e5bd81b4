"""Damaged files given to commands that write: each ends well or in one line, and nothing of the user's is lost."""

import functools
import random
import shutil
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest
import tifffile
import yaml
from PIL import Image

from enamel_lib import dense, models, paths, simulate
from enamel_lib.dense import axes, study
from enamel_lib.evolve import judges
from enamel_lib.generators import loading
from enamel_lib.indenter import recipe, run, training
from enamel_lib.simulate import fitting, texture
from tests.cli import test_generator
from tests.dense import test_axes
from tests.evolve import test_genetic
from tests.indenter import test_training
from tests.test_fuzz import LONGEST_S, at_most, mutated


def train(folder):
    """A run of the indenter that has ended; `stand_in` trains it, on tiles that are no files."""
    (folder / "tiny.yml").write_text(yaml.safe_dump(test_training.RECIPE | {"stages": [{"size": 25, "images": 8}]}))
    return ["train", "--recipe", "tiny.yml", "--out", "run", "--root", "."]


def short_training(settings, *, out, protocol, seed, resume, anew, progress, root):
    """Train as `training.train`, but on few small tiles at hand, and with no score at the end."""
    how = {"out": out, "protocol": protocol, "seed": seed, "resume": resume, "anew": anew}
    tiles, table = test_training.data()
    found = run.Run(tiles[:, ::2, ::2], table, recipe.load_recipe(settings), **how)
    found.fit(progress)
    return models.save(found.best_model(), out / f"indenter-{protocol}.keras", {"name": protocol, "metrics": {}})


def train_generator(folder):
    """A run of a generator that has ended."""
    (folder / "tiny.yml").write_text(yaml.safe_dump(test_generator.RECIPE))
    return ["train-generator", "--recipe", "tiny.yml", "--images", "pictures", "--out", "run"]


def evolve(folder):
    """A search of five generations, to go on for two."""
    return ["evolve", "--target", 5.0, "--out", "run", "--generations", 5, "--seed", 3]


def fit(folder):
    """A map of simulated enamel, and indents on it."""
    section = simulate.section((100, 1200), seed=5, depth=0.5)
    tifffile.imwrite(folder / "map.tif", section.rgb, imagej=True, resolution=(1 / 0.06,) * 2, metadata={"unit": "um"})
    rows, cols = np.random.default_rng(1).uniform((5, 5), (95, 1195), (40, 2)).T
    hardness = section.hardness[rows.astype(int), cols.astype(int)]
    table = pd.DataFrame({"x [um]": cols * 0.06, "y [um]": rows * 0.06, "H (GPa)": hardness.round(3)})
    table.to_csv(folder / "indents.csv", index=False)
    return ["fit", "map.tif", "indents.csv", "--out", "run/mine.keras"]


def fit_axes(folder):
    """Own data of another material."""
    table = pd.read_csv(test_axes.write(folder / "metal", count=1) / "indents.csv").sample(100, random_state=0)
    table.to_csv(folder / "metal" / "indents.csv", index=False)
    return ["fit-axes", "metal", "--name", "metal", "--out", "run"]


def short_study(known, out, name, *, progress):
    """Write a model as `study.study`, unjudged."""
    study.save(axes.fit(known, moving=False), out / f"{name}.json")
    return pd.DataFrame({"kind": ["rows"], "seed": [0], "c-axis": [0.5]})


def fit_texture(folder):
    """A PIC map and the texture to start with."""
    Image.fromarray(simulate.section((60, 60), seed=5).rgb).save(folder / "map.png")
    shutil.copy(texture.FOLDER / "start.yml", folder / "mine.yml")
    return ["fit-texture", "map.png", "--pixel-size", 0.06, "--start", "mine.yml", "--out", "run"]


COMMANDS = {  # what makes sound files and gives the arguments; what is damaged; how many times each; whether resumed
    "train": (train, ("tiny.yml", "run/checkpoint.npz"), 5, True),
    "train-generator": (train_generator, ("tiny.yml", "run/checkpoint.npz", "pictures/a.png"), 5, True),
    "evolve": (evolve, ("run/checkpoint.npz",), 30, True),
    "fit": (fit, ("map.tif", "indents.csv"), 6, False),
    "fit-axes": (fit_axes, ("metal/maps.csv", "metal/indents.csv", "metal/maps/0.png"), 15, False),
    "fit-texture": (fit_texture, ("map.png", "mine.yml"), 20, False),
}


@pytest.fixture(scope="module", autouse=True)
def _quick():
    """What takes long is left out of the commands, or stands ready: not what reads and writes."""
    import tensorflow as tf

    drawing = SimpleNamespace(
        generate=test_genetic.generate, latent_dim=test_genetic.LATENT, channels=3, w_avg=np.zeros(test_genetic.LATENT)
    )
    judge = judges.Judge(None, False, lambda tiles: 4 + tiles[:, :, ::2].mean((1, 2, 3)) / 128, "this")
    with pytest.MonkeyPatch.context() as patch:
        test_training.thin(patch.setattr)
        patch.setattr(training, "train", short_training)
        patch.setattr(keras.Model, "fit", test_training.add_one)
        patch.setattr(run.Run, "_error", lambda *_: 1.0)
        patch.setattr(loading, "load_generator", lambda name, engine: drawing)
        patch.setattr(judges, "load", lambda name, penalty: judge)
        patch.setattr(dense, "load", functools.cache(dense.load))
        patch.setattr(study, "study", short_study)
        patch.setattr(fitting, "fit", lambda rgb, *, start, **_: (start, pd.DataFrame({"loss": [2.0, 1.0]})))
        tf.config.run_functions_eagerly(True)  # compiling takes longer than the few steps of a test
        yield
        tf.config.run_functions_eagerly(False)


def content(folder):
    """Every file under a folder, by its name there."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def restore(folder, files):
    """Have these files under a folder, and no others."""
    for name in content(folder).keys() - files.keys():
        (folder / name).unlink()
    for name, value in files.items():
        if not (folder / name).is_file() or (folder / name).read_bytes() != value:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(value)


def sound(enamel, folder, command):
    """Arguments of a command, and the files that it is given, once it has succeeded with them."""
    make, _, _, resumed = COMMANDS[command]
    (folder / "pictures").mkdir()
    for name in "ab":
        rgb = np.random.default_rng(0).integers(0, 256, (12, 12, 3), np.uint8)
        Image.fromarray(rgb).save(folder / "pictures" / f"{name}.png")
    arguments = make(folder)
    given = content(folder)
    code, _, complaint = enamel(*arguments)
    assert code == 0, complaint
    if resumed:
        return [*arguments, "--resume"], content(folder)
    return arguments, given


def attempt(enamel, folder, arguments, files, name, spoilt):
    """Run a command where one of its files is spoilt; whether it refused."""
    before = files | {name: spoilt}
    restore(folder, before)
    with at_most(LONGEST_S):
        code, _, complaint = enamel(*arguments)
    after = content(folder)
    assert not [path for path in after if paths.PARTIAL in path or paths.LOCK in path]
    if code == 0:
        assert {path: after[path] for path in before if not path.startswith("run/")} == {
            path: value for path, value in before.items() if not path.startswith("run/")
        }
        return False
    assert code == 2
    assert complaint.splitlines()[-1].startswith("enamel: ")
    assert len(complaint) < 4000
    assert after == before  # refused, a command leaves all as it was
    return True


@pytest.mark.parametrize("command", COMMANDS)
def test_damaged_files(enamel, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    _, names, count, _ = COMMANDS[command]
    arguments, files = sound(enamel, Path(), command)
    rng = random.Random(command)
    for name in names:
        refused = 0
        for number in range(count):
            spoilt = mutated(files[name], rng)
            try:
                refused += attempt(enamel, Path(), arguments, files, name, spoilt)
            except BaseException as error:
                raise AssertionError(f"{name}, change {number}: {type(error).__name__}: {error}") from error
        assert refused
