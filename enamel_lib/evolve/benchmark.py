"""Is the genetic algorithm any good? Eight ways to search, with equally many evaluations each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
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
from enamel_lib.generators.base import ImageGenerator, StyleSpace
from enamel_lib.inference import chunks
from enamel_lib.metrics import holm

ARRAYS = ("hardness", "penalty", "best_code")  # of a search, in files
STAGE = "searching"


def _genetic(protocol: str, latent_dim: int, target: float, *, seed: int, **settings: Any) -> GeneticAlgorithm:
    """The genetic algorithm with a seed drawn from that of the search, as in the shipped searches."""
    seed = int(np.random.default_rng(seed).integers(2**31))
    return GeneticAlgorithm(latent_dim, target, protocol=protocol, seed=seed, **settings)


METHODS: dict[str, Callable[..., search.Search]] = {
    **{f"{protocol} GA": partial(_genetic, protocol) for protocol in sorted(PROTOCOLS)},
    "random": search.RandomSearch,
    "CMA-ES": search.CmaEs,
    "CMA-ES in W": search.CmaEs,
    "MAP-Elites": search.MapElites,
    "gradient": search.GradientDescent,
}
IN_STYLES = {"CMA-ES in W"}  # methods whose codes are of a `StyleSpace`


@dataclass(frozen=True)
class Tools:
    """What searches work with; the `gradient` (`judges.error_gradient`) is for those that see inside the networks."""

    generator: ImageGenerator
    evaluate: search.Evaluate
    gradient: search.Gradient | None = None


@dataclass(frozen=True)
class Shipped:
    """Loads the shipped generator and a judge (`judges.load`), in any process."""

    judge: str
    penalty: float = 0.0

    def __call__(self) -> Tools:
        """Load them; a dense judge gives no gradient."""
        generator, judge = loading.load_generator(), judges.load(self.judge, penalty=self.penalty)
        if judge.is_dense:
            return Tools(generator, judge.evaluate)
        gradient = judges.error_gradient(generator.network, judge.network, latent_dim=generator.latent_dim)
        return Tools(generator, judge.evaluate, gradient)


def compare(
    path: Path,
    load_tools: Callable[[], Tools],
    *,
    targets: Sequence[float],
    seeds: int,
    evaluations: int,
    tolerance: float = 0.0,
    methods: Sequence[str] = tuple(METHODS),
    networks: Mapping[str, Any] = MappingProxyType({}),
    workers: int = 1,
    scheduler: str | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, list[SearchResult]]:
    """Search for every target with every seed by every method, keep what is found in a file, and give it as `load`.

    No search is beside another, in one batch, so its numbers are the same whatever else is done, and wherever.

    Parameters
    ----------
    path
        The file (`.npz`), written after each search. If it is there, its searches are not made again, so that a
        contest may be killed and resumed, or given more seeds.
    load_tools
        Loads what searches work with, once in each process; it can be hashed and pickled.
    evaluations
        Of each search; one that is nearer to its target than the `tolerance`, GPa, ends early.
    networks
        What tells the generator and the judge from others, for the file.
    workers, scheduler
        As of `chunks.executor`; one worker is this process.
    progress
        Called with the searches done and to be done.

    Raises
    ------
    ModelError
        If the file is damaged, or of other settings.
    InputError
        If a method is unknown, or the file does not end in `.npz`.
    """
    check(path, methods)
    settings = {"evaluations": evaluations, "tolerance": tolerance}
    record = _Record(path, {"targets": list(targets), **settings, **networks, "rules": search.RULES})
    jobs = [(method, float(target), seed) for seed in range(seeds) for target in targets for method in methods]
    work = partial(_search, load_tools, settings)
    on = chunks.here() if scheduler is None and workers == 1 else chunks.executor(scheduler, workers)
    with on as executor:
        chunks.run(executor, record, STAGE, work, jobs, progress)
    return load(path)[0]


def _search(load_tools: Callable[[], Tools], settings: Mapping[str, Any], job: tuple[str, float, int]) -> SearchResult:
    """Make one search, in whatever process."""
    method, target, seed = job
    tools = _loaded(load_tools)
    draws = drawing(tools.generator, method)
    one = METHODS[method](draws.latent_dim, target, seed=seed, gradient=tools.gradient, **settings)
    search.run([one], draws.generate, tools.evaluate)
    return SearchResult(target, one.hardness, one.penalty, one.best_code.astype(np.float32))


@lru_cache(maxsize=1)
def _loaded(load_tools: Callable[[], Tools]) -> Tools:
    return load_tools()


@lru_cache(maxsize=1)
def _styles(generator: ImageGenerator) -> StyleSpace:
    return StyleSpace(generator)


def drawing(generator: ImageGenerator, method: str) -> ImageGenerator | StyleSpace:
    """What draws the codes of a method: the generator, or its styles."""
    return _styles(generator) if method in IN_STYLES else generator


class _Record:
    """The searches that are done, in a file; `chunks.run` adds to it."""

    def __init__(self, path: Path, identity: dict[str, Any]) -> None:
        self.path = path
        self.about, self.arrays = {**identity, "searches": []}, {name: [] for name in ARRAYS}
        if path.exists():
            load(path)  # raises where it is damaged
            self.about, self.arrays = checkpoints.read_checkpoint(path)
            checkpoints.must_be_of(path, self.about, identity)
        self.results = {(STAGE, tuple(job)) for job in self.about["searches"]}

    def add(self, part: chunks.Part, result: SearchResult) -> None:
        """Keep what a search found."""
        self.results.add(part)
        self.about["searches"].append(part[1])
        for name, values in self.arrays.items():
            values.append(getattr(result, name))
        checkpoints.write_checkpoint(self.path, self.about, self.arrays)


def check(path: Path, methods: Sequence[str]) -> None:
    """Raise an InputError if a file of searches cannot have that name, or a method is unknown."""
    if path.suffix != ".npz":
        raise InputError(f"{path} does not end in .npz; name the file to write")
    for method in methods:
        check_choice("method", method, METHODS)


def compare_shipped(
    path: Path, *, judge: str = "window", penalty: float = 0.0, methods: Sequence[str] = (), **settings: Any
) -> dict[str, list[SearchResult]]:
    """`compare` with the shipped generator and a shipped judge; by all methods that can use it, if none.

    InputError if the gradient is asked for with a dense indenter.
    """
    load_tools = Shipped(judge, penalty)
    gradient = _loaded(load_tools).gradient
    if not gradient and "gradient" in methods:
        raise InputError("the gradient method sees inside window networks only; leave it out, or take --judge window")
    return compare(
        path,
        load_tools,
        networks=shipped_networks(judge, penalty=penalty),
        methods=methods or [name for name in METHODS if gradient or name != "gradient"],
        **settings,
    )


def shipped_networks(judge: str = "window", *, penalty: float = 0.0) -> dict[str, Any]:
    """SHA-256 of the shipped generator and a judge, and its penalty, by which searches tell whether they are theirs."""
    files = {"generator": loading.DEFAULT, "indenter": judges.NAMES.get(judge, judge)}
    found = {what: models.sha256(paths.model(name, judges.NAMES["dense"])) for what, name in files.items()}
    return found | {"penalty": penalty}


def load(path: Path) -> tuple[dict[str, list[SearchResult]], dict[str, Any]]:
    """Method -> what its searches found, by seed and target; and the settings of the contest that `path` holds.

    A `ModelError` says that the file is missing or damaged.
    """
    if not path.is_file():
        raise ModelError(f"no searches in {path}; make them with `enamel contest --out {path}`, or restore the file")
    about, arrays = checkpoints.read_checkpoint(path)
    found: dict[str, list[SearchResult]] = {method: [] for method in METHODS}
    with structured.restoring(path):
        jobs = structured.check(list[tuple[str, float, int]], about.pop("searches"), what=str(path))
        searches = zip(jobs, *(arrays[name] for name in ARRAYS), strict=True)
        place = {target: number for number, target in enumerate(about["targets"])}
        for (method, target, _), *each in sorted(searches, key=lambda one: (one[0][2], place[one[0][1]])):
            hardness, penalty, code = each
            if not (hardness.ndim == code.ndim == 1 and len(hardness) and np.isfinite(hardness + penalty).all()):
                raise ValueError("a search without hardness")
            found[method].append(SearchResult(target, hardness, penalty, code))
    return {method: each for method, each in found.items() if each}, about


def scores(found: Mapping[str, Sequence[SearchResult]], generator: ImageGenerator, known: np.ndarray) -> pd.DataFrame:
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
        pictures = drawing(generator, method).generate(np.stack([one.best_code for one in each]))
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

    In rows by method: `saved` (mean number of evaluations spent fewer than by codes at random), `p` (Wilcoxon
    signed-rank test) and `corrected`, p for as many tests as there are methods (Holm).
    """
    spent = pd.DataFrame({method: [len(one.hardness) for one in each] for method, each in found.items()})
    others = spent.drop(columns="random")
    p = [stats.wilcoxon(others[method], spent["random"]).pvalue for method in others]
    return pd.DataFrame({"saved": (spent["random"].to_numpy()[:, None] - others).mean(), "p": p, "corrected": holm(p)})
