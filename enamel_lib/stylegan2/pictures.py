"""Pictures that a generator learns from, how far others are from them, and batches: functions of seed and step."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from enamel_lib import checkpoints, images, microstructure, pic
from enamel_lib.dataset import augmentation, curation, sources
from enamel_lib.errors import InputError
from enamel_lib.stylegan2 import ada

MIXING = 0.9  # share of pictures with two styles
SUFFIXES = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".webp", ".bmp")
BRIGHTNESS = (0.5, 2.0)  # Lew 2023, Methods


def load_pictures(source: str | Path) -> np.ndarray:
    """Load the square pictures of a folder, or the simulated tiles: `(N, side, side, 3)` uint8.

    `simulated` stands for the unique tiles of the united dataset (`sources.default_root`: the user's own where there
    are any). Of pictures in a folder and those below, but not hidden ones, the middle square is taken; they must be of
    one size (else an `InputError`).
    """
    if source == "simulated":
        root = sources.default_root()
        return curation.load_tiles(curation.united_table(sources.load_sources(root)), root)
    folder = Path(source)
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    found = [path for path in found if not any(part.startswith(".") for part in path.relative_to(folder).parts)]
    if not found:
        raise InputError(f"{folder} holds no pictures ({', '.join(SUFFIXES)}); give a folder, or `simulated`")
    squares = [_middle(images.read_image(path)) for path in found]
    for path, square in zip(found, squares, strict=True):
        if square.shape != squares[0].shape:
            raise InputError(
                f"{path} is {len(square)} px, but {found[0].name} {len(squares[0])} px; give them one size"
            )
    return np.stack(squares)


def _middle(picture: np.ndarray) -> np.ndarray:
    side = min(picture.shape[:2])
    top, left = ((length - side) // 2 for length in picture.shape[:2])
    return picture[top : top + side, left : left + side]


def augment(pictures: np.ndarray, rng: np.random.Generator, kind: str = "orientation-true") -> np.ndarray:
    """Vary pictures `(N, R, R, 3)` uint8 at random; a generator learns to draw whatever is done to them.

    `orientation-true`: flips that turn the directions with the picture, at true scale and brightness, since brightness
    stands for the tilt of a crystal. `paper`: flips that leave colours alone, zoom 0.5 to 1 of each axis and brightness
    0.5 to 2. `none`.
    """
    if kind == "none":
        return pictures
    if kind == "orientation-true":
        return augmentation.augment(pictures, rng, lowest_zoom=1.0, orientation_true=True)
    pictures = augmentation.augment(pictures, rng, lowest_zoom=0.5)
    brightness = rng.uniform(*BRIGHTNESS, (len(pictures), 1, 1, 1))
    return np.rint(np.minimum(pictures * brightness, 255)).astype(np.uint8)


def distances(made: np.ndarray, real: np.ndarray) -> dict[str, float]:
    """How far pictures are from real ones, `(N, R, R, 3)` uint8 each; 0 for sets with the same averages.

    They are those of `microstructure.likeness`: `hue`, `spectrum` and `lag_misorientation`.
    """
    return microstructure.distances(_averages(made), _averages(real))


def _averages(pictures: np.ndarray) -> dict[str, np.ndarray]:
    lags = tuple(lag for lag in microstructure.LAGS_PX if 4 * lag <= pictures.shape[1])
    of_each = {
        "hue": microstructure.hue_histogram,
        "spectrum": lambda picture: microstructure.radial_spectrum(picture)[1],
        "lag_misorientation": lambda picture: microstructure.lag_misorientation(pic.director(picture), lags),
    }
    return {name: np.mean([measure(picture) for picture in pictures], axis=0) for name, measure in of_each.items()}


@dataclass(frozen=True)
class Batches:
    """Batches of one stage as a pure function of the step, so that any run of any part of them is the same.

    `pictures` are `(N, R, R, 3)` uint8, `stage` and `network` as in `recipe.load_recipe`; each `number` of a stage has
    its own stream of the run's `seed`.
    """

    pictures: np.ndarray
    stage: dict[str, Any]
    network: dict[str, Any]
    seed: int
    number: int

    def reals(self, step: int) -> np.ndarray:
        """Augmented pictures of one step, `(batch_size, R, R, 3)` float32 in [-1, 1], in shuffled passes."""
        chosen = checkpoints.shuffled(
            step, self.stage["batch_size"], len(self.pictures), lambda number: self._rng(number, 0)
        )
        batch = augment(self.pictures[chosen], self._rng(step, 1), self.stage["augmentation"])
        return batch.astype(np.float32) / np.float32(127.5) - np.float32(1)

    def latents(self, step: int, use: int, share: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
        """Pairs of latents `(2, N, latent_dim)`, standard normal, and the layers `(N,)` where styles change, from 1.

        `use` is 0 for the generator, 1 for the discriminator, 2 for path lengths; `share` is of the batch size.
        """
        rng, count = self._rng(step, 2, use), int(self.stage["batch_size"] * share)
        layers = 2 * int(np.log2(self.pictures.shape[1])) - 2
        z = rng.standard_normal((2, count, self.network["latent_dim"]), np.float32)
        crossover = np.where(rng.random(count) < MIXING, rng.integers(1, layers, count), layers)
        return z, crossover.astype(np.int32)

    def changes(self, step: int, use: int, p: float) -> tuple[np.ndarray, ...]:
        """Changes with chance `p` of what the discriminator sees (`ada.draw_changes`), if the stage has any."""
        if not self.stage["ada_target"]:
            return ()
        return ada.draw_changes(self._rng(step, 4, use), self.stage["batch_size"], self.pictures.shape[1], p)

    def directions(self, step: int) -> np.ndarray:
        """Noise images for the path lengths of half a batch, `(batch_size / 2, R, R, 3)` float32, standard normal."""
        shape = (self.stage["batch_size"] // 2, *self.pictures.shape[1:])
        return self._rng(step, 3).standard_normal(shape, np.float32)

    def _rng(self, *key: int) -> np.random.Generator:
        return np.random.default_rng((self.seed, self.number, *key))
