"""The gradient of the prediction with respect to the colours, as published (Lew 2023, Fig. 3A)."""

import numpy as np

from enamel_lib.gradients import Gradient

BATCH_SIZE = 8  # pictures per call of the network


def attribute(gradient: Gradient, tiles: np.ndarray) -> np.ndarray:
    """Gradients of tiles, a few at a time."""
    batches = range(0, len(tiles), BATCH_SIZE)
    return np.concatenate([gradient(tiles[start : start + BATCH_SIZE])[1] for start in batches])
