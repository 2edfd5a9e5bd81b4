"""Structure of simulated sections, which the dense indenter learns to see before it hears of hardness.

`LOCAL` is what the law of hardness acts on and a picture shows in part, of every cell of 0.24 um; `WIDE` is what rods
of the section have in common. No hardness and no depth is among it, so all that is known of hardness comes from labels.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from enamel_lib import pic
from enamel_lib.dense.code import CELL_PX, CELL_UM, PIXEL_SIZES_UM, Grid, reading
from enamel_lib.pic import PIXEL_UM
from enamel_lib.simulate import law, simulator
from enamel_lib.simulate.texture import Texture

SIDE_PX = 512  # of a section
LOCAL = (*law.REGION_NAMES, "misorientation", "misorientation_squared", "cos2_psi")
WIDE = ("pitch", "wall", "bend", "decussation", "seam", "taper")
MISORIENTATION_DEG = 8.0  # misorientation is given in units of this
FIRST_SEED = 7_000_000  # away from the seeds of datasets, of fits and of all that is scored
FINE_SHARE, COARSE_SHARE = 0.1, 0.4  # of the sections are seen at 0.03 um, and at up to 0.3 um
VALIDATION_SHARE = 0.06


@dataclass(frozen=True)
class Sections:
    """Pictures `(N,)` of simulated sections, `(H, W, 3)` uint8 each, `pixel_size_um` `(N,)`; and their structure:

    `local` `(N, R, C, 7)` float16, of every cell, and `wide` `(N, 6)` float32, in units of their own.
    """

    pictures: list[np.ndarray]
    pixel_size_um: np.ndarray
    local: np.ndarray
    wide: np.ndarray

    @property
    def trained(self) -> int:
        """How many sections train; the rest validates."""
        return len(self.pictures) - max(1, round(VALIDATION_SHARE * len(self.pictures)))

    def example(self, number: int, crop: tuple[slice, slice]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Code `(4 R, 4 C, 6)`, local `(R, C, 7)` and wide `(R, C, 6)` structure of a part of a section."""
        local = self.local[number][crop].astype(np.float32)
        wide = np.broadcast_to(self.wide[number], (*local.shape[:2], len(WIDE)))
        picture, sides = self.pictures[number], self.local.shape[1:3]
        spans = [range(side)[part] for part, side in zip(crop, sides, strict=True)]
        rows, cols = (slice(CELL_PX * span.start, CELL_PX * span.stop) for span in spans)
        code = Grid.over(picture.shape[:2], float(self.pixel_size_um[number])).encode(reading(picture), rows, cols)
        return code, local, wide


def simulate(count: int, *, seed: int = 0, side: int = SIDE_PX, progress=lambda done, total: None) -> Sections:
    """Simulate so many sections of all depths, and measure them; same seed, same sections."""
    rng = np.random.default_rng([seed, 7])
    kinds = rng.permutation(count) / count
    sizes = np.full(count, PIXEL_UM)
    coarse = kinds >= 1 - COARSE_SHARE
    sizes[coarse] = np.exp(rng.uniform(np.log(PIXEL_UM), np.log(PIXEL_SIZES_UM[1]), coarse.sum()))
    fine = kinds < FINE_SHARE
    depths = (rng.permutation(count) + rng.uniform(size=count)) / count
    first = FIRST_SEED + count * seed
    pictures, local, wide = [], [], []
    for number, section in enumerate(_mixed(side, first, depths, fine)):
        rgb, size = section.rgb, sizes[number]
        if fine[number]:
            sizes[number] = PIXEL_UM / 2
        elif size != PIXEL_UM:
            small = math.ceil(side * PIXEL_UM / size)  # rounded, pixels might be larger than any that is read
            rgb = np.asarray(Image.fromarray(rgb).resize((small, small), Image.Resampling.BILINEAR))
            sizes[number] = side * PIXEL_UM / small
        pictures.append(rgb)
        local.append(of_cells(section).astype(np.float16))
        wide.append(of_rods(section.texture))
        progress(number + 1, count)
    return Sections(pictures, sizes, np.stack(local), np.array(wide, np.float32))


def _mixed(side: int, first: int, depths: np.ndarray, fine: np.ndarray) -> Iterator[simulator.Section]:
    """Sections of all seeds in order, some of them of half the pixel size."""
    kinds = {
        half: simulator.sections(
            (side * (1 + half), side * (1 + half)),
            (first + np.flatnonzero(fine == half)).tolist(),
            depths=depths[fine == half],
            pixel_size_um=PIXEL_UM / (1 + half),
        )
        for half in (False, True)
    }
    for half in fine.tolist():
        yield next(kinds[half])


def of_cells(section: simulator.Section) -> np.ndarray:
    """Structure `(R, C, 7)` float32 of the cells of a section: the `LOCAL`."""
    cell = round(CELL_UM / section.pixel_size_um)
    turned = section.misorientation / MISORIENTATION_DEG
    cos2 = pic.to_sample_frame(section.director)[..., 2] ** 2
    regions = [section.region == number for number in range(len(law.REGION_NAMES))]
    return np.stack([cells(field, cell) for field in (*regions, turned, turned**2, cos2)], axis=-1)


def of_rods(texture: Texture) -> list[float]:
    """Structure that the rods of a section have in common, the `WIDE`: um, degrees, pitches."""
    t = texture
    return [t.pitch, 2 * t.interrod * t.pitch, t.bend, t.decussation, t.seam, t.taper]


def cells(field: np.ndarray, size: int = CELL_PX) -> np.ndarray:
    """Mean of a field `(H, W)` over cells of `size` px, `(H // size, W // size)` float32; the rest is left out."""
    rows, cols = (side // size for side in field.shape)
    top, left = ((side - size * count) // 2 for side, count in zip(field.shape, (rows, cols), strict=True))
    inside = field[top : top + rows * size, left : left + cols * size]
    return inside.reshape(rows, size, cols, size).mean(axis=(1, 3), dtype=np.float32)
