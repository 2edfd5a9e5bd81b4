"""Is the genetic algorithm any good? Seven ways to search, with equally many evaluations each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from enamel_lib import designs, evolve, generator_metrics, generators, indenter, model_files, paths, runs, searches
from enamel_lib.errors import ModelError

METHODS = ("audited GA", "paper GA", "released GA", "random", "CMA-ES", "MAP-Elites", "gradient")


class Genetic(searches.Sampling):
    """The genetic algorithm under one protocol, as a search with a number of evaluations."""

    def __init__(self, latent_dim: int, target: float, protocol: str, *, evaluations: int, **settings: Any) -> None:
        super().__init__(latent_dim, target, evaluations=evaluations, **settings)
        seed = int(self.rng.integers(2**31))
        # as many generations as the evaluations allow, or those after which the released rule may stop
        self.population = evolve.GeneticAlgorithm(
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


def contenders(latent_dim: int, target: float, slope: searches.Slope, **settings: Any) -> dict[str, searches.Sampling]:
    """One search by every method; `settings` are those of `searches.Sampling`."""
    given = (latent_dim, target)
    each = [
        *(Genetic(*given, method.split()[0], **settings) for method in METHODS[:3]),
        searches.Sampling(*given, **settings),
        searches.CmaEs(*given, **settings),
        searches.MapElites(*given, **settings),
        searches.Descent(*given, slope, **settings),
    ]
    return dict(zip(METHODS, each, strict=True))


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
        For the gradient (`designs.slope`).
    evaluations
        Of each search.
    tolerance
        A search that is nearer to its target than this ends early, GPa.
    networks
        What tells the generator and the indenter from others, for the file.
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
    """
    settings = {"evaluations": evaluations, "tolerance": tolerance}
    identity = {"targets": list(targets), **settings, **networks}
    about: dict[str, Any] = {**identity, "searches": []}
    arrays: dict[str, list[np.ndarray]] = {"hardness": [], "code": []}
    if path.exists():
        about, arrays = runs.read_checkpoint(path)
        runs.must_be_of(path, about, identity)
    searched = {seed for _, _, seed in about["searches"]}
    for seed in range(seeds):
        progress(seed, seeds)
        if seed in searched:
            continue
        each = {
            (method, target, seed): search
            for target in targets
            for method, search in contenders(latent_dim, target, slope, seed=seed, **settings).items()
        }
        searches.run(list(each.values()), generate, evaluate)
        about["searches"] += each
        arrays["hardness"] += [search.hardness for search in each.values()]
        arrays["code"] += [search.best_code.astype(np.float32) for search in each.values()]
        runs.write_checkpoint(path, about, arrays)
    return load(path)[0]


def shipped_networks() -> dict[str, str]:
    """SHA-256 of the shipped generator and indenter, by which a contest tells whether it is theirs."""
    files = {"generator": generators.NAMES["default"], "indenter": indenter.NAMES["default"]}
    return {what: model_files.read_card(paths.MODELS / f"{name}.keras")["sha256"] for what, name in files.items()}


def load(path: Path) -> tuple[dict[str, list[Found]], dict[str, Any]]:
    """Method -> what its searches found, by seed and target; and the settings of the contest that `path` holds.

    Raises
    ------
    ModelError
        If the file is missing or damaged.
    """
    if not path.is_file():
        raise ModelError(f"no searches in {path}; make them with `enamel contest --out {path}`, or restore the file")
    about, arrays = runs.read_checkpoint(path)
    found: dict[str, list[Found]] = {method: [] for method in METHODS}
    for (method, target, _), hardness, code in zip(about.pop("searches"), *arrays.values(), strict=True):
        found[method].append(Found(target, hardness, code))
    return found, about


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
        `error` (mean distance from the target, GPa), `worst` (the largest), `success` (share), `evaluations` (mean
        spent), `diversity` (`designs.diversity`), `novelty` (mean distance of the nearest known picture, same measure),
        `law` (GPa that the law's hardness rises per GPa asked for; 1 would be obedience).
    """
    rows = {}
    for method, each in found.items():
        off = np.array([search.off[-1] for search in each])
        pictures = generate(np.stack([search.best_code for search in each]))
        asked = np.array([search.target for search in each])
        rows[method] = {
            "error": off.mean(),
            "worst": off.max(),
            "success": np.mean(off < near),
            "evaluations": np.mean([len(search.hardness) for search in each]),
            "diversity": designs.diversity(pictures),
            "novelty": generator_metrics.nearest(pictures, known)[1].mean(),
            "law": np.polyfit(asked, designs.law_hardness(pictures), 1)[0],
        }
    return pd.DataFrame(rows).T


def progress(found: Mapping[str, Sequence[Found]]) -> dict[str, np.ndarray]:
    """Mean distance of the best so far from its target, GPa, after 1, 2, ... evaluations, for each method."""
    length = max(len(search.hardness) for each in found.values() for search in each)
    return {
        method: np.mean([np.pad(search.off, (0, length - len(search.off)), "edge") for search in each], axis=0)
        for method, each in found.items()
    }


def success(found: Mapping[str, Sequence[Found]], method: str, near: float = 0.05) -> dict[float, float]:
    """Target -> share of the searches of a method that came nearer to it than `near` GPa."""
    rates: dict[float, list[bool]] = {}
    for search in found[method]:
        rates.setdefault(search.target, []).append(bool(search.off[-1] < near))
    return {target: float(np.mean(reached)) for target, reached in sorted(rates.items())}
