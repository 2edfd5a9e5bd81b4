"""Controls for evolved designs (Lew 2023, Fig. 6): pictures from which one property has been taken away.

Each takes one picture `(H, W, 3)` uint8 and gives another of its shape. Two average the orientations, as published and
as orientations are averaged; two take the order away, as published and keeping what lies within blocks; one keeps the
spectrum but no phases; one rotates all crystals together, which keeps every misorientation.
"""

import numpy as np
from skimage import color

from enamel_lib import pic
from enamel_lib.errors import InputError


def averaged(image: np.ndarray) -> np.ndarray:
    """One colour, the mean of red, green and blue (as published): greyish, a colour no crystal has (DOMAIN.md D25)."""
    return np.broadcast_to(np.rint(image.mean(axis=(0, 1))).astype(np.uint8), image.shape).copy()


def averaged_director(image: np.ndarray) -> np.ndarray:
    """One colour, that of the mean orientation: the axis with the largest mean squared cosine to all crystals.

    It is the principal eigenvector of the mean dyad, on the branch of positive off-plane angles.
    """
    directors = pic.director(image).reshape(-1, 3)
    axis = np.linalg.eigh(directors.T @ directors)[1][:, -1]
    return np.broadcast_to(pic.encode(axis), image.shape).copy()


def scrambled(image: np.ndarray, *, seed: int) -> np.ndarray:
    """Rows and columns in random order (as published); whole rows and columns keep their company."""
    rng = np.random.default_rng(seed)
    return image[rng.permutation(image.shape[0])][:, rng.permutation(image.shape[1])]


def block_shuffled(image: np.ndarray, *, seed: int, block: int = 25) -> np.ndarray:
    """Square blocks of `block` px in random order: texture within them stays, arrangement goes.

    Raises
    ------
    InputError
        If the sides are no multiples of the block.
    """
    if image.shape[0] % block or image.shape[1] % block:
        raise InputError(f"a picture of {image.shape[1]} x {image.shape[0]} px has no whole blocks of {block} px")
    rows, cols = image.shape[0] // block, image.shape[1] // block
    blocks = image.reshape(rows, block, cols, block, 3).swapaxes(1, 2).reshape(-1, block, block, 3)
    shuffled = blocks[np.random.default_rng(seed).permutation(len(blocks))]
    return shuffled.reshape(rows, cols, block, block, 3).swapaxes(1, 2).reshape(image.shape)


def phase_randomized(image: np.ndarray, *, seed: int) -> np.ndarray:
    """Random phases, the same spectra of red, green and blue and between them; what leaves 0 to 255 is clipped."""
    noise = np.random.default_rng(seed).standard_normal(image.shape[:2])
    phases = np.exp(1j * np.angle(np.fft.rfft2(noise)))  # the phases of a real picture, so that the result is real
    phases[0, 0] = 1  # the mean stays
    spectrum = np.fft.rfft2(image.astype(float), axes=(0, 1))
    made = np.fft.irfft2(spectrum * phases[..., None], s=image.shape[:2], axes=(0, 1))
    return np.rint(np.clip(made, 0, 255)).astype(np.uint8)


def hue_rotated(image: np.ndarray, *, seed: int) -> np.ndarray:
    """All crystals rotated in the plane by one random angle: every misorientation stays, to rounding."""
    hsv = color.rgb2hsv(image)
    hsv[..., 0] = (hsv[..., 0] + np.random.default_rng(seed).random()) % 1
    return np.rint(255 * color.hsv2rgb(hsv)).astype(np.uint8)


FIXED = {"averaged": averaged, "averaged director": averaged_director}
RANDOM = {
    "scrambled": scrambled,
    "block-shuffled": block_shuffled,
    "phase-randomized": phase_randomized,
    "hue-rotated": hue_rotated,
}
