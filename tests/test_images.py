import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from enamel_lib import images
from enamel_lib.errors import InputError

RGB = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)


@settings(deadline=None)
@given(
    image=hnp.arrays(np.uint8, st.tuples(st.integers(1, 30), st.integers(1, 30), st.just(3))),
    scale=st.floats(0.1, 5),
)
def test_resize_stays_between_the_extremes(image, scale):
    resized = images.resize(image, scale)
    assert resized.shape == (max(1, round(image.shape[0] * scale)), max(1, round(image.shape[1] * scale)), 3)
    for channel in range(3):
        assert image[..., channel].min() <= resized[..., channel].min()
        assert image[..., channel].max() >= resized[..., channel].max()


def test_the_authors_kernel_overshoots():
    edge = np.repeat(np.array([64, 192], np.uint8), 4)[None, :, None] * np.ones((8, 1, 3), np.uint8)
    assert images.resize(edge, 2, kernel="lanczos").max() > 192
    with pytest.raises(InputError, match="linear, lanczos"):
        images.resize(edge, 2, kernel="cubic")


@pytest.mark.parametrize("scale", [0, -1, float("nan"), float("inf"), 1e4])
def test_resize_refuses_nonsense(scale):
    with pytest.raises(InputError, match="scale"):
        images.resize(RGB, scale)


@settings(deadline=None)
@given(height=st.integers(5, 20), width=st.integers(5, 20), size=st.integers(1, 5), stride=st.integers(1, 7))
def test_windows_are_a_view_of_every_position(height, width, size, stride):
    image = np.arange(height * width * 3).reshape(height, width, 3)
    view = images.windows(image, size, stride)
    assert view.shape == ((height - size) // stride + 1, (width - size) // stride + 1, size, size, 3)
    assert np.shares_memory(view, image)
    for i, j in np.ndindex(*view.shape[:2]):
        top, left = i * stride, j * stride
        np.testing.assert_array_equal(view[i, j], image[top : top + size, left : left + size])


def test_windows_refuse_what_does_not_fit():
    with pytest.raises(InputError, match=r"40 x 30 px.*6.67 times"):
        images.windows(RGB)
    with pytest.raises(InputError, match="stride"):
        images.windows(RGB, 10, 0)
    with pytest.raises(InputError, match="shape"):
        images.windows(RGB[..., 0], 10)
