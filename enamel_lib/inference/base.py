"""What every inference engine offers: tiles, and windows that slide over a picture, to hardness."""

import hashlib
import pkgutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from enamel_lib import images
from enamel_lib.errors import EngineError, InputError, check_choice

if TYPE_CHECKING:
    import keras

ENGINES = {  # a `Predictor` each, made from a Keras network and a batch size
    "keras": "enamel_lib.inference.keras:KerasPredictor",
    "openvino": "enamel_lib.inference.openvino:OpenVinoPredictor",
}
Engine = StrEnum("Engine", ["auto", *ENGINES])  # choices of the command line

Progress = Callable[[int, int], None]
Place = tuple[np.ndarray, np.ndarray]


class Predictor(ABC):
    """Tiles, `size` px wide, to hardness, `batch_size` at once. After further training of the model, make a new one.

    `engine` is its name in `ENGINES`, `precision` that of the arithmetic, "float32" or "bfloat16"; `weights_sha256` is
    of all weights in order, as float32: the same in whichever file they are kept; `labels_gpa` as of `models.load`.
    """

    engine: str
    precision = "float32"
    labels_gpa: tuple[float, float] | None = None

    def __init__(self, model: "keras.Model", batch_size: int) -> None:
        if batch_size < 1:
            raise InputError(f"batch size {batch_size} is not a whole number above 0")
        self._model = model
        self.size = model.input_shape[1]
        self.batch_size = batch_size
        self.weights_sha256 = weights_sha256(model)
        self.labels_gpa = getattr(model, "labels_gpa", None)

    def __call__(self, tiles: np.ndarray) -> np.ndarray:
        """Predict the hardness, `(N,)` float32, GPa, of tiles `(N, size, size, 3)`, uint8 or float in [0, 1]."""
        tiles = images.check_pixels(tiles, (None, self.size, self.size, 3))
        hardness = np.empty(len(tiles), np.float32)
        for start in range(0, len(tiles), self.batch_size):
            batch = slice(start, start + self.batch_size)
            hardness[batch] = self._predict(tiles[batch])
        return hardness

    def slide(
        self, image: np.ndarray, rows: np.ndarray, cols: np.ndarray, *, progress: Progress | None = None
    ) -> np.ndarray:
        """Predict the hardness, `(R, C)` float32, GPa, of windows of a picture `(H, W, 3)`, uint8 or float in [0, 1].

        `rows` `(R,)` and `cols` `(C,)`, int, rising, are the first row and column of the windows, px. Progress hears of
        the windows done and their total. Memory is that of the picture and one batch or block.
        """
        image = images.check_pixels(image, (None, None, 3))
        hardness = np.full((len(rows), len(cols)), np.nan, np.float32)
        done = 0
        for place, values in self._slide(image, rows, cols):
            hardness[place] = values
            done += values.size
            if progress:
                progress(done, hardness.size)
        return hardness

    def _slide(self, image: np.ndarray, rows: np.ndarray, cols: np.ndarray) -> Iterator[tuple[Place, np.ndarray]]:
        """Give places in the map and their hardness, part by part; an engine may do better than batch by batch."""
        view, total = images.windows(image, self.size), len(rows) * len(cols)
        for start in range(0, total, self.batch_size):
            place = np.unravel_index(np.arange(start, min(start + self.batch_size, total)), (len(rows), len(cols)))
            yield place, self._predict(view[rows[place[0]], cols[place[1]]])

    @abstractmethod
    def _predict(self, batch: np.ndarray) -> np.ndarray:
        """Predict `batch_size` tiles, or the last few: uint8 or float32 in [0, 1]."""


def weights_sha256(model: "keras.Model") -> str:
    """SHA-256 of all weights in order, as float32, in hexadecimal."""
    weights = [array.astype(np.float32).tobytes() for array in model.get_weights()]
    return hashlib.sha256(b"".join(weights)).hexdigest()


def make_predictor(model: "keras.Model", *, engine: str = "auto", batch_size: int = 16) -> Predictor:
    """Put a network, from `(N, size, size, 3)` float32 in [0, 1] to `(N, 1)` GPa, behind an inference engine.

    That is one of `ENGINES`, or "auto": OpenVINO where it is installed and knows all layers of the network. The network
    is compiled once, for so many tiles per call. Raises EngineError if OpenVINO was asked for and cannot be used.
    """
    return make_engine(ENGINES, engine, model, batch_size)


def make_engine(engines: Mapping[str, str], engine: str, *source: Any) -> Any:
    """Make an object, from `source`, of the class that an engine's name stands for.

    `engines` are classes by name, as "package.module:Class", which are imported only now; "auto" is "openvino", or
    "keras" where that cannot be used. Raises InputError if there is no engine of that name, EngineError if it cannot be
    used here: not installed, no CPU plugin, a layer that it lacks.
    """
    if engine == "auto":
        try:
            return make_engine(engines, "openvino", *source)
        except EngineError:
            return make_engine(engines, "keras", *source)
    check_choice("engine", engine, ["auto", *engines])
    try:
        return pkgutil.resolve_name(engines[engine])(*source)
    except (ImportError, RuntimeError) as error:
        raise EngineError(f"{engine} cannot be used here ({error}); choose the keras engine") from error
