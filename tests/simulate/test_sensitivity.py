import numpy as np
import pytest
from scipy import ndimage

from enamel_lib import pic
from enamel_lib.errors import InputError
from enamel_lib.simulate import law, simulator
from enamel_lib.simulate.sensitivity import hardness_gradient, per_degree

PIXEL = 0.06


@pytest.fixture(scope="module")
def section():
    return simulator.section((40, 36), seed=3, depth=0.6)


def hardness(section, director):
    """The law without rounding, written out anew: neighbours, Gaussian means, factors, support."""
    angle, count = np.zeros((2, *director.shape[:2]))
    for row in (0, 1):
        shift = (1 - row, row)
        ahead = director[shift[0] :, shift[1] :]
        behind = director[: len(director) - shift[0], : director.shape[1] - shift[1]]
        angle[: ahead.shape[0], : ahead.shape[1]] += pic.misorientation(ahead, behind)
        count[: ahead.shape[0], : ahead.shape[1]] += 1
    mean = ndimage.gaussian_filter(angle / np.maximum(count, 1), 0.5 / PIXEL, truncate=3, mode="nearest")
    cos_psi = pic.to_sample_frame(director)[..., 2]
    point = law.size_effect() * law.depth_factor(section.depth.astype(float)) * law.direction_factor(cos_psi)
    point = point * law.misorientation_factor(mean) * law.REGION_FACTORS[section.region]
    return ndimage.gaussian_filter(point, 0.4 / PIXEL, truncate=3, mode="nearest")


def weights(section, at):
    share = np.zeros(section.hardness.shape)
    share[at] = 1
    return share / share.sum()


TILE, CENTRE = np.s_[10:30, 8:28], np.s_[20, 18]


def test_the_law_written_out_is_the_simulators(section):
    np.testing.assert_allclose(hardness(section, section.director), section.hardness, rtol=1e-3)


@pytest.mark.parametrize(
    ("at", "places"),
    [(np.s_[:, :], [(0, 0), (39, 35), (0, 20), (30, 22)]), (TILE, [(10, 8), (5, 20)]), (CENTRE, [(20, 18), (17, 25)])],
)
def test_gradient_equals_turning_one_crystal(section, at, places):
    share = weights(section, at)
    gradient = hardness_gradient(section, None if at == np.s_[:, :] else share)
    director = section.director.astype(np.float64)
    director /= np.linalg.norm(director, axis=-1, keepdims=True)
    rng = np.random.default_rng(0)
    step = np.radians(1e-3)
    for place in places:
        axis = director[place]
        tangent = np.cross(axis, rng.normal(size=3))
        tangent /= np.linalg.norm(tangent)
        ends = []
        for side in (step, -step):
            turned = director.copy()
            turned[place] = np.cos(side) * axis + np.sin(side) * tangent
            ends.append((share * hardness(section, turned)).sum())
        expected = (ends[0] - ends[1]) / 2e-3
        assert gradient[place] @ tangent == pytest.approx(expected, rel=0.01, abs=1e-8)
        assert gradient[place] @ axis == pytest.approx(0, abs=1e-9)


def test_crystals_matter_where_the_indent_feels_them(section):
    strength = np.linalg.norm(hardness_gradient(section, weights(section, CENTRE)), axis=-1)
    reach = 3 * (0.4 + 0.5) / PIXEL + 2
    far = np.hypot(*np.meshgrid(np.arange(40) - 20, np.arange(36) - 18, indexing="ij")) > np.sqrt(2) * reach
    assert strength[~far].max() > 0
    assert not far.any() or strength[far].max() == 0


def test_what_cannot_be_known_is_refused(section):
    with pytest.raises(InputError, match="weights"):
        hardness_gradient(section, np.ones((2, 2)))
    with pytest.raises(InputError, match=r"0\.06"):
        hardness_gradient(simulator.section((4, 4), pixel_size_um=0.12), np.ones((4, 4)))


class TestPerDegree:
    """From slopes along colours to slopes along rotations of the c-axis."""

    def test_agrees_with_turning_the_director(self):
        rng = np.random.default_rng(5)
        phi, gamma = rng.uniform(-85, 85, 50), rng.uniform(5, 70, 50)
        weights = rng.normal(size=(50, 3))

        def colour(phi, gamma):  # unrounded: hue and brightness as in pic, at full saturation
            sixths = (phi + 90) / 30
            k = (np.stack([sixths + 5, sixths + 3, sixths + 1], -1)) % 6
            return (1 - gamma / 90)[:, None] * (1 - np.clip(np.minimum(k, 4 - k), 0, 1))

        np.testing.assert_allclose(colour(phi, gamma), pic.encode(pic.to_director(phi, gamma)) / 255, atol=0.005)
        step = 1e-4
        along_phi = ((colour(phi + step, gamma) - colour(phi - step, gamma)) * weights).sum(-1) / (2 * step)
        along_gamma = ((colour(phi, gamma + step) - colour(phi, gamma - step)) * weights).sum(-1) / (2 * step)
        expected = np.hypot(along_gamma, along_phi / np.cos(np.radians(gamma)))
        np.testing.assert_allclose(per_degree(weights, colour(phi, gamma)), expected, rtol=1e-5)

    def test_grey_has_no_hue_and_black_no_slope(self):
        assert per_degree(np.ones((1, 3)), np.full((1, 3), 0.5))[0] == pytest.approx(3 / 90)
        assert per_degree(np.ones((1, 3)), np.zeros((1, 3), np.uint8))[0] == 0
