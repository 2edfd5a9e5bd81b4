import numpy as np
import pytest

from enamel_lib import paths, reference
from enamel_lib.errors import InputError
from enamel_lib.indenter import load_indenter
from enamel_lib.inference import Predictor, make_predictor, raster, real_map


@pytest.fixture(scope="module")
def real():
    try:
        return reference.real_map()
    except InputError as missing:
        pytest.skip(str(missing))


class Brightness(Predictor):
    engine, size, batch_size, weights_sha256 = "brightness", 200, 64, "none"

    def __init__(self):
        pass

    def _predict(self, batch):
        return batch[:, ::20, ::20].mean(axis=(1, 2, 3)) / 50


def test_the_shipped_maps_are_those_of_the_default_network(real):
    """A handful of places, read again."""
    predictor = make_predictor(load_indenter())
    assert real_map.read(paths.DATA / "results" / real_map.FILE, predictor.weights_sha256)
    maps = real_map.maps(real, predictor)
    for scale in real_map.SCALES:
        shipped = maps[real_map.OURS.format(scale)]
        some = shipped.every(len(shipped.rows) // 3)
        centres = some.rows * scale / 2, some.cols * scale / 2
        again = raster(real_map.enlarged(real, scale), predictor, centres=centres)
        np.testing.assert_allclose(again.hardness, some.hardness, atol=0.02)
        assert np.isfinite(shipped.hardness).all()


def test_the_shipped_maps_are_as_dense_as_the_published_one():
    published = reference.published_map().hardness
    with np.load(paths.DATA / "results" / real_map.FILE) as shipped:
        for scale, nth in real_map.SCALES.items():
            assert shipped[f"x{scale}"].shape == published[::nth, ::nth].shape


def test_other_networks_maps_are_made_and_kept_if_whole(tmp_path, monkeypatch):
    monkeypatch.setenv("ENAMEL_OUTPUT_ROOT", str(tmp_path))
    monkeypatch.setattr(paths, "DATA", tmp_path)
    noise = np.random.default_rng(0).integers(0, 256, (342, 490, 3), dtype=np.uint8)
    coarse = real_map.maps(noise, Brightness(), every=100)
    assert [one.hardness.shape for one in coarse.values()] == [(250, 403), (3, 5), (2, 3)]
    assert not list(tmp_path.rglob("*.npz"))
    made = coarse[real_map.OURS.format(2)]
    window = real_map.enlarged(noise)[int(made.rows[1]) - 100 :, int(made.cols[2]) - 100 :][:200, :200]
    assert made.hardness[1, 2] == pytest.approx(window[::20, ::20].mean() / 50, abs=6e-4)
    found = {"x2": made.hardness, "x4": made.hardness}
    real_map.write(found, Brightness(), tmp_path / "data" / "results" / real_map.FILE)
    again = real_map.maps(noise, Brightness(), every=2)
    np.testing.assert_array_equal(again[real_map.OURS.format(2)].hardness, made.hardness[::2, ::2])
    Other = type("Other", (Brightness,), {"weights_sha256": "other"})
    assert real_map.maps(noise, Other(), every=100)[real_map.OURS.format(2)].hardness.shape == (3, 5)


def test_agreement_is_judged_in_the_maps_own_places(real):
    maps = real_map.maps(real, Brightness(), every=50)
    published = maps[real_map.PUBLISHED]
    table = real_map.agreement({**maps, "itself": published})
    assert table.loc["itself", "pearson"] == pytest.approx(1)
    assert table.loc["itself", "n"] == published.hardness.size
    assert table.index.tolist() == [real_map.OURS.format(2), real_map.OURS.format(4), "itself"]
