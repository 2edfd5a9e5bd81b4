"""Trained generators, all used alike whichever engine draws: Keras, OpenVINO, or NVIDIA's code in another process."""

import json
import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import keras
import numpy as np
from keras import ops

from enamel_lib import paths
from enamel_lib.errors import EngineError, InputError, ModelError
from enamel_lib.indenter import read_card, sha256
from enamel_lib.stylegan2 import Generator, import_snapshot
from enamel_lib.tf1_client import Tf1Generator

if TYPE_CHECKING:
    import openvino as ov

NAMES = {"default": "generator"}
ENGINES = ("auto", "keras", "openvino", "tf1")
BATCH = 16  # images in one call of the network
EXACT = 16  # px; layers up to this side are computed in float32
WIDE = 1024  # fmap_base from which bfloat16 is faster on two cores with avx512_bf16


class ImageGenerator(Protocol):
    """What every generator offers.

    Attributes
    ----------
    latent_dim, label_dim, layers, resolution
        Length of z, of the labels (0 without), number of styles L, side of an image in px.
    w_avg
        `(w,)` float32, centre of the styles.
    """

    latent_dim: int
    label_dim: int
    layers: int
    resolution: int
    w_avg: np.ndarray

    def generate(self, z: np.ndarray, *, psi: float = 1.0) -> np.ndarray:
        """Images `(N, H, W, 3)` uint8 of latent codes `(N, latent_dim)`; `psi` below 1 pulls styles to their centre."""

    def mapping(self, z: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """Styles `(N, L, w)` float32 of latent codes `(N, latent_dim)`, before truncation."""

    def synthesis(self, w_plus: np.ndarray) -> np.ndarray:
        """Images `(N, H, W, 3)` float32, about in [-1, 1], of styles `(N, L, w)`."""


class _Drawn(ABC):
    """A generator of this library behind an engine; see `ImageGenerator`.

    Attributes
    ----------
    network
        The Keras network itself, for gradients.
    engine, precision
        "keras" or "openvino"; "float32", or "bfloat16" in which the largest layers compute.
    """

    engine: str
    precision = "float32"

    def __init__(self, network: Generator) -> None:
        self.network = network
        self.latent_dim, self.label_dim = network.latent_dim, network.options["labels"]
        self.layers, self.resolution = network.num_layers, network.resolution
        self.w_avg = np.array(ops.convert_to_numpy(network.w_avg.value))

    def generate(self, z: np.ndarray, *, psi: float = 1.0) -> np.ndarray:
        """Draw images of latent codes.

        Parameters
        ----------
        z
            `(N, latent_dim)`; only its direction matters.
        psi
            Share of the styles' distance from their centre to keep.

        Returns
        -------
        numpy.ndarray
            `(N, resolution, resolution, 3)` uint8.
        """
        drawn = self.synthesis(self.w_avg + np.float32(psi) * (self.mapping(z) - self.w_avg))
        return np.clip(drawn * 127.5 + 128, 0, 255).astype(np.uint8)

    def mapping(self, z: np.ndarray, labels: np.ndarray | None = None) -> np.ndarray:
        """Map latent codes, and labels if the network has them, to styles `(N, L, w)` float32, before truncation."""
        given = [_checked(z, "latent codes", (self.latent_dim,))]
        if (labels is None) != (not self.label_dim):
            raise InputError(f"this generator has {self.label_dim} labels; give them if and only if it has any")
        if labels is not None:
            given.append(_checked(labels, "labels", (self.label_dim,)))
        return np.repeat(self._map(*given)[:, None], self.layers, axis=1)

    def synthesis(self, w_plus: np.ndarray) -> np.ndarray:
        """Draw images `(N, H, W, 3)` float32, about in [-1, 1], of styles `(N, L, w)`."""
        w_plus = _checked(w_plus, "styles", (self.layers, len(self.w_avg)))
        images = np.empty((len(w_plus), self.resolution, self.resolution, 3), np.float32)
        for start in range(0, len(w_plus), BATCH):
            images[start : start + BATCH] = self._draw(w_plus[start : start + BATCH])
        return images

    @abstractmethod
    def _map(self, *given: np.ndarray) -> np.ndarray:
        """From z, and labels if there are any, to w `(N, w)`."""

    @abstractmethod
    def _draw(self, w_plus: np.ndarray) -> np.ndarray:
        """Images of at most `BATCH` styles."""


class KerasGenerator(_Drawn):
    """The reference: the network itself, compiled by whichever backend Keras runs."""

    engine = "keras"

    def __init__(self, network: Generator) -> None:
        super().__init__(network)
        self._mapping, self._synthesis = _Part(network, "mapping"), _Part(network, "synthesis")

    def _map(self, *given: np.ndarray) -> np.ndarray:
        return self._mapping.predict_on_batch(given)

    def _draw(self, w_plus: np.ndarray) -> np.ndarray:
        return self._synthesis.predict_on_batch([w_plus])


class _Part(keras.Model):
    """One method of a network as a model, so that Keras compiles it."""

    def __init__(self, network: Generator, method: str) -> None:
        super().__init__(name=method)
        self.network, self._method = network, method
        self.built = True

    def call(self, inputs: list) -> Any:
        return getattr(self.network, self._method)(*inputs)


class OpenVinoGenerator(_Drawn):
    """The fast one: OpenVINO, in bfloat16 where that is faster: wide networks, on a processor that computes in it.

    "bfloat16" is that of the larger layers. The styles, and what works at 16 px or less, stay in float32: that is a
    small part of the work and, measured on 32 to 256 px, a third to a half of the error.
    """

    engine = "openvino"

    def __init__(self, network: Generator, *, precision: str | None = None) -> None:
        import openvino as ov

        from enamel_lib.stylegan2 import openvino_graph

        super().__init__(network)
        self._graphs, self._core = openvino_graph, ov.Core()
        # OpenVINO's own choice is bfloat16 only where the processor multiplies in it (avx512_bf16, AMX)
        native = self._core.get_property("CPU", "INFERENCE_PRECISION_HINT").to_string() == "bf16"
        gains = native and network.options["fmap_base"] >= WIDE
        self.precision = precision or ("bfloat16" if gains else "float32")
        self._mapping = self._compile(openvino_graph.mapping_graph(network), "f32")
        self._synthesis: dict[int, list[ov.CompiledModel]] = {}

    def _map(self, *given: np.ndarray) -> np.ndarray:
        return self._mapping(list(given))[0]

    def _draw(self, w_plus: np.ndarray) -> np.ndarray:
        count = 1 if len(w_plus) == 1 else BATCH  # two sets of graphs and no more: each holds all weights
        if count not in self._synthesis:
            exact = EXACT if self.precision == "bfloat16" else None
            *first, last = self._graphs.synthesis_graphs(self.network, count, exact=exact)
            hint = {"float32": "f32", "bfloat16": "bf16"}[self.precision]
            self._synthesis[count] = [self._compile(graph, "f32") for graph in first] + [self._compile(last, hint)]
        values = [np.concatenate([w_plus, np.repeat(w_plus[:1], count - len(w_plus), axis=0)])]
        for stage in self._synthesis[count]:  # each gets all outputs of the one before, where that left them
            values = list(stage(values, share_inputs=True, share_outputs=True).values())
        return values[0][: len(w_plus)]

    def _compile(self, graph: "ov.Model", hint: str) -> "ov.CompiledModel":
        return self._core.compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"})


def load_generator(name: str | os.PathLike = "default", *, engine: str = "auto") -> ImageGenerator:
    """Load a trained generator, after checking it against the SHA-256 in its model card.

    Parameters
    ----------
    name
        "default", the name of a file in `data/models`, the path of a `.keras` file, or of a snapshot `.pkl`.
    engine
        "keras"; "openvino"; "auto", which is OpenVINO where it can be used; or "tf1" for a snapshot in NVIDIA's own
        TensorFlow 1.14 (`tf1_client`).

    Returns
    -------
    ImageGenerator
        With `latent_dim`, `resolution`, `generate`, `mapping` and `synthesis`.

    Raises
    ------
    ModelError
        If the file is missing, is not the one its card describes, or holds something else.
    EngineError
        If the engine is unknown or cannot be used here.
    """
    if engine not in ENGINES:
        raise EngineError(f"engine {engine!r} is unknown; choose from {', '.join(ENGINES)}")
    name = NAMES.get(str(name), str(name))
    path = Path(name) if Path(name).suffix else paths.MODELS / f"{name}.keras"
    if engine == "tf1":
        return Tf1Generator(path)
    network = import_snapshot(path)[2] if path.suffix == ".pkl" else load_network(path)
    return make_generator(network, engine=engine)


def make_generator(network: Generator, *, engine: str = "auto") -> KerasGenerator | OpenVinoGenerator:
    """Put a network behind an engine, "keras", "openvino" or "auto"; see `load_generator`."""
    if engine == "keras":
        return KerasGenerator(network)
    try:
        return OpenVinoGenerator(network)
    except (ImportError, RuntimeError) as error:  # not installed, or no CPU plugin
        if engine == "auto":
            return KerasGenerator(network)
        raise EngineError(f"openvino cannot be used here ({error}); choose the keras engine") from error


def load_network(path: str | os.PathLike) -> Generator:
    """Load the Keras network that `save_generator` wrote, in float32.

    Raises
    ------
    ModelError
        If the file is missing, is not the one its card describes, or holds something else.
    """
    path = Path(path)
    if not path.is_file():
        raise ModelError(f"no generator {path}; train one with `enamel train-generator`, or import a snapshot")
    card = read_card(path)
    if card and card.get("sha256") != sha256(path):
        raise ModelError(f"{path} is not the file its card describes (SHA-256 differs); restore it or train it anew")
    try:
        network = keras.saving.load_model(path, compile=False)
    except Exception as error:  # Keras raises whatever its parser meets
        raise ModelError(f"{path} cannot be read as a Keras model: {str(error).splitlines()[0]}") from None
    if not isinstance(network, Generator):
        raise ModelError(f"{path} holds another network than a generator; train one with `enamel train-generator`")
    return network.copy("float32")


def save_generator(network: Generator, path: str | os.PathLike, *, card: dict[str, Any]) -> Path:
    """Write a generator in float16, which halves the file and changes images by less than a step of 1/255.

    Parameters
    ----------
    network
        The generator; of a training run, its moving average.
    path
        Ends in `.keras`; the model card goes beside it, ending in `.json`.
    card
        What to say about it: recipe, data, metrics. Name, sizes and SHA-256 are added.

    Returns
    -------
    pathlib.Path
        Of the `.keras` file.

    Raises
    ------
    InputError
        If the path does not end in `.keras`.
    """
    path = Path(path)
    if path.suffix != ".keras":
        raise InputError(f"{path} does not end in .keras; name the file to write")
    with paths.atomic(path) as temporary:
        network.copy("float16").save(temporary)
    facts = {"network": network.options, "parameters": network.count_params(), "sha256": sha256(path)}
    with paths.atomic(path.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps({"name": path.stem} | card | facts, indent=2, allow_nan=False) + "\n")
    return path


def _checked(values: np.ndarray, what: str, shape: tuple[int, ...]) -> np.ndarray:
    values = np.asarray(values, np.float32)
    if values.shape[1:] != shape or not np.isfinite(values).all():
        wanted = ", ".join(map(str, shape))
        raise InputError(f"{what} are finite and of shape (N, {wanted}); these have shape {values.shape}")
    return values
