"""Rods of enamel in a polished section: which rod a pixel belongs to, and where in the rod it lies.

Rods stand in rows along the texture's azimuth; their lean swings across the section (Hunter-Schreger decussation), and
a leaning rod is cut long. Each is a keyhole: a round head, and a tail that reaches between the heads of the next row
and goes over into the interrod there. Numbers and sources: DOMAIN.md A.
"""

from dataclasses import dataclass, replace
from math import cos, pi, radians, sin, sqrt

import numpy as np
from scipy import special

from enamel_lib.simulate import law
from enamel_lib.simulate.texture import Texture

SHEATH_UM = 0.15  # 0.1-0.2 um, around the head
SIZE_SPREAD = 0.08  # of the rods' radii, relatively
LEAST_FORESHORTENING = 0.12  # a rod that lies in the section is cut not longer than pitch / this
TABLE_UM = 0.25  # between entries of the table that counts rods along a row
SWINGS = 4096  # points along one swing
LEAST_TURN = 0.02  # cosine; where bands run along the rows, a whole row would have a rate of its own


@dataclass(frozen=True)
class Place:
    """Where pixels lie in their rods; all `(H, W)`.

    Attributes
    ----------
    rod
        Number of the rod, into what `Rods` knows of each.
    zeta
        -1 at the tail to 1 at the head, a little beyond in the interrod.
    wall
        Distance from the rod's outline, in pitches; negative in the interrod.
    region
        Index into `law.REGION_NAMES`.
    """

    rod: np.ndarray
    zeta: np.ndarray
    wall: np.ndarray
    region: np.ndarray


class Rods:
    """The rods of a section, and of each its own `lean`, `twist` and `extra` bend, radians.

    `along` and `across` are `(H, W)` coordinates in um along the rows and across them. Along a row, u counts rods:
    du = cos(tilt) / pitch, so a leaning rod is cut long.
    """

    def __init__(self, along: np.ndarray, across: np.ndarray, texture: Texture, rng: np.random.Generator):
        self._texture = texture
        self._spacing = texture.pitch * sqrt(3) / 2
        self._first = round(across.min() / self._spacing) - 1
        count = round(across.max() / self._spacing) - self._first + 2
        self._start = along.min()
        t = np.arange(self._start, along.max() + 2 * TABLE_UM, TABLE_UM, dtype=np.float32)[None, :]
        row = (self._first + np.arange(count))[:, None]
        tilt = radians(texture.tilt) + self.swing(t, (row * self._spacing).astype(np.float32))
        rate = np.maximum(np.cos(tilt), np.float32(LEAST_FORESHORTENING)) / texture.pitch
        table = np.cumsum(rate * TABLE_UM, axis=1) + 0.5 * (row % 2) + rng.uniform(-0.15, 0.15)
        self._low = int(np.floor(table.min())) - 1
        self._rods_in_row = int(np.ceil(table.max())) + 2 - self._low
        self._table, self._entries = table.astype(np.float32).ravel(), np.int32(table.shape[1])
        rods = count * self._rods_in_row
        self._jitter = rng.uniform(-texture.jitter, texture.jitter, (2, rods)).astype(np.float32)
        self._of_each(rng.standard_normal((4, rods)).astype(np.float32))

    def _of_each(self, deviations: np.ndarray) -> None:
        """Say how each rod deviates, `(4, N)` float32, standard normal."""
        self._radius = self._texture.fullness * (1 + np.float32(SIZE_SPREAD) * deviations[0])
        self.lean = radians(self._texture.lean) * deviations[1]
        self.twist = radians(self._texture.twist) * deviations[2]
        self.extra = radians(self._texture.extra) * deviations[3]

    def swing(self, along, across):
        """Hunter-Schreger swing of the rods' tilt at a place, radians."""
        t, angle, wave = self._texture, radians(self._texture.band_angle), np.float32(2 * pi / self._texture.band)
        place = along * np.float32(cos(angle)) + across * np.float32(sin(angle))
        return np.float32(radians(t.decussation)) * np.sin(wave * place + np.float32(t.phase))

    def at(self, along: np.ndarray, across: np.ndarray) -> Place:
        """Find the rod of every pixel: of the two nearest of three rows, the one whose keyhole is nearest."""
        t, float32 = self._texture, np.float32
        ch, sh = float32(cos(radians(t.head_angle))), float32(sin(radians(t.head_angle)))
        row = np.rint(across / float32(self._spacing)).astype(np.int32)
        place = (along - self._start) / float32(TABLE_UM)
        left = place.astype(np.int32)
        part = place - left
        nearest, second = np.full((2, *along.shape), np.inf, np.float32)
        head_ward, rod = np.zeros(along.shape, np.float32), np.zeros(along.shape, np.int32)
        for neighbour in (-1, 0, 1):
            k = row + (neighbour - self._first)
            entry = k * self._entries + left
            before = self._table[entry]
            u = before + (self._table[entry + 1] - before) * part
            sideways = across / float32(t.pitch) - (k + self._first).astype(np.float32) * float32(sqrt(3) / 2)
            whole = np.floor(u)
            first = k * np.int32(self._rods_in_row) + whole.astype(np.int32) - np.int32(self._low)
            for step in (0, 1):
                cell = first + step
                du, ds = u - whole - float32(step) - self._jitter[0][cell], sideways - self._jitter[1][cell]
                a, b = du * ch + ds * sh, ds * ch - du * sh  # towards the head, and beside
                side = a / np.sqrt(a * a + float32(0.04))  # -1 at the tail, 1 at the head
                b /= 1 + float32(t.taper) * side
                stretched = a * (1 + float32(t.tail) * side)
                distance = np.sqrt(b * b + stretched * stretched)
                nearer = distance < nearest
                second = np.where(nearer, nearest, np.minimum(second, distance))
                np.copyto(nearest, distance, where=nearer)
                np.copyto(head_ward, a, where=nearer)
                np.copyto(rod, cell, where=nearer)

        zeta = np.clip(2 * head_ward, -1.3, 1.1)
        wall = _smooth_minimum((second - nearest) / 2, self._radius[rod] - nearest, t.roundness) - float32(t.interrod)
        sheath = (wall < SHEATH_UM / t.pitch) & (zeta > -0.4)
        region = np.select([wall < 0, sheath, zeta > -0.15], [law.INTERROD, law.SHEATH, law.HEAD], law.TAIL)
        return Place(rod, zeta, wall, region.astype(np.uint8))


class UnboundedRods(Rods):
    """The rods around some places of an unbounded section: whichever part asks, a rod is the same.

    `along` and `across` are places from the `frame`: um along the rows, and a row, even, from the section's origin.
    As rates change along every row alike, the count of rods is a mean rate and what the swing adds, which is periodic;
    the rods of a `Rods` are counted from an edge of the section instead.
    """

    def __init__(self, along: np.ndarray, across: np.ndarray, texture: Texture, *, frame: tuple[float, int], seed: int):
        t, angle = texture, radians(texture.band_angle)
        self._spacing = t.pitch * sqrt(3) / 2
        wave = 2 * pi / t.band
        place = frame[0] * cos(angle) + frame[1] * self._spacing * sin(angle)
        self._texture = t = replace(t, phase=(t.phase + wave * place) % (2 * pi))  # as seen from the frame
        self._first = round(across.min() / self._spacing) - 1
        count = round(across.max() / self._spacing) - self._first + 2
        self._start = float(along.min())
        x = np.arange(self._start, along.max() + 2 * TABLE_UM, TABLE_UM)[None, :]
        row = (self._first + np.arange(count))[:, None]
        phases = np.linspace(0, 2 * pi, SWINGS + 1)
        tilt = radians(t.tilt) + radians(t.decussation) * np.sin(phases)
        rate = np.maximum(np.cos(tilt), LEAST_FORESHORTENING) / t.pitch
        mean = rate[1:].mean()
        added = np.concatenate([[0], np.cumsum((rate[1:] + rate[:-1]) / 2 - mean) * phases[1]])
        turn = cos(angle) if abs(cos(angle)) > LEAST_TURN else LEAST_TURN
        phase = wave * (x * cos(angle) + row * self._spacing * sin(angle)) + t.phase
        table = mean * (frame[0] + x) + 0.5 * (row % 2) + np.interp(phase % (2 * pi), phases, added) / (wave * turn)
        lowest = int(np.floor(table.min())) - 1
        self._low = 0
        self._rods_in_row = int(np.ceil(table.max())) + 2 - lowest
        self._table, self._entries = (table - lowest).astype(np.float32).ravel(), np.int32(table.shape[1])
        which = np.stack(np.broadcast_arrays(frame[1] + row, lowest + np.arange(self._rods_in_row))).reshape(2, -1)
        self._jitter = np.float32(t.jitter) * (2 * _hashed(which, (0, 1), seed) - 1).astype(np.float32)
        self._of_each(special.ndtri(_hashed(which, (2, 3, 4, 5), seed)).astype(np.float32))


def _hashed(which: np.ndarray, numbers: tuple[int, ...], seed: int) -> np.ndarray:
    """Uniform numbers in (0, 1), `(len(numbers), N)`, one for each place `(2, N)` of a lattice, number and seed.

    Mixed as by SplitMix64 (Steele et al., OOPSLA 2014).
    """
    mixed = np.full((len(numbers), which.shape[1]), np.uint64(seed))
    for each in (np.array(numbers)[:, None], *which[:, None]):
        mixed = (mixed ^ each.astype(np.int64).view(np.uint64)) + np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed ^= mixed >> np.uint64(31)
    return ((mixed >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def _smooth_minimum(a: np.ndarray, b: np.ndarray, width: float) -> np.ndarray:
    """Lower of two distances, rounded where they are within `width` of each other: rods have no sharp corners."""
    blend = np.maximum(np.float32(width) - np.abs(a - b), 0)
    return np.minimum(a, b) - blend * blend * np.float32(0.25 / width)


def rod_frame(tilt: np.ndarray, azimuth: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit vectors `(3, ...)` in the sample frame: along the rod, across it up its leaning side, and sideways."""
    ct, st, ca, sa = np.cos(tilt), np.sin(tilt), np.cos(azimuth), np.sin(azimuth)
    return np.stack([st * ca, st * sa, ct]), np.stack([ct * ca, ct * sa, -st]), np.stack([-sa, ca, np.zeros_like(ca)])
