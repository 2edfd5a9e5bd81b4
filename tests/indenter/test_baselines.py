import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_info

from enamel_lib import microstructure
from enamel_lib.dataset import simulated
from enamel_lib.errors import InputError
from enamel_lib.indenter import baselines


@pytest.fixture(scope="module")
def unseen():
    return simulated.unseen_tiles(40, seed=9)


def test_unseen_tiles_come_with_their_truth(unseen):
    tiles, truth = unseen
    assert tiles.shape == (40, 200, 200, 3)
    assert len(truth) == 40
    assert truth["truth"].between(1.5, 8).all()
    assert np.corrcoef(truth["truth"], truth["depth"])[0, 1] > 0.5
    again, _ = simulated.unseen_tiles(40, seed=9)
    np.testing.assert_array_equal(tiles, again)


def test_statistics_are_finite_and_do_not_know_the_branch(unseen):
    statistics = microstructure.orientation_statistics(unseen[0][:3])
    assert np.isfinite(statistics).all(axis=None)
    np.testing.assert_allclose(statistics.filter(like="hue").sum(axis=1), 1)
    np.testing.assert_allclose(statistics[["dyad_xx", "dyad_yy", "dyad_zz"]].sum(axis=1), 1)


def test_regressors_learn_what_they_can():
    rng = np.random.default_rng(0)
    features = pd.DataFrame(rng.normal(size=(400, 3)), columns=list("abc"))
    linear, bent = features["a"] + 4, np.abs(features["a"]) + 4
    assert np.allclose(baselines.fit("linear", features, linear).predict(features), linear, atol=0.01)
    assert np.corrcoef(baselines.fit("trees", features, bent).predict(features), bent)[0, 1] > 0.9
    weights = np.where(linear > 4, 1.0, 0.0)
    mean = baselines.fit("mean", features, linear, weights=weights).predict(features)
    np.testing.assert_allclose(mean, linear[linear > 4].mean())


def test_trees_are_grown_by_one_thread(monkeypatch):
    """By two they took 200 s instead of 5 beside another busy program."""
    threads = []

    class Spied(baselines.HistGradientBoostingRegressor):
        def fit(self, *arguments, **settings):
            threads.extend(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "openmp")
            return super().fit(*arguments, **settings)

    monkeypatch.setattr(baselines, "HistGradientBoostingRegressor", Spied)
    baselines.fit("trees", np.arange(60.0)[:, None], np.arange(60.0))
    assert set(threads) == {1}


def test_unknown_regressor():
    with pytest.raises(InputError, match="regressor 'forest' is unknown; choose from mean"):
        baselines.fit("forest", pd.DataFrame({"a": [1.0]}), np.ones(1))


def test_the_network_is_ranked_among_all_contenders(unseen):
    tiles, truth = unseen
    known = truth.assign(label=truth["truth"], weight=1.0, predicted=truth["truth"])
    sets = {"train": tiles[:30], "held out": tiles[30:36], "unseen": tiles[36:]}
    scored = {"held out": known[30:36], "unseen": known[36:]}
    table = baselines.ranking(known[:30], scored, sets)
    assert len(table) == 2 * (1 + len(baselines.CONTENDERS))
    assert table["r2"][:2].tolist() == [1, 1]  # the network, which was given the truth here
    assert (table["r2"][2:] < 1).all()
    assert set(table["tiles"]) == set(scored)


def test_what_hidden_variables_do_not_tell_is_left_unexplained():
    rng = np.random.default_rng(0)
    hidden, depth = rng.uniform(-2, 2, 800), rng.uniform(-2, 2, 800)
    table = pd.DataFrame({"hidden_order": hidden, "truth": 4 + hidden + 0.5 * depth})
    left = baselines.unexplained(table[:400], table[400:])
    assert left == pytest.approx(0.25 / 1.25, abs=0.06)
