import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from enamel_lib import pic

ANGLES = st.tuples(st.floats(-90, 89.999), st.floats(0, 89.9))


def saturated_colours() -> np.ndarray:
    """Every fully saturated 8-bit colour: one channel at 0, one at the top."""
    high, middle = np.mgrid[1:256, 0:256]
    high, middle = high[middle <= high], middle[middle <= high]
    zero = np.zeros_like(high)
    orders = [(high, middle, zero), (middle, high, zero), (zero, high, middle)]
    orders += [(zero, middle, high), (middle, zero, high), (high, zero, middle)]
    return np.concatenate([np.stack(order, axis=-1) for order in orders]).astype(np.uint8)


def test_every_saturated_colour_survives_the_round_trip_on_both_branches():
    rgb = saturated_colours()
    phi, gamma = pic.decode(rgb)
    for sign in (1, -1):
        np.testing.assert_array_equal(pic.encode(pic.to_director(phi, gamma, sign)), rgb)


@given(ANGLES)
def test_angles_survive_the_director_round_trip(angles):
    phi, gamma = angles
    x, y, z = pic.to_director(phi, gamma)
    assert np.isclose(np.degrees(np.arcsin(z)), gamma, atol=1e-5)
    assert np.isclose((np.degrees(np.arctan2(y, x)) - phi + 90) % 180, 90, atol=1e-6)


@pytest.mark.parametrize(
    ("rgb", "phi", "gamma"),
    [((0, 255, 255), 0, 0), ((255, 0, 0), -90, 0), ((0, 0, 0), -90, 90), ((0, 0, 255), 30, 0), ((0, 255, 0), -30, 0)],
)
def test_known_colours(rgb, phi, gamma):
    decoded = pic.decode(np.array(rgb, np.uint8))
    np.testing.assert_allclose(decoded, (phi, gamma), atol=1e-9)


def test_float_and_uint8_colours_agree():
    rgb = saturated_colours()[::997]
    np.testing.assert_allclose(pic.decode(rgb), pic.decode(rgb / 255.0), atol=1e-9)


def test_decode_wants_three_channels():
    with pytest.raises(ValueError, match="shape"):
        pic.decode(np.zeros((4, 4, 4), np.uint8))


def test_a_directors_head_does_not_matter():
    director = pic.to_director(np.array([10.0, -50.0, 80.0]), np.array([20.0, 60.0, 5.0]))
    np.testing.assert_array_equal(pic.encode(director), pic.encode(-director))
    np.testing.assert_allclose(pic.to_sample_frame(director), pic.to_sample_frame(-director))
    np.testing.assert_allclose(pic.misorientation(director, -director), 0, atol=1e-6)


def test_the_two_branches_differ_by_twice_gamma():
    up, down = pic.to_director(25.0, 30.0, 1), pic.to_director(25.0, 30.0, -1)
    assert np.isclose(pic.misorientation(up, down), 60)


def test_sample_frame_known_by_hand():
    # the polarization plane's normal stands 60 degrees from the surface normal
    np.testing.assert_allclose(pic.to_sample_frame(np.array([0.0, 0.0, 1.0])), [0, -np.sqrt(0.75), 0.5])
    np.testing.assert_allclose(pic.to_sample_frame(np.array([1.0, 0.0, 0.0])), [1, 0, 0], atol=1e-12)


@given(ANGLES, st.sampled_from([1, -1]))
def test_frames_undo_each_other(angles, sign):
    director = pic.to_director(*angles, sign)
    back = pic.to_polarization_frame(pic.to_sample_frame(director))
    assert pic.misorientation(director, back) < 1e-5


def test_small_misorientations_survive_float32():
    a = pic.to_director(0.0, 0.0).astype(np.float32)
    b = pic.to_director(0.01, 0.0).astype(np.float32)
    assert np.isclose(pic.misorientation(a, b), 0.01, rtol=1e-3)
