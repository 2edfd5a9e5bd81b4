"""Batches of one stage of a recipe: plain functions of the seed and the step."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from enamel_lib import checkpoints, images
from enamel_lib.dataset.augmentation import augment


@dataclass(frozen=True)
class Batches:
    """Batches of one stage of a recipe as a pure function of the step, so that any run of any part of them is the same.

    Training rows have `tile_id` (index into `tiles`, `(N, side, side, 3)` uint8), `weight` and the `targets`, columns
    to learn (`label` is in GPa). If weights are equal, batches are shuffled passes over the rows, or else rows are
    drawn in proportion to them. Of order, draws, windows and augmentation there is a stream for each seed and `number`
    of the stage, from 0. `augmentation` holds arguments of `augmentation.augment`, which come with the protocol.
    """

    tiles: np.ndarray
    rows: pd.DataFrame
    stage: dict[str, Any]
    seed: int
    number: int
    augmentation: dict[str, Any]
    targets: tuple[str, ...] = ("label",)

    def chosen(self, step: int) -> np.ndarray:
        """Positions in `rows` of one batch, `(batch_size,)`; `step` counts from the start of the stage."""
        size, weight = self.stage["batch_size"], self.rows["weight"].to_numpy()
        if np.ptp(weight) > 0:
            return self._rng(step, 0).choice(len(weight), size, p=weight / weight.sum())
        return checkpoints.shuffled(step, size, len(weight), lambda number: self._rng(number, 2))

    def __call__(self, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Windows `(batch_size, size, size, 3)` in [0, 1] and targets `(batch_size, len(targets))` of one batch."""
        rows = self.rows.iloc[self.chosen(step)]
        rng, size = self._rng(step, 1), self.stage["size"]
        corners = rng.integers(0, self.tiles.shape[1] - size + 1, (len(rows), 2))
        windows = [
            self.tiles[tile, row : row + size, col : col + size]
            for tile, (row, col) in zip(rows["tile_id"], corners, strict=True)
        ]
        tiles = augment(np.stack(windows), rng, **self.augmentation)
        return images.to_float(tiles), rows[list(self.targets)].to_numpy(np.float32)

    def _rng(self, *key: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, self.number, *key))
