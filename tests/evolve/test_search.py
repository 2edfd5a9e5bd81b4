"""Other searches than the genetic algorithm: they spend what they are given, and find what they should."""

from functools import partial

import numpy as np
import pytest

from enamel_lib.errors import InputError
from enamel_lib.evolve import search as searches
from enamel_lib.evolve.benchmark import METHODS
from tests.evolve.test_genetic import LATENT, PAINT, evaluate, generate

TARGET = 4.5  # GPa, harder than a hundred codes at random


def gradient(codes, target):
    """Gradient of |hardness - target| by central differences."""
    step = 1e-4 * np.linalg.norm(codes) * np.eye(LATENT)
    return (distance(codes + step, target) - distance(codes - step, target))[None] / (2e-4 * np.linalg.norm(codes))


def distance(codes, target):
    """As `evaluate`, without the rounding to 8 bits."""
    directions = codes / np.linalg.norm(codes, axis=1, keepdims=True)
    halves = (60 * directions @ PAINT).reshape(len(codes), 12, 2, -1).mean(axis=(1, 3))
    return np.abs(4 + 0.02 * (halves[:, 0] - halves[:, 1]) - target)


SEARCHES = {
    "random": searches.RandomSearch,
    "CMA-ES": searches.CmaEs,
    "MAP-Elites": searches.MapElites,
    "gradient": partial(searches.GradientDescent, gradient=gradient),
}


@pytest.mark.parametrize("make", SEARCHES.values(), ids=SEARCHES)
def test_a_search_spends_its_evaluations_and_keeps_its_best(make):
    search = make(LATENT, TARGET, evaluations=63, seed=2)
    searches.run([search], generate, evaluate)
    assert len(search.hardness) == 63
    (best,) = evaluate(generate(search.best_code[None]))
    assert abs(best - TARGET) == np.abs(search.hardness - TARGET).min()


@pytest.mark.parametrize("make", SEARCHES.values(), ids=SEARCHES)
def test_a_seed_gives_one_search(make):
    first, again, other = (make(LATENT, TARGET, evaluations=30, seed=seed) for seed in (3, 3, 4))
    searches.run([first, other], generate, evaluate)
    searches.run([again], generate, evaluate)
    assert (first.hardness == again.hardness).all()
    assert (first.hardness != other.hardness).any()


@pytest.mark.parametrize("name", ["CMA-ES", "MAP-Elites", "gradient"])
def test_what_learns_beats_chance(name):
    errors = {}
    for which in (name, "random"):
        each = [SEARCHES[which](LATENT, TARGET, evaluations=120, seed=seed) for seed in range(5)]
        searches.run(each, generate, evaluate)
        errors[which] = np.mean([np.abs(search.hardness - TARGET).min() for search in each])
    assert errors["random"] > 0.02
    assert errors[name] < errors["random"] / 2


def test_measures_of_known_pictures():
    grey, striped = np.full((64, 64, 3), 51, np.uint8), np.zeros((64, 64, 3), np.uint8)
    striped[::2], striped[1::2] = (255, 0, 0), (0, 255, 255)  # axes at right angles, row by row
    np.testing.assert_allclose(searches.measures(np.stack([grey, striped])), [[0.2, 0], [1, 45]], atol=1e-6)


def test_what_evaluate_gives_is_checked():
    with pytest.raises(InputError, match="one finite number per picture"):
        searches.run([searches.RandomSearch(LATENT, 4.0, evaluations=5)], generate, lambda pictures: np.zeros(2))


def test_judged_without_a_penalty_has_none():
    pictures = generate(np.eye(LATENT)[:3])
    np.testing.assert_array_equal(searches.judged(evaluate, pictures), [evaluate(pictures), np.zeros(3)])


@pytest.mark.parametrize("name", ["CMA-ES", "MAP-Elites", "audited GA"])
def test_a_penalty_leads_a_search_away_and_leaves_hardness_alone(name):
    """Dark is penalised, and the target is met by dark pictures, too."""

    def penalty(pictures):
        return np.maximum(0, 1.3 - pictures.mean(axis=(1, 2, 3)) / 100)

    def penalised(pictures):
        return np.stack([evaluate(pictures), penalty(pictures)])

    left = {}
    for judge in (evaluate, penalised):
        each = [METHODS[name](LATENT, 4.1, evaluations=200, seed=seed) for seed in range(5)]
        searches.run(each, generate, judge)
        best = generate(np.stack([one.best_code for one in each]))
        left[judge] = penalty(best).mean()
        for one, picture in zip(each, best, strict=True):
            (hardness,), (extra,) = searches.judged(judge, picture[None])
            assert abs(hardness - 4.1) + extra == one.errors(one.hardness, one.penalty).min()
            assert hardness in one.hardness
    assert left[penalised] < left[evaluate] / 2
