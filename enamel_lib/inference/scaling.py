"""A PIC map at the scale that the network learned at: by the size of its pixels, stated or found, never silently."""

from dataclasses import dataclass

import numpy as np

from enamel_lib import images, microstructure, pic
from enamel_lib.errors import InputError
from enamel_lib.pictures import Picture, check_pixel_size

ROD_UM = 4.7  # shortest way from rod to rod as measured here on the real map and simulated ones, 4.4 to 5.4
LOOKED_AT = 600  # px, side of the middle part in which rods are looked for
SEVERAL_PX = 25.0  # rods no wider fit several times into a window of `microstructure.PITCH_WINDOW_PX`
SCALES = (0.01, 100.0)


@dataclass(frozen=True)
class Scaled:
    """A picture `(H, W, 3)` uint8 and its signal `(H, W)` bool, enlarged `scale` times, and what to tell of that.

    `pixel_size_um` is that of the picture as given, None if nobody knows; `assumed` if it is only a guess.
    """

    rgb: np.ndarray
    signal: np.ndarray
    scale: float
    pixel_size_um: float | None
    notes: tuple[str, ...]
    assumed: bool = False


def factor(text: str) -> float | None:
    """Read a scale: a number, or None for "auto"; InputError for anything else."""
    try:
        scale = None if text == "auto" else float(text)
    except ValueError:
        scale = np.nan
    if scale is not None and not SCALES[0] <= scale <= SCALES[1]:
        raise InputError(f"scale {text!r} is neither auto nor a number from {SCALES[0]} to {SCALES[1]:.0f}")
    return scale


def to_scale(picture: Picture, *, scale: float | None = None, pixel_size_um: float | None = None) -> Scaled:
    """Enlarge a picture `scale` times, or so that its pixels get the size that networks learned at, `pic.PIXEL_UM`.

    A stated pixel size goes before that in the file. Where there is neither, the picture keeps its size, and is told
    what its rods say. Raises InputError if no PIC map has such pixels, or no window fits in what comes out.
    """
    (size, notes), learned_um = _size_and_notes(picture, pixel_size_um), pic.PIXEL_UM
    if size is None:
        assumed = f", so {learned_um} um is assumed" if scale is None else ""
        notes.append(f"no pixel size is stated{assumed}; {_how_to_find_it(picture)}; give --pixel-size")
    if scale is None:
        scale = size / learned_um if size else 1.0
        scale = 1.0 if abs(scale - 1) < 0.01 else scale
        if scale != 1:
            notes.append(f"scale {scale:.4g}: from {size:.4g} um per pixel to the {learned_um:.4g} um that was learned")
    elif size and abs(size / scale / learned_um - 1) > 0.1:
        notes.append(
            f"at scale {scale:.4g} a pixel has {size / scale:.3g} um, but was learned at {learned_um:.4g} um: "
            "readings mean little; use --scale auto"
        )
    rgb = images.resize(picture.rgb, scale)
    height, width = rgb.shape[:2]
    if size and min(height, width) < images.TILE:
        raise InputError(
            f"the picture is {width} x {height} px at {size / scale:.4g} um per pixel, smaller than a window of "
            f"{images.TILE} px; a map needs {images.TILE * learned_um:g} um each way"
        )
    images.windows(rgb)
    signal = picture.signal
    if rgb is not picture.rgb:
        signal = images.resize(signal.view(np.uint8) * np.uint8(255), scale) >= 128
    return Scaled(rgb, signal, scale, size, tuple(notes))


def as_it_is(picture: Picture, *, scale: float | None = None, pixel_size_um: float | None = None) -> Scaled:
    """Find out the size of a picture's pixels, for a network that reads pictures of any: nothing is resampled.

    As `to_scale` it prefers what is stated; where nothing is, `scale` would enlarge the picture to what was learned.
    """
    size, notes = _size_and_notes(picture, pixel_size_um)
    assumed = size is None
    if assumed:
        size = pic.PIXEL_UM * (scale or 1.0)
        notes.append(
            f"no pixel size is stated, so {size:.3g} um is assumed; {_how_to_find_it(picture)}; give --pixel-size"
        )
    elif scale is not None:
        notes.append(f"--scale {scale:g} is left out, as pixels of {size:.3g} um are read as they are")
    return Scaled(picture.rgb, picture.signal, 1.0, size, tuple(notes), assumed)


def _size_and_notes(picture: Picture, pixel_size_um: float | None) -> tuple[float | None, list[str]]:
    """Size of a picture's pixels, as stated or else as its file has it, um, and what to tell of the picture."""
    found, notes = picture.pixel_size_um, list(picture.notes)
    size = found if pixel_size_um is None else check_pixel_size(pixel_size_um)
    if size and found and abs(found / size - 1) > 0.02:
        notes.append(f"the file states {found:.4g} um per pixel, but {size:.4g} um was given, and is used")
    return size, notes


def _how_to_find_it(picture: Picture) -> str:
    """Say how to find the size of a pixel."""
    rows, cols = (np.flatnonzero(picture.signal.any(axis=axis)) for axis in (1, 0))
    pitch = _rod_pitch(picture.rgb[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1])
    rods = "measure how many pixels its rods are apart"
    if np.isfinite(pitch):
        rods = f"if its rods, not texture within them, are {pitch:.0f} px apart, it is about {ROD_UM / pitch:.2g} um"
    return f"{rods} (rods of enamel are about 5 um apart)"


def _rod_pitch(rgb: np.ndarray) -> float:
    """Estimate the distance from rod to rod in the middle of a picture, px; NaN if none are found.

    `microstructure.rod_pitch` looks in small windows, and takes texture within a rod for rods where only one or two of
    them fit, so the picture is halved until several do.
    """
    for halved in (1, 2, 4, 8):
        side = LOOKED_AT * halved
        top, left = (max(0, (length - side) // 2) for length in rgb.shape[:2])
        middle = rgb[top : top + side, left : left + side]
        pitch = microstructure.rod_pitch(images.resize(middle, 1 / halved))
        if not pitch > SEVERAL_PX:  # NaN, too: what is coarser shows no rods, either
            return pitch * halved
    return np.nan
