import numpy as np
import pytest

from enamel_lib.simulate import law, simulator


@pytest.mark.parametrize(("depth_nm", "hardness"), [(100, 5.7), (2000, 3.6)])
def test_size_effect_passes_through_the_published_values(depth_nm, hardness):
    assert law.size_effect(depth_nm) == pytest.approx(hardness, abs=0.01)


def test_factors_known_by_hand():
    assert law.depth_factor(0) == 0.5
    assert law.depth_factor(1) == 1.0
    assert law.direction_factor(1) == pytest.approx(1.1)
    # DOMAIN.md B: 2, 4, 8, 12, 30 degrees
    np.testing.assert_allclose(
        law.misorientation_factor(np.array([2, 4, 8, 12, 30])), [0.84, 1.00, 1.17, 1.21, 0.95], atol=0.011
    )


def test_a_uniform_section_has_the_product_of_the_factors_everywhere():
    shape = (20, 30)
    hardness = law.hardness(1.0, np.zeros(shape), np.full(shape, 12.0), np.full(shape, law.TAIL), pixel_size_um=0.06)
    np.testing.assert_allclose(hardness, law.size_effect() * 0.95 * 1.21 * 0.86, rtol=1e-5)


def test_an_indent_feels_its_surroundings():
    region = np.full((101, 101), law.HEAD)
    region[50, 50] = law.SHEATH
    shape = region.shape
    hardness = law.hardness(1.0, np.zeros(shape), np.full(shape, 12.0), region, pixel_size_um=0.06)
    assert hardness[0, 0] > hardness[50, 50] > 0.99 * hardness[0, 0]


def test_depth_only_is_the_mean_over_simulated_enamel():
    ratio = []
    for seed in range(40):
        section = simulator.section((200, 200), seed=seed, depth=(seed + 0.5) / 40)
        ratio.append(np.mean(section.hardness / law.depth_only(section.depth)))
    assert np.mean(ratio) == pytest.approx(1, abs=3 * np.std(ratio) / np.sqrt(40))
