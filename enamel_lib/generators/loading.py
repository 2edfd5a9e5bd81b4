"""Trained generators, all used alike whichever engine draws: Keras, OpenVINO, or NVIDIA's code in another process."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
from keras import ops

from enamel_lib import models, paths
from enamel_lib.errors import EngineError, InputError, ModelError
from enamel_lib.generators.base import BATCH, ImageGenerator
from enamel_lib.generators.tf1.client import Tf1Generator
from enamel_lib.stylegan2 import Generator, import_snapshot

if TYPE_CHECKING:
    import openvino as ov

NAMES = {"default": "generator"}
ENGINES = ("auto", "keras", "openvino", "tf1")
EXACT = 16  # px; layers up to this side are computed in float32
WIDE = 1024  # fmap_base from which bfloat16 is faster on two cores with avx512_bf16


class _Drawn(ImageGenerator):
    """A generator of this library behind an engine.

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

        from enamel_lib.stylegan2 import to_openvino

        super().__init__(network)
        self._graphs, self._core = to_openvino, ov.Core()
        # OpenVINO's own choice is bfloat16 only where the processor multiplies in it (avx512_bf16, AMX)
        native = self._core.get_property("CPU", "INFERENCE_PRECISION_HINT").to_string() == "bf16"
        gains = native and network.options["fmap_base"] >= WIDE
        self.precision = precision or ("bfloat16" if gains else "float32")
        self._mapping = self._compile(to_openvino.mapping_graph(network), "f32")
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
        return values[0][: len(w_plus)].copy()  # the next call writes over these outputs

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
    network = models.load(path)
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
    models.save(network.copy("float16"), path, {"name": path.stem} | card | {"network": network.options})
    return path
