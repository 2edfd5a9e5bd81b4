"""Is the genetic algorithm any good? Seven ways to search, with equally many evaluations each."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from enamel_lib import checkpoints, models, paths, structured
from enamel_lib.errors import InputError, ModelError, check_choice
from enamel_lib.evolve import judges, search
from enamel_lib.evolve.genetic import GeneticAlgorithm
from enamel_lib.evolve.protocols import PROTOCOLS
from enamel_lib.evolve.search import REACHED, SearchResult
from enamel_lib.generators import loading, metrics
from enamel_lib.indenter import network

WINDOW = network.NAMES["default"]  # the paper's network


def _genetic(protocol: str, latent_dim: int, target: float, *, seed: int, **settings: Any) -> GeneticAlgorithm:
    """The genetic algorithm with a seed drawn from that of the search, as in the shipped searches."""
    seed = int(np.random.default_rng(seed).integers(2**31))
    return GeneticAlgorithm(latent_dim, target, protocol=protocol, seed=seed, **settings)


METHODS: dict[str, Callable[..., search.Search]] = {
    **{f"{protocol} GA": partial(_genetic, protocol) for protocol in sorted(PROTOCOLS)},
    "random": search.RandomSearch,
    "CMA-ES": search.CmaEs,
    "MAP-Elites": search.MapElites,
    "gradient": search.GradientDescent,
}


def compare(
    path: Path,
    generate: search.Generate,
    evaluate: search.Evaluate,
    gradient: search.Gradient | None,
    *,
    latent_dim: int,
    targets: Sequence[float],
    seeds: int,
    evaluations: int,
    tolerance: float = 0.0,
    methods: Sequence[str] = tuple(METHODS),
    networks: Mapping[str, str] = MappingProxyType({}),
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, list[SearchResult]]:
    """Search for every target with every seed by every method, keep what is found in a file, and give it as `load`.

    Parameters
    ----------
    path
        The file (`.npz`), written after the searches of each seed. If it is there, its searches are not made again, so
        that a contest may be killed and resumed, or given more seeds.
    gradient
        For searches that see inside the networks (`judges.error_gradient`).
    evaluations
        Of each search; one that is nearer to its target than the `tolerance`, GPa, ends early.
    networks
        What tells the generator and the indenter from others, for the file.
    progress
        Called with the seeds done and to be done.

    Raises
    ------
    ModelError
        If the file is damaged, or of other settings.
    InputError
        If a method is unknown, or the file does not end in `.npz`.
    """
    check(path, methods)
    settings = {"evaluations": evaluations, "tolerance": tolerance}
    identity = {"targets": list(targets), **settings, **networks, "rules": search.RULES}
    about: dict[str, Any] = {**identity, "searches": []}
    arrays: dict[str, list[np.ndarray]] = {"hardness": [], "code": []}
    if path.exists():
        load(path)  # raises where it is damaged
        about, arrays = checkpoints.read_checkpoint(path)
        checkpoints.must_be_of(path, about, identity)
    for seed in range(seeds):
        progress(seed, seeds)
        each = {
            (method, target, seed): METHODS[method](latent_dim, target, seed=seed, gradient=gradient, **settings)
            for target in targets
            for method in methods
            if [method, target, seed] not in about["searches"]
        }
        if not each:
            continue
        search.run(list(each.values()), generate, evaluate)
        about["searches"] += map(list, each)
        arrays["hardness"] += [one.hardness for one in each.values()]
        arrays["code"] += [one.best_code.astype(np.float32) for one in each.values()]
        checkpoints.write_checkpoint(path, about, arrays)
    progress(seeds, seeds)
    return load(path)[0]


def check(path: Path, methods: Sequence[str]) -> None:
    """Raise an InputError if a file of searches cannot have that name, or a method is unknown."""
    if path.suffix != ".npz":
        raise InputError(f"{path} does not end in .npz; name the file to write")
    for method in methods:
        check_choice("method", method, METHODS)


def compare_shipped(
    path: Path, *, model: str = WINDOW, methods: Sequence[str] = (), **settings: Any
) -> dict[str, list[SearchResult]]:
    """`compare` with the shipped generator, judged by a shipped indenter; by all methods that can use it, if none.

    InputError if the gradient is asked for with a dense indenter.
    """
    generator, judge, gradient = loading.load_generator(), judges.load(model), None
    if not judge.is_dense:
        gradient = judges.error_gradient(generator.network, judge.network, latent_dim=generator.latent_dim)
    elif "gradient" in methods:
        raise InputError(f"the gradient method sees inside window networks only; leave it out, or take {WINDOW}")
    return compare(
        path,
        generator.generate,
        judge.evaluate,
        gradient,
        latent_dim=generator.latent_dim,
        networks=shipped_networks(model),
        methods=methods or [name for name in METHODS if gradient or name != "gradient"],
        **settings,
    )


def shipped_networks(model: str = WINDOW) -> dict[str, str]:
    """SHA-256 of the shipped generator and an indenter, by which a contest tells whether it is theirs."""
    files = {"generator": loading.NAMES["default"], "indenter": model}
    return {what: models.read_card(paths.MODELS / f"{name}.keras")["sha256"] for what, name in files.items()}


def load(path: Path) -> tuple[dict[str, list[SearchResult]], dict[str, Any]]:
    """Method -> what its searches found, by seed and target; and the settings of the contest that `path` holds.

    A `ModelError` says that the file is missing or damaged.
    """
    if not path.is_file():
        raise ModelError(f"no searches in {path}; make them with `enamel contest --out {path}`, or restore the file")
    about, arrays = checkpoints.read_checkpoint(path)
    found: dict[str, list[SearchResult]] = {method: [] for method in METHODS}
    with structured.restoring(path):
        searches = structured.check(list[tuple[str, float, int]], about.pop("searches"), what=str(path))
        for (method, target, _), hardness, code in zip(searches, arrays["hardness"], arrays["code"], strict=True):
            if not (hardness.ndim == code.ndim == 1 and len(hardness) and np.isfinite(hardness).all()):
                raise ValueError("a search without hardness")
            found[method].append(SearchResult(target, hardness, code))
    return {method: each for method, each in found.items() if each}, about


def scores(found: Mapping[str, Sequence[SearchResult]], generate: search.Generate, known: np.ndarray) -> pd.DataFrame:
    """One row per method: how near the targets, how different, how new, and what the law says.

    `error` (mean distance from the target, GPa), `worst` (the largest), `success` (share that reached it), `low` and
    `high` (its 95 % interval by Wilson, as if all searches were equally hard), `evaluations` (mean spent), `diversity`
    (`judges.diversity`), `novelty` (mean distance of the nearest of the `known` pictures `(M, H, W, 3)` uint8 that the
    generator learnt from, same measure), `law` (GPa that the law's hardness rises per GPa asked for; 1 would be
    obedience).
    """
    rows = {}
    for method, each in found.items():
        errors = np.array([one.errors[-1] for one in each])
        interval = stats.binomtest(int((errors < REACHED).sum()), len(errors)).proportion_ci(method="wilson")
        pictures = generate(np.stack([one.best_code for one in each]))
        asked = np.array([one.target for one in each])
        rows[method] = {
            "error": errors.mean(),
            "worst": errors.max(),
            "success": np.mean(errors < REACHED),
            "low": interval.low,
            "high": interval.high,
            "evaluations": np.mean([len(one.hardness) for one in each]),
            "diversity": judges.diversity(pictures),
            "novelty": metrics.nearest(pictures, known)[1].mean(),
            "law": np.polyfit(asked, judges.law_hardness(pictures), 1)[0],
        }
    return pd.DataFrame(rows).T


def progress(found: Mapping[str, Sequence[SearchResult]]) -> dict[str, np.ndarray]:
    """Mean distance of the best so far from its target, GPa, after 1, 2, ... evaluations, for each method."""
    length = max(len(one.hardness) for each in found.values() for one in each)
    return {
        method: np.mean([np.pad(one.errors, (0, length - len(one.errors)), "edge") for one in each], axis=0)
        for method, each in found.items()
    }


def by_target(each: Sequence[SearchResult]) -> pd.DataFrame:
    """How the searches of one method fared, in rows by target.

    `success` (share that reached the target), `error` (mean distance of the best, GPa), `worst` (the largest),
    `evaluations` (median spent).
    """
    rows = [(one.target, one.errors[-1], len(one.hardness)) for one in each]
    groups = pd.DataFrame(rows, columns=["target", "error", "spent"]).groupby("target")
    return pd.DataFrame(
        {
            "success": groups["error"].agg(lambda errors: (errors < REACHED).mean()),
            "error": groups["error"].mean(),
            "worst": groups["error"].max(),
            "evaluations": groups["spent"].median(),
        }
    )


def success_by_target(found: Mapping[str, Sequence[SearchResult]]) -> pd.DataFrame:
    """Share of the searches that reached their target, methods x targets."""
    table = pd.DataFrame({method: by_target(each)["success"] for method, each in found.items()}).T
    return table.rename_axis("target (GPa)", axis="columns")


def against_chance(found: Mapping[str, Sequence[SearchResult]]) -> pd.DataFrame:
    """Which methods find faster than codes at random, target by target and seed by seed.

    In rows by method: `saved` (mean number of evaluations spent fewer than by codes at random) and `p` (Wilcoxon
    signed-rank test).
    """
    spent = pd.DataFrame({method: [len(one.hardness) for one in each] for method, each in found.items()})
    others = spent.drop(columns="random")
    p = [stats.wilcoxon(others[method], spent["random"]).pvalue for method in others]
    return pd.DataFrame({"saved": (spent["random"].to_numpy()[:, None] - others).mean(), "p": p})
