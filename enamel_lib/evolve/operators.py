"""What the operators of the genetic algorithm are made of: genes added and multiplied, or directions rotated.

StyleGAN2 divides a latent code by its length before use, so only its direction shows in the picture. The published
operators add and multiply codes all the same; multiplying one then changes nothing. The audited ones rotate directions,
so that each changes the picture. `protocols` puts them together.
"""

import numpy as np

OPERATORS = ("start", "interpolation", "extrapolation", "mutation", "specialization", "immigration")
NEWCOMERS = len(OPERATORS) - 1  # of each generation, in this order


def mutated(code: np.ndarray, convergence: float, rng: np.random.Generator, *, genes: int) -> np.ndarray:
    """A code `(latent_dim,)` with random numbers added to its genes.

    Chance and size of mutation are inverse to the `convergence`, the difference of best and worst fitness, GPa, with
    the constants of the released code. Once it falls below 1 every gene mutates, and soon nothing is left of the parent
    (D19). So many `genes` mutate on their own: all, or 1, whose number is added to all the others too.
    """
    chance, size = 1 / convergence, abs(rng.normal(2, 1)) / convergence
    where = rng.random(genes) < chance
    return code + where * rng.normal(0, size, genes)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors `(..., d)` divided by their length."""
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def on_circle(start: np.ndarray, end: np.ndarray, share: float) -> np.ndarray:
    """Point of the great circle through two unit vectors: `start` at a share of 0, `end` at 1."""
    angle = np.arctan2(np.linalg.norm(end - start * (start @ end)), start @ end)
    across = unit(end - start * (start @ end))
    return np.cos(share * angle) * start + np.sin(share * angle) * across


def rotated(vector: np.ndarray, angle: float, rng: np.random.Generator) -> np.ndarray:
    """A unit vector rotated by an angle in a direction at random."""
    across = rng.standard_normal(len(vector))
    return np.cos(angle) * vector + np.sin(angle) * unit(across - vector * (across @ vector))
