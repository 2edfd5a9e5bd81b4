import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import mean_squared_error, r2_score

from enamel_lib.metrics import bootstrap_interval, compare_maps, holm, regression_scores


@pytest.mark.parametrize("weighted", [False, True])
def test_scores_equal_the_textbook(weighted):
    rng = np.random.default_rng(0)
    label = rng.normal(4.4, 0.9, 50)
    predicted = 0.8 * label + 1.2 + rng.normal(0, 0.3, 50)
    weights = rng.uniform(0.1, 2, 50) if weighted else None
    scores = regression_scores(predicted, label, weights)
    share = (np.ones(50) if weights is None else weights) / np.sum(np.ones(50) if weights is None else weights)
    error = predicted - label
    covariance = np.cov(predicted, label, aweights=share, ddof=0)
    assert scores == pytest.approx(
        {
            "n": 50,
            "mse": mean_squared_error(label, predicted, sample_weight=weights),
            "rmse": np.sqrt(mean_squared_error(label, predicted, sample_weight=weights)),
            "mean_error": np.average(error, weights=share),
            "sd_error": np.sqrt(np.average((error - np.average(error, weights=share)) ** 2, weights=share)),
            "r2": r2_score(label, predicted, sample_weight=weights),
            "pearson_r2": covariance[0, 1] ** 2 / (covariance[0, 0] * covariance[1, 1]),
        }
    )


def test_a_weight_stands_for_repeated_rows():
    predicted, label, counts = np.array([1.0, 2.0, 4.0]), np.array([1.5, 2.0, 3.0]), np.array([1, 3, 2])
    weighted = regression_scores(predicted, label, counts)
    repeated = regression_scores(np.repeat(predicted, counts), np.repeat(label, counts))
    assert weighted | {"n": 6} == pytest.approx(repeated)


def test_what_is_undefined_is_nan():
    scores = regression_scores([1.0, 2.0], [3.0, 3.0])
    assert np.isnan(scores["r2"])
    assert np.isnan(scores["pearson_r2"])
    assert scores["mse"] == 2.5


@pytest.mark.parametrize("arguments", [([1.0], [1.0, 2.0]), ([], []), ([1.0], [1.0], [-1.0]), ([1.0], [1.0], [0.0])])
def test_scores_refuse_what_cannot_be_scored(arguments):
    with pytest.raises(ValueError, match=r"shape|weights"):
        regression_scores(*arguments)


def test_maps_are_compared_where_both_are_known():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, 9, 7))
    a[0, 0] = b[3, 3] = np.nan
    known = np.isfinite(a) & np.isfinite(b)
    compared = compare_maps(a, b)
    assert compared["n"] == 61
    assert compared["pearson"] == pytest.approx(stats.pearsonr(a[known], b[known]).statistic)
    assert compared["spearman"] == pytest.approx(stats.spearmanr(a[known], b[known]).statistic)
    assert compared["mean_difference"] == pytest.approx(np.mean((a - b)[known]))
    assert compared["rmse"] == pytest.approx(np.sqrt(np.mean((a - b)[known] ** 2)))


def test_constant_or_unknown_maps_have_no_correlation():
    assert np.isnan(compare_maps(np.ones(5), np.arange(5.0))["pearson"])
    nothing = compare_maps(np.full(3, np.nan), np.ones(3))
    assert nothing["n"] == 0
    assert np.isnan(nothing["rmse"])
    with pytest.raises(ValueError, match="grid"):
        compare_maps(np.ones(3), np.ones(4))


def test_interval_counts_groups_not_rows():
    rng = np.random.default_rng(2)
    level = rng.normal(size=25)
    groups = np.repeat(np.arange(25), 40)
    values = level[groups]
    low, high = bootstrap_interval(lambda rows: values[rows].mean(), groups, seed=3)
    width = 2 * 1.96 * level.std() / np.sqrt(25)  # of the mean of 25 independent values, not of 1,000
    assert high - low == pytest.approx(width, rel=0.15)
    assert low < values.mean() < high
    assert (low, high) == bootstrap_interval(lambda rows: values[rows].mean(), groups, seed=3)
    with pytest.raises(ValueError, match="two or more"):
        bootstrap_interval(len, np.zeros(4))


def test_p_values_of_several_tests_are_corrected_for_their_number():
    assert holm([0.04, 0.01, 0.03, 0.005]) == pytest.approx([0.06, 0.03, 0.06, 0.02])  # a textbook's example
    assert holm([0.6, 0.9]) == pytest.approx([1, 1])
