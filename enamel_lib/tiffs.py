"""TIFF files, read through tifffile: 8 to 16 bits and float, of ImageJ, OME and others, pyramids at full size."""

import logging
import math
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from enamel_lib.errors import InputError

MAX_PIXELS = 150_000_000  # about 1.5 GB while decoding; a whole tooth at 60 nm is better mapped in parts
MAX_PAGES = 64  # directories of one file; more are no picture, or were made to keep a reader busy
UM = {  # micrometres in a unit, as ImageJ and OME spell them
    **dict.fromkeys(("um", "µm", "μm", "micron", "microns", "micrometer", "\\u00b5m"), 1.0),
    **dict.fromkeys(("nm", "nanometer"), 1e-3),
    **dict.fromkeys(("mm", "millimeter"), 1e3),
    **dict.fromkeys(("cm", "centimeter"), 1e4),
    **dict.fromkeys(("inch", "in"), 25_400.0),
}
logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # what matters of an odd file is said in our own words


@dataclass
class Raw:
    """A picture as stored: `pixels` `(H, W)` or `(H, W, 3)`, `opaque` `(H, W)` bool, both in stored order.

    `white` is the value of full brightness, None where the file does not tell; `exponent` turns stored colours into
    those that a screen shows; `size_um` is that of a pixel, `(x, y)`.
    """

    pixels: np.ndarray
    opaque: np.ndarray | None = None
    white: float | None = None
    exponent: float = 1.0
    size_um: tuple[float, float] | None = None
    notes: list[str] = field(default_factory=list)


def read_tiff(path: Path) -> Raw:
    """Read the one picture of a TIFF file; InputError if there is none, or several, or its colours have no meaning."""
    with tifffile.TiffFile(path, _multifile=False) as tif:  # or an OME file could name others to be read
        _count_pages(tif, path)
        series = _largest(tif, path)
        page = series.keyframe
        pixels, opaque, notes = _colours(tif, series, path)
        if (turned := page.tags.valueof(274, 1)) not in (1, None):
            notes.append(orientation_note(turned))
        return Raw(pixels, opaque, _white(tif, page), size_um=size_um(tif, page), notes=notes)


def orientation_note(tag: int) -> str:
    """Say which orientation tag was passed over."""
    return f"its orientation tag {int(tag)} is passed over: the picture is read as stored, for colours do not turn"


def _count_pages(tif: tifffile.TiffFile, path: Path) -> None:
    """Refuse files of many directories before anything walks through all of them."""
    try:
        tif.pages.get(MAX_PAGES)
    except IndexError:
        pages = [tif.pages.get(i) for i in range(len(tif.pages))]
        if not pages:
            raise InputError(f"{path}: holds no picture; export it again") from None
        if sum(len(page.subifds or ()) for page in pages) <= MAX_PAGES:
            return
    raise InputError(f"{path}: holds more than {MAX_PAGES} pictures; save the one PIC map as a picture of its own")


def _largest(tif: tifffile.TiffFile, path: Path) -> tifffile.TiffPageSeries:
    """Give the largest picture; others may only be smaller copies of it."""
    first, *others = sorted(tif.series, key=lambda series: -math.prod(series.shape))
    sides = dict(zip(first.axes, first.shape, strict=True))
    if sides.get("Y", 0) * sides.get("X", 0) > MAX_PIXELS:
        raise InputError(f"{path}: has more than {MAX_PIXELS // 10**6} megapixels; cut it into parts and map each")
    for other in others:
        smaller = dict(zip(other.axes, other.shape, strict=True))
        ratio = sides["Y"] * smaller.get("X", 0) / (sides["X"] * smaller.get("Y", 1))
        if smaller.get("X", 0) >= sides["X"] or not (other.keyframe.is_reduced or 0.95 < ratio < 1.05):
            raise InputError(
                f"{path}: holds {1 + len(others)} frames of their own; save the one PIC map as a picture of its own"
            )
    return first


def _colours(
    tif: tifffile.TiffFile, series: tifffile.TiffPageSeries, path: Path
) -> tuple[np.ndarray, np.ndarray | None, list[str]]:
    """Pixels `(H, W)` or `(H, W, 3)`, where they are opaque, and what to tell of them."""
    page, axes, kind, notes = series.keyframe, series.axes, series.dtype, []
    rest = axes.replace("Y", "").replace("X", "")
    sides = {axis: side for axis, side in zip(axes, series.shape, strict=True) if axis in rest}
    count, frames = math.prod(sides.values()), math.prod(side for axis, side in sides.items() if axis != "S")
    grey_pages = len(rest) == 1 and rest in "CQI" + "Z" * tif.is_imagej and count == 3
    if rest not in ("", "S") and not grey_pages:
        raise InputError(
            f"{path}: holds {frames} frames or channels; three grey ones would be red, green and blue, but "
            "which are the colours of these is not known: save the one PIC map as RGB"
        )
    if count > 4:
        raise InputError(f"{path}: has {count} channels, and which are its colours is not known; save it as RGB")
    colour = getattr(page.photometric, "name", str(page.photometric))
    if colour not in ("RGB", "MINISBLACK", "MINISWHITE", "PALETTE", "YCBCR"):
        raise InputError(f"{path}: its colours are {colour}; save it as RGB")
    if kind.kind not in "buf" or (kind.kind == "u" and kind.itemsize > 2):
        raise InputError(f"{path}: has {kind} pixels, which have no fixed white; save it as 8-bit or 16-bit RGB")
    pixels, opaque = _decoded(series, path), None
    if not pixels.size:
        raise InputError(f"{path}: is damaged: it holds no pixels; export it again")
    if rest:
        pixels = np.moveaxis(pixels, axes.index(rest), -1)
    if grey_pages:
        pixels = pixels[..., _order(tif)]
        notes.append("its three grey pages or channels are read as red, green and blue")
    elif count == 1 and rest:
        pixels = pixels[..., 0]
    elif count in (2, 4):
        if page.extrasamples and page.extrasamples[-1] in (1, 2):
            opaque = opaque_where(pixels[..., -1])
        else:
            notes.append(f"its channel {count}, of no stated meaning, is passed over")
        pixels = pixels[..., :3] if count == 4 else pixels[..., 0]
    if colour == "PALETTE":
        pixels = np.moveaxis(page.colormap >> 8, 0, -1).astype(np.uint8)[pixels]
    elif colour == "MINISWHITE" and kind.kind == "u":
        pixels = ~pixels
    if kind.kind == "b":
        pixels = pixels.astype(np.uint8) * 255
    if kind.kind == "f":
        finite = np.isfinite(pixels if pixels.ndim == 2 else pixels.sum(axis=-1))
        if not finite.all():
            opaque = finite if opaque is None else finite & opaque
            pixels = np.where(finite if pixels.ndim == 2 else finite[..., None], pixels, 0)
    return pixels, opaque, notes


def opaque_where(alpha: np.ndarray) -> np.ndarray:
    """Give where alpha has its largest value, `(H, W)` bool; nowhere if that is 0."""
    return (alpha == alpha.max()) & (alpha > 0)


def _decoded(series: tifffile.TiffPageSeries, path: Path) -> np.ndarray:
    """Pixels in the axes of the series; those codecs that tifffile lacks are Pillow's, which knows 8 bits only."""
    try:
        return series.asarray()
    except ValueError as error:
        page = series.keyframe
        if "imagecodecs" not in str(error):
            raise
        if page.bitspersample != 8 or series.axes not in ("YXS", "YX") or page.tags.valueof(274, 1) != 1:
            codec = getattr(page.compression, "name", page.compression)
            raise InputError(
                f"{path}: is compressed by {codec}, which takes the package imagecodecs (pip install imagecodecs); or "
                "save it without compression, or as Deflate"
            ) from None
    with Image.open(path, formats=["TIFF"]) as picture:
        pixels = np.asarray(picture)
    if pixels.shape != series.shape:
        raise InputError(f"{path}: its first picture is not its largest; save the one PIC map as a picture of its own")
    return pixels


def _order(tif: tifffile.TiffFile) -> list[int]:
    """Which of three channels are red, green and blue, by their colours or names if stated, or else in order."""
    if tif.is_imagej:
        colours = [tuple(np.asarray(lut)[:, -1] > 127) for lut in (tif.imagej_metadata or {}).get("LUTs", [])]
    else:
        channels = re.findall(r"<(?:\w+:)?Channel\b[^>]*>", tif.ome_metadata or "") if tif.is_ome else []
        stated = [_attribute(channel, "Color") for channel in channels]
        names = [(_attribute(channel, "Name") or "").strip().lower() for channel in channels]
        if sorted(names) in (["blue", "green", "red"], ["b", "g", "r"]):
            colours = [tuple(name[0] == letter for letter in "rgb") for name in names]
        else:  # signed RGBA
            colours = [tuple((int(each) >> shift) & 255 > 127 for shift in (24, 16, 8)) for each in stated if each]
    pure = [(True, False, False), (False, True, False), (False, False, True)]
    return [colours.index(one) for one in pure] if sorted(colours) == sorted(pure) else [0, 1, 2]


def _attribute(text: str, name: str) -> str | None:
    found = re.search(rf'\b{name}="([^"]*)"', text)
    return found and found[1]


def _white(tif: tifffile.TiffFile, page: tifffile.TiffPage) -> float | None:
    """Value of full brightness, where the file tells: bits per sample, or the significant ones of OME."""
    if page.dtype.kind in "b" or page.dtype.itemsize == 1 or page.colormap is not None:
        return 255.0
    bits = _attribute(tif.ome_metadata, "SignificantBits") if tif.is_ome and tif.ome_metadata else None
    bits = int(bits) if bits and bits.isdigit() else page.bitspersample
    return 2.0**bits - 1 if page.dtype.kind == "u" and bits not in (8, 16) else None


def size_um(tif: tifffile.TiffFile, page: tifffile.TiffPage) -> tuple[float, float] | None:
    """Size of a pixel, (x, y), um, as stated by OME, ImageJ or the resolution of the page."""
    try:
        if tif.is_ome:
            sizes = [_attribute(tif.ome_metadata, f"PhysicalSize{axis}") for axis in "XY"]
            if all(sizes):
                units = [_attribute(tif.ome_metadata, f"PhysicalSize{axis}Unit") or "µm" for axis in "XY"]
                return tuple(float(size) * UM[unit] for size, unit in zip(sizes, units, strict=True))
        per_unit = [page.tags.valueof(tag) for tag in (282, 283)]
        if None in per_unit:
            return None
        unit = {2: "inch", 3: "cm"}.get(int(page.tags.valueof(296, 2)))
        if tif.is_imagej and "unit" in (tif.imagej_metadata or {}):
            unit = str(tif.imagej_metadata["unit"]).strip().lower()
        return tuple(UM[unit] * below / above for above, below in per_unit)
    except (KeyError, ValueError, TypeError, ZeroDivisionError):  # a unit or a number that says nothing
        return None
