"""What structure simulated windows have: targets that teach a network to see enamel before it hears of hardness.

Structure is what the hardness law acts on and a picture shows in part: misorientation of neighbours, the tilt of the
c-axes, rods and their regions. No hardness and no depth is among the targets, so what a network knows of hardness still
comes from the labels alone.
"""

import numpy as np
import pandas as pd

from enamel_lib import hardness_law, pic, simulate, simulated_sources
from enamel_lib.images import crops

MISORIENTATION_DEG = (2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 10.0)  # edges of the bins of local misorientation
TARGETS = (
    *(f"misorientation_{number}" for number in range(len(MISORIENTATION_DEG) + 1)),
    "cos2",
    "dyad_xx",
    "dyad_yy",
    *hardness_law.REGION_NAMES,
    "pitch",
)
SEEDS_FROM = 1_000_000  # away from the seeds of datasets and of unseen tiles
VALIDATED = 0.1  # share of the sections


def windows(sections: int, size: int, *, seed: int = 0) -> tuple[np.ndarray, pd.DataFrame]:
    """Simulate sections of one tile each, cut them into windows, and measure the structure of every window.

    Parameters
    ----------
    sections
        How many; the last tenth validates.
    size
        Side of a window in pixels, a divisor of 200.
    seed
        Same seed, same windows.

    Returns
    -------
    pictures, table
        `(N, size, size, 3)` uint8, and per window `tile_id`, `split` (`train` or `val`), `weight` 1 and the `TARGETS`:
        shares of local misorientation, means of cos^2 of the tilt and of two dyad entries (both survive a mirror),
        shares of the regions, and rod pitch; each with mean 0 and standard deviation 1.

    Raises
    ------
    InputError
        If `size` does not divide 200.
    """
    pictures, rows = [], []
    for section in simulated_sources.unseen_sections(sections, seed=SEEDS_FROM + seed):
        pictures.append(crops(section.rgb[None], size))
        rows.append(crops(_fields(section)[None], size).mean(axis=(1, 2)))
    values = np.concatenate(rows)
    spread = values.std(axis=0)
    scaled = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1)  # few windows may lack a bin
    table = pd.DataFrame(scaled, columns=list(TARGETS))
    trained = np.repeat(np.arange(sections) < sections - max(1, round(VALIDATED * sections)), len(rows[0]))
    table = table.assign(tile_id=np.arange(len(table)), split=np.where(trained, "train", "val"), weight=1.0)
    return np.concatenate(pictures), table


def _fields(section: simulate.Section) -> np.ndarray:
    """Per pixel what is averaged over windows, `(H, W, len(TARGETS))`."""
    bins = np.digitize(section.misorientation, MISORIENTATION_DEG)
    x, y = section.director[..., 0], section.director[..., 1]
    return np.concatenate(
        [
            np.eye(len(MISORIENTATION_DEG) + 1, dtype=np.float32)[bins],
            np.stack([pic.to_sample_frame(section.director)[..., 2] ** 2, x * x, y * y], axis=-1),
            np.eye(len(hardness_law.REGION_NAMES), dtype=np.float32)[section.region],
            np.full((*bins.shape, 1), section.pitch_um, np.float32),
        ],
        axis=-1,
    )
