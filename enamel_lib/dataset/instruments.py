"""Files as a microscope and an indenter write them, of a simulated section: to try what reads one's own."""

from pathlib import Path

import numpy as np
import pandas as pd
import tifffile

from enamel_lib import paths
from enamel_lib.dataset.simulated import MISLOCATION_UM, indent
from enamel_lib.simulate.simulator import Section

MAP, INDENTS = "map.tif", "indents.csv"
MARGIN_UM = 3.0  # without indents, at the edges


def write(
    folder: Path, section: Section, *, count: int, off_um: tuple[float, float] = (0.0, 0.0), seed: int = 0
) -> pd.DataFrame:
    """Write a section as TIFF of 16 bits with its pixel size, and a table of indents on it.

    Parameters
    ----------
    folder
        Of `MAP` and `INDENTS`, which has semicolons and decimal commas; made if it is not there.
    section
        What was measured.
    count
        How many indents, anywhere on it; they have the noise of the accurate source of `dataset.simulated`.
    off_um
        Down and across: how far the frame of the indents is off that of the picture, um.
    seed
        Of places and noise.

    Returns
    -------
    indents
        `row` and `col` (px) in the section, `hardness` (measured) and `true` (at the stated place), GPa.
    """
    size, rng = section.pixel_size_um, np.random.default_rng(seed)
    sides = np.array(section.hardness.shape)
    places = rng.uniform(MARGIN_UM, sides * size - MARGIN_UM, (count, 2))
    really = np.clip((places + rng.normal(0, MISLOCATION_UM, places.shape)) / size, 0, sides - 1).astype(int)
    measured, true = indent(section, really, rng), section.hardness[tuple((places / size).astype(int).T)]
    folder.mkdir(parents=True, exist_ok=True)
    resolution = {"resolution": (1e4 / size, 1e4 / size), "resolutionunit": "CENTIMETER"}
    with paths.atomic(folder / MAP) as temporary:
        tifffile.imwrite(temporary, section.rgb.astype(np.uint16) * 257, photometric="rgb", **resolution)
    down, across = (places + off_um).T
    table = pd.DataFrame({"X [µm]": across, "Y [µm]": down, "H (GPa)": measured})
    with paths.atomic(folder / INDENTS) as temporary:
        table.to_csv(temporary, sep=";", decimal=",", float_format="%.3f", index=False)
    row, col = (places / size - 0.5).T
    return pd.DataFrame({"row": row, "col": col, "hardness": measured, "true": true})
