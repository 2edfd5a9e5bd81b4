"""Inference engines: one function from tiles to hardness, computed by Keras or by OpenVINO."""

import hashlib
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import keras
import numpy as np

from enamel_lib.errors import EngineError, InputError, check_choice

if TYPE_CHECKING:
    import openvino as ov

ENGINES = ("auto", "keras", "openvino")


class Predictor(ABC):
    """Tiles to hardness. After further training of the model, make a new one.

    Attributes
    ----------
    engine
        "keras" or "openvino".
    precision
        Of the arithmetic: "float32" or "bfloat16".
    size
        Side of a tile, px.
    batch_size
        Tiles per call of the network at most.
    weights_sha256
        Of all weights in order, as float32; the same in whichever file they are kept.
    """

    engine: str
    precision = "float32"

    def __init__(self, model: keras.Model, batch_size: int) -> None:
        if batch_size < 1:
            raise InputError(f"batch size {batch_size} is not a whole number above 0")
        self._model = model
        self.size = model.input_shape[1]
        self.batch_size = batch_size
        self.weights_sha256 = _weights_sha256(model)

    def __call__(self, tiles: np.ndarray) -> np.ndarray:
        """Predict the hardness of tiles.

        Parameters
        ----------
        tiles
            `(N, size, size, 3)` uint8, or float in [0, 1].

        Returns
        -------
        numpy.ndarray
            `(N,)` float32, GPa.
        """
        tiles = check_pixels(tiles, (None, self.size, self.size, 3))
        hardness = np.empty(len(tiles), np.float32)
        for start in range(0, len(tiles), self.batch_size):
            batch = tiles[start : start + self.batch_size]
            hardness[start : start + self.batch_size] = self._predict(batch)
        return hardness

    @abstractmethod
    def _predict(self, batch: np.ndarray) -> np.ndarray:
        """Predict `batch_size` tiles, or the last few: uint8 or float32 in [0, 1]."""


class KerasPredictor(Predictor):
    """The reference: the model itself, on whichever backend Keras runs."""

    engine = "keras"

    def _predict(self, batch: np.ndarray) -> np.ndarray:
        pixels = np.zeros((self.batch_size, *batch.shape[1:]), np.float32)  # always so many: a new shape compiles anew
        pixels[: len(batch)] = batch if batch.dtype == np.float32 else batch / np.float32(255)
        return self._model.predict_on_batch(pixels)[: len(batch), 0]


class OpenVinoPredictor(Predictor):
    """The fast one: OpenVINO, in bfloat16 where the processor computes in it, and windows in whole blocks.

    "bfloat16" is that of the deeper layers. Most of its error arises at full resolution, so the layers there stay in
    float32: the error falls about fivefold, for half the speed at most.

    Attributes
    ----------
    block_step
        `predict_block` takes steps that are multiples of this, px; None where the layers reach across the whole
        window, so that windows have nothing to share.
    """

    engine = "openvino"

    def __init__(self, model: keras.Model, batch_size: int, *, precision: str | None = None) -> None:
        import openvino as ov

        from enamel_lib.inference import keras_to_openvino

        super().__init__(model, batch_size)
        self._graphs, self._core = keras_to_openvino, ov.Core()
        # OpenVINO's own choice is bfloat16 only where the processor multiplies in it (avx512_bf16, AMX)
        native = self._core.get_property("CPU", "INFERENCE_PRECISION_HINT").to_string() == "bf16"
        self.precision = precision or ("bfloat16" if native else "float32")
        keras_to_openvino.tile_graphs(model, 1, np.uint8)  # raises where a layer has no translation
        self.block_step = keras_to_openvino.total_stride(model)
        try:
            keras_to_openvino.block_graphs(model, (1, 1), self.block_step, np.uint8)
        except EngineError:
            self.block_step = None
        self._split = self.precision == "bfloat16"
        self._tiles: dict[tuple[int, type], list[ov.CompiledModel]] = {}
        self._block: tuple[tuple, list[ov.CompiledModel]] | None = None

    def _predict(self, batch: np.ndarray) -> np.ndarray:
        count = self.batch_size if len(batch) == self.batch_size else 1  # the last few go one by one, not padded
        key = count, batch.dtype.type
        if key not in self._tiles:
            self._tiles[key] = self._compile(self._graphs.tile_graphs(self._model, *key, split=self._split))
        return np.concatenate([_run(self._tiles[key], batch[i : i + count]) for i in range(0, len(batch), count)])

    def predict_block(self, patch: np.ndarray, step: int) -> np.ndarray:
        """Predict all windows of a patch at once, computing what they share a single time.

        Parameters
        ----------
        patch
            `(size + step * (R - 1), size + step * (C - 1), 3)` uint8, or float in [0, 1].
        step
            Distance between windows, px; a multiple of `block_step`.

        Returns
        -------
        numpy.ndarray
            `(R, C)` float32, GPa: what `__call__` gives for each window, to rounding.

        Raises
        ------
        InputError
            If the patch is no such picture or the step does not fit the network.
        EngineError
            If windows have nothing to share.
        """
        patch = check_pixels(patch, (None, None, 3))
        if not self.block_step:
            raise EngineError("windows of this network have nothing to share; predict them as tiles")
        spare = [side - self.size for side in patch.shape[:2]]
        if step < 1 or step % self.block_step or min(spare) < 0 or any(rest % step for rest in spare):
            raise InputError(f"a patch of {patch.shape} holds no whole grid of windows at a step of {step} px")
        shape = tuple(rest // step + 1 for rest in spare)
        key = (shape, step, patch.dtype.type)
        if self._block is None or self._block[0] != key:  # one is kept: each holds all weights, packed for its shapes
            self._block = key, self._compile(self._graphs.block_graphs(self._model, *key, split=self._split))
        return _run(self._block[1], patch[None]).reshape(shape)

    def _compile(self, graphs: list["ov.Model"]) -> list["ov.CompiledModel"]:
        last = {"float32": "f32", "bfloat16": "bf16"}[self.precision]
        hints = ["f32"] * (len(graphs) - 1) + [last]
        return [
            self._core.compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"})
            for graph, hint in zip(graphs, hints, strict=True)
        ]


def _run(stages: list["ov.CompiledModel"], pixels: np.ndarray) -> np.ndarray:
    """Run graphs one after the other; each gets all outputs of the one before."""
    values = [pixels]
    for stage in stages:
        values = list(stage(values).values())
    return values[0][:, 0].copy()  # OpenVINO uses the memory again at the next call


def make_predictor(model: keras.Model, *, engine: str = "auto", batch_size: int = 16) -> Predictor:
    """Put a network behind an inference engine.

    Parameters
    ----------
    model
        From `(N, size, size, 3)` float32 in [0, 1] to `(N, 1)` GPa.
    engine
        "keras", "openvino", or "auto": OpenVINO where it is installed and knows all layers of the network.
    batch_size
        Tiles per call of the network, fixed so that it is compiled once.

    Raises
    ------
    EngineError
        If OpenVINO was asked for and cannot be used.
    """
    check_choice("engine", engine, ENGINES)
    if engine == "keras":
        return KerasPredictor(model, batch_size)
    try:
        return OpenVinoPredictor(model, batch_size)
    except (ImportError, RuntimeError, EngineError) as error:  # not installed, no CPU plugin, a layer it lacks
        if engine == "auto":
            return KerasPredictor(model, batch_size)
        raise EngineError(f"openvino cannot be used here ({error}); choose the keras engine") from error


def check_pixels(pixels: np.ndarray, shape: tuple[int | None, ...]) -> np.ndarray:
    """Check that an array holds colours.

    Parameters
    ----------
    pixels
        uint8, or float in [0, 1].
    shape
        What its shape must be; None stands for any length.

    Returns
    -------
    numpy.ndarray
        The input if uint8 or float32, else a float32 copy.

    Raises
    ------
    InputError
        If the shape, the type or a value does not fit.
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


def _weights_sha256(model: keras.Model) -> str:
    digest = hashlib.sha256()
    for array in model.get_weights():
        digest.update(np.ascontiguousarray(array, np.float32).tobytes())
    return digest.hexdigest()
