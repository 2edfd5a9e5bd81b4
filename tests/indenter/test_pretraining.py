import numpy as np
import pytest

from enamel_lib import images, microstructure, pic
from enamel_lib.dataset import simulated
from enamel_lib.errors import InputError
from enamel_lib.indenter import pretraining


@pytest.fixture(scope="module")
def sections():
    return list(simulated.unseen_sections(10, seed=pretraining.FIRST_SEED + 3))


@pytest.fixture(scope="module")
def pretraining_set():
    return pretraining.simulate_pretraining_set(10, seed=3)


def test_a_set_is_the_sections_and_their_rods(pretraining_set, sections):
    np.testing.assert_array_equal(pretraining_set.tiles, [section.rgb for section in sections])
    np.testing.assert_allclose(pretraining_set.rods[:, 0], [section.texture.pitch for section in sections], rtol=1e-6)
    np.testing.assert_allclose(
        pretraining_set.rods[:, 2], pretraining_set.rods[:, 1] / pretraining_set.rods[:, 0], rtol=1e-6
    )


def test_cells_hold_what_their_pixels_have(pretraining_set, sections):
    section, cell = sections[4], pretraining_set.cells[4, 1, 2]
    at = (slice(50, 100), slice(100, 150))
    measured = dict(zip(pretraining.MEASURES, cell, strict=True))
    for number, name in enumerate(pretraining.law.REGION_NAMES):
        assert measured[name] == pytest.approx((section.region[at] == number).mean(), abs=1e-6)
    assert measured["misorientation_0"] == pytest.approx((section.misorientation[at] < 2).mean(), abs=1e-6)
    assert measured["dyad_xx"] == pytest.approx((section.director[at][..., 0] ** 2).mean(), rel=1e-5)
    shown = pic.director(section.rgb[at])
    assert measured["lag_4"] == pytest.approx(microstructure.lag_misorientation(shown, (4,))[0], rel=1e-4)
    assert measured["value_0"] == pytest.approx(microstructure.value_quantiles(section.rgb[at])[0], rel=1e-6)


def test_windows_are_cut_from_sections_and_split_by_section(pretraining_set):
    pictures, table = pretraining_set.windows(100)
    np.testing.assert_array_equal(pictures, images.crops(pretraining_set.tiles, 100))
    np.testing.assert_array_equal(table["split"], np.repeat(["train", "val"], [36, 4]))


def test_a_window_has_mean_and_spread_of_its_cells_and_the_rods_of_its_section(pretraining_set):
    _, table = pretraining_set.windows(100)
    cells = images.crops(pretraining_set.cells, 2)[..., pretraining.MEASURES.index("tail")].reshape(40, 4)
    for name, expected in {
        "tail": cells.mean(axis=1),
        "sd_tail": cells.std(axis=1),
        "pitch": np.repeat(pretraining_set.rods[:, 0], 4),
    }.items():
        assert np.corrcoef(table[name], expected)[0, 1] == pytest.approx(1, abs=1e-5), name


@pytest.mark.parametrize("size", [50, 100, 200])
def test_targets_are_standardised_and_say_nothing_of_hardness_or_depth(pretraining_set, size):
    _, table = pretraining_set.windows(size)
    values = table[list(pretraining.targets(size))]
    np.testing.assert_allclose(values.mean(), 0, atol=1e-4)
    spread = values.std(ddof=0)
    assert (np.isclose(spread, 1, rtol=1e-4) | (spread == 0)).all()
    assert not [name for name in table if "hard" in name or "depth" in name]
    assert any(name.startswith("sd_") for name in table) == (size > pretraining.CELL)


@pytest.mark.parametrize(("size", "message"), [(64, "multiple of 50"), (150, "divisor of 200")])
def test_windows_are_whole_cells_and_fill_a_section(pretraining_set, size, message):
    with pytest.raises(InputError, match=message):
        pretraining_set.windows(size)
