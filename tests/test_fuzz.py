"""Hundreds of damaged files of each kind that is read: a success or an `EnamelError`, soon, and nothing left behind."""

import contextlib
import io
import json
import random
import shutil
import signal
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest
import tifffile
from PIL import Image

from enamel_lib import checkpoints, models, paths, pictures, structured
from enamel_lib.dataset import own, simulated
from enamel_lib.errors import EnamelError
from enamel_lib.evolve import benchmark
from enamel_lib.generators.keras import load_network, save_generator
from enamel_lib.indenter import recipe as indenter_recipe
from enamel_lib.reproduce import facts, notebooks, verdicts
from enamel_lib.simulate import texture
from enamel_lib.stylegan2 import build_generator
from enamel_lib.stylegan2 import recipe as generator_recipe

FIXTURES = Path(__file__).parent / "fixtures"
LONGEST_S = 5
WORDS = (b"null", b"-1", b"1e999", b"NaN", b"9" * 40, b"[" * 300, b'{"a":' * 300, b"*a", b"&a ", b"\0" * 9, b"\xff" * 8)
PNG, TIFF, CSV = "picture.png", "picture.tif", "indents.csv"


class TooLong(BaseException):
    """No reader may catch it."""


@contextlib.contextmanager
def at_most(seconds):
    """Break off what takes longer; what cannot be broken off is seen by the clock."""

    def late(*_):
        raise TooLong

    before, began = signal.signal(signal.SIGALRM, late), time.process_time()
    signal.alarm(12 * seconds)  # of the wall: other processes may have the processor
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    assert time.process_time() - began < seconds


def mutated(content, rng):
    """Bytes with one to three changes (bits, words, cuts, repeats); of an archive often within, so that it is whole."""
    if content.startswith(b"PK") and rng.random() < 0.7:
        return repacked(content, rng)
    content = bytearray(content)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(content) + 1)
        if rng.random() < 0.5:  # heads decide more than bodies
            at = min(at, rng.randrange(400))
        size = rng.randint(1, 40)
        kind = rng.randrange(6)
        if kind == 0 and at < len(content):
            content[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            content[at : at + size] = rng.choice(WORDS)
        elif kind == 2:
            del content[at : at + size]
        elif kind == 3:
            content[at:at] = content[at : at + size] * rng.randint(1, 20)
        elif kind == 4:
            content[at : at + 4] = rng.randbytes(4)
        elif rng.random() < 0.3:
            del content[at:]
    return bytes(content)


def repacked(content, rng):
    """An archive with a changed, lost or repeated member, and sound checksums."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = rng.choice(sorted(members))
    if rng.random() < 0.15:
        del members[name]
    elif members[name]:
        members[name] = mutated(members[name], rng)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for each, value in members.items():
            archive.writestr(each, value)
    return out.getvalue()


def samples(folder):
    """Sound small files of every kind, by the name that they are read under."""
    rng = np.random.default_rng(0)
    rgb = rng.integers(0, 256, (24, 20, 3), np.uint8)
    for name in (PNG, "picture.jpg"):
        Image.fromarray(rgb).save(folder / name, dpi=(9000, 9000))
    tifffile.imwrite(folder / TIFF, rgb, photometric="rgb", compression="zlib", resolution=(4e4, 4e4))
    pages = np.ascontiguousarray(np.moveaxis(rgb, 2, 0))
    of_imagej = {"axes": "CYX", "unit": "um"}
    tifffile.imwrite(folder / "imagej.tif", pages.astype(np.uint16) * 257, imagej=True, metadata=of_imagej)
    tifffile.imwrite(folder / "ome.ome.tif", pages, metadata={"axes": "CYX", "PhysicalSizeX": 0.2})
    lines = [("map", "x [um]", "y [um]", "H (GPa)")] + [("a", n, n, 3.5 + n / 9) for n in range(9)]
    (folder / CSV).write_text("\n".join(";".join(map(str, line)) for line in lines))
    book = openpyxl.Workbook()
    for line in lines:
        book.active.append(line)
    book.save(folder / "indents.xlsx")
    checkpoints.write_checkpoint(
        folder / "run.npz", {"seed": 1, "step": 2}, {"weights": [np.ones(3), np.zeros((2, 2))]}
    )
    searches = {"searches": [["random", 4.0, 0]], "targets": [4.0]}
    arrays = {"hardness": [np.ones(3)], "penalty": [np.zeros(3)], "best_code": [np.ones(2)]}
    checkpoints.write_checkpoint(folder / "contest.npz", searches, arrays)
    tiny = build_generator(8, fmap_base=8, fmap_max=2, latent_dim=2, style_dim=3, mapping_layers=1)
    save_generator(tiny, folder / "tiny.keras", card={})
    (folder / "tiny.json").rename(folder / "card.json")  # or every change would be one of the SHA-256
    shutil.copy(FIXTURES / "ada_pytorch" / "network-snapshot.pkl", folder / "torch.pkl")
    shutil.copy(FIXTURES / "stylegan2" / "asym32.pkl", folder / "tf.pkl")
    shutil.copy(indenter_recipe.RECIPES / "quick.yml", folder / "indenter.yml")
    shutil.copy(generator_recipe.RECIPES / "quick.yml", folder / "generator.yml")
    shutil.copy(notebooks.PROFILES / "quick.yml", folder / "profile.yml")
    shutil.copy(texture.FOLDER / "start.yml", folder / "texture.yml")
    shutil.copy(verdicts.CLAIMS, folder / "claims.yml")
    shutil.copy(paths.FIGURES / "facts" / "05.json", folder / "05.json")
    shutil.copy(paths.FIGURES / "manifest.json", folder / "manifest.json")
    (folder / simulated.MANIFEST).write_text(json.dumps({"simulator": 1, "seed": 0, "world": "null"}))


READERS = {  # how a file is read, and how many of it are tried
    "indenter.yml": (indenter_recipe.load_recipe, 40),
    "generator.yml": (generator_recipe.load_recipe, 40),
    "profile.yml": (lambda path: structured.read_yaml(path, dict[str, dict[str, Any]]), 30),
    "texture.yml": (texture.read, 30),
    "claims.yml": (lambda path: verdicts.verdicts(file=path), 30),
    "05.json": (facts.read, 40),
    "manifest.json": (lambda path: structured.read_json(path, notebooks.Manifest), 30),
    "card.json": (lambda path: models.read_card(path.with_suffix(".keras")), 40),
    simulated.MANIFEST: (lambda path: simulated.read_manifest(path.parent), 20),
    "run.npz": (checkpoints.read_checkpoint, 40),
    "contest.npz": (benchmark.load, 30),
    CSV: (lambda path: own.read_indents(path, 0.2), 50),
    "indents.xlsx": (lambda path: own.read_indents(path, 0.2), 30),
    PNG: (pictures.read_picture, 40),
    "picture.jpg": (pictures.read_picture, 40),
    TIFF: (pictures.read_picture, 40),
    "imagej.tif": (pictures.read_picture, 40),
    "ome.ome.tif": (pictures.read_picture, 40),
    "torch.pkl": (load_network, 40),
    "tf.pkl": (load_network, 20),
    "tiny.keras": (load_network, 20),
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sound")
    samples(folder)
    return folder


def test_there_are_enough():
    assert sum(count for _, count in READERS.values()) >= 500


@pytest.mark.parametrize("name", READERS)
def test_damaged_files(sound, tmp_path, name):
    read, count = READERS[name]
    content, rng, refused = (sound / name).read_bytes(), random.Random(name), 0
    (tmp_path / name).write_bytes(content)
    message = ""
    read(tmp_path / name)  # or nothing would be tried
    for number in range(count):
        spoilt = mutated(content, rng)
        (tmp_path / name).write_bytes(spoilt)
        try:
            with at_most(LONGEST_S):
                read(tmp_path / name)
        except EnamelError as error:
            refused += 1
            message = str(error)
        except BaseException as error:
            raise AssertionError(f"{name}, change {number}: {type(error).__name__}: {error}") from error
        assert len(message) < 2000
        assert [path.name for path in tmp_path.iterdir()] == [name]
    assert refused
