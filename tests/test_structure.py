import numpy as np
import pytest

from enamel_lib import simulated_sources, structure
from enamel_lib.errors import InputError


@pytest.fixture(scope="module")
def made():
    return structure.windows(10, 100, seed=3)


def test_windows_are_cut_from_sections_and_split_by_section(made):
    pictures, table = made
    first = next(simulated_sources.unseen_sections(10, seed=structure.SEEDS_FROM + 3))
    assert pictures.shape == (40, 100, 100, 3)
    for number, corner in enumerate([(0, 0), (0, 100), (100, 0), (100, 100)]):
        window = tuple(slice(start, start + 100) for start in corner)
        np.testing.assert_array_equal(pictures[number], first.rgb[window])
    np.testing.assert_array_equal(table["split"], np.repeat(["train", "val"], [36, 4]))


def test_targets_are_standardised_and_say_nothing_of_hardness_or_depth(made):
    _, table = made
    values = table[list(structure.TARGETS)]
    np.testing.assert_allclose(values.mean(), 0, atol=1e-4)
    np.testing.assert_allclose(values.std(ddof=0), 1, rtol=1e-4)
    assert not [name for name in table if "hard" in name or "depth" in name]


def test_windows_must_fill_a_section():
    with pytest.raises(InputError, match="divisor of 200"):
        structure.windows(2, 64)


def test_a_target_is_the_mean_of_its_field(made):
    """Shares of head over the windows of a section rank as they do when counted."""
    _, table = made
    counted = []
    for section in simulated_sources.unseen_sections(10, seed=structure.SEEDS_FROM + 3):
        head = section.region == structure.hardness_law.REGION_NAMES.index("head")
        counted += [part.mean() for half in np.vsplit(head, 2) for part in np.hsplit(half, 2)]
    assert np.corrcoef(table["head"], counted)[0, 1] == pytest.approx(1, abs=1e-6)
