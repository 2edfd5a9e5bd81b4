"""The one OpenVINO runtime: graphs, whichever room translates them, compiled for this processor and run.

>>> precision = native_precision()  # "bfloat16" where the processor multiplies in it
>>> stages = Stages([first_graph, last_graph], precision)  # compiled; only the last graph computes in `precision`
>>> stages(pixels)  # array of the last graph's output

Importing this module fails where OpenVINO is not installed, which `base.make_engine` turns into an `EngineError`.
"""

from collections.abc import Sequence
from functools import cache

import numpy as np
import openvino as ov

HINTS = {"float32": "f32", "bfloat16": "bf16"}


@cache
def _core() -> ov.Core:
    return ov.Core()


def native_precision() -> str:
    """Give what OpenVINO would choose: "bfloat16" where the processor multiplies in it (avx512_bf16, AMX)."""
    hint = _core().get_property("CPU", "INFERENCE_PRECISION_HINT").to_string()
    return next((name for name, known in HINTS.items() if known == hint), "float32")


def compiled(graph: ov.Model, precision: str = "float32", *, threads: int = 0) -> ov.CompiledModel:
    """Compile a graph for this processor, to compute in `precision` on so many threads (0: as many as there are)."""
    hints = {"INFERENCE_PRECISION_HINT": HINTS[precision], "PERFORMANCE_HINT": "LATENCY"}
    return _core().compile_model(graph, "CPU", hints | {"INFERENCE_NUM_THREADS": threads} if threads else hints)


class Stages:
    """Graphs compiled to be run one after the other; the last computes in `precision`, the others in float32.

    Each takes all outputs of the one before, and then the inputs that `every` graph takes.
    """

    def __init__(self, graphs: Sequence[ov.Model], precision: str = "float32") -> None:
        precisions = ["float32"] * (len(graphs) - 1) + [precision]
        self._compiled = [compiled(*each) for each in zip(graphs, precisions, strict=True)]

    def __call__(self, *inputs: np.ndarray, every: Sequence[np.ndarray] = ()) -> np.ndarray:
        """Run them; give a copy of the last graph's first output."""
        values = list(inputs)
        for compiled in self._compiled:  # outputs stay where OpenVINO left them, which the next call writes over
            values = list(compiled([*values, *every], share_inputs=True, share_outputs=True).values())
        return values[0].copy()
