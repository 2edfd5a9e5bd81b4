"""Our maps of the real map, window by window at the places of the published one (Lew 2023, Fig. 4).

They take an hour on two cores, so those of the default network ship in `data/results/`. To remake them delete the file
and run `enamel reproduce 05`; other networks' are made when notebook 05 is run with them.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from enamel_lib import images, metrics, paths, reference, structured
from enamel_lib.inference.base import Predictor, Progress
from enamel_lib.inference.hardness_map import HardnessMap, raster
from enamel_lib.reproduce import report

FILE = "fig4.npz"
SCALES = {2: 1, 4: 2}  # the authors' scale, in each published place; that of the training tiles, in every second
PUBLISHED, OURS = "published (Lew 2023)", "ours, enlarged ×{}"


def enlarged(real: np.ndarray, scale: int = 2) -> np.ndarray:
    """Enlarge the real map as the authors do."""
    return images.resize(real, scale, kernel="lanczos")


def maps(
    real: np.ndarray, predictor: Predictor, *, every: int = 1, out: str = "figures", progress: Progress | None = None
) -> dict[str, HardnessMap]:
    """Give the published map and ours at the same places, all in pixels of the real map enlarged twice.

    Ours are read from the file in the folder `out` of figures (`reproduce.results_folder`) if the predictor made them,
    and else made and, if whole, written there. Of the places every so-manieth along both axes is taken; at 8, making
    both maps takes a minute or two.
    """
    frame = tuple(2 * side for side in real.shape[:2])
    given = reference.published_map()
    step = float(np.diff(given.row).mean())
    maps = {PUBLISHED: HardnessMap(given.hardness, given.row, given.col, frame, step, images.TILE)}
    found, made = read(report.find_result(FILE, out), predictor.weights_sha256), {}
    for scale, nth in SCALES.items():
        rows, cols = (np.rint(centres[:: every * nth]) for centres in (given.row, given.col))
        if found is None:
            centres = rows * scale / 2, cols * scale / 2
            there = raster(enlarged(real, scale), predictor, centres=centres, progress=progress).hardness.round(3)
            made[f"x{scale}"] = there
        else:
            there = found[f"x{scale}"][::every, ::every]
        between = float(np.diff(rows).mean())
        maps[OURS.format(scale)] = HardnessMap(there, rows, cols, frame, between, images.TILE * 2 / scale)
    if made and every == 1:
        write(made, predictor, report.results_folder(out) / FILE)
    return maps


def agreement(maps: dict[str, HardnessMap]) -> pd.DataFrame:
    """Compare the other maps with the first, in their places: `metrics.compare_maps`, and their mean and sd (GPa)."""
    (_, first), *others = maps.items()
    rows = {}
    for title, one in others:
        # places are rounded, so that the outermost may lie a fraction of a pixel beyond the first map's
        there = first.at(one.rows.clip(*first.rows[[0, -1]]), one.cols.clip(*first.cols[[0, -1]]))
        scores = metrics.compare_maps(one.hardness, there)
        rows[title] = scores | {"mean": one.hardness.mean(), "sd": one.hardness.std()}
    return pd.DataFrame.from_dict(rows, orient="index")


def write(found: dict[str, np.ndarray], predictor: Predictor, path: Path) -> None:
    """Write the readings `x2` and `x4` with what made them."""
    about = {name: getattr(predictor, name) for name in ("weights_sha256", "engine", "precision")}
    with paths.atomic(path) as temporary:
        np.savez_compressed(temporary, about=json.dumps(about), **found)


def read(path: Path, weights_sha256: str) -> dict[str, np.ndarray] | None:
    """Give what the file holds, or None if it is not there or other weights made it."""
    if not path.is_file():
        return None
    found = structured.read_npz(path)
    about = structured.parse_json(str(found.pop("about", "{}")), dict[str, Any], what=str(path))
    return found if about.get("weights_sha256") == weights_sha256 else None
