import numpy as np
import pytest

from enamel_lib import pic, simulate
from enamel_lib.dense import code
from enamel_lib.errors import InputError


@pytest.fixture(scope="module")
def rgb():
    return simulate.section((64, 96), seed=2, texture="real-map").rgb


@pytest.mark.parametrize("size", [0.06, 0.04, 0.12, 0.24])
@pytest.mark.parametrize("axis", [0, 1])
def test_the_code_of_a_flipped_picture_is_the_flipped_code_with_the_sine_negated(rgb, size, axis):
    """A flip of the picture maps phi to -phi (DOMAIN.md A), which a reader of colours alone gets wrong."""
    phi, gamma = pic.decode(rgb)
    mirrored = pic.encode(np.flip(pic.to_director(-phi, gamma), axis))
    plain = pic.encode(pic.to_director(phi, gamma))  # both by way of directors, whose colours are rounded alike
    expected = np.flip(code.encode(plain, pixel_size_um=size), axis) * code.FLIPPED
    np.testing.assert_allclose(code.encode(mirrored, pixel_size_um=size), expected, atol=0.02)


def test_channels_are_the_doubled_angle_and_the_tilt():
    rgb = pic.encode(np.broadcast_to(pic.to_director(30.0, 40.0), (8, 12, 3)))
    found = dict(zip(code.CHANNELS, np.moveaxis(code.encode(rgb), -1, 0), strict=True))
    flat = np.cos(np.radians(40)) ** 2
    np.testing.assert_allclose(found["cos_2phi"], flat * np.cos(np.radians(60)), atol=0.01)
    np.testing.assert_allclose(found["sin_2phi"], flat * np.sin(np.radians(60)), atol=0.01)
    np.testing.assert_allclose(found["sin2_gamma"], 1 - flat, atol=0.01)
    assert (found["signal"] == 1).all()
    np.testing.assert_allclose([found["step_1"], found["step_2"]], 0, atol=1e-3)


def test_steps_are_the_misorientation_of_neighbours():
    turn, tilt = np.meshgrid(np.arange(12) * 3.0, np.full(8, 10.0))
    found = code.encode(pic.encode(pic.to_director(turn, tilt)))[2:-2, 3:-3] * code.STEP_DEG
    across = 3 * np.cos(np.radians(10)) / 2  # no turn down, 3 degrees of phi across: the mean of the two
    np.testing.assert_allclose(found[..., 4].mean(), across, rtol=0.1)
    np.testing.assert_allclose(found[..., 5].mean(), 2 * across, rtol=0.1)


def test_where_there_is_no_signal_there_is_no_orientation(rgb):
    dark = rgb.copy()
    dark[20:40, 30:50] = 0
    found = code.encode(dark)
    assert (found[20:40, 30:50] == 0).all()
    same = np.ones(rgb.shape[:2], bool)
    same[18:42, 28:52] = False
    np.testing.assert_array_equal(found[same], code.encode(rgb)[same])
    masked = np.ones(rgb.shape[:2], bool)
    masked[20:40, 30:50] = False
    np.testing.assert_array_equal(code.encode(rgb, signal=masked), found)


@pytest.mark.parametrize(("size", "cells"), [(0.06, (16, 24)), (0.03, (8, 12)), (0.3, (80, 120)), (0.1, (26, 40))])
def test_a_cell_is_a_quarter_of_a_micrometre_whatever_the_pixels(rgb, size, cells):
    assert code.encode(rgb, pixel_size_um=size).shape == (4 * cells[0], 4 * cells[1], 6)


@pytest.mark.parametrize(("size", "said"), [(0.02, "0.03 to 0.3"), (0.5, "0.03 to 0.3")])
def test_other_scales_are_refused(rgb, size, said):
    with pytest.raises(InputError, match=said):
        code.encode(rgb, pixel_size_um=size)


def test_a_picture_of_less_than_a_cell_is_refused():
    with pytest.raises(InputError, match="smaller than"):
        code.encode(np.zeros((3, 40, 3), np.uint8))
