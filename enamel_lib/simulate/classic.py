"""The first simulator, on whose sections the paper's networks were trained; it goes when they have been trained anew.

One slowly varying director between rounded rods, and wider walls than the real map has. `texture` and `rods` hold what
replaces it.
"""

from dataclasses import dataclass
from math import cos, pi, radians, sin, sqrt

import numpy as np
from scipy import ndimage

from enamel_lib import pic
from enamel_lib.simulate import law
from enamel_lib.simulate.fields import point_by_point
from enamel_lib.simulate.rods import rod_frame

NAME = "first"  # as a texture of `simulator.section`


@dataclass(frozen=True)
class Texture:
    """What one map has in common; lengths in um, angles in radians."""

    pitch: float
    azimuth: float  # of the mean rod axis in the image plane, from x
    tilt: float  # of the mean rod axis from the surface normal
    decussation: float  # amplitude of the tilt's swing
    band: float  # wavelength of the swing
    band_angle: float  # of the swing's direction, from the rods' azimuth
    phase: float
    head_angle: float  # of the head in the plane across the rods, from the azimuth
    bend: float  # of the c-axis from head to tail
    scatter: float  # of crystals about their rod
    interrod: float  # half width of the interrod wall, in pitches


def draw_texture(rng: np.random.Generator, d: float) -> Texture:
    """Draw a map's texture, centred on the one public real map; from the junction (depth 0) to the surface (1):

    rods grow, walls between them thin, decussation fades and the c-axis bends less inside a rod (DOMAIN.md A and B,
    world *confounded*). Scatter of crystals does not depend on depth.
    """
    return Texture(
        pitch=4.4 + 1.8 * d + 0.2 * rng.standard_normal(),
        azimuth=radians(rng.normal(53, 7)),
        tilt=radians(rng.normal(-65, 6)),
        decussation=radians((32 - 18 * d) * rng.uniform(0.85, 1.15)),
        band=rng.uniform(120, 190),
        band_angle=radians(rng.normal(70, 12)),
        phase=rng.uniform(0, 2 * pi),
        head_angle=radians(rng.normal(236, 10)),
        bend=radians(58 - 22 * d + rng.normal(0, 3)),
        scatter=radians(rng.uniform(1.8, 6.5)),
        interrod=0.042 - 0.02 * d + rng.normal(0, 0.003),
    )


class Rods:
    """Which rod every pixel belongs to, and where in it.

    The rods stand in rows along the azimuth. Along a row, u counts rods: du = cos(tilt) / pitch, so a leaning rod is
    cut long. Each pixel looks at the two nearest rods of three rows; half the difference of squared distances to the
    nearest two is its distance from the wall, in pitches.
    """

    def __init__(self, along: np.ndarray, across: np.ndarray, texture: Texture, rng: np.random.Generator):
        self._texture = texture
        spacing = texture.pitch * sqrt(3) / 2
        row = np.rint(across / spacing).astype(np.int32)
        first, count = row.min() - 1, row.max() - row.min() + 3
        step = 0.25  # um between entries of the table of u
        start = along.min()
        t = np.arange(start, along.max() + 2 * step, step, dtype=np.float32)[None, :]
        s = ((first + np.arange(count)) * spacing).astype(np.float32)[:, None]
        rate = np.maximum(np.cos(texture.tilt + self.swing(t, s)), np.float32(0.17)) / texture.pitch
        table = np.cumsum(rate * step, axis=1) + 0.5 * (np.arange(count) % 2)[:, None] + rng.uniform(-0.15, 0.15)
        low, high = int(np.floor(table.min())) - 1, int(np.ceil(table.max())) + 2
        jitter = rng.uniform(-0.16, 0.16, (2, count, high - low)).astype(np.float32)

        place = (along - start) / step
        left = place.astype(np.int32)
        part = place - left
        best = np.full((2, *along.shape), np.inf, np.float32)
        offset = np.zeros((2, *along.shape), np.float32)
        rod = np.zeros(along.shape, np.int32)
        flat = table.astype(np.float32).ravel()
        for neighbour in (-1, 0, 1):
            k = row + neighbour - first
            index = k * table.shape[1] + left
            u = flat[index] * (1 - part) + flat[index + 1] * part
            ds0 = across / texture.pitch - (k + first) * np.float32(spacing / texture.pitch)
            whole = np.floor(u).astype(np.int32)
            for j in (whole, whole + 1):
                cell = k * (high - low) + j - low
                du = u - j - jitter[0].ravel()[cell]
                ds = ds0 - jitter[1].ravel()[cell]
                square = du * du + ds * ds
                nearer = square < best[0]
                best[1] = np.where(nearer, best[0], np.minimum(best[1], square))
                best[0] = np.where(nearer, square, best[0])
                offset[0] = np.where(nearer, du, offset[0])
                offset[1] = np.where(nearer, ds, offset[1])
                rod = np.where(nearer, cell, rod)

        ch, sh = cos(texture.head_angle), sin(texture.head_angle)
        self.zeta = 2 * (offset[0] * ch + offset[1] * sh)  # -1 at the tail to 1 at the head
        beside = 2 * (offset[1] * ch - offset[0] * sh)
        keyhole = 1.1 - np.hypot(beside / (1 + 0.2 * np.clip(self.zeta, -1, 1)), self.zeta)  # narrows to the tail
        wall = _smooth_minimum((best[1] - best[0]) / 2, keyhole / 2) - texture.interrod
        sheath = 0.15 / texture.pitch  # 0.1-0.2 um
        self.region = np.select(
            [wall < 0, wall < sheath, self.zeta > -0.15], [law.INTERROD, law.SHEATH, law.HEAD], law.TAIL
        ).astype(np.uint8)
        cells = jitter[0].size
        self.lean, self.twist, self.extra = (
            (scale * rng.standard_normal(cells)).astype(np.float32)[rod] for scale in (0.10, 0.14, 0.12)
        )

    def swing(self, along, across):
        """Hunter-Schreger swing of the rods' tilt at a place, radians."""
        t = self._texture
        place = along * cos(t.band_angle) + across * sin(t.band_angle)
        return t.decussation * np.sin(2 * pi / t.band * place + t.phase)


def _smooth_minimum(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Lower of two distances, rounded where they are within 0.15 of each other: rods have no sharp corners."""
    blend = np.maximum(0.15 - np.abs(a - b), 0)
    return np.minimum(a, b) - blend * blend * (0.25 / 0.15)


def crystals(x, y, pixel: float, texture: Texture, rng) -> tuple[np.ndarray, np.ndarray]:
    """True directors `(H, W, 3)` in the polarization frame, and regions `(H, W)`."""
    shape = (x.shape[0], y.shape[1])
    ca, sa = cos(texture.azimuth), sin(texture.azimuth)
    wander = point_by_point(shape, pixel, (12.0, 12.0), 0.0, 3, rng)
    ragged = point_by_point(shape, pixel, (0.5, 0.5), 0.0, 2, rng)
    along = x * ca + y * sa + 0.8 * wander[0] + 0.12 * ragged[0]
    across = y * ca - x * sa + 0.8 * wander[1] + 0.12 * ragged[1]

    rods = Rods(along, across, texture, rng)
    tilt = texture.tilt + rods.swing(along, across) + 0.06 * wander[2] + rods.lean
    azimuth = texture.azimuth + rods.twist
    axis, up, side = rod_frame(tilt, azimuth)
    ch, sh = cos(texture.head_angle), sin(texture.head_angle)
    # c-axis along the rod near the head, bending away from the head's side towards the tail
    bent = texture.bend * (0.0 - 0.45 * np.clip(rods.zeta, -1, 1)) + rods.extra
    inside = np.cos(bent) * axis - np.sin(bent) * (ch * up + sh * side)

    # interrod crystals stand at 60 degrees to the rods, on the tail's side (Beniash 2019)
    axis, up, side = rod_frame(np.float32(texture.tilt), np.float32(texture.azimuth))
    between = 0.71 * axis - 0.71 * (ch * up + sh * side)
    wall = rods.region == law.INTERROD
    director = np.where(wall, between[:, None, None] + 0.14 * wander, inside)

    stretch = 1 / max(cos(texture.tilt), 0.25)
    waves = point_by_point(shape, pixel, (1.6 * stretch, 0.8), texture.azimuth, 3, rng)
    crystals = point_by_point(shape, pixel, (0.16, 0.04), texture.azimuth, 3, rng)
    rough = texture.scatter * np.exp(0.3 * point_by_point(shape, pixel, (5.0, 5.0), 0.0, 1, rng))
    director += 0.07 * waves + np.where(wall, np.float32(0.7), np.float32(1.0)) * rough * crystals
    director = np.moveaxis(director / np.linalg.norm(director, axis=0), 0, -1)
    return pic.to_polarization_frame(director), rods.region


def render(director: np.ndarray, pixel: float, rng: np.random.Generator) -> np.ndarray:
    """PIC map: angular noise of 3 degrees, pits and cracks black (2 %), point spread of 30 nm, 8 bits (DOMAIN.md A)."""
    noisy = director + radians(3) * rng.standard_normal(director.shape, dtype=np.float32)
    rgb = pic.encode(noisy)
    shape = director.shape[:2]
    pits, crack = point_by_point(shape, pixel, (0.5, 0.5), 0.0, 2, rng)
    presence = point_by_point(shape, pixel, (6.0, 6.0), 0.0, 1, rng)[0]
    rgb[(pits + 0.5 * presence > 2.25) | ((np.abs(crack) < 0.04) & (presence > 2.4))] = 0
    return ndimage.gaussian_filter(rgb, (0.03 / pixel, 0.03 / pixel, 0), truncate=2, mode="nearest")
