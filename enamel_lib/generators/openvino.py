"""The fast engine: OpenVINO on the processor."""

import os
from typing import TYPE_CHECKING

import numpy as np

from enamel_lib.errors import EngineError
from enamel_lib.generators.base import BATCH_SIZE
from enamel_lib.generators.keras import NetworkGenerator
from enamel_lib.stylegan2 import Generator

if TYPE_CHECKING:
    import openvino as ov

FLOAT32_SIDE = 16  # px; layers up to this side are computed in float32
BFLOAT16_WIDTH = 1024  # fmap_base from which bfloat16 is faster on two cores with avx512_bf16


class OpenVinoGenerator(NetworkGenerator):
    """A network in OpenVINO, in bfloat16 where that is faster: wide networks, on a processor that computes in it.

    "bfloat16" is that of the larger layers. The styles, and what works at 16 px or less, stay in float32: that is a
    small part of the work and, measured on 32 to 256 px, a third to a half of the error.

    Raises
    ------
    EngineError
        If OpenVINO cannot be used here.
    """

    engine = "openvino"

    def __init__(self, source: Generator | str | os.PathLike, *, precision: str | None = None) -> None:
        try:
            import openvino as ov

            self._core = ov.Core()
            # OpenVINO's own choice is bfloat16 only where the processor multiplies in it (avx512_bf16, AMX)
            native = self._core.get_property("CPU", "INFERENCE_PRECISION_HINT").to_string() == "bf16"
        except (ImportError, RuntimeError) as error:  # not installed, or no CPU plugin
            raise EngineError(f"openvino cannot be used here ({error}); choose the keras engine") from error
        from enamel_lib.stylegan2 import to_openvino

        super().__init__(source)
        gains = native and self.network.options["fmap_base"] >= BFLOAT16_WIDTH
        self.precision = precision or ("bfloat16" if gains else "float32")
        self._graphs = to_openvino
        self._mapping = self._compile(to_openvino.mapping_graph(self.network), "f32")
        self._synthesis: dict[int, list[ov.CompiledModel]] = {}

    def _map(self, *given: np.ndarray) -> np.ndarray:
        return self._mapping(list(given))[0]

    def _draw(self, w_plus: np.ndarray) -> np.ndarray:
        count = 1 if len(w_plus) == 1 else BATCH_SIZE  # two sets of graphs and no more: each holds all weights
        if count not in self._synthesis:
            exact = FLOAT32_SIDE if self.precision == "bfloat16" else None
            *first, last = self._graphs.synthesis_graphs(self.network, count, exact=exact)
            hint = {"float32": "f32", "bfloat16": "bf16"}[self.precision]
            self._synthesis[count] = [self._compile(graph, "f32") for graph in first] + [self._compile(last, hint)]
        values = [np.concatenate([w_plus, np.repeat(w_plus[:1], count - len(w_plus), axis=0)])]
        for stage in self._synthesis[count]:  # each gets all outputs of the one before, where that left them
            values = list(stage(values, share_inputs=True, share_outputs=True).values())
        return values[0][: len(w_plus)].copy()  # the next call writes over these outputs

    def _compile(self, graph: "ov.Model", hint: str) -> "ov.CompiledModel":
        return self._core.compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"})
