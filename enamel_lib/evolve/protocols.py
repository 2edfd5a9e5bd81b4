"""How the genetic algorithm starts, makes newcomers, loses members and ends (Lew 2023, Methods; DOMAIN.md D17-D23).

A new protocol is one class and one entry in `PROTOCOLS`.
"""

import abc
from enum import StrEnum

import numpy as np

from enamel_lib.evolve.operators import mutated, on_circle, rotated, unit

FIRST_CONVERGENCE = 10.0  # GPa, before the first competition, as in the released code
SMALLEST_GAP = np.radians(0.5)  # a picture of 8 bits shows it
WIDEST_GAP = np.radians(20)  # where the best is off the target by this or more:
WIDEST_GAP_ERROR = 0.3  # GPa


class Protocol(abc.ABC):
    """The rules of a genetic algorithm; `errors` are distances of members from the target, `(n,)` GPa."""

    deaths = ("worst", "worst", "worst", "random", "random")  # in each generation, in this order

    @abc.abstractmethod
    def start(self, count: int, latent_dim: int, rng: np.random.Generator) -> np.ndarray:
        """Starting population `(count, latent_dim)`."""

    @abc.abstractmethod
    def newcomers(self, codes: np.ndarray, errors: np.ndarray, generation: int, rng: np.random.Generator) -> np.ndarray:
        """Newcomers of a generation, counted from 1, of a population `codes` `(n, latent_dim)`.

        They are `(5, latent_dim)`, in the order of `OPERATORS[1:]`.
        """

    def survivors(self, errors: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Indices of those that stay; the best never dies at random."""
        alive = list(range(len(errors)))
        for death in self.deaths:
            best, worst = min(alive, key=errors.__getitem__), max(alive, key=errors.__getitem__)
            alive.remove(worst if death == "worst" else rng.choice([index for index in alive if index != best]))
        return np.array(alive)

    def ends(self, errors: np.ndarray, generation: int, generations: int) -> bool:
        """Whether an evolution of so many `generations` ends already after this one; as published, never."""
        return False


class Paper(Protocol):
    """As the text says: genes are added and multiplied."""

    start_range = 5.0  # genes are uniform in plus or minus this; those of immigrants always in plus or minus 5

    def start(self, count: int, latent_dim: int, rng: np.random.Generator) -> np.ndarray:
        """Genes uniform in a range."""
        return rng.uniform(-self.start_range, self.start_range, (count, latent_dim))

    def newcomers(self, codes: np.ndarray, errors: np.ndarray, generation: int, rng: np.random.Generator) -> np.ndarray:
        """Two children on the line through two parents, a mutant, a member times about 1.5, and genes at random."""
        convergence = FIRST_CONVERGENCE if generation == 1 else max(np.ptp(errors), 1e-9)
        first, second = codes[rng.choice(len(codes), 2, replace=False)]
        near, far = rng.normal((0.5, 1.5), 0.2)
        child, mutant = self.child_and_mutant(near * first + (1 - near) * second, codes, convergence, rng)
        beyond = far * first + (1 - far) * second
        special = self.specialized(first, codes, rng) * rng.normal(1.5, 0.2)
        return np.stack([child, beyond, mutant, special, rng.uniform(-5, 5, codes.shape[1])])

    def child_and_mutant(
        self, child: np.ndarray, codes: np.ndarray, convergence: float, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """The interpolated child, and a mutant of a random member."""
        return child, mutated(codes[rng.integers(len(codes))], convergence, rng, genes=codes.shape[1])

    def specialized(self, parent: np.ndarray, codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Code that is multiplied: that of a random member."""
        return codes[rng.integers(len(codes))]


class Released(Paper):
    """As the released code does: where it differs from the text."""

    start_range = 10.0  # twice the range of the text (D20)
    deaths = ("random", "random", "worst", "worst", "worst")  # (D21)

    def child_and_mutant(
        self, child: np.ndarray, codes: np.ndarray, convergence: float, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """The child changed in place, so that it competes twice: a loop over the single row of an array adds one
        number to all genes (D17).
        """
        mutant = mutated(child, convergence, rng, genes=1)
        return mutant, mutant

    def specialized(self, parent: np.ndarray, codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Code that is multiplied: that of the first parent (D21)."""
        return parent

    def ends(self, errors: np.ndarray, generation: int, generations: int) -> bool:
        """After a quarter of the generations, as soon as fitness spreads over less than 0.01 GPa (D23)."""
        return bool(generation > generations / 4 + 1 and np.ptp(errors) < 0.01)


class Audited(Protocol):
    """The same five ideas on the sphere of directions, none a copy of a member or of another."""

    def start(self, count: int, latent_dim: int, rng: np.random.Generator) -> np.ndarray:
        """Directions at random."""
        return unit(rng.standard_normal((count, latent_dim)))

    def newcomers(self, codes: np.ndarray, errors: np.ndarray, generation: int, rng: np.random.Generator) -> np.ndarray:
        """Newcomers by rotating directions.

        Children lie on the great circle through two parents: between them, and beyond the better one; the mutant is
        the best member rotated by the gap, whichever way; the specialized member moves away from the population's mean
        direction; immigrants are directions at random. What comes nearer than the gap to another is rotated away from
        it, again and again if need be. Far from the target the gap is wide, lest all crowd about one picture and search
        no further; it narrows as the best comes near.
        """
        gap = np.clip(errors.min() / WIDEST_GAP_ERROR * WIDEST_GAP, SMALLEST_GAP, WIDEST_GAP)
        better, worse = codes[sorted(rng.choice(len(codes), 2, replace=False), key=errors.__getitem__)]
        near, far, special = rng.normal((0.5, 1.5, 1.5), 0.2)
        newcomers = [
            on_circle(worse, better, near),
            on_circle(worse, better, far),
            rotated(codes[errors.argmin()], gap, rng),
            on_circle(unit(codes.sum(axis=0)), codes[rng.integers(len(codes))], special),
            unit(rng.standard_normal(codes.shape[1])),
        ]
        others = list(codes)
        for newcomer in newcomers:
            while (np.stack(others) @ newcomer).max() > np.cos(gap) + 1e-9:  # the mutant is at the gap, to rounding
                newcomer = rotated(newcomer, gap, rng)
            others.append(newcomer)
        return np.stack(others[len(codes) :])


PROTOCOLS = {"paper": Paper(), "released": Released(), "audited": Audited()}
ProtocolName = StrEnum("ProtocolName", list(PROTOCOLS))  # choices of the command line
