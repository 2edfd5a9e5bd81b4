import math

import numpy as np
import pytest

from enamel_lib.dense import intervals
from enamel_lib.errors import InputError


def errors_of(groups, each, seed, shared=1.0, own=0.3):
    """Errors of which readings of a group share most, `(groups, each)`."""
    rng = np.random.default_rng(seed)
    return shared * rng.standard_normal((groups, 1)) + own * rng.standard_normal((groups, each))


def test_the_promise_is_kept_for_new_groups_where_pixels_as_draws_break_it():
    """Calibrated on 19 maps and tried on a 20th, two hundred times."""
    by_groups, by_pixels = [], []
    for seed in range(200):
        errors = errors_of(20, 50, seed)
        known, new = errors[:19].ravel(), np.abs(errors[19])
        by_groups.append((new <= intervals.half_width(known, np.repeat(np.arange(19), 50))).mean())
        by_pixels.append((new <= np.quantile(np.abs(known), 0.9)).mean())
    assert 0.89 <= np.mean(by_groups) <= 0.97
    assert np.mean(by_pixels) < np.mean(by_groups) - 0.02


def test_every_group_weighs_the_same():
    """A map of a thousand pixels says no more about new maps than one of ten."""
    errors = np.r_[np.full(1000, 0.1), np.full(10, 1.0), np.full(10, 2.0)]
    groups = np.repeat(["large", "small", "smaller"], [1000, 10, 10])
    assert intervals.half_width(errors, groups, coverage=0.3, promised=False) == 0.1
    assert intervals.half_width(errors, groups, coverage=0.5, promised=False) == 1.0
    assert intervals.half_width(errors, groups, coverage=0.5) == 1.0
    assert intervals.half_width(errors, groups, coverage=0.7) == 2.0


@pytest.mark.parametrize(("coverage", "fewest"), [(0.9, 9), (0.95, 19), (0.5, 1)])
def test_what_few_groups_cannot_promise_is_infinite(coverage, fewest):
    width = {
        count: intervals.half_width(np.ones(count * 5), np.repeat(np.arange(count), 5), coverage=coverage)
        for count in (fewest - 1, fewest)
        if count
    }
    assert width.pop(fewest) == 1.0
    assert all(math.isinf(each) for each in width.values())


def test_each_group_is_tried_with_an_interval_of_the_others():
    errors = np.r_[np.full(4, 0.1), np.full(4, -0.2), [5.0] * 2, [0.05] * 2]
    groups = np.repeat(["a", "b", "c"], 4)
    table = intervals.left_out(errors, groups, coverage=0.8, promised=False)
    assert table.loc["c"].to_list() == [0.2, 0.5, 4]
    assert table.loc["a"].to_list() == [5.0, 1.0, 4]


@pytest.mark.parametrize(
    ("errors", "groups", "coverage", "said"),
    [
        ([1.0], ["a", "b"], 0.9, "every error"),
        ([], [], 0.9, "some of both"),
        ([np.nan], ["a"], 0.9, "not finite"),
        ([1.0], ["a"], 90, "no share"),
    ],
)
def test_what_cannot_be_calibrated_by_is_refused(errors, groups, coverage, said):
    with pytest.raises(InputError, match=said):
        intervals.half_width(errors, groups, coverage=coverage)
    with pytest.raises(InputError):
        intervals.left_out([1.0, 2.0], ["a", "a"])
