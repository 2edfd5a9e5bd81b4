"""The contest of searches: equal evaluations, known scores."""

import numpy as np
import pytest
from test_evolve import LATENT, evaluate, generate
from test_searches import slope

from enamel_lib import contest, designs


@pytest.fixture(scope="module")
def found():
    settings = {"latent_dim": LATENT, "targets": [3.7, 4.3], "seeds": 2, "evaluations": 73}
    return contest.compare(generate, evaluate, slope, **settings)


def test_all_methods_spend_the_same(found):
    assert tuple(found) == contest.METHODS
    assert {len(search.hardness) for each in found.values() for search in each} == {73}
    assert {tuple((search.target) for search in each) for each in found.values()} == {(3.7, 3.7, 4.3, 4.3)}


def test_the_genetic_algorithm_is_the_one_that_evolves(found):
    search = found["audited GA"][0]
    history = search.population.history()
    assert len(history.hardness) - 1 == 12  # 10 and 12 times 5 of the 73; the last three do not compete
    assert set(history.hardness[-1]) <= set(search.hardness)


def test_scores(found):
    known = generate(np.random.default_rng(0).standard_normal((20, LATENT)))
    table = contest.scores(found, generate, known)
    for method, each in found.items():
        off = [abs(search.best_hardness - search.target) for search in each]
        assert table.loc[method, "error"] == pytest.approx(np.mean(off))
        assert table.loc[method, "success"] == np.mean(np.array(off) < 0.05)
    codes = np.stack([search.best_code for search in found["random"]])
    assert table.loc["random", "diversity"] == pytest.approx(designs.diversity(generate(codes)))
    assert (table["novelty"] > 0).all()
    assert contest.scores(found, generate, generate(codes)).loc["random", "novelty"] == 0


def test_progress_never_goes_back_and_ends_at_the_error(found):
    table = contest.scores(found, generate, generate(np.ones((1, LATENT))))
    for method, curve in contest.progress(found).items():
        assert len(curve) == 73
        assert (np.diff(curve) <= 0).all()
        assert curve[-1] == pytest.approx(table.loc[method, "error"])


def test_who_is_near_enough_stops(found):
    settings = {"latent_dim": LATENT, "targets": [4.0], "seeds": 1, "evaluations": 73, "tolerance": 0.05}
    for each in contest.compare(generate, evaluate, slope, **settings).values():
        off = np.abs(each[0].hardness - 4.0)
        assert len(off) < 73
        assert off[-5:].min() < 0.05 or off[-10:].min() < 0.05
