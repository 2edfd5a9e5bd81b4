"""Labelled maps to learn hardness from, simulated: the paper's three sources in their natural form; grids of indents.

Sizes, counts and noise are those of `dataset.simulated`, where the same sources are cut into tiles.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import keras
import numpy as np

from enamel_lib.dataset import simulated
from enamel_lib.dense import reading
from enamel_lib.dense.code import CELL_UM
from enamel_lib.dense.labels import Labels
from enamel_lib.images import TILE
from enamel_lib.pic import PIXEL_UM
from enamel_lib.simulate import law, simulator

GRIDS, GRID_INDENTS, GRID_PITCH_UM = 24, 20, 2.0  # maps, indents a side: what automated indentation measures today
MARGIN_UM = 1.0  # between the outermost indents and the edge of a map


@dataclass(frozen=True)
class LabelledMap:
    """A PIC map, and what is known of its hardness: indents, labels of areas, or mean and sd of so many indents.

    `rgb` is `(H, W, 3)` uint8; `places_um` `(n, 2)` down and across from its upper left corner and `hardness` `(n,)`
    GPa; `areas_um` `(n, 4)`: top, bottom, left, right, with `area_hardness` `(n,)`; `moments` mean, sd and count.
    """

    rgb: np.ndarray
    pixel_size_um: float = PIXEL_UM
    places_um: np.ndarray | None = None
    hardness: np.ndarray | None = None
    areas_um: np.ndarray | None = None
    area_hardness: np.ndarray | None = None
    moments: tuple[float, float, int] | None = None


def indented(seed: int = 0, count: int = simulated.ACCURATE_COUNT) -> Iterator[LabelledMap]:
    """One map of 100 x 125 um at half depth, with indents on a lattice of 2 um; the paper's accurate source."""
    (section,), rng = _sections(simulated.ACCURATE_SHAPE, simulated.ACCURATE_DEPTH, seed, 1)
    lattice = _lattice(simulated.ACCURATE_SHAPE, simulated.PITCH_UM, margin=TILE / 2 * PIXEL_UM)
    yield _with_indents(section, lattice[np.sort(rng.choice(len(lattice), count, replace=False))], rng)


def estimated(seed: int = 0) -> Iterator[LabelledMap]:
    """37 maps of 3 x 3 tiles, each tile labelled from a map of the whole tooth; the paper's estimated source."""
    tiles = simulated.ESTIMATED_TILES
    edges = np.arange(tiles) * TILE
    areas = np.array([(top, top + TILE, left, left + TILE) for top in edges for left in edges]) * PIXEL_UM
    sections, rng = _sections((tiles * TILE, tiles * TILE), simulated.ESTIMATED_MAPS, seed, 2)
    for section in sections:
        depth = section.depth.reshape(tiles, TILE, tiles, TILE).mean(axis=(1, 3)).ravel()
        said = law.depth_only(depth) + rng.normal(0, simulated.DEPTH_MAP_BIAS_GPA)
        yield LabelledMap(section.rgb, areas_um=areas, area_hardness=np.clip(said, *simulated.LABELS_GPA).round(1))


def summarised(seed: int = 0) -> Iterator[LabelledMap]:
    """17 maps of 60 um of which mean and sd of 25 indents are known; the paper's noisy source."""
    sections, rng = _sections(simulated.NOISY_SHAPE, simulated.NOISY_MAPS, seed, 3)
    for section in sections:
        at = rng.uniform(0, np.array(simulated.NOISY_SHAPE) * PIXEL_UM, (simulated.NOISY_INDENTS, 2))
        found = _with_indents(section, at, rng).hardness
        yield LabelledMap(section.rgb, moments=(float(found.mean()), float(found.std(ddof=1)), len(found)))


def grids(seed: int = 0, maps: int = GRIDS, side: int = GRID_INDENTS) -> Iterator[LabelledMap]:
    """So many maps with a grid of `side` x `side` indents 2 um apart."""
    pixels = round(((side - 1) * GRID_PITCH_UM + 2 * MARGIN_UM) / PIXEL_UM)
    sections, rng = _sections((pixels, pixels), maps, seed, 4)
    for section in sections:
        lattice = MARGIN_UM + GRID_PITCH_UM * np.stack(np.divmod(np.arange(side**2), side), axis=-1)
        yield _with_indents(section, lattice, rng)


LABELS = {  # what hardness is learned from
    "paper": (indented, estimated, summarised),
    "grids": (indented, estimated, summarised, grids),
}


def gather(network: keras.Model, maps: Iterable[LabelledMap]) -> Labels:
    """Read the structure of labelled maps, and keep what their labels see of it."""
    found = Labels()
    for one in maps:
        structure = reading.structure(network, one.rgb, pixel_size_um=one.pixel_size_um)
        if one.places_um is not None:
            found.add_indents(structure, one.places_um, one.hardness, place_sd_um=simulated.MISLOCATION_UM)
        if one.areas_um is not None:
            edges = np.rint(one.areas_um / CELL_UM).astype(int)
            areas = [(slice(top, bottom), slice(left, right)) for top, bottom, left, right in edges]
            found.add_areas(structure, areas, one.area_hardness)
        if one.moments is not None:
            found.add_map(structure, *one.moments)
    return found


def _sections(shape, depths, seed: int, number: int) -> tuple[Iterator[simulator.Section], np.random.Generator]:
    """Sections of given depths, or so many of all depths, from seeds of their own."""
    rng = np.random.default_rng([seed, number, 9])
    if isinstance(depths, int):
        depths = (rng.permutation(depths) + rng.uniform(size=depths)) / depths
    return simulator.sections(shape, rng.integers(2**31, size=len(depths)).tolist(), depths=depths), rng


def _lattice(shape: tuple[int, int], pitch_um: float, margin: float) -> np.ndarray:
    lines = (np.arange(margin, side * PIXEL_UM - margin + 1e-6, pitch_um) for side in shape)
    return np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1).reshape(-1, 2)


def _with_indents(section: simulator.Section, places_um: np.ndarray, rng: np.random.Generator) -> LabelledMap:
    """Indent a section: each lies a little beside its place, and is measured with heavy-tailed noise."""
    really = places_um + rng.normal(0, simulated.MISLOCATION_UM, places_um.shape)
    at = np.clip(np.floor(really / section.pixel_size_um).astype(int), 0, np.array(section.hardness.shape) - 1)
    measured = np.clip(simulated.indent(section, at, rng), *simulated.LABELS_GPA)
    return LabelledMap(section.rgb, places_um=places_um, hardness=measured)
