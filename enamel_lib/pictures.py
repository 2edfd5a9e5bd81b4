"""Pictures of the user as they come: 8-bit colour, where there is signal, the size of a pixel, and what was done.

Rules for every format. The pixels stay in stored order: an orientation tag is passed over, for it would turn the
picture but not the colours, which are measured against an axis of the stored picture. Colours are scaled from the
stated or evident number of bits. A pixel carries signal if it is opaque and has a hue: black, white and grey have no
orientation. TIFF goes through `tiffs`, everything else through Pillow.
"""

import math
import os
import warnings
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

from enamel_lib import tiffs
from enamel_lib.errors import InputError
from enamel_lib.tiffs import MAX_PIXELS, Raw

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "PPM")
PIXEL_LIMITS_UM = (0.005, 2.0)  # of a PIC map; what a file states beyond is the resolution of a print or a screen
CHROMA = 8  # of 255; below it a colour has no hue to speak of
COLOURED = 0.01  # least share of a picture that has a hue
DARK, DIM = 17, 64  # of 255; brighter somewhere is every PIC map, so less is a wrong number of bits
DISPLAY_GAMMA = 2.2
EDGE = 5  # a scale bar lies in the uppermost or lowest fifth
ROWS = 256  # converted at once, to save memory


@dataclass(frozen=True)
class Picture:
    """A PIC map.

    Attributes
    ----------
    rgb
        `(H, W, 3)` uint8, black where it is transparent.
    signal
        `(H, W)` bool: where the sample can be read.
    pixel_size_um
        As the file states it, in the range `PIXEL_LIMITS_UM`; None if it does not.
    notes
        What the user should know of how it was read, a sentence each.
    """

    rgb: np.ndarray
    signal: np.ndarray
    pixel_size_um: float | None
    notes: tuple[str, ...] = ()

    def masked(self, path: str | os.PathLike) -> "Picture":
        """Keep the signal where a second picture, of the same size, is brighter than half of its brightest pixel.

        Raises InputError if it has another size, or nothing remains.
        """
        keep = _raw(Path(path)).pixels
        keep = keep.max(axis=2) if keep.ndim == 3 else keep
        if keep.shape != self.signal.shape:
            sizes = [f"{width} x {height} px" for height, width in (keep.shape, self.signal.shape)]
            raise InputError(f"{path}: the mask has {sizes[0]}, but the picture {sizes[1]}; draw it over the picture")
        signal = self.signal & (keep > keep.max() / 2)
        if not signal.any():
            raise InputError(f"{path}: the mask leaves nothing of the picture; white is kept, black left out")
        return replace(self, signal=signal)


def read_picture(path: str | os.PathLike) -> Picture:
    """Read one PIC map.

    Raises InputError if it is no complete picture in colour, of at most `MAX_PIXELS`, or its colours have no clear
    meaning.
    """
    path = Path(path)
    raw = _raw(path)
    rgb, guess = _to_rgb(raw, path)
    if raw.opaque is not None:
        if not raw.opaque.any():
            raise InputError(f"{path}: is transparent everywhere; if its alpha was never filled, save it without alpha")
        rgb[~raw.opaque] = 0
    signal = find_signal(rgb, path)
    brightest, coloured = int(rgb.max()), float(signal.mean())
    notes = [*raw.notes, *([guess] if guess else [])]
    if brightest < DIM:
        notes.append(f"its brightest pixel has only {brightest / 255:.0%} of full brightness; check its number of bits")
    if coloured < 0.99:
        notes.append(f"{1 - coloured:.0%} of it carries no signal (black, white, grey or transparent)")
    if bar := _scale_bar(rgb):
        notes.append(f"a scale bar seems to be burnt in {bar}; cut it off, or leave it and its text out by --mask")
    size, note = stated_pixel_size(raw.size_um, path)
    return Picture(rgb, signal, size, tuple([*notes, note] if note else notes))


def find_signal(rgb: np.ndarray, path: str | os.PathLike) -> np.ndarray:
    """Give where a picture `(H, W, 3)` uint8 has a hue, `(H, W)` bool.

    Raises InputError, of the file at `path`, if it is black or grey: without colour there is no orientation.
    """
    hue, brightest = np.empty(rgb.shape[:2], bool), int(rgb.max())
    if brightest < DARK:
        raise InputError(
            f"{path}: is black: its brightest pixel has {brightest / 255:.0%} of full brightness; if it holds 12-bit "
            "data in 16 bits, scale them to the full range and save it as 8-bit RGB"
        )
    for start in range(0, len(rgb), ROWS):
        red, green, blue = np.moveaxis(rgb[start : start + ROWS], -1, 0)
        high, low = np.maximum(np.maximum(red, green), blue), np.minimum(np.minimum(red, green), blue)
        hue[start : start + ROWS] = high - low >= CHROMA
    if hue.mean() < COLOURED:
        raise InputError(f"{path}: is grey, and without colour there is no orientation; give the PIC map in colour")
    return hue


def _scale_bar(rgb: np.ndarray) -> str | None:
    """Say where a full, long bar of white or black lies near an edge, as microscopes burn it in; None if nowhere."""
    height, width = rgb.shape[:2]
    for top, strip in ((0, rgb[: height // EDGE]), (height - height // EDGE, rgb[height - height // EDGE :])):
        for plain in (strip.min(axis=2) >= 255 - CHROMA, strip.max(axis=2) <= CHROMA):
            for place in ndimage.find_objects(ndimage.label(plain)[0]):
                down, across = (each.stop - each.start for each in place)
                if any(each.start == 0 or each.stop == side for each, side in zip(place, plain.shape, strict=True)):
                    continue  # the margin of a mosaic
                if down >= 2 and across >= max(4 * down, width / 30, 16) and plain[place].mean() > 0.95:
                    return f"at row {top + place[0].start}, column {place[1].start} ({across} x {down} px)"
    return None


def read_image(path: str | os.PathLike) -> np.ndarray:
    """Read one picture as 8-bit colour `(H, W, 3)`, whatever way it was stored.

    Grey becomes three equal channels, a palette is looked up, and what is not opaque turns black, which in a PIC map
    means "no signal". Raises InputError if it is not a complete picture of at most `MAX_PIXELS`, or if its brightness
    could only be guessed.
    """
    path = Path(path)
    raw = _raw(path)
    rgb, guess = _to_rgb(raw, path)
    if guess:
        raise InputError(f"{path}: {guess}, but that is a guess; save it as 8-bit RGB")
    if raw.opaque is not None:
        rgb[~raw.opaque] = 0
    return rgb


def check_pixel_size(pixel_size_um: float) -> float:
    """Give a stated pixel size back, um; InputError if no PIC map can have it."""
    low, high = PIXEL_LIMITS_UM
    if not low <= pixel_size_um <= high:  # NaN is not, either
        raise InputError(
            f"pixel size {pixel_size_um} um is not from {low} to {high} um, which is what a PIC map can have; give the "
            "micrometres per pixel, such as 0.06"
        )
    return pixel_size_um


def _raw(path: Path) -> Raw:
    """Read a file as it is stored, whatever its format; any failure of a decoder is an InputError."""
    if not path.exists():
        raise InputError(f"{path}: no such file; check the path")
    if not path.is_file():
        raise InputError(f"{path}: is not a file; give the path of one picture")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty; export the picture again")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # libraries warn of large or odd files; each case is judged here
        try:
            with path.open("rb") as file:
                start = file.read(4)
            if start in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
                return tiffs.read_tiff(path)
            return _pillow(path)
        except InputError:
            raise
        except Image.DecompressionBombError as error:
            raise InputError(_too_large(path)) from error
        except Image.UnidentifiedImageError as error:
            raise InputError(f"{path}: is not a picture this program reads; save it as PNG or TIFF") from error
        except PermissionError as error:
            raise InputError(f"{path}: may not be read; check its permissions") from error
        except Exception as error:  # a damaged file can fail in any way inside the decoders
            raise InputError(f"{path}: is damaged or cut short ({_one_line(error)}); export it again") from error


def _pillow(path: Path) -> Raw:
    with Image.open(path, formats=FORMATS) as picture:
        if picture.width * picture.height > MAX_PIXELS:
            raise InputError(_too_large(path))
        # a phone's second frame is a small copy
        if picture.format != "MPO" and (frames := getattr(picture, "n_frames", 1)) > 1:
            raise InputError(f"{path}: holds {frames} frames; save the one PIC map as a picture of its own")
        picture.load()
        about, white, opaque = picture.info, 255.0, None
        if picture.mode == "F" or (picture.mode == "I" and picture.format not in ("PNG", "PPM")):
            raise InputError(f"{path}: has 32-bit pixels, which have no fixed white; save it as 8-bit or 16-bit RGB")
        if picture.mode.startswith("I"):
            pixels, white = np.asarray(picture).astype(np.uint16), None
        elif picture.has_transparency_data:
            rgba = np.asarray(picture.convert("RGBA"))
            pixels, opaque = rgba[..., :3], tiffs.opaque_where(rgba[..., 3])
        else:
            pixels = np.asarray(picture if picture.mode == "RGB" else picture.convert("RGB"))
        raw = Raw(pixels, opaque, white, notes=[])
        if (turned := picture.getexif().get(274, 1)) != 1:
            raw.notes.append(tiffs.orientation_note(turned))
        if picture.format == "PNG":
            _png(raw, path, about)
        if dpi := about.get("dpi"):
            raw.size_um = tuple(25_400 / value if value else math.inf for value in dpi)
        return raw


def _png(raw: Raw, path: Path, about: dict) -> None:
    """Note the gamma of a PNG, which a stated colour space overrules; refuse 16-bit colour that is mostly empty."""
    with path.open("rb") as file:
        depth = file.read(25)[24]
    brightest = raw.pixels.max(initial=0)
    if depth == 16 and raw.white and brightest < DIM:  # of Pillow there is only the high byte
        raise InputError(
            f"{path}: has 16 bits, but uses less than a quarter of them, as camera data of 10, 12 or 14 bits do; scale "
            "it to its full range and save it as 8-bit RGB, or save it as TIFF"
        )
    exponent = 1 / (DISPLAY_GAMMA * about.get("gamma", 1 / DISPLAY_GAMMA))
    if abs(exponent - 1) > 0.05 and not {"srgb", "icc_profile"} & set(about):
        raw.exponent = exponent
        raw.notes.append(
            f"its gAMA of {about['gamma']:.3g} is applied, as a screen would: colours to the {exponent:.2f}"
        )


def _to_rgb(raw: Raw, path: Path) -> tuple[np.ndarray, str | None]:
    """Give `(H, W, 3)` uint8 that may be written to, and what was guessed to get there."""
    pixels, kind = raw.pixels, raw.pixels.dtype.kind
    low, top = float(pixels.min(initial=0)), float(pixels.max(initial=0))
    white, guess = raw.white, None
    if white is None or top > white:
        if kind == "f":
            white = next((white for white in (1.0, 255.0) if top <= white), math.nan)
            guess = "its floats are read as 0 to 255" if white == 255 else None
            if low < 0 or math.isnan(white):
                raise InputError(
                    f"{path}: has float pixels from {low:g} to {top:g}; scale them to 0 to 1, or save it as 8-bit RGB"
                )
        else:
            bits = next(bits for bits in (8, 10, 12, 14, 16) if top < 2**bits)
            white = 2.0**bits - 1
            if bits < 16 and top > 0:
                guess = f"its 16-bit pixels, of at most {top:.0f}, are read as {bits}-bit data (full: {white:.0f})"
    if kind == "u" and white == 255 and raw.exponent == 1 and pixels.ndim == 3 and raw.opaque is None:
        return np.ascontiguousarray(pixels), guess
    rgb = np.empty((*pixels.shape[:2], 3), np.uint8)
    for start in range(0, len(pixels), ROWS):
        some = pixels[start : start + ROWS]
        if raw.exponent != 1:
            some = np.rint(255 * (some / white) ** raw.exponent)
        elif kind == "f":
            some = np.rint(some * (255 / white))
        elif white > 255:
            some = some >> (round(math.log2(white + 1)) - 8)  # the high byte
        rgb[start : start + ROWS] = some if some.ndim == 3 else some[..., None]
    return rgb, guess


def stated_pixel_size(size_um: tuple[float, float] | None, path: Path) -> tuple[float | None, str | None]:
    """Give the pixel size that a file states, um, if it can be that of a PIC map, and a note if it cannot."""
    if size_um is None or not all(map(math.isfinite, size_um)) or size_um == (25_400, 25_400):
        return None, None
    if not all(PIXEL_LIMITS_UM[0] <= size <= PIXEL_LIMITS_UM[1] for size in size_um):
        return None, f"its stated resolution, {size_um[0]:.3g} um per pixel, is that of a print or a screen"
    if abs(size_um[0] / size_um[1] - 1) > 0.01:
        raise InputError(
            f"{path}: its pixels are {size_um[0]:.4g} um wide and {size_um[1]:.4g} um high; resample it to square ones"
        )
    return float(f"{size_um[0]:.6g}"), None  # a PNG states whole pixels per metre, of which 0.06 um is none


def _too_large(path: Path) -> str:
    return f"{path}: has more than {MAX_PIXELS // 10**6} megapixels; cut it into parts and map each"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
