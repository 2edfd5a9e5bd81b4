"""What structure simulated windows have: targets that teach a network to see enamel before it hears of hardness.

Structure is what the hardness law acts on and a picture shows in part: misorientation of neighbours, the tilt of the
c-axes, rods and their regions; and how unevenly it is spread, since that tells of the size of the rods. No hardness and
no depth is among the targets, so what a network knows of hardness still comes from the labels alone.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from enamel_lib import microstructure, pic
from enamel_lib.dataset import simulated
from enamel_lib.errors import InputError
from enamel_lib.images import TILE, crops
from enamel_lib.simulate import law, simulator
from enamel_lib.simulate.rods import Texture

CELL = 50  # px a side; structure is measured in cells, and its mean and spread over the cells of a window are learnt
MISORIENTATION_EDGES_DEG = (2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0)  # bins of local misorientation
MEASURES = (
    *(f"misorientation_{number}" for number in range(len(MISORIENTATION_EDGES_DEG) + 1)),
    "cos2",
    "dyad_xx",
    "dyad_yy",
    *law.REGION_NAMES,
    *(f"lag_{lag}" for lag in microstructure.LAGS_PX),
    *(f"value_{number}" for number in range(len(microstructure.VALUE_LEVELS))),
)
ROD_MEASURES = ("pitch", "bend", "bend_per_um", "wall")
FIRST_SEED = 1_000_000  # away from the seeds of datasets and of unseen tiles
VALIDATION_SHARE = 0.1  # of the sections


def targets(size: int) -> tuple[str, ...]:
    """Names of what is learnt from windows of `size` pixels; a single cell has no spread."""
    return (*MEASURES, *ROD_MEASURES, *(f"sd_{name}" for name in MEASURES if size > CELL))


@dataclass(frozen=True)
class PretrainingSet:
    """Simulated sections of one tile each, `(N, 200, 200, 3)` uint8, and their structure; the last tenth validates.

    `cells` `(N, 4, 4, len(MEASURES))` float32: of every cell the shares of local misorientation, means of cos^2 of the
    tilt and of two dyad entries (both survive a mirror) and shares of the regions, all of the true section; mean
    misorientation at growing lags (degrees) and quantiles of brightness as the picture has them. `rods` `(N,
    len(ROD_MEASURES))` float32: pitch (um), bend of the c-axis from head to tail (degrees) and per um, width of the
    wall between rods (um).
    """

    tiles: np.ndarray
    cells: np.ndarray
    rods: np.ndarray

    def windows(self, size: int) -> tuple[np.ndarray, pd.DataFrame]:
        """Cut the sections into windows of `size` px, a multiple of `CELL` that divides 200 (or else an InputError).

        Gives pictures `(M, size, size, 3)` uint8, and per window `tile_id`, `split` (`train` or `val`), `weight` 1 and
        the `targets(size)`, each with mean 0 and standard deviation 1.
        """
        if size % CELL:
            raise InputError(f"structure is learnt from windows of a multiple of {CELL} px, not {size} px")
        pictures = crops(self.tiles, size)
        cells = crops(self.cells, size // CELL)
        each = len(pictures) // len(self.tiles)
        means, spreads = (np.asarray(measure(cells, axis=(1, 2), dtype=np.float64)) for measure in (np.mean, np.std))
        columns = [means, np.repeat(self.rods, each, axis=0), spreads][: 3 if size > CELL else 2]
        values = np.concatenate(columns, axis=1)
        spread = values.std(axis=0)
        scaled = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1)  # few windows may lack a bin
        trained = np.arange(len(self.tiles)) < len(self.tiles) - max(1, round(VALIDATION_SHARE * len(self.tiles)))
        table = pd.DataFrame(scaled, columns=list(targets(size))).assign(
            tile_id=np.arange(len(pictures)), split=np.where(np.repeat(trained, each), "train", "val"), weight=1.0
        )
        return pictures, table


def simulate_pretraining_set(sections: int, *, seed: int = 0) -> PretrainingSet:
    """Simulate so many sections and measure them; same seed, same set."""
    tiles, cells, rods = [], [], []
    for section in simulated.unseen_sections(sections, seed=FIRST_SEED + seed):
        tiles.append(section.rgb)
        true = crops(_fields(section)[None], CELL).mean(axis=(1, 2))
        visible = [_picture_measures(cell) for cell in crops(section.rgb[None], CELL)]
        cells.append(np.concatenate([true, visible], axis=1).reshape(TILE // CELL, TILE // CELL, -1))
        rods.append(_rod_measures(section.texture))
    return PretrainingSet(np.stack(tiles), np.stack(cells).astype(np.float32), np.array(rods, np.float32))


def _fields(section: simulator.Section) -> np.ndarray:
    """Per pixel what is averaged over cells, `(H, W, C)`, in the order of `MEASURES`."""
    bins = np.digitize(section.misorientation, MISORIENTATION_EDGES_DEG)
    x, y = section.director[..., 0], section.director[..., 1]
    return np.concatenate(
        [
            np.eye(len(MISORIENTATION_EDGES_DEG) + 1, dtype=np.float32)[bins],
            np.stack([pic.to_sample_frame(section.director)[..., 2] ** 2, x * x, y * y], axis=-1),
            np.eye(len(law.REGION_NAMES), dtype=np.float32)[section.region],
        ],
        axis=-1,
    )


def _picture_measures(cell: np.ndarray) -> np.ndarray:
    director = pic.director(cell).astype(np.float32)
    return np.concatenate([microstructure.lag_misorientation(director), microstructure.value_quantiles(cell)])


def _rod_measures(texture: Texture) -> list[float]:
    return [texture.pitch, texture.bend, texture.bend / texture.pitch, 2 * texture.interrod * texture.pitch]
