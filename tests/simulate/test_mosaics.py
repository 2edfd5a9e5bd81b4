import numpy as np
import pytest

from enamel_lib import pictures, simulate
from enamel_lib.errors import InputError
from enamel_lib.inference import large_pictures
from enamel_lib.simulate import mosaics, simulator

FAR = 40_000  # px from the corner, the middle: depth is what was asked, and rods are counted over millimetres


@pytest.fixture(scope="module")
def mosaic():
    return simulate.mosaic((80_000, 80_000), seed=3, depth=0.5, texture="real-map")


@pytest.fixture(autouse=True)
def _small_tiles(monkeypatch):
    monkeypatch.setattr(mosaics, "TILE_PX", 192)
    mosaics._tile.cache_clear()
    yield
    mosaics._tile.cache_clear()


def part(mosaic, field, top, left, rows, cols):
    return getattr(mosaic, field)(slice(FAR + top, FAR + top + rows), slice(FAR + left, FAR + left + cols))


def test_what_is_read_does_not_depend_on_how_it_is_read(mosaic):
    whole = part(mosaic, "read", 0, 0, 250, 300)
    assert whole.shape == (250, 300, 3)
    mosaics._tile.cache_clear()
    np.testing.assert_array_equal(part(mosaic, "read", 101, 77, 149, 200), whole[101:, 77:277])


def test_tiles_agree_beyond_their_seams(mosaic, monkeypatch):
    """The same place, in tiles that lie otherwise, is the same but for rounding: a seam does not show."""
    one = [part(mosaic, field, 0, 0, 200, 260) for field in ("read", "hardness")]
    monkeypatch.setattr(mosaics, "TILE_PX", 130)
    mosaics._tile.cache_clear()
    other = [part(mosaic, field, 0, 0, 200, 260) for field in ("read", "hardness")]
    assert np.mean(one[0] != other[0]) < 1e-3
    np.testing.assert_allclose(other[1], one[1], rtol=1e-3)
    assert one[1].std() > 0.05


def test_a_mosaic_is_enamel_as_a_section_is(mosaic):
    found = part(mosaic, "hardness", 0, 0, 700, 700)
    true = [simulator.section((500, 500), seed=seed, depth=0.5, texture="real-map").hardness for seed in range(6)]
    assert found.mean() == pytest.approx(np.mean(true), rel=0.12)
    assert found.std() == pytest.approx(np.std(true), rel=0.35)
    assert not np.array_equal(part(mosaic, "hardness", 0, 0, 64, 64), part(mosaic, "hardness", 640, 0, 64, 64))


def test_a_mosaic_is_written_as_a_picture_that_can_be_mapped(tmp_path, monkeypatch):
    monkeypatch.setattr(mosaics, "TILE_PX", 128)
    small = simulate.mosaic((150, 140), seed=1)
    small.write(tmp_path / "a.zarr")
    found = large_pictures.open_large(tmp_path / "a.zarr")
    assert (found.shape, found.pixel_size_um) == ((150, 140), pytest.approx(0.06))
    picture = small.read(slice(0, 150), slice(0, 140))
    expected = picture * pictures.find_signal(picture, "a")[..., None]
    np.testing.assert_array_equal(found.read(slice(0, 150), slice(0, 140)), expected)


def test_a_seed_is_a_mosaic_and_no_size_is_refused(mosaic):
    again = simulate.mosaic(mosaic.shape, seed=3, depth=0.5, texture="real-map")
    other = simulate.mosaic(mosaic.shape, seed=4, depth=0.5, texture="real-map")
    area = slice(FAR, FAR + 40), slice(0, 40)
    np.testing.assert_array_equal(again.read(*area), mosaic.read(*area))
    assert np.mean(other.read(*area) != mosaic.read(*area)) > 0.5
    with pytest.raises(InputError, match="positive size"):
        simulate.mosaic((0, 10))
