"""The fast engine: OpenVINO on the processor."""

import os

import numpy as np

from enamel_lib.generators.base import BATCH_SIZE
from enamel_lib.generators.keras import NetworkGenerator
from enamel_lib.inference.runtime import Stages, native_precision
from enamel_lib.stylegan2 import Generator, to_openvino

FLOAT32_SIDE = 16  # px; layers up to this side are computed in float32
BFLOAT16_WIDTH = 1024  # fmap_base from which bfloat16 is faster on two cores with avx512_bf16


class OpenVinoGenerator(NetworkGenerator):
    """A network in OpenVINO, in bfloat16 where that is faster: wide networks, on a processor that computes in it.

    "bfloat16" is that of the larger layers. The styles, and what works at 16 px or less, stay in float32: that is a
    small part of the work and, measured on 32 to 256 px, a third to a half of the error.
    """

    engine = "openvino"

    def __init__(self, source: Generator | str | os.PathLike, *, precision: str | None = None) -> None:
        super().__init__(source)
        wide = self.network.options["fmap_base"] >= BFLOAT16_WIDTH
        self.precision = precision or (native_precision() if wide else "float32")
        self._mapping = Stages([to_openvino.mapping_graph(self.network)], "float32")
        self._synthesis: dict[int, Stages] = {}

    def _map(self, *given: np.ndarray) -> np.ndarray:
        return self._mapping(*given)

    def _draw(self, w_plus: np.ndarray) -> np.ndarray:
        count = 1 if len(w_plus) == 1 else BATCH_SIZE  # two sets of graphs and no more: each holds all weights
        if count not in self._synthesis:
            exact = FLOAT32_SIDE if self.precision == "bfloat16" else None
            graphs = to_openvino.synthesis_graphs(self.network, count, exact=exact)
            self._synthesis[count] = Stages(graphs, self.precision)
        filled = np.concatenate([w_plus, np.repeat(w_plus[:1], count - len(w_plus), axis=0)])
        return self._synthesis[count](filled)[: len(w_plus)]
