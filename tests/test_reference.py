import functools
import hashlib
import http.server
import io
import threading
from dataclasses import replace

import numpy as np
import pytest
import scipy.io
from PIL import Image

from enamel_lib import paths, pic, reference
from enamel_lib.errors import InputError

NAME = reference.REAL_MAP
NOWHERE = "http://127.0.0.1:9/"


def offer(monkeypatch, url, content=b"", name=NAME):
    """Register `content` as the real map, or another file, to be downloaded from a folder of the web."""
    item = replace(reference.REGISTRY[name], url=url + name, sha256=hashlib.sha256(content).hexdigest())
    monkeypatch.setitem(reference.REGISTRY, name, item)


def titanium():
    """Content of the two files on titanium, as they were published, of 4 x 3 indents and 3 x 3 orientations."""
    rows, cols = np.mgrid[:4, :3] * reference.TITANIUM_UM
    indents = io.BytesIO()
    scipy.io.savemat(indents, {"X": cols, "Y": rows, "H": 3 + rows / 10 + cols})
    lines = [f"{x} {y} 1 90 {10 * y} 0" for y, x in zip(rows[:3].ravel(), cols[:3].ravel(), strict=True)]
    return {reference.INDENTS: indents.getvalue(), reference.ORIENTATION: "\n".join(lines).encode()}


@pytest.fixture
def away(tmp_path, monkeypatch):
    """A clone alone: no shared folder, an empty cache, no network."""
    monkeypatch.setattr(paths, "SHARED", tmp_path / "shared")
    monkeypatch.setenv("ENAMEL_CACHE", str(tmp_path / "cache"))
    offer(monkeypatch, NOWHERE)
    return tmp_path


@pytest.fixture
def server(away, monkeypatch):
    """A web server with a stand-in for the real map, and its address and hash in the registry."""
    folder = away / "web"
    folder.mkdir()
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(picture).save(folder / NAME)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        address = f"http://127.0.0.1:{running.server_port}/"
        offer(monkeypatch, address, (folder / NAME).read_bytes())
        for name, content in titanium().items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)
            offer(monkeypatch, address, content, name)
        yield picture, folder
        running.shutdown()
        thread.join()


def test_download_is_checked_and_kept(server):
    picture, folder = server
    np.testing.assert_array_equal(reference.real_map(), picture)
    (folder / NAME).unlink()
    np.testing.assert_array_equal(reference.real_map(), picture)


def test_another_file_is_refused(server, away):
    _, folder = server
    (folder / NAME).write_bytes(b"not the map")
    with pytest.raises(InputError, match="could not be had") as error:
        reference.real_map()
    assert "\n" not in str(error.value)
    assert not [path for path in (away / "cache").rglob("*") if path.is_file()]


def test_without_a_network_it_says_where_to_put_the_file(away, capfd):
    with pytest.raises(InputError, match="without a network") as error:
        reference.real_map()
    assert str(away / "cache" / NAME) in str(error.value)
    assert reference.real_map_if_there() is None
    said, noise = capfd.readouterr()
    assert (said.count("\n"), noise) == (1, "")
    assert "left out" in said
    assert str(away) not in said


def test_a_file_put_where_the_message_says_is_found(server, away, monkeypatch):
    picture, folder = server
    offer(monkeypatch, NOWHERE, (folder / NAME).read_bytes())
    (away / "cache").mkdir()
    (away / "cache" / NAME).write_bytes((folder / NAME).read_bytes())
    np.testing.assert_array_equal(reference.real_map_if_there(), picture)


def test_shared_file_is_used_first_and_checked(server, monkeypatch):
    picture, folder = server
    offer(monkeypatch, NOWHERE, (folder / NAME).read_bytes())
    paths.SHARED.mkdir()
    shared = paths.SHARED / NAME.lower()
    shared.write_bytes((folder / NAME).read_bytes())
    np.testing.assert_array_equal(reference.real_map(), picture)
    shared.write_bytes(b"something else")
    with pytest.raises(InputError, match="SHA-256"):
        reference.real_map()


@pytest.mark.usefixtures("away")
def test_published_map_ships_with_the_project(monkeypatch, tmp_path):
    published = reference.published_map()
    assert published.hardness.shape == (len(published.row), len(published.col)) == (250, 403)
    assert 2.8 < published.hardness.min() < published.hardness.max() < 4.8
    assert published.hardness.mean() == pytest.approx(3.652, abs=0.001)
    monkeypatch.setattr(paths, "REFERENCE", tmp_path)
    with pytest.raises(InputError, match="git checkout"):
        reference.published_map()


def test_what_is_registered_is_pinned_and_told():
    assert reference.COMMIT in reference.URL
    for name, item in reference.REGISTRY.items():
        assert len(item.sha256) == 64
        assert item.what
        assert item.licence
        if item.url is None:
            assert (paths.REFERENCE / name).stat().st_size == item.size
            assert name in (paths.REFERENCE / "README.md").read_text()


@pytest.mark.skipif(not paths.SHARED.is_dir(), reason="no shared data folder beside this checkout")
def test_the_shared_original():
    assert reference.real_map().shape == (342, 490, 3)
    assert (paths.SHARED / NAME.lower()).stat().st_size == reference.REGISTRY[NAME].size


@pytest.mark.skipif(not (paths.SHARED / reference.INDENTS).is_file(), reason="no titanium beside this checkout")
def test_titanium_is_joined_as_its_readme_says(tmp_path):
    """The correlation of hardness and declination is sharp at this join, and the picture keeps the declination."""
    found = reference.titanium()
    known = np.isfinite(found.hardness)
    assert known.sum() == 15_867
    assert (np.bincount(found.grain.ravel()) >= 20).sum() == 75
    tilt = found.axes[..., 2]
    r = {
        move: np.corrcoef(np.roll(tilt, move, (0, 1))[known], found.hardness[known])[0, 1]
        for move in ((0, 0), (1, 0), (-1, 0), (0, 1), (0, -1))
    }
    assert max(r, key=r.get) == (0, 0)
    np.testing.assert_allclose(np.abs(pic.director(found.pic)[..., 2]), tilt, atol=0.01)
    found.save(tmp_path)
    assert sum(1 for _ in (tmp_path / "indents.csv").open()) == 15_868


def test_titanium_is_downloaded_checked_and_kept(server):
    _, folder = server
    found = reference.titanium()
    np.testing.assert_allclose(found.hardness, 3 + np.mgrid[:3, :3][0] / 5 + np.mgrid[:3, :3][1] * 2)
    np.testing.assert_allclose(found.axes[1], [[np.sin(np.pi / 9), 0, np.cos(np.pi / 9)]] * 3, atol=1e-9)
    for name in titanium():
        (folder / name).unlink()
    np.testing.assert_array_equal(reference.titanium().hardness, found.hardness)


@pytest.mark.parametrize("name", [reference.INDENTS, reference.ORIENTATION])
def test_other_titanium_is_refused_and_not_kept(server, away, name):
    _, folder = server
    (folder / name).write_bytes(b"not titanium")
    with pytest.raises(InputError, match="could not be had") as error:
        reference.titanium()
    assert name in str(error.value)
    assert not (away / "cache" / name).exists()


@pytest.mark.usefixtures("away")
def test_without_titanium_a_line_says_so(monkeypatch, capfd):
    for name in (reference.INDENTS, reference.ORIENTATION):
        offer(monkeypatch, NOWHERE, name=name)
    assert reference.titanium_if_there() is None
    said, noise = capfd.readouterr()
    assert (said.count("\n"), noise) == (1, "")
