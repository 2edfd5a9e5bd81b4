"""Fit a texture to a map: find the `Texture` whose sections have the map's statistics (`microstructure.likeness`).

CMA-ES searches; every candidate is two sections of the map's size, half a band of Hunter and Schreger apart, of seeds
that change from generation to generation, so that no lucky place or seed is fitted. The distances are weighed by what
is wanted of them. Scatter of single crystals is not fitted: a map of figure scale does not show it.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from math import pi

import numpy as np
import pandas as pd

from enamel_lib import microstructure
from enamel_lib.simulate import simulator, texture
from enamel_lib.simulate.texture import Texture

SEARCH = {  # least, greatest; um, degrees, pitches; where DOMAIN.md A gives a range, within it
    "pitch": (4.2, 6.0),
    "azimuth": (20, 80),
    "tilt": (-80, -58),
    "decussation": (15, 35),
    "band": (90, 200),
    "band_angle": (20, 110),
    "head_angle": (190, 280),
    "fullness": (0.5, 0.65),
    "interrod": (0.01, 0.045),
    "roundness": (0.1, 0.35),
    "seam": (0.02, 0.4),
    "taper": (0.05, 0.25),
    "tail": (0.0, 0.25),
    "jitter": (0.05, 0.4),
    "warp": (0.4, 2.5),
    "ragged": (0.08, 0.25),
    "crystal_tilt": (-110, -10),
    "crystal_azimuth": (0, 110),
    "follow": (0.2, 1.4),
    "interrod_follow": (-0.2, 1.4),
    "bend": (0, 80),
    "interrod_bend": (28, 75),
    "rim": (-10, 30),
    "lean": (1, 11),
    "twist": (1, 14),
    "extra": (1, 15),
    "group": (2, 16),
    "waves": (0.5, 8),
    "exposure": (1.0, 1.25),
}
WORST = 5.0  # times what is wanted: farther is as bad, so that one measure cannot drown the others
FIRST_SEED = 5_000_000  # away from the seeds that anything is scored on


def fit(
    rgb: np.ndarray,
    *,
    pixel_size_um: float,
    start: Texture,
    generations: int = 40,
    population: int = 16,
    step: float = 0.05,
    seed: int = 0,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Texture, pd.DataFrame]:
    """Fit a texture to a PIC map `(H, W, 3)` uint8.

    Parameters
    ----------
    pixel_size_um
        Of the map, um.
    start
        Where the search begins.
    population, step
        Candidates a generation, and the first step as a share of each range in `SEARCH`.

    Returns
    -------
    texture, history
        The mean of the last generation's search distribution; and per generation `loss` (mean over its sections of the
        distances, each divided by what is wanted of it) and the mean of every distance.
    """
    import cma  # draws in matplotlib, which the other rooms do without

    wanted, low, high = microstructure.measures(rgb), *np.array(list(SEARCH.values()), float).T
    x = [(getattr(start, name) - a) / (b - a) for name, a, b in zip(SEARCH, low, high, strict=True)]
    settings = {"seed": seed + 1, "popsize": population, "bounds": [0, 1], "verbose": -9}
    search, history = cma.CMAEvolutionStrategy(np.clip(x, 0.02, 0.98), step, settings), []

    def texture_of(point: np.ndarray) -> Texture:
        return replace(start, **dict(zip(SEARCH, map(float, low + np.asarray(point) * (high - low)), strict=True)))

    def distances(point: np.ndarray, number: int) -> dict[str, float]:
        drawn = texture.with_phase(texture_of(point), np.random.default_rng([seed, number]))
        found = []
        for half in (0, 1):
            of = {"pixel_size_um": pixel_size_um, "seed": FIRST_SEED + 2 * number + half}
            made = simulator.section(rgb.shape[:2], texture=replace(drawn, phase=drawn.phase + half * pi), **of)
            found.append(microstructure.distances(microstructure.measures(made.rgb), wanted))
        return pd.DataFrame(found).mean().to_dict()

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for generation in range(generations):
            points = search.ask()
            found = pd.DataFrame(pool.map(distances, points, [generation] * population))
            losses = loss(found)
            search.tell(points, losses.tolist())
            history.append({"generation": generation, "loss": losses.mean(), "step": search.sigma, **found.mean()})
            progress(generation + 1, generations)
    return texture_of(search.result.xfavorite), pd.DataFrame(history)


def loss(distances: pd.DataFrame) -> pd.Series:
    """How far maps are: the mean of their distances, each divided by what is wanted; a measure not had counts worst."""
    ratios = distances / pd.Series(microstructure.WANTED)
    return ratios.fillna(WORST).clip(upper=WORST).mean(axis=1)
