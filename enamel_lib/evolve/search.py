"""Searches that ask for latent codes and are told their hardness, driven in step so that one batch serves all.

Beside the genetic algorithm (`genetic`), these are what it must beat at the same number of evaluations: codes at
random, CMA-ES (pycma) and MAP-Elites (pyribs), which like it see nothing but pictures and hardness, and gradient
descent through generator and indenter, which sees inside. `benchmark.METHODS` lists them all.
"""

import abc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from enamel_lib import microstructure, pic
from enamel_lib.errors import InputError

Generate = Callable[[np.ndarray], np.ndarray]  # codes (N, latent_dim) -> pictures (N, H, W, 3) uint8
Evaluate = Callable[[np.ndarray], np.ndarray]  # pictures -> hardness (N,), GPa, or with a penalty (2, N): see `judged`
Gradient = Callable[[np.ndarray, float], np.ndarray]  # codes, target -> slope of |hardness - target|, (N, latent_dim)
BATCH_SIZE = 5  # codes asked at a time, as many as the genetic algorithm's newcomers
REACHED = 0.05  # GPa; a target to which a design is nearer counts as reached
RULES = 1  # kept in files of searches; to be raised where a seed gives other codes than before


def distances(target: float, hardness: np.ndarray, penalty: np.ndarray) -> np.ndarray:
    """What a search makes small: the distance of each hardness from the target and its penalty together, GPa."""
    return np.abs(hardness - target) + penalty


@dataclass(frozen=True)
class SearchResult:
    """What one search for a `target`, GPa, found.

    `hardness` and `penalty` `(n,)`, GPa, are of all codes tried, in order, and `best_code` `(latent_dim,)` is the one
    nearest to the target, penalties added.
    """

    target: float
    hardness: np.ndarray
    penalty: np.ndarray
    best_code: np.ndarray

    @property
    def errors(self) -> np.ndarray:
        """Distance of the best so far from the target after each evaluation, its penalty added, `(n,)` GPa."""
        return np.minimum.accumulate(distances(self.target, self.hardness, self.penalty))


class Search(abc.ABC):
    """A search for one target, with a budget of `evaluations`, that ends once a code is within the `tolerance` (GPa).

    `gradient` (`judges.error_gradient`) is for searches that see inside the networks. `hardness`, `penalty` and
    `best_code` are what was found so far, as in `SearchResult`.
    """

    def __init__(
        self,
        latent_dim: int,
        target: float,
        *,
        evaluations: int,
        tolerance: float = 0.0,
        seed: int = 0,
        gradient: Gradient | None = None,
    ) -> None:
        self.latent_dim, self.target, self.evaluations, self.tolerance = latent_dim, target, evaluations, tolerance
        self.rng, self.gradient = np.random.default_rng(seed), gradient
        self.hardness, self.penalty = np.empty(0), np.empty(0)
        self.best_code = np.empty(0)

    @property
    def done(self) -> bool:
        """Whether the evaluations are spent, or the target is met."""
        errors = self.errors(self.hardness, self.penalty)
        return len(errors) >= self.evaluations or errors.min(initial=np.inf) < self.tolerance

    def errors(self, hardness: np.ndarray, penalty: np.ndarray) -> np.ndarray:
        """`distances` from the target."""
        return distances(self.target, hardness, penalty)

    @abc.abstractmethod
    def ask(self) -> np.ndarray:
        """Codes `(n, latent_dim)` to try next; the last of them may be more than are left to be spent."""

    def tell(self, codes: np.ndarray, hardness: np.ndarray, penalty: np.ndarray, pictures: np.ndarray) -> None:
        """Record codes tried, what was `judged` `(n,)` and pictures `(n, H, W, 3)`; subclasses learn from them."""
        before, self.hardness = len(self.hardness), np.append(self.hardness, hardness)
        self.penalty = np.append(self.penalty, penalty)
        nearest = self.errors(self.hardness, self.penalty).argmin()
        if nearest >= before:
            self.best_code = codes[nearest - before]


def run(
    searches: Sequence[Search], generate: Generate, evaluate: Evaluate, after: Callable[[], None] = lambda: None
) -> None:
    """Drive searches in step, all their codes in one batch, until each is done; `after` is called after every step."""
    while active := [search for search in searches if not search.done]:
        asked = [search.ask()[: search.evaluations - len(search.hardness)] for search in active]
        pictures = generate(np.concatenate(asked))
        ends = np.cumsum([len(codes) for codes in asked])[:-1]
        told = [np.split(each, ends) for each in (*judged(evaluate, pictures), pictures)]
        for search, codes, *parts in zip(active, asked, *told, strict=True):
            search.tell(codes, *parts)
        after()


def judged(evaluate: Evaluate, pictures: np.ndarray) -> np.ndarray:
    """Hardness and penalty of pictures, `(2, N)` GPa; a judge that gives hardness alone has no penalty.

    A penalty is added to the distance from any target. An InputError says that there is not one finite number for each.
    """
    read = np.asarray(evaluate(pictures), float)
    read = read if read.ndim == 2 else np.stack([read, np.zeros(read.shape)])
    if read.shape != (2, len(pictures)) or not np.isfinite(read).all():
        raise InputError(f"evaluate must give one finite number per picture, not an array {read.shape[1:]} or NaN")
    return read


class RandomSearch(Search):
    """Codes at random, as the generator was trained on."""

    def ask(self) -> np.ndarray:
        """Codes of mean 0 and standard deviation 1."""
        return self.rng.standard_normal((BATCH_SIZE, self.latent_dim))


class CmaEs(Search):
    """CMA-ES (Hansen, pycma) on the codes, with a diagonal covariance: some hundred trials cannot teach a full one.

    It starts from codes as the generator was trained on, mean 0 and standard deviation 1.
    """

    def __init__(self, latent_dim: int, target: float, **settings: Any) -> None:
        super().__init__(latent_dim, target, **settings)
        import cma

        options = {
            "CMA_diagonal": True,
            "popsize": 2 * BATCH_SIZE,
            "randn": lambda *shape: self.rng.standard_normal(shape),
            "seed": np.nan,  # leaves numpy's global generator alone
            "verbose": -9,
        }
        self.strategy = cma.CMAEvolutionStrategy(np.zeros(latent_dim), 1.0, options)

    def ask(self) -> np.ndarray:
        """Codes drawn from the normal distribution learnt so far."""
        return np.array(self.strategy.ask())

    def tell(self, codes: np.ndarray, hardness: np.ndarray, penalty: np.ndarray, pictures: np.ndarray) -> None:
        """Record, and move the distribution."""
        super().tell(codes, hardness, penalty, pictures)
        if len(codes) == self.strategy.popsize:  # a last, shorter batch teaches nothing any more
            self.strategy.tell(list(codes), self.errors(hardness, penalty))


class MapElites(Search):
    """MAP-Elites (Mouret & Clune 2015, pyribs): the best code for every kind of picture, varied along lines.

    Kinds are cells of mean brightness and misorientation of neighbours (`measures`).
    """

    CELLS = (20, 20)
    RANGES = ((0.0, 1.0), (0.0, 30.0))

    def __init__(self, latent_dim: int, target: float, **settings: Any) -> None:
        super().__init__(latent_dim, target, **settings)
        from ribs import archives, emitters

        seed = int(self.rng.integers(2**31))
        self.archive = archives.GridArchive(solution_dim=latent_dim, dims=self.CELLS, ranges=self.RANGES, seed=seed)
        first = self.rng.standard_normal((2 * BATCH_SIZE, latent_dim))
        self.emitter = emitters.IsoLineEmitter(
            self.archive, iso_sigma=0.2, line_sigma=0.5, initial_solutions=first, batch_size=BATCH_SIZE, seed=seed
        )

    def ask(self) -> np.ndarray:
        """Elites varied along the line to another."""
        return self.emitter.ask()

    def tell(self, codes: np.ndarray, hardness: np.ndarray, penalty: np.ndarray, pictures: np.ndarray) -> None:
        """Record, and put what is best of its kind into the archive."""
        super().tell(codes, hardness, penalty, pictures)
        self.archive.add(codes, -self.errors(hardness, penalty), measures(pictures))


class GradientDescent(Search):
    """Steepest descent of the distance from the target over directions; restarted when stuck.

    Each step rotates the code along the gradient by as much as a straight line to the target would need, at most half a
    radian; a step that does not help is halved. A gradient costs about three evaluations and is counted as one.
    """

    def __init__(self, latent_dim: int, target: float, **settings: Any) -> None:
        super().__init__(latent_dim, target, **settings)
        self._restart()

    def _restart(self) -> None:
        self.error, self.code, self.step = np.inf, np.zeros(self.latent_dim), 0.5
        self.next = self.rng.standard_normal(self.latent_dim)

    def ask(self) -> np.ndarray:
        """One code, as long as those that the generator was trained on."""
        self.next *= np.sqrt(self.latent_dim) / np.linalg.norm(self.next)
        return self.next[None]

    def tell(self, codes: np.ndarray, hardness: np.ndarray, penalty: np.ndarray, pictures: np.ndarray) -> None:
        """Record, and choose the next step."""
        super().tell(codes, hardness, penalty, pictures)
        error = float(self.errors(hardness, penalty)[0])
        if error < self.error:
            self.error, self.code, self.step = error, self.next, min(2 * self.step, 0.5)
            self.down = -self.gradient(self.code[None], self.target)[0]
        else:
            self.step /= 2
        length = np.linalg.norm(self.down) * np.linalg.norm(self.code)  # GPa per radian
        if self.step < 1e-3 or length == 0:
            self._restart()
        else:
            angle = min(self.step, self.error / length)
            self.next = self.code + angle * np.linalg.norm(self.code) * self.down / np.linalg.norm(self.down)


def measures(pictures: np.ndarray) -> np.ndarray:
    """Mean brightness (0 to 1) and mean misorientation at a lag of a 64th of the side (degrees): `(N, 2)`."""
    lag = max(1, round(len(pictures[0]) / 64))
    misorientation = [microstructure.lag_misorientation(pic.director(picture), (lag,))[0] for picture in pictures]
    return np.column_stack([pic.brightness(pictures).mean(axis=(1, 2)), misorientation])
