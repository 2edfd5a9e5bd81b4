"""Simulated mosaics of any size without seams, made tile by tile when they are looked at.

A mosaic is a window into an unbounded section: its fields lie on an unbounded lattice, and a rod is what its row and
its number make it. Tiles lie at fixed places, so what is read does not depend on how it is read; neighbours agree but
for rounding.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from math import cos, radians, sin, sqrt
from pathlib import Path

import numpy as np

from enamel_lib import pic
from enamel_lib.errors import InputError
from enamel_lib.inference.base import Progress
from enamel_lib.pic import PIXEL_UM
from enamel_lib.simulate import law, rods, simulator
from enamel_lib.simulate import texture as textures
from enamel_lib.simulate.fields import Cut
from enamel_lib.simulate.simulator import ENAMEL_THICKNESS_UM, Section
from enamel_lib.simulate.texture import Texture

TILE_PX = 1024
KEPT = 8  # tiles, of 50 MB each
MARGIN_PX = 52  # what an indent and the mean misorientation feel beyond a tile (`law`: three sd of each)


@dataclass(frozen=True)
class Mosaic:
    """A PIC map of pixels of 0.06 um, `shape` of it in px, of which nothing is in the memory but what was just read."""

    shape: tuple[int, int]
    seed: int
    depth: float
    texture: Texture
    pixel_size_um: float = PIXEL_UM

    def read(self, rows: slice, cols: slice) -> np.ndarray:
        """Give a part of the picture, `(H, W, 3)` uint8."""
        return self._gather(lambda made: made.rgb, rows, cols)

    def hardness(self, rows: slice, cols: slice) -> np.ndarray:
        """Give the true hardness of a part, `(H, W)` float32, GPa."""
        return self._gather(lambda made: made.hardness, rows, cols)

    def write(self, store: str | os.PathLike, *, progress: Progress = lambda done, total: None) -> None:
        """Write the picture as OME-Zarr, tile by tile, for `enamel map`."""
        from enamel_lib.inference.ome_zarr import Image

        image = Image(Path(store), "", (3, *self.shape), TILE_PX, self.pixel_size_um, "uint8", 0, deep=False)
        image.create()
        places = list(image.shards(0))
        for done, place in enumerate(places, 1):
            image.level()[(slice(None), *place)] = np.moveaxis(self.read(*place), -1, 0)
            progress(done, len(places))

    def _gather(self, field: Callable[[Section], np.ndarray], rows: slice, cols: slice) -> np.ndarray:
        sides = [range(*span.indices(side)) for span, side in zip((rows, cols), self.shape, strict=True)]
        parts = []
        for down in range(sides[0].start // TILE_PX, -(-sides[0].stop // TILE_PX)):
            line = []
            for right in range(sides[1].start // TILE_PX, -(-sides[1].stop // TILE_PX)):
                place = [
                    slice(max(side.start - n * TILE_PX, 0), min(side.stop - n * TILE_PX, TILE_PX))
                    for n, side in zip((down, right), sides, strict=True)
                ]
                line.append(field(_tile(self, down, right))[tuple(place)])
            parts.append(np.concatenate(line, axis=1))
        return np.concatenate(parts)


def mosaic(
    shape: tuple[int, int], *, seed: int = 0, depth: float | None = None, texture: str | Texture = "prior"
) -> Mosaic:
    """Simulate a mosaic; nothing is made before it is read.

    Parameters
    ----------
    shape
        Rows and columns, px of 0.06 um.
    seed
        The same seed gives the same mosaic, and a larger one holds the smaller, but for the depth.
    depth
        Mean depth in [0, 1]; drawn from the seed when None.
    texture
        As of `simulator.section`; what the rods have in common is the same in the whole mosaic.

    Raises
    ------
    InputError
        If the size is not positive, or the texture unknown.
    """
    if min(shape) < 1:
        raise InputError(f"a mosaic needs a positive size, got {shape} px")
    rng = np.random.default_rng([seed, 3])
    any_depth = float(rng.uniform())
    depth = any_depth if depth is None else depth
    return Mosaic(tuple(shape), seed, depth, textures.resolve(texture, depth, rng))


@lru_cache(maxsize=KEPT)
def _tile(of: Mosaic, down: int, right: int) -> Section:
    """One tile; those at the edges are whole, too."""
    start, pixel, t = [n * TILE_PX - MARGIN_PX for n in (down, right)], of.pixel_size_um, of.texture
    side = TILE_PX + 2 * MARGIN_PX
    x, y = ((first + np.arange(side)) * pixel for first in start)
    # places count from a point near the tile, an even row, as float32 could not hold them from the mosaic's corner
    ca, sa, pair = cos(radians(t.azimuth)), sin(radians(t.azimuth)), t.pitch * sqrt(3)
    along, row = x[0] * ca + y[0] * sa, 2 * round((y[0] * ca - x[0] * sa) / pair)
    across = row * pair / 2
    near = ((x - (along * ca - across * sa))[:, None], (y - (along * sa + across * ca))[None, :])
    fields = Cut(start, (side, side), pixel, of.seed)
    director, region = simulator.crystals(
        *(places.astype(np.float32) for places in near),
        t,
        fields,
        lambda *places: rods.UnboundedRods(*places, t, frame=(along, row), seed=of.seed),
    )
    rgb = simulator.exposed(simulator.render(director, pixel, fields), t.exposure)
    middle = sum(of.shape) * pixel / 2
    depth = np.clip(of.depth + (x[:, None] + y[None, :] - middle) * 0.7 / ENAMEL_THICKNESS_UM, 0, 1)
    turned = simulator.local_misorientation(director, pixel)
    cos_psi = pic.to_sample_frame(director)[..., 2]
    hardness = law.hardness(depth, cos_psi, turned, region, pixel_size_um=pixel)
    made = (rgb, director, hardness, depth.astype(np.float32), region, turned)
    inner = np.s_[MARGIN_PX:-MARGIN_PX, MARGIN_PX:-MARGIN_PX]
    return Section(*(np.ascontiguousarray(each[inner]) for each in made), pixel, t)
