"""Evolve pictures towards a target hardness: the genetic algorithm of Lew 2023 (Methods; Fig. 5), three ways.

A member of the population is a latent code of the generator; its hardness is what the indenter reads off its picture.
Each generation makes five newcomers from ten members (`protocols`) and discards five of the fifteen. Only newcomers are
generated and evaluated, in one batch for all targets.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from enamel_lib import checkpoints, structured
from enamel_lib.errors import InputError, check_choice
from enamel_lib.evolve import search
from enamel_lib.evolve.operators import NEWCOMERS, OPERATORS
from enamel_lib.evolve.protocols import PROTOCOLS

POPULATION = 10
HARDEST = 20.0  # GPa; enamel has 2 to 7, and a search may be sent beyond, to see where it ends
TRACE = ("hardness", "penalty", "operators", "born")


@dataclass(frozen=True)
class History:
    """What happened in one evolution towards a `target`, GPa, in G generations.

    Of the survivors, first of the starting population, `hardness` and `penalty` are `(G + 1, 10)` GPa, `operators`
    where each came from, an index into `operators.OPERATORS`, and `born` in which generation it was made. `codes`
    `(10, latent_dim)` are those of the last population.
    """

    target: float
    hardness: np.ndarray
    penalty: np.ndarray
    operators: np.ndarray
    born: np.ndarray
    codes: np.ndarray

    @property
    def generations(self) -> int:
        """How many there were after the starting population."""
        return len(self.hardness) - 1

    @property
    def errors(self) -> np.ndarray:
        """Distances of the survivors from the target, penalties added, `(G + 1, 10)` GPa."""
        return search.distances(self.target, self.hardness, self.penalty)

    @property
    def evaluations(self) -> int:
        """Codes generated and evaluated."""
        return POPULATION + NEWCOMERS * self.generations

    @property
    def best(self) -> int:
        """Index of the last population's member nearest to the target."""
        return int(self.errors[-1].argmin())

    @property
    def best_code(self) -> np.ndarray:
        """`(latent_dim,)`, the final design."""
        return self.codes[self.best]

    @property
    def best_hardness(self) -> float:
        """Predicted hardness of the final design, GPa."""
        return float(self.hardness[-1, self.best])

    def to_frame(self) -> pd.DataFrame:
        """One row per generation: hardness (mean, sd, best, worst, GPa) and how many survivors each operator made.

        Best and worst are those nearest to and farthest from the target, penalties added.
        """
        errors = self.errors
        rows = np.arange(len(errors))
        table = {
            "generation": rows,
            "mean": self.hardness.mean(axis=1),
            "sd": self.hardness.std(axis=1),
            "best": self.hardness[rows, errors.argmin(axis=1)],
            "worst": self.hardness[rows, errors.argmax(axis=1)],
        }
        table |= {name: (self.operators == index).sum(axis=1) for index, name in enumerate(OPERATORS)}
        return pd.DataFrame(table)


def finals(histories: Sequence[History]) -> pd.DataFrame:
    """Final designs by target: `hardness` and `error` (GPa), `generations`, `evaluations`."""
    rows = [(each.target, each.best_hardness, each.generations, each.evaluations) for each in histories]
    table = pd.DataFrame(rows, columns=["target (GPa)", "hardness", "generations", "evaluations"])
    table.insert(2, "error", (table["hardness"] - table["target (GPa)"]).abs())
    return table.set_index("target (GPa)")


class GeneticAlgorithm(search.Search):
    """One population on its way to one target, by a protocol of `protocols.PROTOCOLS`."""

    def __init__(self, latent_dim: int, target: float, *, protocol: str = "audited", **settings: Any) -> None:
        check_choice("protocol", protocol, PROTOCOLS)
        check_target(target)
        super().__init__(latent_dim, float(target), **settings)
        self.protocol = PROTOCOLS[protocol]
        self.codes = np.empty((0, latent_dim))
        self.trace: dict[str, list[np.ndarray]] = {name: [] for name in TRACE}

    @property
    def generation(self) -> int:
        """Number of that which is asked for next; 0 is the starting population."""
        return len(self.trace["hardness"])

    @property
    def members(self) -> np.ndarray:
        """Errors of the members, `(10,)` GPa."""
        return self.errors(self.trace["hardness"][-1], self.trace["penalty"][-1])

    def ask(self) -> np.ndarray:
        """Codes to try: the starting population, later five newcomers."""
        if not self.generation:
            return self.protocol.start(POPULATION, self.latent_dim, self.rng)
        return self.protocol.newcomers(self.codes, self.members, self.generation, self.rng)

    def tell(self, codes: np.ndarray, hardness: np.ndarray, penalty: np.ndarray, pictures: np.ndarray) -> None:
        """Record, and let the newcomers compete, unless the budget cut them short."""
        super().tell(codes, hardness, penalty, pictures)
        if not self.generation:
            zeros = np.zeros(len(codes), int)
            newest, alive = (hardness, penalty, zeros, zeros), np.arange(len(codes))
        elif len(codes) == NEWCOMERS:
            newcomers = (hardness, penalty, np.arange(1, NEWCOMERS + 1), np.full(NEWCOMERS, self.generation))
            newest = [np.append(self.trace[name][-1], new) for name, new in zip(TRACE, newcomers, strict=True)]
            alive = self.protocol.survivors(self.errors(*newest[:2]), self.rng)
        else:
            return
        self.codes = np.concatenate([self.codes, codes])[alive]
        for name, values in zip(TRACE, newest, strict=True):
            self.trace[name].append(values[alive])


class Evolution(GeneticAlgorithm):
    """The genetic algorithm as Fig. 5 runs it: a number of generations, less if all members meet the target.

    The protocol may end it, too. It can be kept and restored, without what is not in its history.
    """

    def __init__(self, latent_dim: int, target: float, *, generations: int, **settings: Any) -> None:
        if generations < 1:
            raise InputError(f"{generations} generations cannot be run; give 1 or more")
        super().__init__(latent_dim, target, evaluations=POPULATION + NEWCOMERS * generations, **settings)
        self.generations = generations

    @property
    def done(self) -> bool:
        """Whether generations are used up, all members meet the target, or the protocol says stop."""
        if not self.generation:
            return False
        last, errors = self.generation - 1, self.members
        ended = last >= self.generations or errors.max() < self.tolerance
        return bool(ended or self.protocol.ends(errors, last, self.generations))

    def history(self) -> History:
        """What happened so far."""
        return History(self.target, **{name: np.stack(self.trace[name]) for name in TRACE}, codes=self.codes)


def check_target(target: float) -> None:
    """Raise `InputError` if a number is not between 0 and `HARDEST`, GPa."""
    if not 0 < target < HARDEST:
        raise InputError(f"a target of {target} GPa: give 0 to {HARDEST:g}, both excluded; enamel has 2 to 7 GPa")


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
    anew: bool = False,
    networks: Mapping[str, str] = MappingProxyType({}),
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> History | list[History]:
    """Evolve a population of latent codes towards a target hardness.

    Parameters
    ----------
    target
        GPa; several are evolved side by side, each a population of its own, in one batch, and have a history each.
    protocol
        A key of `protocols.PROTOCOLS`.
    generations
        At most so many. The authors gave 1,000 and stopped by their rule after 252 (`released` has that rule).
    tolerance
        Stop as soon as the whole population is nearer to the target than this, GPa; 0 never stops before the end.
    seed
        The n-th target has the seed `seed + n`.
    checkpoint
        A file written after every generation; if it is there, the search goes on from it, with the same outcome.
    anew
        Start from nothing and replace a checkpoint that is there, once there is one to replace it.
    networks
        What tells generator and indenter from others, for the checkpoint.
    progress
        Called with generations done and to be done.

    Raises
    ------
    InputError
        If a target, the protocol or the number of generations cannot be used.
    ModelError
        If the checkpoint is damaged or of another search.
    """
    targets = [float(each) for each in np.atleast_1d(target)]
    settings = {"protocol": protocol, "generations": generations, "tolerance": tolerance}
    evolutions = [Evolution(latent_dim, each, seed=seed + index, **settings) for index, each in enumerate(targets)]
    path = Path(checkpoint) if checkpoint else None
    identity = {
        "targets": targets,
        "protocol": protocol,
        "seed": seed,
        "latent_dim": latent_dim,
        "rules": search.RULES,
        **networks,
    }
    if path and path.exists() and not anew:
        _load(path, identity, evolutions)

    def after() -> None:
        if path:
            _save(path, identity, evolutions)
        progress(max(each.generation for each in evolutions) - 1, generations)

    search.run(evolutions, generate, evaluate, after)
    histories = [each.history() for each in evolutions]
    return histories[0] if np.isscalar(target) else histories


def _save(path: Path, identity: dict[str, Any], evolutions: Sequence[Evolution]) -> None:
    arrays = {name: [np.stack(each.trace[name]) for each in evolutions] for name in TRACE}
    arrays["codes"] = [each.codes for each in evolutions]
    about = identity | {"rngs": [each.rng.bit_generator.state for each in evolutions]}
    checkpoints.write_checkpoint(path, about, arrays)


def _load(path: Path, identity: dict[str, Any], evolutions: Sequence[Evolution]) -> None:
    about, arrays = checkpoints.read_checkpoint(path)
    checkpoints.must_be_of(path, about, identity)
    with structured.restoring(path):
        for index, each in enumerate(evolutions):
            trace = {name: arrays[name][index] for name in TRACE}
            if {values.shape for values in trace.values()} != {(len(trace["hardness"]), POPULATION)}:
                raise ValueError("its traces differ in length")
            if not np.isfinite([trace["hardness"], trace["penalty"]]).all():
                raise ValueError("its hardness is no number")
            each.codes = arrays["codes"][index].reshape(POPULATION, each.latent_dim)
            each.trace = {name: list(values) for name, values in trace.items()}
            each.rng.bit_generator.state = about["rngs"][index]
