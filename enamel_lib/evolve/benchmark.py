"""Is the genetic algorithm any good? Seven ways to search, with equally many evaluations each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from enamel_lib import checkpoints, models, paths
from enamel_lib.errors import ModelError, check_choice
from enamel_lib.evolve import genetic, judges
from enamel_lib.evolve import search as searches
from enamel_lib.generators import loading, metrics
from enamel_lib.indenter import network

METHODS = ("audited GA", "paper GA", "released GA", "random", "CMA-ES", "MAP-Elites", "gradient")


class Genetic(searches.Sampling):
    """The genetic algorithm under one protocol, as a search with a number of evaluations."""

    def __init__(self, latent_dim: int, target: float, protocol: str, *, evaluations: int, **settings: Any) -> None:
        super().__init__(latent_dim, target, evaluations=evaluations, **settings)
        seed = int(self.rng.integers(2**31))
        # as many generations as the evaluations allow, or those after which the released rule may stop
        self.population = genetic.GeneticAlgorithm(
            latent_dim, target, protocol=protocol, generations=4 * evaluations, seed=seed
        )

    def _propose(self) -> np.ndarray:
        return self.population.ask()

    def _learn(self, hardness: np.ndarray, pictures: np.ndarray) -> None:
        if len(hardness) == len(self.population.newcomers):
            self.population.tell(hardness)


@dataclass(frozen=True)
class Found:
    """What one search found.

    Attributes
    ----------
    target
        GPa.
    hardness
        `(n,)` GPa, of all codes tried, in order.
    best_code
        `(latent_dim,)`, the one nearest to the target.
    """

    target: float
    hardness: np.ndarray
    best_code: np.ndarray

    @property
    def off(self) -> np.ndarray:
        """Distance of the best so far from the target after each evaluation, `(n,)` GPa."""
        return np.minimum.accumulate(np.abs(self.hardness - self.target))


def contender(method: str, latent_dim: int, target: float, slope: searches.Slope, **settings: Any) -> searches.Sampling:
    """A search by one of the `METHODS`; `settings` are those of `searches.Sampling`."""
    match method.split():
        case [protocol, "GA"]:
            return Genetic(latent_dim, target, protocol, **settings)
        case ["gradient"]:
            return searches.Descent(latent_dim, target, slope, **settings)
    kinds = {"random": searches.Sampling, "CMA-ES": searches.CmaEs, "MAP-Elites": searches.MapElites}
    return kinds[method](latent_dim, target, **settings)


def compare(
    path: Path,
    generate: searches.Generate,
    evaluate: searches.Evaluate,
    slope: searches.Slope,
    *,
    latent_dim: int,
    targets: Sequence[float],
    seeds: int,
    evaluations: int,
    tolerance: float = 0.0,
    methods: Sequence[str] = METHODS,
    networks: Mapping[str, str] = MappingProxyType({}),
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, list[Found]]:
    """Search for every target with every seed by every method, and keep what is found in a file.

    Parameters
    ----------
    path
        The file (`.npz`), written after the searches of each seed. If it is there, its searches are not made again, so
        that a contest may be killed and resumed, or given more seeds.
    slope
        For the gradient (`judges.slope`).
    evaluations
        Of each search.
    tolerance
        A search that is nearer to its target than this ends early, GPa.
    networks
        What tells the generator and the indenter from others, for the file.
    methods
        Of `METHODS`.
    progress
        Called with the seeds done and to be done.

    Returns
    -------
    dict
        As `load` gives it.

    Raises
    ------
    ModelError
        If the file is damaged, or of other settings.
    InputError
        If a method is unknown.
    """
    for method in methods:
        check_choice("method", method, METHODS)
    settings = {"evaluations": evaluations, "tolerance": tolerance}
    identity = {"targets": list(targets), **settings, **networks}
    about: dict[str, Any] = {**identity, "searches": []}
    arrays: dict[str, list[np.ndarray]] = {"hardness": [], "code": []}
    if path.exists():
        about, arrays = checkpoints.read_checkpoint(path)
        checkpoints.must_be_of(path, about, identity)
    for seed in range(seeds):
        progress(seed, seeds)
        each = {
            (method, target, seed): contender(method, latent_dim, target, slope, seed=seed, **settings)
            for target in targets
            for method in methods
            if [method, target, seed] not in about["searches"]
        }
        if not each:
            continue
        searches.run(list(each.values()), generate, evaluate)
        about["searches"] += map(list, each)
        arrays["hardness"] += [search.hardness for search in each.values()]
        arrays["code"] += [search.best_code.astype(np.float32) for search in each.values()]
        checkpoints.write_checkpoint(path, about, arrays)
    progress(seeds, seeds)
    return load(path)[0]


def shipped_networks() -> dict[str, str]:
    """SHA-256 of the shipped generator and indenter, by which a contest tells whether it is theirs."""
    files = {"generator": loading.NAMES["default"], "indenter": network.NAMES["default"]}
    return {what: models.read_card(paths.MODELS / f"{name}.keras")["sha256"] for what, name in files.items()}


def load(path: Path) -> tuple[dict[str, list[Found]], dict[str, Any]]:
    """Method -> what its searches found, by seed and target; and the settings of the contest that `path` holds.

    Raises
    ------
    ModelError
        If the file is missing or damaged.
    """
    if not path.is_file():
        raise ModelError(f"no searches in {path}; make them with `enamel contest --out {path}`, or restore the file")
    about, arrays = checkpoints.read_checkpoint(path)
    found: dict[str, list[Found]] = {method: [] for method in METHODS}
    for (method, target, _), hardness, code in zip(about.pop("searches"), *arrays.values(), strict=True):
        found[method].append(Found(target, hardness, code))
    return {method: each for method, each in found.items() if each}, about


def scores(
    found: Mapping[str, Sequence[Found]], generate: searches.Generate, known: np.ndarray, *, near: float = 0.05
) -> pd.DataFrame:
    """One row per method: how near the targets, how different, how new, and what the law says.

    Parameters
    ----------
    found
        From `compare`.
    known
        `(M, H, W, 3)` uint8, the pictures the generator learnt from.
    near
        A success is nearer than this, GPa.

    Returns
    -------
    pandas.DataFrame
        `error` (mean distance from the target, GPa), `worst` (the largest), `success` (share), `low` and `high` (its
        95 % interval by Wilson, as if all searches were equally hard), `evaluations` (mean spent), `diversity`
        (`judges.diversity`), `novelty` (mean distance of the nearest known picture, same measure),
        `law` (GPa that the law's hardness rises per GPa asked for; 1 would be obedience).
    """
    rows = {}
    for method, each in found.items():
        off = np.array([search.off[-1] for search in each])
        interval = stats.binomtest(int((off < near).sum()), len(off)).proportion_ci(method="wilson")
        pictures = generate(np.stack([search.best_code for search in each]))
        asked = np.array([search.target for search in each])
        rows[method] = {
            "error": off.mean(),
            "worst": off.max(),
            "success": np.mean(off < near),
            "low": interval.low,
            "high": interval.high,
            "evaluations": np.mean([len(search.hardness) for search in each]),
            "diversity": judges.diversity(pictures),
            "novelty": metrics.nearest(pictures, known)[1].mean(),
            "law": np.polyfit(asked, judges.law_hardness(pictures), 1)[0],
        }
    return pd.DataFrame(rows).T


def progress(found: Mapping[str, Sequence[Found]]) -> dict[str, np.ndarray]:
    """Mean distance of the best so far from its target, GPa, after 1, 2, ... evaluations, for each method."""
    length = max(len(search.hardness) for each in found.values() for search in each)
    return {
        method: np.mean([np.pad(search.off, (0, length - len(search.off)), "edge") for search in each], axis=0)
        for method, each in found.items()
    }


def by_target(each: Sequence[Found], *, near: float = 0.05) -> pd.DataFrame:
    """How the searches of one method fared, target by target, in GPa.

    Returns
    -------
    pandas.DataFrame
        `success` (share that came nearer than `near`), `error` (mean distance of the best), `worst` (the largest),
        `evaluations` (median spent), in rows by target.
    """
    rows = pd.DataFrame(
        [(search.target, search.off[-1], len(search.hardness)) for search in each], columns=["target", "off", "spent"]
    )
    groups = rows.assign(success=rows["off"] < near).groupby("target")
    return pd.DataFrame(
        {
            "success": groups["success"].mean(),
            "error": groups["off"].mean(),
            "worst": groups["off"].max(),
            "evaluations": groups["spent"].median(),
        }
    )
