"""Notebooks in a clone of the project alone: without the reference picture, with it, and with data of one's own.

`make test` asks for them by name, as for `quick_notebooks.py`. The clone is a copy of the working tree with nothing
beside it; its kernels reach no network, for their proxy answers to nobody.
"""

import os
import shutil
import subprocess
import sys

import nbformat
import pytest

from enamel_lib import paths, reference
from enamel_lib.dataset import simulated
from enamel_lib.errors import InputError
from enamel_lib.reproduce import notebooks

COMMAND = "from enamel_lib.cli.app import main; main()"
NOWHERE = "http://127.0.0.1:9/"
SMALL = {
    "ACCURATE_SHAPE": (500, 600),
    "ACCURATE_COUNT": 24,
    "ESTIMATED_MAPS": 4,
    "ESTIMATED_TILES": 2,
    "NOISY_SHAPE": (300, 300),
    "NOISY_MAPS": 4,
    "NOISY_COUNT": 16,
}
READ_TILES = ("default_root", "load_pictures", "is_simulated")
OWN_DATA = [path.stem for path in notebooks.discover() if any(name in path.read_text() for name in READ_TILES)]


@pytest.fixture
def clone(tmp_path):
    """A copy of what git keeps of the project, in a folder of its own."""
    folder = tmp_path / "alone" / "clone"
    for name in ("enamel_lib", "notebooks", "figures"):
        shutil.copytree(paths.ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for part in paths.DATA.iterdir():
        if part.name not in ("raw", "processed"):
            (folder / "data").mkdir(exist_ok=True)
            (folder / "data" / part.name).symlink_to(part)
    return folder


def run(clone, number, profile="quick", cache=None):
    """Run one notebook in the clone as a reader would; gives the text that it printed."""
    offline = dict.fromkeys(("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"), NOWHERE)
    there = {"PYTHONPATH": str(clone), "ENAMEL_CACHE": str(cache or clone.parent / "cache"), "MPLBACKEND": "agg"}
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, "reproduce", number, "--profile", profile],
        cwd=clone,
        env=os.environ | offline | there,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (executed,) = (clone / "build" / profile).glob(f"{number}-*.ipynb")
    cells = [cell for cell in nbformat.read(executed, as_version=4).cells if cell.cell_type == "code"]
    return "\n".join(output.text for cell in cells for output in cell.outputs if output.output_type == "stream")


@pytest.mark.parametrize("there", [False, True], ids=["no real map", "real map in the cache"])
def test_maps_of_a_clone_alone(clone, there):
    """Notebook 05, small, writing where the committed figures lie."""
    profile = notebooks.load_profile("quick") | {"every": {"out": "figures"}}
    profile["05-hardness-map"]["every"] = 16  # quick also where Fig. 4's maps, an hour's work, are not shipped
    (clone / "enamel_lib/reproduce/profiles/small.yml").write_text(repr(profile))
    cache = clone.parent / "cache"
    if there:
        try:
            picture = reference.fetch(reference.REAL_MAP)
        except InputError:
            pytest.skip("the real map is not here: neither beside this checkout nor in the cache, and no network")
        cache.mkdir()
        shutil.copy(picture, cache / reference.REAL_MAP)
    before = {path: path.read_bytes() for path in (clone / "figures").glob("**/*.*")}
    printed = run(clone, "05", "small", cache)
    changed = {path.name for path, content in before.items() if path.read_bytes() != content}
    assert ("The real map is not here" in printed) == (not there)
    assert ("fig4-hardness-map.png" in changed) == there
    assert {"05-simulated.png", "05.json"} <= changed


@pytest.mark.parametrize("stem", OWN_DATA)
def test_data_of_ones_own(clone, stem, monkeypatch):
    """In the authors' layout, without places and without a truth."""
    for name, value in SMALL.items():
        monkeypatch.setattr(simulated, name, value)
    raw = clone / "data" / "raw"
    simulated.simulate_sources(raw, seed=5)
    for name in (simulated.TRUTH_CSV, simulated.MANIFEST):
        (raw / name).unlink()
    printed = run(clone, stem[:2])
    if "load_truth" in (clone / "notebooks" / f"{stem}.ipynb").read_text():
        assert "no truth is known" in printed
    assert not (clone / "data" / "processed").exists()
