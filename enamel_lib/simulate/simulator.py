"""Simulated polished sections of human enamel: c-axis directors, PIC colours and a known hardness at every pixel.

Rods run in rows; their lean swings across the section (Hunter-Schreger decussation), so that one map holds rods cut
across and rods cut along. Inside a rod the c-axis bends from head to tail, and on into the interrod enamel that the
tail joins; at the head a sharp wall parts the two. Crystals scatter about both. Numbers and sources: DOMAIN.md A. What
one map has in common, and what depth does to it, is said in `texture`.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import repeat
from math import cos, radians, sin

import numpy as np
from scipy import ndimage

from enamel_lib import pic
from enamel_lib.errors import check_choice
from enamel_lib.pic import PIXEL_UM
from enamel_lib.simulate import law
from enamel_lib.simulate import texture as textures
from enamel_lib.simulate.fields import Drawn
from enamel_lib.simulate.rods import Place, Rods, rod_frame
from enamel_lib.simulate.texture import Texture

WORLDS = {
    "visible": "hardness follows the picture alone: the depth factor is held at half depth",
    "confounded": "as in nature: depth sets both hardness and, loosely, rod size, decussation and texture",
    "null": "hardness belongs to another section: nothing in the picture tells it",
}
VERSION = 2  # higher whenever sections change: datasets on disk of another version are made anew
ENAMEL_THICKNESS_UM = 1500.0  # depth runs from 0 to 1 over this length
WALL = 0.008  # pitches: over which the c-axis jumps from a head to the interrod beside it
CRYSTAL_UM = (0.16, 0.04)  # along the rods and across: crystals are 26 x 63 nm thick and long (DOMAIN.md A)
STRIP_PX = 40_000
ANTI_ALIASING_PX = 0.375  # sd of a shrunk picture's smoothing, as customary: of its pixels
NOISE_DEG = 3.0  # of a pixel's c-axis, in the picture


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
    texture: str | Texture = "prior",
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
    texture
        `prior` for a kind of enamel drawn for the depth; a `Texture`, or the name of a preset (`real-map`) or of a
        file from `enamel fit-texture`, of which only the phase of the bands is drawn.

    Raises
    ------
    InputError
        If the world or the texture is unknown.
    ValueError
        If the depth is outside [0, 1], or a size not positive.
    """
    check_choice("world", world, WORLDS)
    if depth is not None and not 0 <= depth <= 1:
        raise ValueError(f"depth is 0 at the dentin-enamel junction to 1 at the surface, got {depth}")
    if min(shape) < 1 or not pixel_size_um > 0:
        raise ValueError(f"a section needs a positive size, got {shape} px of {pixel_size_um} um")

    rng = np.random.default_rng([seed, 1])
    any_depth = rng.uniform()
    depth = any_depth if depth is None else depth
    shrink = max(1, round(pixel_size_um / PIXEL_UM))
    pixel = pixel_size_um / shrink
    rows, cols = (side * shrink for side in shape)
    x = (np.arange(rows, dtype=np.float32) * pixel)[:, None]
    y = (np.arange(cols, dtype=np.float32) * pixel)[None, :]
    depth_map = np.clip(depth + (x + y - x[-1] / 2 - y[0, -1] / 2) * 0.7 / ENAMEL_THICKNESS_UM, 0, 1)
    drawn = textures.resolve(texture, depth, rng)
    fields = Drawn((rows, cols), pixel, rng)
    director, region = crystals(x, y, drawn, fields, lambda *places: Rods(*places, drawn, rng))
    rgb = render(director, pixel, fields)
    misorientation = local_misorientation(director, pixel)
    cos_psi = pic.to_sample_frame(director)[..., 2]
    felt_depth = 0.5 if world == "visible" else depth_map
    hardness = law.hardness(felt_depth, cos_psi, misorientation, region, pixel_size_um=pixel)
    if shrink > 1:
        smooth_enough = (ANTI_ALIASING_PX * shrink, ANTI_ALIASING_PX * shrink, 0)
        rgb = ndimage.gaussian_filter(rgb, smooth_enough, truncate=2, mode="nearest")
        rgb = np.rint(_block_mean(rgb, shrink)).astype(np.uint8)
        director = _block_director(director, shrink)
        hardness, depth_map, misorientation = (
            _block_mean(field, shrink) for field in (hardness, depth_map, misorientation)
        )
        region = region[shrink // 2 :: shrink, shrink // 2 :: shrink]
    rgb = exposed(rgb, drawn.exposure)
    if world == "null":
        hardness = section(shape, pixel_size_um=pixel_size_um, seed=seed + 2**31, texture=texture).hardness
    return Section(rgb, director, hardness, depth_map.astype(np.float32), region, misorientation, pixel_size_um, drawn)


def sections(
    shape: tuple[int, int],
    seeds: Sequence[int],
    *,
    depths: Sequence[float] | None = None,
    **settings,
) -> Iterator[Section]:
    """Simulate one section for each seed, in order, on all cores: the next ones while the last is being used.

    Parameters
    ----------
    seeds
        Of the sections.
    depths
        Their mean depths, one for each seed; drawn from the seeds when None.
    shape, settings
        As of `section`.
    """
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        coming = deque()
        for seed, depth in zip(seeds, repeat(None, len(seeds)) if depths is None else depths, strict=True):
            coming.append(pool.submit(section, shape, seed=seed, depth=depth, **settings))
            if len(coming) > os.cpu_count():  # no more at once, for a large section takes hundreds of MB
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()


def crystals(
    x: np.ndarray,
    y: np.ndarray,
    texture: Texture,
    fields: Drawn,
    rods_at: Callable[[np.ndarray, np.ndarray], Rods],
) -> tuple[np.ndarray, np.ndarray]:
    """True directors `(H, W, 3)` in the polarization frame, and regions `(H, W)`, of places `(H, 1)` and `(1, W)`, um.

    `rods_at` gives the rods that stand at places along and across their rows.
    """
    t, azimuth, shape = texture, radians(texture.azimuth), (x.shape[0], y.shape[1])
    course = np.float32(t.warp) * (
        fields.smooth((12.0, 12.0), 2) * np.float32(0.8) + fields.smooth((30.0, 30.0), 2) * np.float32(1.5)
    )
    course += np.float32(t.ragged) * fields.smooth((0.5, 0.5), 2)
    along = x * np.float32(cos(azimuth)) + y * np.float32(sin(azimuth)) + course[0]
    across = y * np.float32(cos(azimuth)) - x * np.float32(sin(azimuth)) + course[1]
    rods = rods_at(along, across)

    group = np.float32(radians(t.group)) * fields.smooth((9.0, 9.0), 2)
    stretch = 1 / max(cos(radians(t.tilt)), 0.25)
    wavering = np.float32(radians(t.waves)) * fields.smooth((1.6 * stretch, 0.8), 3, azimuth)
    rough = np.float32(radians(t.scatter)) * np.exp(0.3 * fields.smooth((5.0, 5.0), 1))
    wavering += rough * fields.smooth(CRYSTAL_UM, 3, azimuth)

    director, region = np.empty((*shape, 3), np.float32), np.empty(shape, np.uint8)
    rows = max(1, STRIP_PX // shape[1])  # strip by strip, so that what a strip needs stays in the cache
    for start in range(0, shape[0], rows):
        strip = np.s_[start : start + rows]
        place = rods.at(along[strip], across[strip])
        c_axis = _c_axes(rods, place, rods.swing(along[strip], across[strip]), group[:, strip], texture)
        c_axis += wavering[:, strip]
        c_axis /= np.sqrt((c_axis * c_axis).sum(axis=0))
        director[strip], region[strip] = pic.to_polarization_frame(np.moveaxis(c_axis, 0, -1)), place.region
    return director, region


def _c_axes(rods: Rods, place: Place, swing: np.ndarray, group: np.ndarray, texture: Texture) -> np.ndarray:
    """Mean c-axes `(3, H, W)` in the sample frame, before single crystals scatter about them."""
    t = texture
    tilt, azimuth, bend, interrod_bend, rim = (
        np.float32(radians(angle)) for angle in (t.crystal_tilt, t.crystal_azimuth, t.bend, t.interrod_bend, t.rim)
    )
    along_head = np.clip(place.zeta, -1, 1)
    of_rod = tilt + np.float32(t.follow) * swing + group[0] + rods.lean[place.rod]
    frame = rod_frame(of_rod, azimuth + group[1] + rods.twist[place.rod])
    # from the head, on the one side of the axis, to the tail on the other
    inside = _bent(frame, rods.extra[place.rod] - bend / 2 * along_head, t)
    between_tilt = tilt + np.float32(t.interrod_follow) * swing + group[0] / 2
    between = _bent(rod_frame(between_tilt, azimuth + group[1] / 2), interrod_bend + rim * along_head, t)
    # a sharp wall at the head; the tail goes over into the interrod
    softness = np.float32(WALL) + np.float32(t.seam) * np.maximum(-along_head, 0)
    share = 1 / (1 + np.exp(np.clip(-2 * place.wall / softness, -30, 30)))
    director = between + share * (inside - between)
    return director / np.sqrt((director * director).sum(axis=0))


def _bent(frame: tuple[np.ndarray, np.ndarray, np.ndarray], angle: np.ndarray, texture: Texture) -> np.ndarray:
    """Axis of a rod's frame, turned by an angle (radians) away from the side where the head looks."""
    axis, up, side = frame
    ch, sh = (np.float32(f(radians(texture.head_angle))) for f in (cos, sin))
    return np.cos(angle) * axis - np.sin(angle) * (ch * up + sh * side)


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


def render(director: np.ndarray, pixel: float, fields: Drawn) -> np.ndarray:
    """PIC map: angular noise, few pits and thin cracks in black, point spread of 30 nm, 8 bits.

    Numbers: DOMAIN.md A.
    """
    rgb = pic.encode(director + np.float32(radians(NOISE_DEG)) * fields.white(3))
    pits, crack = fields.smooth((0.4, 0.4), 2)
    (presence,) = fields.smooth((6.0, 6.0), 1)
    rgb[(pits + 0.9 * presence > 4.4) | ((np.abs(crack) < 0.02) & (presence > 2.6))] = 0
    return ndimage.gaussian_filter(rgb, (0.03 / pixel, 0.03 / pixel, 0), truncate=2, mode="nearest")


def exposed(rgb: np.ndarray, gain: float) -> np.ndarray:
    """Brighten a picture until its brightest pixels saturate, as in the public map (DOMAIN.md A); hues stay."""
    high = np.maximum(rgb.max(axis=-1), 1)
    factor = np.minimum(np.float32(gain), np.float32(255) / high)
    return np.rint(rgb * factor[..., None]).astype(np.uint8)


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
