"""Pictures of the user: read and check any common file, resize it, and look at it through a sliding window."""

import os
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from enamel_lib.errors import InputError, check_choice

TILE = 200  # side of the network's window, px (Lew 2023, Methods)
BATCH_SIZE = 32  # pictures that a network takes at once
MAX_PIXELS = 150_000_000  # about 1.5 GB while decoding; a whole tooth at 60 nm is better mapped in parts
KERNELS = {"linear": Image.Resampling.BILINEAR, "lanczos": Image.Resampling.LANCZOS}
FORMATS = ("PNG", "TIFF", "JPEG", "BMP", "GIF", "WEBP", "PPM")


def read_image(path: str | os.PathLike) -> np.ndarray:
    """Read one picture as 8-bit colour `(H, W, 3)`, whatever way it was stored, if it is of one of the `FORMATS`.

    Grey becomes three equal channels, 16-bit keeps its high byte, a palette is looked up. Alpha multiplies the
    colour: opaque pixels keep theirs, transparent ones turn black, which in a PIC map means "no signal". The
    pixels stay in stored order (an EXIF rotation would detach the hue from the axis that it is measured from).

    Raises InputError if it is not a complete picture of one frame and at most `MAX_PIXELS`, judged from the header.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file; check the path")
    if not path.is_file():
        raise InputError(f"{path}: is not a file; give the path of one picture")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: the file is empty; export the picture again")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow warns of large or odd files; each case is judged below
        try:
            with Image.open(path, formats=FORMATS) as picture:
                if picture.width * picture.height > MAX_PIXELS:
                    raise InputError(_too_large(path))
                if (frames := getattr(picture, "n_frames", 1)) > 1:
                    raise InputError(f"{path}: holds {frames} frames; save the one PIC map as a picture of its own")
                picture.load()
                return _to_rgb(picture, path)
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


def resize(image: np.ndarray, scale: float, *, kernel: str = "linear") -> np.ndarray:
    """Enlarge or shrink a picture `(H, W, 3)` uint8, as the authors do before mapping (twofold).

    Any mixing of colours invents hues where two crystals meet, but a linear mix stays between its neighbours, while
    Lanczos (`kernel` "lanczos", that of the authors) overshoots into colours that neither has. Shrinking widens the
    kernel, so fine detail is averaged instead of aliased. Where the size stays, the input itself is given back.
    """
    check_choice("kernel", kernel, KERNELS)
    if not (np.isfinite(scale) and scale > 0):
        raise InputError(f"scale {scale} is not a positive number; 2 enlarges twofold")
    height, width = (max(1, round(side * scale)) for side in image.shape[:2])
    if height * width > MAX_PIXELS:
        raise InputError(
            f"scale {scale} gives {width} x {height} px; at most {MAX_PIXELS // 10**6} megapixels can be used"
        )
    if (height, width) == image.shape[:2]:
        return image
    return np.asarray(Image.fromarray(image).resize((width, height), KERNELS[kernel]))


def resize_all(pictures: np.ndarray, side: int = TILE) -> np.ndarray:
    """Square pictures `(N, R, R, 3)` uint8 resized to `(N, side, side, 3)`, by default what the indenter takes.

    Between pixels colours are mixed, so neighbours come out more alike than on a picture made at that size.
    """
    return np.stack([resize(picture, side / len(picture)) for picture in pictures])


def check_pixels(pixels: np.ndarray, shape: tuple[int | None, ...]) -> np.ndarray:
    """Check that an array holds colours, uint8 or float in [0, 1]; floats are given back as float32.

    In the `shape` that it must have, None stands for any length. Raises InputError if anything of this does not fit.
    """
    pixels = np.asarray(pixels)
    if pixels.ndim != len(shape) or any(
        want not in (None, side) for side, want in zip(pixels.shape, shape, strict=True)
    ):
        wanted = ", ".join("any" if side is None else str(side) for side in shape)
        raise InputError(f"pixels have shape {pixels.shape}, but must have ({wanted})")
    if pixels.dtype == np.uint8:
        return pixels
    if not np.issubdtype(pixels.dtype, np.floating):
        raise InputError(f"pixels are {pixels.dtype}, but must be uint8, or float in [0, 1]")
    if pixels.size and not (pixels.min() >= 0 and pixels.max() <= 1):  # NaN fails both
        raise InputError("pixels are NaN or outside [0, 1]; divide 8-bit values by 255, or give them as uint8")
    return pixels.astype(np.float32, copy=False)


def to_float(pictures: np.ndarray) -> np.ndarray:
    """Colours as float32 in [0, 1], as networks take them, of uint8; floats stay as they are."""
    return pictures / np.float32(255) if pictures.dtype == np.uint8 else pictures


def in_batches(
    network: Callable[[np.ndarray], np.ndarray], pictures: np.ndarray, batch_size: int = BATCH_SIZE
) -> np.ndarray:
    """Run pictures `(N, H, W, 3)` uint8 through a network of float32 in [0, 1], so many at a time; `(N, ...)`."""
    parts = np.array_split(pictures, -(-len(pictures) // batch_size))
    return np.concatenate([network(to_float(part)) for part in parts])


def to_uint8(drawn: np.ndarray) -> np.ndarray:
    """Bytes of a generator's colours in about [-1, 1]; what lies beyond is cut off."""
    return np.clip(drawn * 127.5 + 128, 0, 255).astype(np.uint8)


def crops(tiles: np.ndarray, size: int) -> np.ndarray:
    """Cut tiles `(N, side, side, C)` into squares side by side, `(N * k**2, size, size, C)`.

    Those of one tile follow one another. Raises InputError if `size` does not divide the side.
    """
    side = tiles.shape[1]
    if side % size:
        raise InputError(f"tiles of {side} px cannot be cut into squares of {size} px; take a divisor of {side}")
    along = side // size
    grid = tiles.reshape(len(tiles), along, size, along, size, -1)
    return grid.swapaxes(2, 3).reshape(-1, size, size, tiles.shape[3])


def windows(image: np.ndarray, size: int = TILE, stride: int = 1) -> np.ndarray:
    """View every window of a picture `(H, W, 3)` without copying a pixel: `(R, C, size, size, 3)`, read-only.

    Window `[i, j]` has its top left corner at pixel `(i * stride, j * stride)`. Raises InputError if none fits.
    """
    if image.ndim != 3 or image.shape[2] != 3:
        raise InputError(f"a picture has shape (height, width, 3), not {image.shape}")
    if int(stride) != stride or stride < 1:
        raise InputError(f"stride {stride} is not a whole number of pixels above 0")
    height, width = image.shape[:2]
    if min(height, width) < size:
        raise InputError(
            f"the picture is {width} x {height} px, smaller than the window of {size} x {size} px; "
            f"enlarge it at least {size / min(height, width):.2f} times or use a larger one"
        )
    view = np.lib.stride_tricks.sliding_window_view(image, (size, size), axis=(0, 1))
    return np.moveaxis(view, 2, -1)[::stride, ::stride]


def _to_rgb(picture: Image.Image, path: Path) -> np.ndarray:
    if picture.mode.startswith("I;16") or (picture.mode == "I" and picture.format in ("PNG", "PPM")):
        grey = (np.asarray(picture) >> 8).astype(np.uint8)  # the high byte, as Pillow does for 16-bit colour
        return np.repeat(grey[..., None], 3, axis=-1)
    if picture.mode in ("I", "F"):
        raise InputError(f"{path}: has 32-bit pixels, which have no fixed white; save it as 8-bit or 16-bit RGB")
    if not picture.has_transparency_data:
        return np.asarray(picture.convert("RGB"))
    black = Image.new("RGBA", picture.size, (0, 0, 0, 255))
    return np.asarray(Image.alpha_composite(black, picture.convert("RGBA")).convert("RGB"))


def _too_large(path: Path) -> str:
    return f"{path}: has more than {MAX_PIXELS // 10**6} megapixels; cut it into parts and map each"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
