"""Searches that ask for latent codes and are told their hardness, driven in step so that one batch serves all.

Beside the genetic algorithm (`evolve`), these are what it must beat at the same number of evaluations: codes at random,
CMA-ES (pycma), MAP-Elites (pyribs), and gradient descent through generator and indenter. All but the last see nothing
but pictures and their hardness.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from enamel_lib.errors import InputError

Generate = Callable[[np.ndarray], np.ndarray]  # codes (N, latent_dim) -> pictures (N, H, W, 3) uint8
Evaluate = Callable[[np.ndarray], np.ndarray]  # pictures -> hardness (N,), GPa


class Search(Protocol):
    """What `run` drives."""

    @property
    def done(self) -> bool:
        """Whether nothing more is asked."""

    def ask(self) -> np.ndarray:
        """Codes `(n, latent_dim)` to try next."""

    def tell(self, hardness: np.ndarray) -> None:
        """Hardness `(n,)` of the codes asked last, GPa."""


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
        hardness = np.asarray(evaluate(generate(np.concatenate(asked))), float)
        if hardness.shape != (sum(map(len, asked)),) or not np.isfinite(hardness).all():
            raise InputError(f"evaluate must give one finite number per picture, not an array {hardness.shape} or NaN")
        ends = np.cumsum([len(codes) for codes in asked])[:-1]
        for search, part in zip(active, np.split(hardness, ends), strict=True):
            search.tell(part)
        after()
