import os

import numpy as np
import pytest

from enamel_lib import microstructure, pic
from enamel_lib.errors import InputError
from enamel_lib.simulate import law, simulator


@pytest.fixture(scope="module")
def section():
    return simulator.section((300, 260), seed=3)


def test_fields_have_the_stated_shapes_types_and_ranges(section):
    assert section.rgb.shape == (300, 260, 3)
    assert section.rgb.dtype == np.uint8
    assert section.director.shape == (300, 260, 3)
    assert section.director.dtype == section.hardness.dtype == section.depth.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(section.director, axis=-1), 1, atol=1e-5)
    assert 0 <= section.depth.min() <= section.depth.max() <= 1
    assert 1.5 < section.hardness.min() < section.hardness.max() < 8
    assert set(np.unique(section.region)) == {law.INTERROD, law.HEAD, law.TAIL, law.SHEATH}


def test_the_seed_decides(section):
    again = simulator.section((300, 260), seed=3)
    for field in ("rgb", "director", "hardness", "depth", "region"):
        np.testing.assert_array_equal(getattr(section, field), getattr(again, field))
    assert not np.array_equal(section.rgb, simulator.section((300, 260), seed=4).rgb)


def test_sections_are_those_of_their_seeds_in_order_and_made_only_a_few_ahead(monkeypatch):
    real, made = simulator.section, []
    monkeypatch.setattr(simulator, "section", lambda shape, **of: made.append(of["seed"]) or real(shape, **of))
    depths = np.linspace(0.1, 0.9, 40)
    coming = simulator.sections((24, 30), range(40), depths=depths, world="visible")
    first = next(coming)
    assert len(made) <= 2 + os.cpu_count()
    for seed, one in enumerate([first, *coming]):
        np.testing.assert_array_equal(one.rgb, real((24, 30), seed=seed, depth=depths[seed], world="visible").rgb)
    assert sorted(made) == list(range(40))


def test_a_section_that_fails_says_so_to_who_asked_for_it():
    with pytest.raises(InputError, match="world 'upside down' is unknown"):
        next(simulator.sections((24, 30), [0, 1], world="upside down"))


def test_the_picture_shows_the_true_directors_up_to_branch_and_noise(section):
    phi, gamma = pic.decode(section.rgb)
    seen = section.rgb.max(axis=-1) > 0
    either = np.minimum(*(pic.misorientation(section.director, pic.to_director(phi, gamma, sign)) for sign in (1, -1)))
    assert np.median(either[seen]) < 5


def test_hardness_follows_the_law(section):
    cos_psi = pic.to_sample_frame(section.director)[..., 2]
    expected = law.hardness(section.depth, cos_psi, section.misorientation, section.region, pixel_size_um=0.06)
    np.testing.assert_allclose(section.hardness, expected, rtol=1e-5)


def test_depth_sets_the_mean_depth_and_makes_enamel_harder():
    deep, shallow = (simulator.section((64, 64), seed=5, depth=depth) for depth in (0.05, 0.95))
    assert deep.depth.mean() == pytest.approx(0.05, abs=0.01)
    assert shallow.hardness.mean() > 1.5 * deep.hardness.mean()


def test_worlds_share_the_picture_and_differ_in_hardness():
    worlds = {world: simulator.section((64, 64), seed=6, world=world, depth=0.9) for world in simulator.WORLDS}
    for other in ("visible", "null"):
        np.testing.assert_array_equal(worlds["confounded"].rgb, worlds[other].rgb)
    ratio = worlds["visible"].hardness / worlds["confounded"].hardness
    assert ratio.mean() == pytest.approx(law.depth_factor(0.5) / law.depth_factor(0.9), rel=0.01)


def test_in_the_null_world_hardness_is_independent_of_the_section():
    depth = np.linspace(0, 1, 60)
    null = [simulator.section((24, 24), seed=s, world="null", depth=d).hardness.mean() for s, d in enumerate(depth)]
    real = [simulator.section((24, 24), seed=s, depth=d).hardness.mean() for s, d in enumerate(depth)]
    assert abs(np.corrcoef(null, depth)[0, 1]) < 0.33  # p = 0.01 for 60 draws
    assert np.corrcoef(real, depth)[0, 1] > 0.7


def test_a_coarse_picture_is_the_fine_one_shrunk():
    fine = simulator.section((400, 480), seed=7)
    coarse = simulator.section((100, 120), seed=7, pixel_size_um=0.24)
    assert coarse.rgb.shape == (100, 120, 3)
    blocks = fine.hardness.reshape(100, 4, 120, 4).mean(axis=(1, 3))
    np.testing.assert_allclose(coarse.hardness, blocks, rtol=1e-4)
    np.testing.assert_allclose(np.linalg.norm(coarse.director, axis=-1), 1, atol=1e-5)


def test_rods_have_the_stated_pitch_across():
    """End-on rods: the nearest peak of the autocorrelation is the mean distance of rods, in a row or between rows."""
    section = simulator.section((342, 490), pixel_size_um=0.24, seed=6, depth=0.6)
    pitch = microstructure.rod_pitch(section.rgb) * section.pixel_size_um
    assert pitch == pytest.approx(section.texture.pitch, rel=0.25)


@pytest.mark.parametrize("wrong", [{"depth": 1.5}, {"pixel_size_um": 0.0}, {"shape": (0, 10)}, {"depth": float("nan")}])
def test_wrong_arguments_are_refused(wrong):
    with pytest.raises(ValueError, match=r"world|depth|size"):
        simulator.section(**{"shape": (10, 10), **wrong})
