"""The contest of searches: equal evaluations, known scores."""

from dataclasses import replace

import numpy as np
import pytest

from enamel_lib import inference, paths
from enamel_lib.errors import InputError, ModelError
from enamel_lib.evolve import benchmark, genetic, judges, operators
from enamel_lib.evolve import search as searches
from enamel_lib.generators import loading
from enamel_lib.generators.base import ImageGenerator, StyleSpace
from enamel_lib.indenter import network
from tests.evolve.test_genetic import LATENT, evaluate, generate
from tests.evolve.test_search import gradient

SETTINGS = {"targets": [3.7, 4.3], "seeds": 2, "evaluations": 73}


class Toy(ImageGenerator):
    """`generate` of the toy world as a generator, whose styles are directions."""

    latent_dim, label_dim, layers, resolution, w_avg = LATENT, 0, 2, 12, np.zeros(LATENT, np.float32)

    def _map(self, *given):
        return operators.unit(given[0])

    def _draw(self, w_plus):
        return generate(w_plus[:, 0]) / 127.5 - 1


TOOLS = benchmark.Tools(Toy(), evaluate, gradient)


def tools():
    return TOOLS


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    return benchmark.compare(tmp_path_factory.mktemp("contest") / "found.npz", tools, **SETTINGS)


def test_all_methods_spend_the_same(found):
    assert tuple(found) == tuple(benchmark.METHODS)
    assert {len(search.hardness) for each in found.values() for search in each} == {73}
    assert {tuple((search.target) for search in each) for each in found.values()} == {(3.7, 4.3, 3.7, 4.3)}
    for method, each in found.items():
        draw = benchmark.drawing(TOOLS.generator, method).generate
        for search in each:
            read = evaluate(draw(search.best_code[None]))[0]
            assert abs(read - search.target) == pytest.approx(search.errors[-1], abs=1e-3)


def test_a_contest_goes_on_where_it_was_stopped(found, tmp_path):
    path = tmp_path / "found.npz"
    benchmark.compare(path, tools, **SETTINGS | {"seeds": 1})
    asked = []

    def counting(pictures):
        asked.append(len(pictures))
        return evaluate(pictures)

    again = benchmark.compare(path, lambda: replace(TOOLS, evaluate=counting), **SETTINGS)
    assert sum(asked) == 2 * len(benchmark.METHODS) * 73
    for method, each in found.items():
        for one, other in zip(each, again[method], strict=True):
            assert (one.hardness == other.hardness).all()
            assert (one.best_code == other.best_code).all()
    with pytest.raises(ModelError, match="another evaluations"):
        benchmark.compare(path, tools, **SETTINGS | {"evaluations": 74})


def test_some_of_the_methods_search_as_among_all(found, tmp_path):
    path, few = tmp_path / "found.npz", ("random", "gradient")
    some = benchmark.compare(path, tools, **SETTINGS, methods=few)
    assert tuple(some) == few
    for method in few:
        assert [one.hardness.tolist() for one in some[method]] == [one.hardness.tolist() for one in found[method]]
    assert tuple(benchmark.compare(path, tools, **SETTINGS)) == tuple(benchmark.METHODS)
    with pytest.raises(InputError, match="method 'luck' is unknown; choose from audited GA, "):
        benchmark.compare(path, tools, **SETTINGS, methods=["luck"])


def test_the_numbers_are_the_same_on_several_processes_and_on_a_cluster(found, tmp_path):
    distributed = pytest.importorskip("distributed")
    some = {"methods": ["random", "CMA-ES in W"], **SETTINGS}
    benchmark.compare(tmp_path / "two.npz", tools, **some, workers=2)
    with distributed.LocalCluster(n_workers=1, processes=False, protocol="tcp://", dashboard_address=None) as cluster:
        benchmark.compare(tmp_path / "cluster.npz", tools, **some, scheduler=cluster.scheduler_address)
    for name in ("two", "cluster"):
        again, _ = benchmark.load(tmp_path / f"{name}.npz")
        assert list(again) == some["methods"]
        for method in again:
            for one, other in zip(again[method], found[method], strict=True):
                assert one.target == other.target
                np.testing.assert_array_equal(one.hardness, other.hardness)
                np.testing.assert_array_equal(one.best_code, other.best_code)


def test_codes_of_styles_are_spread_as_styles_are():
    drawn = []

    class Watched(Toy):
        def _draw(self, w_plus):
            drawn.append(w_plus)
            return super()._draw(w_plus)

    rng = np.random.default_rng(1)
    StyleSpace(Watched()).generate(rng.standard_normal((4000, LATENT)))
    drawn = np.concatenate(drawn)
    assert (drawn[:, 0] == drawn[:, 1]).all()
    expected = Toy().mapping(rng.standard_normal((4000, LATENT)))[:, 0]
    np.testing.assert_allclose(drawn[:, 0].mean(axis=0), expected.mean(axis=0), atol=0.02)
    np.testing.assert_allclose(np.cov(drawn[:, 0].T), np.cov(expected.T), atol=0.005)


class Walk(searches.Search):
    """A toy: a step at random from the best code so far."""

    def ask(self):
        best = self.best_code if len(self.best_code) else np.zeros(self.latent_dim)
        return best + self.rng.standard_normal((1, self.latent_dim))


def test_a_new_optimiser_of_designs_is_one_class_and_one_entry(monkeypatch, tmp_path):
    monkeypatch.setitem(benchmark.METHODS, "walk", Walk)
    path = tmp_path / "found.npz"
    benchmark.compare(path, tools, **SETTINGS, methods=["random", "walk"])
    found, _ = benchmark.load(path)
    table = benchmark.scores(found, TOOLS.generator, generate(np.ones((1, LATENT))))
    assert {len(search.hardness) for search in found["walk"]} == {73}
    assert table.loc["walk", "error"] < table.loc["random", "error"]


def test_methods_are_compared_with_chance_search_by_search():
    lengths = {"random": [40, 50, 60, 70, 80, 90], "quick": [30, 35, 45, 56, 67, 78], "like": [41, 49, 62, 68, 83, 87]}
    found = {
        name: [benchmark.SearchResult(4.0, np.zeros(n), np.zeros(n), np.zeros(2)) for n in each]
        for name, each in lengths.items()
    }
    table = benchmark.against_chance(found)
    assert table.index.tolist() == ["quick", "like"]
    assert table.loc["quick", "saved"] == pytest.approx(79 / 6)
    assert table.loc["quick", "p"] == pytest.approx(2 / 2**6)  # all six differences have one sign
    assert table.loc["quick", "corrected"] == pytest.approx(2 * table.loc["quick", "p"])


def test_a_contest_that_is_not_there_is_missed(tmp_path):
    with pytest.raises(ModelError, match="enamel contest"):
        benchmark.load(tmp_path / "found.npz")


def test_the_genetic_algorithm_is_the_one_that_evolves():
    search = benchmark.METHODS["audited GA"](LATENT, 3.7, evaluations=73, seed=0)
    searches.run([search], generate, evaluate)
    seed = int(np.random.default_rng(0).integers(2**31))
    history = genetic.evolve(generate, evaluate, 3.7, latent_dim=LATENT, generations=12, seed=seed)
    np.testing.assert_array_equal(search.trace["hardness"], history.hardness)
    assert len(search.hardness) == history.evaluations + 3 == 73  # the last three do not compete


def test_scores(found):
    known = generate(np.random.default_rng(0).standard_normal((20, LATENT)))
    table = benchmark.scores(found, TOOLS.generator, known)
    for method, each in found.items():
        errors = np.array([abs(search.hardness - search.target).min() for search in each])
        assert table.loc[method, "error"] == pytest.approx(errors.mean())
        assert table.loc[method, "success"] == np.mean(errors < 0.05)
        assert 0 <= table.loc[method, "low"] <= table.loc[method, "success"] <= table.loc[method, "high"] <= 1
    codes = np.stack([search.best_code for search in found["random"]])
    assert table.loc["random", "diversity"] == pytest.approx(judges.diversity(generate(codes)))
    assert (table["novelty"] > 0).all()
    assert benchmark.scores(found, TOOLS.generator, generate(codes)).loc["random", "novelty"] == 0


def test_progress_never_goes_back_and_ends_at_the_error(found):
    table = benchmark.scores(found, TOOLS.generator, generate(np.ones((1, LATENT))))
    for method, curve in benchmark.progress(found).items():
        assert len(curve) == 73
        assert (np.diff(curve) <= 0).all()
        assert curve[-1] == pytest.approx(table.loc[method, "error"])


def test_who_is_near_enough_stops(found):
    for method in benchmark.METHODS:
        search = benchmark.METHODS[method](LATENT, 4.0, evaluations=73, tolerance=0.05, seed=0, gradient=gradient)
        searches.run([search], generate, evaluate)
        errors = np.abs(search.hardness - 4.0)
        assert len(errors) < 73
        assert errors[-5:].min() < 0.05 or errors[-10:].min() < 0.05


def test_searches_target_by_target():
    found = [benchmark.SearchResult(target, np.array(hardness), np.zeros(2), np.zeros(2)) for target, *hardness in (
        (4.0, 3.0, 3.96), (4.0, 4.2, 4.1), (3.0, 3.01, 3.5))]  # fmt: skip
    table = benchmark.by_target(found)
    assert table.index.tolist() == [3.0, 4.0]
    assert table["success"].tolist() == [1.0, 0.5]
    np.testing.assert_allclose(table[["error", "worst"]], [[0.01, 0.01], [0.07, 0.1]])
    assert table["evaluations"].tolist() == [2, 2]


@pytest.mark.parametrize(
    ("name", "judge", "penalty"),
    [("contest", "window", 0), ("evolution", "window", 0), ("dense", "dense", 0), ("dense-penalty", "dense", 1)],
)
def test_the_shipped_searches_are_those_of_the_shipped_networks(name, judge, penalty):
    found, about = benchmark.load(paths.SEARCHES / f"{name}.npz")
    assert benchmark.shipped_networks(judge, penalty=penalty).items() <= about.items()
    assert {tuple(search.target for search in each) for each in found.values()} == {
        tuple(search.target for search in found["audited GA"])
    }
    assert {search.target for search in found["audited GA"]} == set(about["targets"])
    latent_dim, size = loading.load_generator().latent_dim, about["evaluations"]
    for search in (search for each in found.values() for search in each):
        assert search.best_code.shape == (latent_dim,)
        assert search.errors[-1] < about["tolerance"] or len(search.hardness) == size


def test_a_judge_may_be_a_file():
    name = paths.MODELS / f"{judges.NAMES['dense']}.keras"
    assert benchmark.shipped_networks(str(name)) == benchmark.shipped_networks("dense")
    assert benchmark.shipped_networks("default") == benchmark.shipped_networks("dense")


def test_the_shipped_evolutions_are_those_of_the_shipped_networks():
    generator, targets = loading.load_generator(), np.arange(3.0, 6.01, 0.5).tolist()
    stored = paths.SEARCHES / "fig5.npz"
    histories = genetic.evolve(None, None, targets, latent_dim=generator.latent_dim, checkpoint=stored)
    pictures = generator.generate(np.stack([history.best_code for history in histories]))
    read = judges.evaluator(inference.make_predictor(network.load_indenter()))(pictures)
    np.testing.assert_allclose(read, [history.best_hardness for history in histories], atol=0.02)
