"""How the genetic algorithm makes newcomers, under three protocols (Lew 2023, Methods; DOMAIN.md D17-D23).

StyleGAN2 divides a latent code by its length before use, so only its direction shows in the picture. The published
operators add and multiply codes all the same; multiplying one then changes nothing. The audited ones turn directions,
so that each changes the picture.
"""

from dataclasses import dataclass

import numpy as np

OPERATORS = ("start", "interpolation", "extrapolation", "mutation", "specialization", "immigration")
NEWCOMERS = len(OPERATORS) - 1  # of each generation, in this order
SMALLEST_TURN = np.radians(0.5)  # a picture of 8 bits shows it
WIDEST_TURN = np.radians(20)  # from this far off the target on:
FAR = 0.3  # GPa


@dataclass(frozen=True)
class Rules:
    """What tells one protocol from another; D numbers are rows of DOMAIN.md.

    Attributes
    ----------
    sphere
        Operators turn directions and none makes a copy. Otherwise they add and multiply genes, and what follows counts.
    start_range, immigrant_range
        Genes are uniform in plus or minus this (D20: the code starts from twice the range of the text).
    one_scalar
        Mutation adds one number to all genes, a loop over the single row of an array (D17). Otherwise every gene is
        replaced on its own.
    mutant_is_child
        The interpolated child is changed in place, and both it and the mutant compete (D17). Otherwise a random member
        is mutated.
    specialize_parent
        The first parent is multiplied instead of a random member (D21).
    random_first
        Two random deaths come before the three of the worst, instead of after (D21).
    stops_when_equal
        After a quarter of the generations, stops as soon as fitness spreads over less than 0.01 GPa (D23).
    """

    sphere: bool = False
    start_range: float = 5.0
    immigrant_range: float = 5.0
    one_scalar: bool = False
    mutant_is_child: bool = False
    specialize_parent: bool = False
    random_first: bool = False
    stops_when_equal: bool = False


PROTOCOLS = {
    "paper": Rules(),
    "released": Rules(
        start_range=10.0,
        one_scalar=True,
        mutant_is_child=True,
        specialize_parent=True,
        random_first=True,
        stops_when_equal=True,
    ),
    "audited": Rules(sphere=True),
}


def start(rules: Rules, count: int, latent_dim: int, rng: np.random.Generator) -> np.ndarray:
    """Starting population `(count, latent_dim)`."""
    if rules.sphere:
        return unit(rng.standard_normal((count, latent_dim)))
    return rng.uniform(-rules.start_range, rules.start_range, (count, latent_dim))


def added(rules: Rules, codes: np.ndarray, convergence: float, rng: np.random.Generator) -> np.ndarray:
    """Newcomers by adding and multiplying genes, as published.

    Parameters
    ----------
    codes
        `(n, latent_dim)`, the population.
    convergence
        Difference of best and worst fitness, GPa; chance and size of mutation are inverse to it, with the constants of
        the released code. Once it falls below 1 every gene mutates, and soon nothing is left of the parent (D19).

    Returns
    -------
    newcomers
        `(5, latent_dim)` in the order of `OPERATORS[1:]`.
    """
    first, second = codes[rng.choice(len(codes), 2, replace=False)]
    near, far = rng.normal((0.5, 1.5), 0.2)
    child = near * first + (1 - near) * second
    mutated = child if rules.mutant_is_child else codes[rng.integers(len(codes))]
    chance, size = 1 / convergence, abs(rng.normal(2, 1)) / convergence
    where = rng.random(1 if rules.one_scalar else codes.shape[1]) < chance
    mutant = mutated + where * rng.normal(0, size, where.shape)
    special = first if rules.specialize_parent else codes[rng.integers(len(codes))]
    return np.stack(
        [
            mutant if rules.mutant_is_child else child,
            far * first + (1 - far) * second,
            mutant,
            special * rng.normal(1.5, 0.2),
            rng.uniform(-rules.immigrant_range, rules.immigrant_range, codes.shape[1]),
        ]
    )


def turned(codes: np.ndarray, off: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Newcomers by turning directions: the same five ideas on the sphere, none a copy of a member or of another.

    Children lie on the great circle through two parents: between them, and beyond the better one; the mutant is the
    best member turned by the gap, whichever way; the specialized member turns away from the population's mean
    direction; immigrants are directions at random. What comes nearer than the gap to another is turned away from it,
    again and again if need be. Far from the target the gap is wide (`WIDEST_TURN`), lest all crowd about one picture
    and search no further; it narrows as the best comes nearer than `FAR`.

    Parameters
    ----------
    codes
        `(n, latent_dim)` unit vectors.
    off
        `(n,)`, their distances from the target, GPa.

    Returns
    -------
    newcomers
        `(5, latent_dim)` unit vectors in the order of `OPERATORS[1:]`.
    """
    gap = np.clip(off.min() / FAR * WIDEST_TURN, SMALLEST_TURN, WIDEST_TURN)
    first, second = codes[sorted(rng.choice(len(codes), 2, replace=False), key=lambda index: off[index])]
    near, far, special = rng.normal((0.5, 1.5, 1.5), 0.2)
    newcomers = [
        on_circle(second, first, near),
        on_circle(second, first, far),
        turn(codes[off.argmin()], gap, rng),
        on_circle(unit(codes.sum(axis=0)), codes[rng.integers(len(codes))], special),
        unit(rng.standard_normal(codes.shape[1])),
    ]
    others = list(codes)
    for newcomer in newcomers:
        while (np.stack(others) @ newcomer).max() > np.cos(gap) + 1e-9:  # the mutant is at the gap, to rounding
            newcomer = turn(newcomer, gap, rng)
        others.append(newcomer)
    return np.stack(others[len(codes) :])


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors `(..., d)` divided by their length."""
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def on_circle(start: np.ndarray, end: np.ndarray, share: float) -> np.ndarray:
    """Point of the great circle through two unit vectors: `start` at a share of 0, `end` at 1."""
    angle = np.arctan2(np.linalg.norm(end - start * (start @ end)), start @ end)
    across = unit(end - start * (start @ end))
    return np.cos(share * angle) * start + np.sin(share * angle) * across


def turn(vector: np.ndarray, angle: float, rng: np.random.Generator) -> np.ndarray:
    """A unit vector turned by an angle in a direction at random."""
    across = rng.standard_normal(len(vector))
    return np.cos(angle) * vector + np.sin(angle) * unit(across - vector * (across @ vector))
