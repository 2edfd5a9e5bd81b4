import numpy as np
import pytest

from enamel_lib.simulate.fields import smooth


@pytest.mark.parametrize("length", [0.06, 0.5, 12.0])
def test_a_field_has_unit_variance_and_varies_over_its_length(length):
    """Fine fields are drawn pixel by pixel, coarse ones on a grid: both must come out alike."""
    pixel = length / 4 if length > 1 else 0.06
    field = smooth((400, 300), pixel, (length, length), 8, np.random.default_rng(0))
    assert field.shape == (8, 400, 300)
    assert field.dtype == np.float32
    assert field.std() == pytest.approx(1, abs=0.15)
    step = max(1, round(length / pixel))
    near, far = (np.mean(field[:, :-lag] * field[:, lag:]) for lag in (step, 10 * step))
    assert near > 0.4 > 0.1 > far


def test_the_longer_length_lies_along_the_angle():
    field = smooth((200, 200), 0.06, (1.2, 0.2), 4, np.random.default_rng(1), angle=0.0)
    along, across = (np.mean(np.diff(field, axis=axis) ** 2) for axis in (1, 2))
    assert across > 4 * along
