"""Evolve pictures towards a target hardness: the genetic algorithm of Lew 2023 (Methods; Fig. 5), three ways.

A member of the population is a latent code of the generator; its hardness is what the indenter reads off its picture.
Each generation makes five newcomers from ten members (`breeding`) and discards five of the fifteen. Only newcomers are
generated and evaluated, in one batch for all targets.
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from enamel_lib import paths
from enamel_lib.errors import InputError, ModelError, check_choice
from enamel_lib.evolve import operators as breeding
from enamel_lib.evolve import search
from enamel_lib.evolve.operators import NEWCOMERS, OPERATORS, PROTOCOLS

if TYPE_CHECKING:
    import pandas as pd

POPULATION = 10
FIRST_CONVERGENCE = 10.0  # GPa, before the first competition, as in the released code
HARDEST = 20.0  # GPa; enamel has 2 to 7
TRACE = ("hardness", "operators", "born")


@dataclass(frozen=True)
class History:
    """What happened in one search.

    Attributes
    ----------
    target
        GPa.
    hardness
        `(G + 1, 10)` GPa of the survivors, first of the starting population.
    operators
        `(G + 1, 10)`, where each survivor came from, an index into `breeding.OPERATORS`.
    born
        `(G + 1, 10)`, generation in which each survivor was made.
    codes
        `(10, latent_dim)`, the last population.
    evaluations
        Codes generated and evaluated.
    """

    target: float
    hardness: np.ndarray
    operators: np.ndarray
    born: np.ndarray
    codes: np.ndarray
    evaluations: int

    @property
    def best(self) -> int:
        """Index of the last population's member nearest to the target."""
        return int(np.abs(self.hardness[-1] - self.target).argmin())

    @property
    def best_code(self) -> np.ndarray:
        """`(latent_dim,)`, the final design."""
        return self.codes[self.best]

    @property
    def best_hardness(self) -> float:
        """Predicted hardness of the final design, GPa."""
        return float(self.hardness[-1, self.best])

    def to_frame(self) -> "pd.DataFrame":
        """One row per generation: hardness (mean, sd, best, worst, GPa) and how many survivors each operator made.

        Best and worst are those nearest to and farthest from the target.
        """
        import pandas as pd

        off = np.abs(self.hardness - self.target)
        rows = np.arange(len(off))
        table = {
            "generation": rows,
            "mean": self.hardness.mean(axis=1),
            "sd": self.hardness.std(axis=1),
            "best": self.hardness[rows, off.argmin(axis=1)],
            "worst": self.hardness[rows, off.argmax(axis=1)],
        }
        table |= {name: (self.operators == index).sum(axis=1) for index, name in enumerate(OPERATORS)}
        return pd.DataFrame(table)


class GeneticAlgorithm:
    """One population on its way to one target, a `search.Search`; `evolve` says what the parameters are."""

    def __init__(
        self,
        latent_dim: int,
        target: float,
        *,
        protocol: str = "audited",
        generations: int = 250,
        tolerance: float = 0.0,
        seed: int = 0,
    ) -> None:
        check_choice("protocol", protocol, PROTOCOLS)
        if generations < 1:
            raise InputError(f"{generations} generations cannot be run; give 1 or more")
        check_target(target)
        self.target, self.generations, self.tolerance = float(target), generations, tolerance
        self.rules, self.rng = PROTOCOLS[protocol], np.random.default_rng(seed)
        self.identity = {"target": self.target, "protocol": protocol, "seed": seed, "latent_dim": latent_dim}
        self.codes = np.empty((0, latent_dim))
        self.trace: dict[str, list[np.ndarray]] = {name: [] for name in TRACE}
        self.evaluations = 0

    @property
    def done(self) -> bool:
        """Whether generations are used up, all members meet the target, or the rules say stop."""
        if not self.evaluations:
            return False
        off, generation = self._off(), len(self.trace["hardness"]) - 1
        equal = self.rules.stops_when_equal and generation > self.generations / 4 + 1 and np.ptp(off) < 0.01
        return bool(generation >= self.generations or off.max() < self.tolerance or equal)

    def ask(self) -> np.ndarray:
        """Codes to try: the starting population, later five newcomers."""
        if not self.evaluations:
            self.newcomers = breeding.start(self.rules, POPULATION, self.codes.shape[1], self.rng)
        elif self.rules.sphere:
            self.newcomers = breeding.turned(self.codes, self._off(), self.rng)
        else:
            first = len(self.trace["hardness"]) == 1
            convergence = FIRST_CONVERGENCE if first else max(np.ptp(self._off()), 1e-9)
            self.newcomers = breeding.added(self.rules, self.codes, convergence, self.rng)
        return self.newcomers

    def tell(self, hardness: np.ndarray, pictures: np.ndarray | None = None) -> None:
        """Let the newcomers compete."""
        generation = len(self.trace["hardness"])
        operators = np.arange(1, NEWCOMERS + 1) if generation else np.zeros(POPULATION, int)
        newest = (hardness, operators, np.full(len(hardness), generation))
        if generation:
            newest = [np.append(self.trace[name][-1], new) for name, new in zip(TRACE, newest, strict=True)]
        everyone = np.concatenate([self.codes, self.newcomers])
        alive = self._survivors(np.abs(newest[0] - self.target)) if generation else np.arange(POPULATION)
        self.codes = everyone[alive]
        for name, values in zip(TRACE, newest, strict=True):
            self.trace[name].append(values[alive])
        self.evaluations += len(hardness)

    def history(self) -> History:
        """What happened so far."""
        trace = {name: np.stack(values) for name, values in self.trace.items()}
        return History(self.target, **trace, codes=self.codes, evaluations=self.evaluations)

    def state(self) -> dict[str, np.ndarray]:
        """All that is needed to go on, as arrays."""
        arrays = {name: np.stack(values) for name, values in self.trace.items()}
        numbers = {"identity": self.identity, "rng": self.rng.bit_generator.state, "evaluations": self.evaluations}
        return arrays | {"codes": self.codes, "numbers": np.array(json.dumps(numbers))}

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from a `state`, maybe towards more generations.

        Raises
        ------
        ModelError
            If it is the state of another search.
        """
        numbers = json.loads(str(state["numbers"]))
        if numbers["identity"] != self.identity:
            raise ModelError(f"the checkpoint is of another search, {numbers['identity']}; remove it or name another")
        self.codes, self.evaluations = state["codes"], numbers["evaluations"]
        self.rng.bit_generator.state = numbers["rng"]
        self.trace = {name: list(state[name]) for name in TRACE}

    def _off(self) -> np.ndarray:
        return np.abs(self.trace["hardness"][-1] - self.target)

    def _survivors(self, off: np.ndarray) -> np.ndarray:
        """Indices of those that stay: without the three worst, and two at random that are not the best."""
        alive = list(range(len(off)))
        deaths = [False] * 3 + [True] * 2  # at random?
        for at_random in sorted(deaths, reverse=True) if self.rules.random_first else deaths:
            best, worst = (choose(alive, key=lambda index: off[index]) for choose in (min, max))
            alive.remove(self.rng.choice([index for index in alive if index != best]) if at_random else worst)
        return np.array(alive)


def check_target(target: float) -> None:
    """Raise `InputError` if a number is no hardness at all."""
    if not 0 < target < HARDEST:
        raise InputError(f"a target of {target} GPa is no hardness of enamel, which has 2 to 7 GPa")


def evolve(
    generate: search.Generate,
    evaluate: search.Evaluate,
    target: float | Sequence[float],
    *,
    latent_dim: int = 512,
    protocol: str = "audited",
    generations: int = 250,
    tolerance: float = 0.0,
    seed: int = 0,
    checkpoint: str | os.PathLike | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> History | list[History]:
    """Evolve a population of latent codes towards a target hardness.

    Parameters
    ----------
    generate
        Codes `(N, latent_dim)` to pictures `(N, H, W, 3)`.
    evaluate
        Pictures to hardness `(N,)`, GPa.
    target
        GPa; several are evolved side by side, each a population of its own, in one batch.
    protocol
        A key of `breeding.PROTOCOLS`.
    generations
        At most so many. The authors gave 1,000 and stopped by their rule after 252 (`released` has that rule).
    tolerance
        Stop as soon as the whole population is nearer to the target than this, GPa; 0 never stops before the end.
    seed
        The n-th target has the seed `seed + n`.
    checkpoint
        A file written after every generation; if it is there, the search goes on from it, with the same outcome.
    progress
        Called with generations done and to be done.

    Returns
    -------
    History or list of History
        One for each target.

    Raises
    ------
    InputError
        If a target, the protocol or the number of generations cannot be used.
    ModelError
        If the checkpoint is damaged or of another search.
    """
    targets = [target] if np.isscalar(target) else list(target)
    populations = [
        GeneticAlgorithm(
            latent_dim, each, protocol=protocol, generations=generations, tolerance=tolerance, seed=seed + index
        )
        for index, each in enumerate(targets)
    ]
    path = Path(checkpoint) if checkpoint else None
    if path and path.exists():
        _load(path, populations)

    def after() -> None:
        if path:
            _save(path, populations)
        progress(max(len(population.trace["hardness"]) for population in populations) - 1, generations)

    search.run(populations, generate, evaluate, after)
    histories = [population.history() for population in populations]
    return histories[0] if np.isscalar(target) else histories


def _save(path: Path, populations: Sequence[GeneticAlgorithm]) -> None:
    arrays = {f"{index}/{name}": a for index, each in enumerate(populations) for name, a in each.state().items()}
    with paths.atomic(path) as temporary:
        np.savez(temporary, **arrays)


def _load(path: Path, populations: Sequence[GeneticAlgorithm]) -> None:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            states = [
                {name.partition("/")[2]: arrays[name] for name in arrays.files if name.startswith(f"{index}/")}
                for index in range(len(populations))
            ]
            count = len({name.partition("/")[0] for name in arrays.files})
        if count != len(populations):
            raise ModelError(f"{path}: the checkpoint has {count} targets instead of {len(populations)}; remove it")
        for population, state in zip(populations, states, strict=True):
            population.restore(state)
    except ModelError:
        raise
    except Exception as error:  # a damaged file fails in any way
        raise ModelError(f"{path}: the checkpoint cannot be read ({error}); remove it to start anew") from None
