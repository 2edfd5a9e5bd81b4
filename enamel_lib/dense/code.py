"""Orientation code: what the dense indenter sees of a PIC map, at 0.06 um per pixel whatever the picture's scale.

The in-plane angle enters as cos and sin of twice the angle, since a c-axis has no head, and the off-plane angle as
sin^2, since its sign is not in the picture (DOMAIN.md A). So the code of a flipped picture is the flipped code with the
sine negated, exactly. Misorientation of neighbours is given, as a network of sums would have to learn it.
"""

import numpy as np
from PIL import Image

from enamel_lib import pic
from enamel_lib.errors import InputError
from enamel_lib.pic import PIXEL_UM

CHANNELS = ("signal", "cos_2phi", "sin_2phi", "sin2_gamma", "step_1", "step_2")
FLIPPED = np.array([1, 1, -1, 1, 1, 1], np.float32)  # how each channel changes when the picture is flipped
CELL_PX = 4  # pixels of the code in a cell, the place of one reading
CELL_UM = CELL_PX * PIXEL_UM
PIXEL_SIZES_UM = (0.03, 0.3)
DARK = 8  # of 255: darker pixels are pits, cracks or no enamel
STEP_DEG = 10.0  # the misorientation of neighbours is given in units of this


def encode(rgb: np.ndarray, *, pixel_size_um: float = PIXEL_UM, signal: np.ndarray | None = None) -> np.ndarray:
    """Orientation code of a PIC map.

    Parameters
    ----------
    rgb
        `(H, W, 3)` uint8.
    pixel_size_um
        Of the picture, 0.03 to 0.3 um.
    signal
        `(H, W)` bool: where the picture shows enamel; where it is brighter than black, if None.

    Returns
    -------
    code
        `(R, C, 6)` float32, R and C multiples of 4: the `CHANNELS`, zero where there is no signal. At 0.06 um the
        picture keeps its pixels (up to three rows and columns at its edges are left out), else it is resampled.

    Raises
    ------
    InputError
        If the pixel size is outside its range, or the picture smaller than one cell.
    """
    if not PIXEL_SIZES_UM[0] <= pixel_size_um <= PIXEL_SIZES_UM[1]:
        low, high = PIXEL_SIZES_UM
        raise InputError(
            f"pixels of {pixel_size_um:g} um: the dense indenter reads {low} to {high} um; resample the picture"
        )
    cells = [int(side * pixel_size_um / CELL_UM + 1e-6) for side in rgb.shape[:2]]
    if min(cells) < 1:
        raise InputError(f"a picture of {rgb.shape[:2]} px of {pixel_size_um:g} um is smaller than {CELL_UM} um")
    signal = rgb.max(axis=-1) >= DARK if signal is None else signal & (rgb.max(axis=-1) >= DARK)
    phi, gamma = (np.radians(angle, dtype=np.float32) for angle in pic.decode(rgb))
    in_plane = np.cos(gamma) ** 2
    planes = [signal, in_plane * np.cos(2 * phi), in_plane * np.sin(2 * phi), 1 - in_plane]
    planes = [np.where(signal, plane, 0).astype(np.float32) for plane in planes]
    if pixel_size_um == PIXEL_UM:
        planes = [_middle(plane, cells) for plane in planes]
    else:
        size = (cells[1] * CELL_PX, cells[0] * CELL_PX)
        planes = [np.asarray(Image.fromarray(plane).resize(size, Image.Resampling.BILINEAR)) for plane in planes]
    seen = planes[0]
    share = np.where(seen > 0.5, seen, np.float32(np.inf))
    cos, sin, out = (plane / share for plane in planes[1:])
    steps = [_misorientation(seen > 0.5, cos, sin, out, lag) / np.float32(STEP_DEG) for lag in (1, 2)]
    return np.stack([(seen > 0.5).astype(np.float32), cos, sin, out, *steps], axis=-1)


def _middle(plane: np.ndarray, cells: list[int]) -> np.ndarray:
    top, left = ((side - CELL_PX * count) // 2 for side, count in zip(plane.shape, cells, strict=True))
    return plane[top : top + CELL_PX * cells[0], left : left + CELL_PX * cells[1]]


def _misorientation(seen: np.ndarray, cos: np.ndarray, sin: np.ndarray, out: np.ndarray, lag: int) -> np.ndarray:
    """Mean angle to the four pixels `lag` away, degrees `(H, W)`, both on the same side of the polarization plane.

    Small angles: sin^2 of the turn in the plane, as far as both lie in it, and the difference in tilt.
    """
    length = np.sqrt(cos * cos + sin * sin)
    flat = np.sqrt(length)  # cos gamma
    safe = np.maximum(length, np.float32(1e-6))
    cos, sin, gamma = cos / safe, sin / safe, np.arctan2(np.sqrt(np.maximum(out, 0)), flat)
    total, count = np.zeros((2, *seen.shape), np.float32)
    for ahead, behind in ((np.s_[lag:, :], np.s_[:-lag, :]), (np.s_[:, lag:], np.s_[:, :-lag])):
        turn = flat[ahead] * flat[behind] * (1 - cos[ahead] * cos[behind] - sin[ahead] * sin[behind]) / 2
        tilt = gamma[ahead] - gamma[behind]
        both = seen[ahead] & seen[behind]
        angle = np.where(both, np.degrees(np.sqrt(np.maximum(turn, 0) + tilt * tilt)), 0)
        for side in (ahead, behind):
            total[side] += angle
            count[side] += both
    return total / np.maximum(count, 1)
