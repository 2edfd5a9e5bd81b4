import functools
import hashlib
import http.server
import threading

import numpy as np
import pytest
from PIL import Image

from enamel_lib import paths, reference
from enamel_lib.errors import InputError

NAME = "Human_Test_Map.png"


@pytest.fixture
def away(tmp_path, monkeypatch):
    """A place without the shared folder."""
    monkeypatch.setattr(paths, "SHARED", tmp_path / "shared")
    return tmp_path


@pytest.fixture
def server(away, monkeypatch):
    """A web server with a stand-in for the real map, and its hash in the registry."""
    folder = away / "web"
    folder.mkdir()
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    Image.fromarray(picture).save(folder / NAME)
    monkeypatch.setitem(reference.REGISTRY, NAME, hashlib.sha256((folder / NAME).read_bytes()).hexdigest())

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}/", picture, folder
        running.shutdown()
        thread.join()


def test_download_is_checked_and_kept(server, away):
    url, picture, folder = server
    np.testing.assert_array_equal(reference.real_map(base_url=url, cache=away / "cache"), picture)
    (folder / NAME).unlink()
    np.testing.assert_array_equal(reference.real_map(base_url=url, cache=away / "cache"), picture)


def test_another_file_is_refused(server, away):
    url, _, folder = server
    (folder / NAME).write_bytes(b"not the map")
    with pytest.raises(InputError, match="could not be had") as error:
        reference.real_map(base_url=url, cache=away / "cache")
    assert "\n" not in str(error.value)
    assert not [path for path in (away / "cache").rglob("*") if path.is_file()]


def test_no_network(away):
    with pytest.raises(InputError, match="put it at"):
        reference.real_map(base_url="http://127.0.0.1:9/", cache=away / "cache")


def test_shared_file_is_used_first_and_checked(server, away):
    _, picture, folder = server
    paths.SHARED.mkdir()
    shared = paths.SHARED / NAME.lower()
    shared.write_bytes((folder / NAME).read_bytes())
    np.testing.assert_array_equal(reference.real_map(base_url="http://127.0.0.1:9/", cache=away), picture)
    shared.write_bytes(b"something else")
    with pytest.raises(InputError, match="SHA-256"):
        reference.real_map()


def test_published_map_only_from_the_shared_folder(away):
    with pytest.raises(InputError, match="nobody offers it"):
        reference.published_map()


def test_address_pins_the_commit():
    assert reference.COMMIT in reference.URL
    assert len(reference.REGISTRY[NAME]) == 64


@pytest.mark.skipif(not paths.SHARED.is_dir(), reason="no shared data folder beside this checkout")
def test_the_shared_originals():
    assert reference.real_map().shape == (342, 490, 3)
    published = reference.published_map()
    assert published.hardness.shape == (len(published.row), len(published.col)) == (250, 403)
    assert 2.8 < published.hardness.min() < published.hardness.max() < 4.8
