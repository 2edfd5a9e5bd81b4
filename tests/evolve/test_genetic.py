"""The genetic algorithm: what each operator does under each protocol, who survives, and resuming."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from enamel_lib.errors import InputError, ModelError
from enamel_lib.evolve import genetic, operators, protocols, search

LATENT = 32
PAINT = np.random.default_rng(0).standard_normal((LATENT, 12 * 12 * 3))


def generate(codes):
    """Pictures that, as StyleGAN2's, depend on the direction of a code alone."""
    directions = codes / np.linalg.norm(codes, axis=1, keepdims=True)
    return np.clip(128 + 60 * directions @ PAINT, 0, 255).astype(np.uint8).reshape(-1, 12, 12, 3)


def evaluate(pictures):
    """4 GPa, more where the left half is brighter."""
    halves = pictures.reshape(len(pictures), 12, 2, -1).mean(axis=(1, 3), dtype=float)
    return 4 + 0.02 * (halves[:, 0] - halves[:, 1])


def newcomers(protocol, codes, *, convergence=0.5, nearest=0.01, seed=0):
    """With `convergence` as published, with a best member `nearest` GPa off the target as audited."""
    errors = nearest + np.linspace(0, convergence, len(codes))
    return protocols.PROTOCOLS[protocol].newcomers(codes, errors, 2, np.random.default_rng(seed))


def population(protocol, seed=1):
    return protocols.PROTOCOLS[protocol].start(10, LATENT, np.random.default_rng(seed))


@pytest.mark.parametrize(
    ("protocol", "unseen"),
    [("paper", {"specialization"}), ("released", {"specialization", "mutation"}), ("audited", set())],
)
@pytest.mark.parametrize("seed", range(5))
def test_which_operators_change_the_picture(protocol, unseen, seed):
    """Specialization never did (D18), and the released mutant is the interpolated child again (D17)."""
    codes = population(protocol)
    seen = [picture.tobytes() for picture in generate(codes)]
    same = set()
    for name, picture in zip(operators.OPERATORS[1:], generate(newcomers(protocol, codes, seed=seed)), strict=True):
        if picture.tobytes() in seen:
            same.add(name)
        seen.append(picture.tobytes())
    assert same == unseen


def test_children_lie_between_and_beyond_their_parents():
    pairs = np.array([newcomers("paper", np.eye(2), seed=seed)[:2] for seed in range(200)])
    np.testing.assert_allclose(pairs.sum(axis=2), 1)  # shares of the two parents
    assert pairs[:, 0].max(axis=1).mean() == pytest.approx(0.66, abs=0.03)  # 0.5 + mean |N(0, 0.2)|
    assert pairs[:, 1].max(axis=1).mean() == pytest.approx(1.5, abs=0.05)


def test_children_stay_on_the_circle_of_their_parents():
    start, end = np.eye(3)[:2]
    half = operators.on_circle(start, end, 0.5)
    np.testing.assert_allclose(half, [np.sqrt(0.5), np.sqrt(0.5), 0], atol=1e-12)
    np.testing.assert_allclose(operators.on_circle(start, end, 2), [-1, 0, 0], atol=1e-12)


@pytest.mark.parametrize(("nearest", "gap"), [(2.0, 20), (0.3, 20), (0.03, 2), (0.0001, 0.5)])
@pytest.mark.parametrize("seed", range(5))
def test_newcomers_keep_their_distance_the_wider_the_farther_the_target(nearest, gap, seed):
    crowd = operators.unit(np.ones(LATENT) + 0.001 * population("audited"))
    new = newcomers("audited", crowd, nearest=nearest, seed=seed)
    cosines = new @ np.concatenate([crowd, new]).T
    cosines[np.arange(len(new)), len(crowd) + np.arange(len(new))] = -1  # each with itself
    assert np.degrees(np.arccos(cosines.max())) >= gap - 1e-3


def test_the_better_parent_is_the_one_gone_beyond():
    for seed in range(20):
        better, worse = np.eye(2)
        beyond = newcomers("audited", np.stack([better, worse]), seed=seed)[1]
        assert beyond @ better > beyond @ worse


def test_the_released_mutation_adds_one_number_to_all_genes():
    code = population("paper")[0]
    added = operators.mutated(code, 0.5, np.random.default_rng(0), genes=1) - code
    assert np.ptp(added) < 1e-12
    assert np.abs(added).max() > 0.1


@pytest.mark.parametrize(("convergence", "share"), [(1e6, 0.0), (4.0, 0.25), (0.5, 1.0)])
def test_more_genes_mutate_as_the_population_converges(convergence, share):
    codes = np.random.default_rng(0).uniform(-5, 5, (10, 4000))
    mutant = newcomers("paper", codes, convergence=convergence)[2]
    changed = np.mean(mutant != codes, axis=1).min()
    assert changed == pytest.approx(share, abs=0.03)


def test_ranges_of_the_genes():
    assert 9 < np.abs(population("released")).max() <= 10
    assert 4 < np.abs(population("paper")).max() <= 5
    for protocol in ("paper", "released"):
        assert 4 < np.abs(newcomers(protocol, population(protocol))[4]).max() <= 5
    np.testing.assert_allclose(np.linalg.norm(population("audited"), axis=1), 1)


@pytest.mark.parametrize(("protocol", "good", "weak"), [("paper", 9 / 11, 9 / 11), ("released", 12 / 14, 45 / 91)])
def test_two_die_at_random_three_as_the_worst_and_the_best_never(protocol, good, weak):
    """Random deaths that come first may hit what would die anyway, so that the fourth worst dies in its place."""
    survivals, rng = np.zeros(15), np.random.default_rng(0)
    for _ in range(2000):
        alive = protocols.PROTOCOLS[protocol].survivors(np.arange(15.0), rng)
        assert len(set(alive)) == 10
        survivals[alive] += 1
    survivals /= 2000
    assert survivals[0] == 1
    assert survivals[1] == pytest.approx(good, abs=0.03)
    assert survivals[11] == pytest.approx(weak, abs=0.03)
    assert survivals[12:].sum() == 0


@pytest.mark.parametrize("protocol", protocols.PROTOCOLS)
def test_only_newcomers_are_generated_in_one_batch_for_all_targets(protocol):
    sizes = []

    def counted(codes):
        sizes.append(len(codes))
        return generate(codes)

    histories = genetic.evolve(counted, evaluate, [3.9, 4.2], latent_dim=LATENT, protocol=protocol, generations=4)
    assert sizes == [20, 10, 10, 10, 10]
    assert [history.evaluations for history in histories] == [30, 30]


@pytest.mark.parametrize("protocol", protocols.PROTOCOLS)
def test_targets_side_by_side_go_as_each_alone(protocol):
    settings = {"latent_dim": LATENT, "protocol": protocol, "generations": 12}
    together = genetic.evolve(generate, evaluate, [3.9, 4.2], seed=3, **settings)
    for seed, history in enumerate(together, 3):
        alone = genetic.evolve(generate, evaluate, history.target, seed=seed, **settings)
        assert (alone.codes == history.codes).all()
        assert (alone.hardness == history.hardness).all()


@pytest.mark.parametrize("protocol", protocols.PROTOCOLS)
def test_the_trace_tells_what_happened(protocol):
    history = genetic.evolve(generate, evaluate, 4.3, latent_dim=LATENT, protocol=protocol, generations=15, seed=1)
    frame = history.to_frame()
    assert list(frame["generation"]) == list(range(16))
    assert (frame[list(operators.OPERATORS)].sum(axis=1) == 10).all()
    assert frame["start"].is_monotonic_decreasing
    assert (np.abs(frame["best"] - 4.3).diff().dropna() <= 0).all()  # the best never dies
    assert (np.abs(frame["worst"] - 4.3) >= np.abs(frame["best"] - 4.3)).all()
    np.testing.assert_allclose(evaluate(generate(history.codes)), history.hardness[-1])
    assert history.best_hardness == frame["best"].iloc[-1]
    assert ((history.operators == 0) == (history.born == 0)).all()
    assert history.born.max() <= 15
    final = genetic.finals([history]).loc[4.3]
    assert final.tolist() == [history.best_hardness, abs(history.best_hardness - 4.3), 15, 85]


def test_the_audited_protocol_reaches_targets_that_a_thousand_random_codes_do_not():
    reach = evaluate(generate(np.random.default_rng(9).standard_normal((1000, LATENT))))
    targets = [reach.min() - 0.2, 4.0, reach.max() + 0.2]
    for history in genetic.evolve(generate, evaluate, targets, latent_dim=LATENT):
        assert abs(history.best_hardness - history.target) < 0.01
        cosines = history.codes @ history.codes.T - 2 * np.eye(10)
        assert cosines.max() < np.cos(np.radians(0.49))  # no copies


def test_it_stops_when_the_whole_population_is_near_enough():
    history = genetic.evolve(generate, evaluate, 4.2, latent_dim=LATENT, tolerance=0.05)
    off = np.abs(history.hardness - 4.2).max(axis=1)
    assert len(off) < 100
    assert off[-1] < 0.05
    assert (off[:-1] >= 0.05).all()


def test_the_released_code_stops_after_a_quarter_of_the_generations():
    settings = {"latent_dim": LATENT, "generations": 40}
    for protocol, generations in (("released", 12), ("paper", 40)):  # the first check after generation 11 of 0, 1, ...
        history = genetic.evolve(generate, lambda x: np.full(len(x), 4.0), 4.2, protocol=protocol, **settings)
        assert len(history.hardness) - 1 == generations


@pytest.mark.parametrize("target", [float("nan"), -1.0, 0.0, 25.0, float("inf")])
def test_what_is_no_hardness_is_no_target(target):
    with pytest.raises(InputError, match="2 to 7 GPa"):
        genetic.evolve(generate, evaluate, target, latent_dim=LATENT)


def test_what_cannot_be_run_is_refused():
    with pytest.raises(InputError, match="paper, released, audited"):
        genetic.evolve(generate, evaluate, 4.0, protocol="biblical")
    with pytest.raises(InputError, match="1 or more"):
        genetic.evolve(generate, evaluate, 4.0, generations=0)
    for bad in (lambda x: np.zeros(3), lambda x: np.full(len(x), np.nan)):
        with pytest.raises(InputError, match="one finite number per picture"):
            genetic.evolve(generate, bad, 4.0, latent_dim=LATENT)


@pytest.mark.parametrize("protocol", protocols.PROTOCOLS)
def test_more_generations_go_on_where_fewer_ended(tmp_path, protocol):
    settings = {"latent_dim": LATENT, "protocol": protocol, "seed": 5}
    once = genetic.evolve(generate, evaluate, [4.1, 4.4], generations=30, **settings)
    for generations in (7, 30):
        twice = genetic.evolve(
            generate, evaluate, [4.1, 4.4], generations=generations, checkpoint=tmp_path / "run.npz", **settings
        )
    for one, other in zip(once, twice, strict=True):
        assert all(np.array_equal(getattr(one, name), getattr(other, name)) for name in one.__dataclass_fields__)


def test_a_killed_search_goes_on_as_if_nothing_had_happened(tmp_path):
    checkpoint = tmp_path / "run.npz"
    program = f"""
import sys, time
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from tests.evolve.test_genetic import LATENT, evaluate, generate
from enamel_lib import evolve
def slowly(codes):
    time.sleep(0.005)
    return generate(codes)
evolve.evolve(slowly, evaluate, [3.8, 4.4], latent_dim=LATENT, generations=2000, checkpoint={str(checkpoint)!r})
"""
    process = subprocess.Popen([sys.executable, "-c", program])
    deadline = time.monotonic() + 60
    while not checkpoint.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.3)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    done = len(np.load(checkpoint)["hardness_0"]) - 1
    assert 0 < done < 2000
    settings = {"latent_dim": LATENT, "generations": done + 20}
    resumed = genetic.evolve(generate, evaluate, [3.8, 4.4], checkpoint=checkpoint, **settings)
    for one, other in zip(resumed, genetic.evolve(generate, evaluate, [3.8, 4.4], **settings), strict=True):
        assert (one.hardness == other.hardness).all()
        assert (one.operators == other.operators).all()
        assert (one.codes == other.codes).all()


def test_a_checkpoint_that_does_not_fit_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "run.npz"
    genetic.evolve(generate, evaluate, 4.0, latent_dim=LATENT, generations=2, checkpoint=path)
    for change in ({"seed": 1}, {"protocol": "paper"}):
        with pytest.raises(ModelError, match=f"another {next(iter(change))}"):
            genetic.evolve(generate, evaluate, 4.0, latent_dim=LATENT, checkpoint=path, **change)
    with pytest.raises(ModelError, match="another targets"):
        genetic.evolve(generate, evaluate, [4.0, 4.1], latent_dim=LATENT, checkpoint=path)
    monkeypatch.setattr(search, "RULES", search.RULES + 1)
    with pytest.raises(ModelError, match="another rules"):
        genetic.evolve(generate, evaluate, 4.0, latent_dim=LATENT, checkpoint=path)
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ModelError, match="damaged"):
        genetic.evolve(generate, evaluate, 4.0, latent_dim=LATENT, checkpoint=path)


class Cloning(protocols.Protocol):
    """A toy: the best member, five times, each with a little noise; it ends as soon as it is within 0.1 GPa."""

    def start(self, count, latent_dim, rng):
        return rng.standard_normal((count, latent_dim))

    def newcomers(self, codes, errors, generation, rng):
        return codes[errors.argmin()] + 0.3 * rng.standard_normal((5, codes.shape[1]))

    def ends(self, errors, generation, generations):
        return errors.min() < 0.1


def test_a_new_protocol_is_one_class_and_one_entry(monkeypatch):
    monkeypatch.setitem(protocols.PROTOCOLS, "cloning", Cloning())
    history = genetic.evolve(generate, evaluate, 4.5, latent_dim=LATENT, protocol="cloning")
    errors = np.abs(history.hardness - 4.5).min(axis=1)
    assert errors[0] > 0.1
    assert history.generations < 250
    assert errors[-1] < 0.1 <= errors[-2]
