"""Searches that ask for latent codes and are told their hardness, driven in step so that one batch serves all.

Beside the genetic algorithm (`evolve`), these are what it must beat at the same number of evaluations: codes at random,
CMA-ES (pycma) and MAP-Elites (pyribs), which like it see nothing but pictures and hardness, and gradient descent
through generator and indenter (`Descent`), which sees inside.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from enamel_lib import microstructure, pic
from enamel_lib.errors import InputError

Generate = Callable[[np.ndarray], np.ndarray]  # codes (N, latent_dim) -> pictures (N, H, W, 3) uint8
Evaluate = Callable[[np.ndarray], np.ndarray]  # pictures -> hardness (N,), GPa
Slope = Callable[[np.ndarray, float], np.ndarray]  # codes, target -> gradient of |hardness - target|, (N, latent_dim)
BATCH = 5  # codes asked at a time, as many as the genetic algorithm's newcomers


class Search(Protocol):
    """What `run` drives."""

    @property
    def done(self) -> bool:
        """Whether nothing more is asked."""

    def ask(self) -> np.ndarray:
        """Codes `(n, latent_dim)` to try next."""

    def tell(self, hardness: np.ndarray, pictures: np.ndarray) -> None:
        """Hardness `(n,)` in GPa and pictures `(n, H, W, 3)` of the codes asked last."""


def run(
    searches: Sequence[Search], generate: Generate, evaluate: Evaluate, after: Callable[[], None] = lambda: None
) -> None:
    """Drive searches in step, all their codes in one batch, until each is done; `after` is called after every step.

    Raises
    ------
    InputError
        If `evaluate` does not give one finite number for each picture.
    """
    while active := [search for search in searches if not search.done]:
        asked = [search.ask() for search in active]
        pictures = generate(np.concatenate(asked))
        hardness = np.asarray(evaluate(pictures), float)
        if hardness.shape != (len(pictures),) or not np.isfinite(hardness).all():
            raise InputError(f"evaluate must give one finite number per picture, not an array {hardness.shape} or NaN")
        ends = np.cumsum([len(codes) for codes in asked])[:-1]
        for search, *parts in zip(active, np.split(hardness, ends), np.split(pictures, ends), strict=True):
            search.tell(*parts)
        after()


class Sampling:
    """Codes at random, as the generator was trained on; also the base of the others.

    Parameters
    ----------
    latent_dim
        Genes of a code.
    target
        GPa.
    evaluations
        To be spent.
    tolerance
        Stop as soon as a code is nearer to the target than this, GPa.

    Attributes
    ----------
    hardness
        Of all codes tried, in order, GPa.
    best_code
        `(latent_dim,)`, the one nearest to the target.
    """

    def __init__(
        self, latent_dim: int, target: float, *, evaluations: int, tolerance: float = 0.0, seed: int = 0
    ) -> None:
        self.latent_dim, self.target, self.evaluations, self.tolerance = latent_dim, target, evaluations, tolerance
        self.rng = np.random.default_rng(seed)
        self.hardness = np.empty(0)
        self.best_code = np.empty(0)

    @property
    def done(self) -> bool:
        """Whether the evaluations are spent, or the target is met."""
        spent = len(self.hardness) >= self.evaluations
        return spent or (len(self.hardness) > 0 and abs(self.best_hardness - self.target) < self.tolerance)

    @property
    def best_hardness(self) -> float:
        """Nearest to the target so far, GPa."""
        return float(self.hardness[np.abs(self.hardness - self.target).argmin()])

    def ask(self) -> np.ndarray:
        """Codes to try, no more than are left to be spent."""
        self.asked = self._propose()[: self.evaluations - len(self.hardness)]
        return self.asked

    def tell(self, hardness: np.ndarray, pictures: np.ndarray) -> None:
        """Record, and learn."""
        nearest = np.abs(hardness - self.target).argmin()
        if not len(self.hardness) or abs(hardness[nearest] - self.target) < abs(self.best_hardness - self.target):
            self.best_code = self.asked[nearest]
        self.hardness = np.append(self.hardness, hardness)
        self._learn(hardness, pictures)

    def _propose(self) -> np.ndarray:
        return self.rng.standard_normal((BATCH, self.latent_dim))

    def _learn(self, hardness: np.ndarray, pictures: np.ndarray) -> None:
        pass


class CmaEs(Sampling):
    """CMA-ES (Hansen, pycma) on the codes, with a diagonal covariance: some hundred trials cannot teach a full one.

    It starts from codes as the generator was trained on, mean 0 and standard deviation 1.
    """

    def __init__(self, latent_dim: int, target: float, **settings: Any) -> None:
        super().__init__(latent_dim, target, **settings)
        import cma

        options = {
            "CMA_diagonal": True,
            "popsize": 2 * BATCH,
            "randn": lambda *shape: self.rng.standard_normal(shape),
            "seed": np.nan,  # leaves numpy's global generator alone
            "verbose": -9,
        }
        self.strategy = cma.CMAEvolutionStrategy(np.zeros(latent_dim), 1.0, options)

    def _propose(self) -> np.ndarray:
        return np.array(self.strategy.ask())

    def _learn(self, hardness: np.ndarray, pictures: np.ndarray) -> None:
        if len(hardness) == self.strategy.popsize:  # a last, shorter batch teaches nothing any more
            self.strategy.tell(list(self.asked), np.abs(hardness - self.target))


class MapElites(Sampling):
    """MAP-Elites (Mouret & Clune 2015, pyribs): the best code for every kind of picture, varied along lines.

    Kinds are cells of mean brightness and misorientation of neighbours (`traits`).
    """

    CELLS = (20, 20)
    RANGES = ((0.0, 1.0), (0.0, 30.0))

    def __init__(self, latent_dim: int, target: float, **settings: Any) -> None:
        super().__init__(latent_dim, target, **settings)
        from ribs import archives, emitters

        seed = int(self.rng.integers(2**31))
        self.archive = archives.GridArchive(solution_dim=latent_dim, dims=self.CELLS, ranges=self.RANGES, seed=seed)
        first = self.rng.standard_normal((2 * BATCH, latent_dim))
        self.emitter = emitters.IsoLineEmitter(
            self.archive, iso_sigma=0.2, line_sigma=0.5, initial_solutions=first, batch_size=BATCH, seed=seed
        )

    def _propose(self) -> np.ndarray:
        return self.emitter.ask()

    def _learn(self, hardness: np.ndarray, pictures: np.ndarray) -> None:
        self.archive.add(self.asked, -np.abs(hardness - self.target), traits(pictures))


class Descent(Sampling):
    """Steepest descent of the distance from the target over directions, `slope` being known; restarted when stuck.

    Each step turns the code along the gradient by as much as a straight line to the target would need, at most half a
    radian; a step that does not help is halved. A gradient costs about three evaluations and is counted as one.
    """

    def __init__(self, latent_dim: int, target: float, slope: Slope, **settings: Any) -> None:
        super().__init__(latent_dim, target, **settings)
        self.slope = slope
        self._restart()

    def _restart(self) -> None:
        self.off, self.code, self.step = np.inf, np.zeros(self.latent_dim), 0.5
        self.next = self.rng.standard_normal(self.latent_dim)

    def _propose(self) -> np.ndarray:
        self.next *= np.sqrt(self.latent_dim) / np.linalg.norm(self.next)
        return self.next[None]

    def _learn(self, hardness: np.ndarray, pictures: np.ndarray) -> None:
        off = abs(float(hardness[0]) - self.target)
        if off < self.off:
            self.off, self.code, self.step = off, self.next, min(2 * self.step, 0.5)
            self.down = -self.slope(self.code[None], self.target)[0]
        else:
            self.step /= 2
        length = np.linalg.norm(self.down) * np.linalg.norm(self.code)  # GPa per radian
        if self.step < 1e-3 or length == 0:
            self._restart()
        else:
            angle = min(self.step, self.off / length)
            self.next = self.code + angle * np.linalg.norm(self.code) * self.down / np.linalg.norm(self.down)


def traits(pictures: np.ndarray) -> np.ndarray:
    """Mean brightness (0 to 1) and mean misorientation at a lag of a 64th of the side (degrees): `(N, 2)`."""
    lag = max(1, round(len(pictures[0]) / 64))
    found = []
    for picture in pictures:
        turn = microstructure.lag_misorientation(pic.to_director(*pic.decode(picture)), (lag,))
        found.append((picture.max(axis=-1).mean() / 255, turn[0]))
    return np.array(found)
