"""The inverse question: which textures of c-axes reach a wanted hardness, by a model of what c-axes mean.

Of all that do, the one is given that is nearest to no texture at all (of the greatest entropy): random c-axes,
weighted by exp(tilt x hardness) (Jaynes 1957). Its mean is that of the hardness; grains are taken to bear alike.
"""

import numpy as np
from scipy import optimize

from enamel_lib.dense.axes import AxisIndenter
from enamel_lib.errors import InputError

COUNT = 4000  # directions over the half sphere
MOST_TILT = 200.0  # per GPa: by then nearly all c-axes are the best one
BINS_DEG = np.arange(0, 91, 5)


def directions(count: int = COUNT) -> np.ndarray:
    """Give directions `(count, 3)`, evenly over the half sphere (a Fibonacci lattice)."""
    z = (np.arange(count) + 0.5) / count
    turn = np.pi * (3 - np.sqrt(5)) * np.arange(count)
    flat = np.sqrt(1 - z**2)
    return np.stack([flat * np.cos(turn), flat * np.sin(turn), z], axis=-1)


def reaching(model: AxisIndenter, wanted: float) -> np.ndarray:
    """Weights `(COUNT,)` of the `directions`, sum 1, of the least textured material of a wanted mean hardness, GPa.

    Raises InputError, with what can be reached, if no texture reaches it.
    """
    hardness = np.exp(model.log_hardness(directions()))

    def weights(tilt: float) -> np.ndarray:
        found = np.exp(tilt * (hardness - (hardness.max() if tilt > 0 else hardness.min())))
        return found / found.sum()

    low, high = (float(weights(tilt) @ hardness) for tilt in (-MOST_TILT, MOST_TILT))
    if not low < wanted < high:
        raise InputError(f"{wanted:g} GPa: textures of this material reach {low:.2f} to {high:.2f} GPa; ask within")
    return weights(optimize.brentq(lambda tilt: weights(tilt) @ hardness - wanted, -MOST_TILT, MOST_TILT))


def declinations(axes: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """How often c-axes `(N, 3)` lie at each declination, of `BINS_DEG`, over how often random ones do."""
    psi = np.degrees(np.arccos(np.abs(axes[:, 2]).clip(0, 1)))
    share = np.histogram(psi, BINS_DEG, weights=weights)[0]
    return share / share.sum() / -np.diff(np.cos(np.radians(BINS_DEG)))
