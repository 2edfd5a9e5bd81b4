import json
import threading
from urllib.error import HTTPError
from urllib.request import urlopen

import numpy as np
import pytest

from enamel_lib.errors import InputError
from enamel_lib.viewer import MapTiles, MapViewer, page
from tests.viewer import stores


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("map") / "tooth-hardness.zarr"
    stores.write(path)
    return path


def test_tiles_are_parts_of_the_levels(store):
    tiles = MapTiles(store)
    about = tiles.about()
    assert about["shapes"] == [(700, 900), (350, 450), (175, 225)]
    assert about["cell_um"] == pytest.approx(0.24)
    hardness, picture = tiles.tile(0, 2, 3)
    assert len(hardness) == len(picture) == 4 * (700 - 512) * (900 - 768)
    np.testing.assert_allclose(np.frombuffer(hardness, "<f4").reshape(188, 132)[5], 3 + np.arange(768, 900) / 1000)
    assert np.frombuffer(picture, np.uint8).reshape(188, 132, 4)[7, 9].tolist() == [
        (512 + 7) % 256,
        (768 + 9) % 256,
        90,
        255,
    ]
    for wrong in ((3, 0, 0), (0, 3, 0), (-1, 0, 0), (0, 0, -1)):
        with pytest.raises(InputError):
            tiles.tile(*wrong)


def test_a_cell_is_read_with_its_interval_and_a_line_has_a_profile(store):
    tiles, e = MapTiles(store), np.exp(0.1)
    assert tiles.read(10, 200) == pytest.approx({"gpa": 3.2, "low_gpa": 3.2 / e, "high_gpa": 3.2 * e}, rel=1e-3)
    assert tiles.read(10, 110) == {"gpa": None}
    with pytest.raises(InputError, match="beyond"):
        tiles.read(700, 0)
    found = tiles.profile((5, 90), (5, 140))
    assert len(found["um"]) == 51
    assert found["um"][-1] == pytest.approx(50 * 0.24)
    assert found["gpa"][0] == pytest.approx(3.09, abs=1e-4)
    assert found["gpa"][20] is None


def test_what_is_no_map_is_refused(tmp_path):
    with pytest.raises(InputError, match="no map"):
        MapTiles(tmp_path / "nothing.zarr")


def test_the_widget_answers_as_the_page_asks_and_its_table_is_a_frame(store, monkeypatch):
    viewer, sent = MapViewer(store), []
    monkeypatch.setattr(viewer, "send", lambda content, buffers: sent.append((content, buffers)))
    viewer._answer(viewer, {"number": 1, "what": "read", "asked": {"row": 10, "col": 200}}, [])
    viewer._answer(viewer, {"number": 2, "what": "tile", "asked": {"level": 2, "row": 0, "col": 0}}, [])
    viewer._answer(viewer, {"number": 3, "what": "read", "asked": {"row": -1, "col": 0}}, [])
    assert sent[0][0]["answer"]["gpa"] == pytest.approx(3.2)
    assert [len(part) for part in sent[1][1]] == [4 * 175 * 225] * 2
    assert "beyond" in sent[2][0]["answer"]["error"]
    assert list(viewer.indents().columns) == ["row", "col", "x_um", "y_um", "gpa"]
    viewer.table = [{"row": 1, "col": 2, "x_um": 0.6, "y_um": 0.36, "gpa": 3.0, "low_gpa": 2.5, "high_gpa": 3.5}]
    assert viewer.indents()["high_gpa"].tolist() == [3.5]
    data = viewer._repr_mimebundle_()
    assert {"image/png", "application/vnd.jupyter.widget-view+json"} <= set(data)


def test_a_browser_gets_the_page_and_no_other_file(store):
    with page.serve(store) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}/"
        assert b"viewer.js" in urlopen(address).read()
        assert json.load(urlopen(address + "read?row=10&col=200"))["gpa"] == pytest.approx(3.2)
        assert len(urlopen(address + "tile?level=2&row=0&col=0").read()) == 8 * 175 * 225
        for wrong, code in (
            ("page.py", 404),
            ("../page.py", 404),
            ("tile?level=9&row=0&col=0", 400),
            ("read?row=a", 400),
        ):
            with pytest.raises(HTTPError) as found:
                urlopen(address + wrong)
            assert found.value.code == code
        server.shutdown()
