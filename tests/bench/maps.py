"""Measure how fast things are on this machine: `make bench` prints a table and writes a JSON."""

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from enamel_lib import paths
from enamel_lib.cli import console
from enamel_lib.reproduce import report

SECONDS = 4.0  # spent on each rate at least, after a first call that compiles
STRIDE = 8  # px; of the mapped picture
MATRIX = 3072  # side of the matrices that measure the processor's peak

Row = tuple[str, float, str, str]  # what, value, unit, note


def main() -> None:
    """Run every benchmark, print the table, and write `build/bench.json`."""
    load = os.getloadavg()[0]  # by other programs, which slow down what is measured here
    table = Table("what", "value", "unit", "note", title=f"{os.cpu_count()} cores, load before {load:.1f}")
    rows = []
    with console.progress() as bar:
        for benchmark in bar.track(BENCHMARKS, description="measuring"):
            rows += benchmark()
    for what, value, unit, note in rows:
        table.add_row(what, f"{value:,.3g}", unit, note)
    Console().print(table)
    versions = {name: report.installed_version(name) for name in report.RECORDED_PACKAGES}
    named = [dict(zip(("what", "value", "unit", "note"), row, strict=True)) for row in rows]
    report.write_json(
        paths.BUILD / "bench.json", {"cores": os.cpu_count(), "load_before": load, "versions": versions, "rows": named}
    )


def mapping() -> Iterator[Row]:
    """Windows per second of the authors' way, of batched Keras and of the default engine; share of the matrix peak."""
    from enamel_lib import images, inference
    from enamel_lib.indenter import build_indenter
    from enamel_lib.inference.keras_to_openvino import block_graphs, tile_graphs
    from enamel_lib.inference.openvino import BLOCK

    model = build_indenter()  # the weights do not matter for speed
    side = images.TILE + STRIDE * (BLOCK - 1)
    picture = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    tiles = np.ascontiguousarray(images.windows(picture, stride=STRIDE)[0])

    published = _per_second(lambda: model.predict(images.to_float(tiles[:1]), verbose=0))
    yield "map, authors' way", published, "windows/s", "one predict per window"
    batched = inference.make_predictor(model, engine="keras", batch_size=len(tiles))
    reference = _per_second(lambda: batched(tiles)) * len(tiles)
    yield "map, batched Keras", reference, "windows/s", f"batches of {len(tiles)}, float32"

    fast = inference.make_predictor(model, batch_size=len(tiles))
    name = f"{fast.engine}, {fast.precision}"
    single = _per_second(lambda: fast(tiles)) * len(tiles)
    yield "map, default engine, nothing shared", single, "windows/s", name
    default = _per_second(lambda: inference.raster(picture, fast, stride=STRIDE)) * BLOCK**2
    yield "map, default engine", default, "windows/s", f"{name}, stride {STRIDE}, overlap computed once"
    yield "default engine / batched Keras", default / reference, "times", ""

    split = fast.precision == "bfloat16"
    tile = _arithmetic(tile_graphs(model, 1, np.uint8, split=split), 1)
    block = _arithmetic(block_graphs(model, (BLOCK, BLOCK), (side, side), np.uint8, split=split), BLOCK**2)
    yield "arithmetic per window, nothing shared", sum(tile) / 1e9, "GFLOP", "convolutions"
    yield "arithmetic per window", sum(block) / 1e9, "GFLOP", f"blocks of {BLOCK} x {BLOCK} windows"
    # a graph that is split computes its first part in float32
    peaks = [_matrix_peak(precision) for precision in dict.fromkeys(("float32", fast.precision))]
    for precision, peak in zip(("float32", fast.precision), peaks, strict=False):
        yield f"matrix peak, {precision}", peak / 1e9, "GFLOP/s", f"measured, {MATRIX} x {MATRIX}"
    at_peak = [sum(work / peak for work, peak in zip(part, peaks, strict=True)) for part in (tile, block)]  # s
    yield "share of peak, nothing shared", single * at_peak[0], "of 1", name
    yield "share of peak", default * at_peak[1], "of 1", f"{name}, counting the arithmetic done"
    yield "share of peak, with the arithmetic saved", default * at_peak[0], "of 1", "may pass 1"


def _arithmetic(graphs: list, windows: int) -> list[float]:
    """Floating-point operations of each graph per window."""
    return [2 * multiply_adds(graph) / windows for graph in graphs]


def multiply_adds(graph: Any) -> int:
    """Multiply-add operations in the convolutions of an OpenVINO graph."""
    convolutions = [node for node in graph.get_ops() if node.get_type_name() == "Convolution"]
    return sum(
        int(np.prod(node.output(0).shape)) * int(np.prod(node.input_value(1).shape[1:])) for node in convolutions
    )


def simulating() -> Iterator[Row]:
    """Tiles of 200 x 200 px that the simulator makes per second."""
    from enamel_lib.simulate import simulator

    rate = _per_second(lambda: simulator.section((200, 200), seed=1))
    yield "simulated tiles", rate, "tiles/s", "200 x 200 px"


def drawing() -> Iterator[Row]:
    """Images per second of the shipped generator, by Keras and by the default engine."""
    from tests.bench import generators

    yield from generators.drawing(_per_second)


def evolving() -> Iterator[Row]:
    """Seconds per generation of the genetic algorithm, the authors' way and ours."""
    from tests.bench import evolution

    yield from evolution.evolving()


def mapping_large() -> Iterator[Row]:
    """Megapixels per second of the dense indenter, in the memory and part by part, and what a megapixel costs."""
    from tests.bench import large

    yield from large.mapping()


BENCHMARKS: tuple[Callable[[], Iterator[Row]], ...] = (mapping, mapping_large, simulating, drawing, evolving)


def _per_second(call: Callable[[], Any]) -> float:
    """Calls per second: that of the fastest call, after a first one that compiles."""
    call()
    begin, fastest = time.perf_counter(), float("inf")
    while (start := time.perf_counter()) - begin < SECONDS:
        call()
        fastest = min(fastest, time.perf_counter() - start)
    return 1 / fastest


def _matrix_peak(precision: str) -> float:
    """Floating-point operations per second in a large matrix product, the most that a convolution could reach."""
    import openvino as ov
    from openvino import opset13 as op

    from enamel_lib.inference.runtime import Stages

    rng = np.random.default_rng(0)
    left, right = (rng.random((MATRIX, MATRIX), np.float32) for _ in range(2))
    parameter = op.parameter(list(left.shape), np.float32)
    product = Stages([ov.Model([op.matmul(parameter, op.constant(right), False, False)], [parameter])], precision)
    return _per_second(lambda: product(left)) * 2 * MATRIX**3


if __name__ == "__main__":
    main()
