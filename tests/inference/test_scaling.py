"""The scale of a picture: by a stated size of its pixels, or a word on how to find it."""

import re

import numpy as np
import pytest

from enamel_lib import images, simulate
from enamel_lib.errors import InputError
from enamel_lib.inference import scaling
from enamel_lib.pictures import Picture


@pytest.fixture(scope="module")
def section():
    return simulate.section((300, 400), pixel_size_um=0.24, seed=3).rgb


def picture(rgb, size=None):
    return Picture(rgb, np.ones(rgb.shape[:2], bool), size)


@pytest.mark.parametrize("enlarged", [1, 2, 4])
def test_the_pixel_size_is_estimated_from_the_rods(section, enlarged):
    """Whatever the scale, and also where the sample fills only a part of the picture."""
    rgb = images.resize(section, enlarged)
    beside = np.zeros((2 * len(rgb), 3 * rgb.shape[1], 3), np.uint8)
    beside[: len(rgb), : rgb.shape[1]] = rgb
    for one in (picture(rgb), Picture(beside, beside.any(axis=2), None)):
        scaled = scaling.to_scale(one)
        assert (scaled.scale, scaled.pixel_size_um) == (1, None)
        estimate = float(re.search(r"it is about (\S+) um", scaled.notes[-1])[1])
        assert estimate == pytest.approx(0.24 / enlarged, rel=0.25)


def test_a_stated_size_goes_before_that_of_the_file(section):
    assert scaling.to_scale(picture(section, 0.12)).scale == pytest.approx(2)
    scaled = scaling.to_scale(picture(section, 0.12), pixel_size_um=0.24)
    assert scaled.scale == pytest.approx(4)
    assert scaled.rgb.shape[:2] == scaled.signal.shape == (1200, 1600)
    assert "the file states 0.12 um" in scaled.notes[0]
    same = scaling.to_scale(picture(section, 0.0604))
    assert same.rgb is section


def test_signal_is_scaled_with_the_picture(section):
    signal = np.zeros(section.shape[:2], bool)
    signal[:, 100:] = True
    scaled = scaling.to_scale(Picture(section, signal, 0.12))
    np.testing.assert_array_equal(scaled.signal, np.arange(800) >= np.full((600, 1), 200))


def test_too_small_a_map_is_refused_by_its_size_in_um(section):
    with pytest.raises(InputError, match=r"150 px at 0\.06 um.*12 um each way"):
        scaling.to_scale(picture(section, 0.03))


def test_a_scale_that_is_not_used_is_said(section):
    (note,) = scaling.as_it_is(picture(section, 0.24), scale=2.0).notes[-1:]
    assert "--scale 2 is left out" in note
    assert scaling.as_it_is(picture(section), scale=2.0).pixel_size_um == pytest.approx(0.12)
