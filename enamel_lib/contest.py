"""Is the genetic algorithm any good? Seven ways to search, with equally many evaluations each."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from enamel_lib import designs, evolve, generator_metrics, searches

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


def compare(
    generate: searches.Generate,
    evaluate: searches.Evaluate,
    slope: searches.Slope,
    *,
    latent_dim: int,
    targets: Sequence[float],
    seeds: int,
    evaluations: int,
    tolerance: float = 0.0,
) -> dict[str, list[searches.Sampling]]:
    """Search for every target with every seed by every method, side by side.

    Parameters
    ----------
    slope
        For the gradient (`designs.slope`).
    evaluations
        Of each search.
    tolerance
        A search that is nearer to its target than this ends early, GPa.

    Returns
    -------
    dict
        Method -> the searches, done, by target and seed.
    """
    found: dict[str, list[searches.Sampling]] = {method: [] for method in METHODS}
    for target in targets:
        for seed in range(seeds):
            settings = {"evaluations": evaluations, "tolerance": tolerance, "seed": seed}
            for method in METHODS[:3]:
                found[method].append(Genetic(latent_dim, target, method.split()[0], **settings))
            found["random"].append(searches.Sampling(latent_dim, target, **settings))
            found["CMA-ES"].append(searches.CmaEs(latent_dim, target, **settings))
            found["MAP-Elites"].append(searches.MapElites(latent_dim, target, **settings))
            found["gradient"].append(searches.Descent(latent_dim, target, slope, **settings))
    searches.run([search for each in found.values() for search in each], generate, evaluate)
    return found


def scores(
    found: dict[str, list[searches.Sampling]], generate: searches.Generate, known: np.ndarray, *, near: float = 0.05
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
        off = np.array([abs(search.best_hardness - search.target) for search in each])
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


def progress(found: dict[str, list[searches.Sampling]]) -> dict[str, np.ndarray]:
    """Mean distance of the best so far from its target, GPa, after 1, 2, ... evaluations, for each method."""
    curves = {}
    for method, each in found.items():
        length = max(search.evaluations for search in each)
        best = [np.minimum.accumulate(np.abs(search.hardness - search.target)) for search in each]
        curves[method] = np.mean([np.append(off, np.full(length - len(off), off[-1])) for off in best], axis=0)
    return curves
