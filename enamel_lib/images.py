"""Pictures as arrays: resize them, check them, and look at them through a sliding window; `pictures` reads them."""

from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

from enamel_lib.errors import InputError, check_choice
from enamel_lib.pictures import MAX_PIXELS, read_image

__all__ = ["read_image"]  # read here by all who need pixels only
TILE = 200  # side of the network's window, px (Lew 2023, Methods)
MIN_SIGNAL = 0.75  # share of a window, below which it is not read; on the real map it is 0.78 at least
BATCH_SIZE = 32  # pictures that a network takes at once
KERNELS = {"linear": Image.Resampling.BILINEAR, "lanczos": Image.Resampling.LANCZOS}


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


def signal_share(signal: np.ndarray, rows: np.ndarray, cols: np.ndarray, size: int = TILE) -> Iterator[np.ndarray]:
    """Give, line by line, the share of signal `(C,)` in windows that begin at `rows` `(R,)` and `cols` `(C,)`, px.

    `signal` is `(H, W)` bool.
    """
    for top in rows:
        sums = np.pad(signal[top : top + size].sum(axis=0).cumsum(), (1, 0))
        yield (sums[cols + size] - sums[cols]) / size**2
