"""Integrated gradients along the line from a baseline to each tile (Sundararajan 2017, arXiv 1703.01365)."""

import keras
import numpy as np
import pandas as pd

from enamel_lib.explain.methods import gradient as plain
from enamel_lib.gradients import Gradient

PARTS = 32  # of the line at first


def attribute(
    gradient: Gradient,
    tiles: np.ndarray,
    *,
    baseline: float | np.ndarray = 0.0,
    tolerance: float = 0.01,
    most_steps: int = 96,
) -> np.ndarray:
    """How much every colour value adds to the prediction, compared with the baseline; GPa.

    The gradient is taken in the middles of parts of the line, `PARTS` of them at first, that grow away from the
    baseline, since a picture's first contrast changes the prediction most. Each part is cut in three, which keeps its
    middle, until the attributions add up to the change of the prediction.

    The baseline, what stands for "nothing there", in units of colour, is a number (0 is black, which in a PIC map is no
    signal) or an array that broadcasts to the tiles. A tile is done at a completeness error (`completeness`) of
    `tolerance`, or after `most_steps` gradients, but `PARTS` at least.
    """
    starts = np.broadcast_to(np.asarray(baseline, np.float32), tiles.shape)
    return np.stack([_along(gradient, *ends, tolerance, most_steps) for ends in zip(starts, tiles, strict=True)])


def _along(gradient: Gradient, start: np.ndarray, end: np.ndarray, tolerance: float, most_steps: int) -> np.ndarray:
    first, last = gradient(np.stack([start, end]))[0]
    way, total = end - start, np.zeros(end.shape)
    edges = np.linspace(0, 1, PARTS + 1) ** 2
    middles, widths = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    new, new_widths = middles, widths
    while True:
        points = new.astype(np.float32)[:, None, None, None]
        total += np.tensordot(new_widths, plain.attribute(gradient, start + points * way), axes=1)
        change = (way * total).sum()
        if abs(change - (last - first)) < tolerance * abs(last - first) or 3 * len(middles) > most_steps:
            return (way * total).astype(np.float32)
        total /= 3
        new, new_widths = np.concatenate([middles - widths / 3, middles + widths / 3]), np.tile(widths / 3, 2)
        middles, widths = np.concatenate([middles, new]), np.tile(widths / 3, 3)


def completeness(
    model: keras.Model, tiles: np.ndarray, attributions: np.ndarray, *, baseline: np.ndarray
) -> pd.DataFrame:
    """Check whether attributions add up to the difference between the predictions of tiles and of their baselines.

    All are `(N, H, W, 3)`, the pictures float in [0, 1]. One row per tile, GPa; `completeness error` is the share of
    the difference that the attributions miss.
    """
    last, first = (np.asarray(model.predict_on_batch(pictures))[:, 0] for pictures in (tiles, baseline))
    added = attributions.sum(axis=(1, 2, 3), dtype=np.float64)
    return pd.DataFrame(
        {
            "prediction (GPa)": last,
            "of the baseline (GPa)": first,
            "sum of attributions (GPa)": added,
            "completeness error": np.abs(added - (last - first)) / np.abs(last - first),
        }
    )
