"""Simulated polished sections of human enamel: c-axis directors, PIC colours and a known hardness at every pixel.

Rods of 5-6 um pitch run in rows; each row leans by its own angle, which swings across the section (Hunter-Schreger
decussation), so that one map holds rods cut across and rods cut along. Inside a rod the c-axis bends from head to
tail; between rods lies interrod enamel of one slowly varying director; crystals scatter about both. Numbers and
sources: DOMAIN.md A. What depth does to texture is said in `rods.draw_texture`.
"""

import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from math import cos, pi, radians, sin, sqrt

import numpy as np
from scipy import fft, ndimage

from enamel_lib import pic
from enamel_lib.errors import check_choice
from enamel_lib.pic import PIXEL_UM
from enamel_lib.simulate import law
from enamel_lib.simulate.rods import Rods, Texture, draw_texture

WORLDS = {
    "visible": "hardness follows the picture alone: the depth factor is held at half depth",
    "confounded": "as in nature: depth sets both hardness and, loosely, rod size, decussation and texture",
    "null": "hardness belongs to another section: nothing in the picture tells it",
}
ENAMEL_THICKNESS_UM = 1500.0  # depth runs from 0 to 1 over this length


@dataclass(frozen=True)
class Section:
    """A simulated section: the picture, and what is true behind it.

    Attributes
    ----------
    rgb
        `(H, W, 3)` uint8, the PIC map.
    director
        `(H, W, 3)` float32, true c-axes in the polarization frame, with the sign of gamma that the picture hides.
    hardness
        `(H, W)` float32, GPa, what an indent centred on the pixel would find (`law`).
    depth
        `(H, W)` float32, 0 at the dentin-enamel junction to 1 at the surface.
    region
        `(H, W)` uint8, index into `law.REGION_NAMES`.
    misorientation
        `(H, W)` float32, degrees, local mean misorientation of neighbours 60 nm apart.
    pixel_size_um
        Micrometres per pixel.
    texture
        What the rods of the section have in common: their pitch, the bend of their c-axes and so on.
    """

    rgb: np.ndarray
    director: np.ndarray
    hardness: np.ndarray
    depth: np.ndarray
    region: np.ndarray
    misorientation: np.ndarray
    pixel_size_um: float
    texture: Texture


def section(
    shape: tuple[int, int],
    *,
    pixel_size_um: float = PIXEL_UM,
    seed: int = 0,
    world: str = "confounded",
    depth: float | None = None,
) -> Section:
    """Simulate a polished section of enamel.

    Parameters
    ----------
    shape
        Rows and columns, px.
    pixel_size_um
        Micrometres per pixel. From 0.09 on the section is made at 0.06 or a little more or less, then shrunk.
    seed
        The same seed gives the same section, bit for bit, on the same library versions.
    world
        A key of `WORLDS`.
    depth
        Mean depth of the map in [0, 1]; drawn from the seed when None.

    Raises
    ------
    InputError
        If the world is unknown.
    ValueError
        If the depth outside [0, 1], or a size not positive.
    """
    check_choice("world", world, WORLDS)
    if depth is not None and not 0 <= depth <= 1:
        raise ValueError(f"depth is 0 at the dentin-enamel junction to 1 at the surface, got {depth}")
    if min(shape) < 1 or not pixel_size_um > 0:
        raise ValueError(f"a section needs a positive size, got {shape} px of {pixel_size_um} um")

    rng = np.random.default_rng([seed, 1])
    texture = draw_texture(rng, depth)
    shrink = max(1, round(pixel_size_um / PIXEL_UM))
    pixel = pixel_size_um / shrink
    rows, cols = (side * shrink for side in shape)
    x = (np.arange(rows, dtype=np.float32) * pixel)[:, None]
    y = (np.arange(cols, dtype=np.float32) * pixel)[None, :]

    depth_map = np.clip(texture.depth + (x + y - x[-1] / 2 - y[0, -1] / 2) * 0.7 / ENAMEL_THICKNESS_UM, 0, 1)
    director, region = _crystals(x, y, pixel, texture, rng)
    misorientation = local_misorientation(director, pixel)
    rgb = _render(director, pixel, rng)
    cos_psi = pic.to_sample_frame(director)[..., 2]
    felt_depth = 0.5 if world == "visible" else depth_map
    hardness = law.hardness(felt_depth, cos_psi, misorientation, region, pixel_size_um=pixel)
    if shrink > 1:
        rgb = np.rint(_block_mean(rgb, shrink)).astype(np.uint8)
        director = _block_director(director, shrink)
        hardness, depth_map, misorientation = (
            _block_mean(field, shrink) for field in (hardness, depth_map, misorientation)
        )
        region = region[shrink // 2 :: shrink, shrink // 2 :: shrink]
    if world == "null":
        hardness = section(shape, pixel_size_um=pixel_size_um, seed=seed + 2**31, world="confounded").hardness
    return Section(
        rgb, director, hardness, depth_map.astype(np.float32), region, misorientation, pixel_size_um, texture
    )


def sections(
    shape: tuple[int, int],
    seeds: Sequence[int],
    *,
    depths: Sequence[float] | None = None,
    pixel_size_um: float = PIXEL_UM,
    world: str = "confounded",
) -> Iterator[Section]:
    """Simulate one section for each seed, in order, on all cores: the next ones while the last is being used.

    Parameters
    ----------
    seeds
        Of the sections.
    depths
        Their mean depths, one for each seed; drawn from the seeds when None.
    shape, pixel_size_um, world
        As of `section`.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        coming = deque()
        for seed, depth in zip(seeds, repeat(None, len(seeds)) if depths is None else depths, strict=True):
            made = pool.submit(section, shape, pixel_size_um=pixel_size_um, seed=seed, world=world, depth=depth)
            coming.append(made)
            if len(coming) > os.cpu_count():  # no more at once, for a large section takes hundreds of MB
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()


def _crystals(x, y, pixel: float, texture: Texture, rng) -> tuple[np.ndarray, np.ndarray]:
    """True directors `(H, W, 3)` in the polarization frame, and regions `(H, W)`."""
    shape = (x.shape[0], y.shape[1])
    ca, sa = cos(texture.azimuth), sin(texture.azimuth)
    wander = _noise(shape, pixel, (12.0, 12.0), 0.0, 3, rng)
    ragged = _noise(shape, pixel, (0.5, 0.5), 0.0, 2, rng)
    along = x * ca + y * sa + 0.8 * wander[0] + 0.12 * ragged[0]
    across = y * ca - x * sa + 0.8 * wander[1] + 0.12 * ragged[1]

    rods = Rods(along, across, texture, rng)
    tilt = texture.tilt + rods.swing(along, across) + 0.06 * wander[2] + rods.lean
    azimuth = texture.azimuth + rods.twist
    axis, up, side = _rod_frame(tilt, azimuth)
    ch, sh = cos(texture.head_angle), sin(texture.head_angle)
    # c-axis along the rod near the head, bending away from the head's side towards the tail
    bent = texture.bend * (0.0 - 0.45 * np.clip(rods.zeta, -1, 1)) + rods.extra
    inside = np.cos(bent) * axis - np.sin(bent) * (ch * up + sh * side)

    # interrod crystals stand at 60 degrees to the rods, on the tail's side (Beniash 2019)
    axis, up, side = _rod_frame(np.float32(texture.tilt), np.float32(texture.azimuth))
    between = 0.71 * axis - 0.71 * (ch * up + sh * side)
    wall = rods.region == law.INTERROD
    director = np.where(wall, between[:, None, None] + 0.14 * wander, inside)

    stretch = 1 / max(cos(texture.tilt), 0.25)
    waves = _noise(shape, pixel, (1.6 * stretch, 0.8), texture.azimuth, 3, rng)
    crystals = _noise(shape, pixel, (0.16, 0.04), texture.azimuth, 3, rng)
    rough = texture.scatter * np.exp(0.3 * _noise(shape, pixel, (5.0, 5.0), 0.0, 1, rng))
    director += 0.07 * waves + np.where(wall, np.float32(0.7), np.float32(1.0)) * rough * crystals
    director = np.moveaxis(director / np.linalg.norm(director, axis=0), 0, -1)
    return pic.to_polarization_frame(director), rods.region


def _rod_frame(tilt, azimuth) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit vectors `(3, ...)` in the sample frame: along the rod, across it up its leaning side, and sideways."""
    ct, st, ca, sa = np.cos(tilt), np.sin(tilt), np.cos(azimuth), np.sin(azimuth)
    return np.stack([st * ca, st * sa, ct]), np.stack([ct * ca, ct * sa, -st]), np.stack([-sa, ca, np.zeros_like(ca)])


def _noise(shape, pixel: float, lengths, angle: float, count: int, rng) -> np.ndarray:
    """`(count, H, W)` smooth Gaussian fields of unit variance, of `lengths` um along and across `angle`."""
    size = [fft.next_fast_len(side, real=True) for side in shape]
    kx = np.fft.fftfreq(size[0], pixel).astype(np.float32)[:, None]
    ky = np.fft.rfftfreq(size[1], pixel).astype(np.float32)[None, :]
    ca, sa = cos(angle), sin(angle)
    reach = ((kx * ca + ky * sa) * lengths[0]) ** 2 + ((ky * ca - kx * sa) * lengths[1]) ** 2
    amplitude = (1 + (2 * pi) ** 2 * reach) ** -1.5
    # variance of the field from both halves of the spectrum: columns 1.. stand for their mirror images too
    twice = np.full(ky.shape, 2.0)
    twice[:, 0] = 1.0
    amplitude *= size[0] * size[1] / sqrt(size[0] * size[1] * np.sum(twice * amplitude**2, dtype=np.float64))
    white = rng.standard_normal((count, *size), dtype=np.float32)
    field = fft.irfft2(fft.rfft2(white, workers=1) * amplitude, s=size, workers=1)
    return field[:, : shape[0], : shape[1]]


def local_misorientation(director: np.ndarray, pixel: float) -> np.ndarray:
    """Local mean misorientation of neighbours 60 nm apart, `(H, W)` degrees, for pixels of so many micrometres."""
    lag = max(1, round(law.MISORIENTATION_LAG_UM / pixel))
    angle = np.zeros(director.shape[:2], np.float32)
    count = np.zeros(director.shape[:2], np.float32)
    for ahead, behind in ((np.s_[lag:, :], np.s_[:-lag, :]), (np.s_[:, lag:], np.s_[:, :-lag])):
        angle[behind] += pic.misorientation(director[ahead], director[behind])
        count[behind] += 1
    angle /= np.maximum(count, 1)
    return ndimage.gaussian_filter(angle, law.MISORIENTATION_MEAN_UM / pixel, truncate=3, mode="nearest")


def _render(director: np.ndarray, pixel: float, rng: np.random.Generator) -> np.ndarray:
    """PIC map: angular noise of 3 degrees, pits and cracks black (2 %), point spread of 30 nm, 8 bits (DOMAIN.md A)."""
    noisy = director + radians(3) * rng.standard_normal(director.shape, dtype=np.float32)
    rgb = pic.encode(noisy)
    shape = director.shape[:2]
    pits, crack = _noise(shape, pixel, (0.5, 0.5), 0.0, 2, rng)
    presence = _noise(shape, pixel, (6.0, 6.0), 0.0, 1, rng)[0]
    rgb[(pits + 0.5 * presence > 2.25) | ((np.abs(crack) < 0.04) & (presence > 2.4))] = 0
    return ndimage.gaussian_filter(rgb, (0.03 / pixel, 0.03 / pixel, 0), truncate=2, mode="nearest")


def _block_mean(field: np.ndarray, size: int) -> np.ndarray:
    rows, cols = field.shape[0] // size, field.shape[1] // size
    blocks = field[: rows * size, : cols * size].reshape(rows, size, cols, size, *field.shape[2:])
    return blocks.mean(axis=(1, 3), dtype=np.float32)


def _block_director(director: np.ndarray, size: int) -> np.ndarray:
    """Mean directors of blocks, each director flipped to the side of the block's middle one."""
    middle = director[size // 2 :: size, size // 2 :: size]
    reference = middle.repeat(size, axis=0).repeat(size, axis=1)
    same_side = np.where(np.sum(director * reference, axis=-1, keepdims=True) < 0, -director, director)
    mean = _block_mean(same_side, size)
    return mean / np.linalg.norm(mean, axis=-1, keepdims=True)
