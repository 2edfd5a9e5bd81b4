"""Measure maps of any size: megapixels a second in the memory and by processes, what a megapixel costs and takes.

`python -m tests.bench.large` writes it to `data/results/large-speed.csv`, for notebook 14 and the README.
"""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from enamel_lib import paths, simulate

SIDE = 768  # px of the section that a picture repeats
Row = tuple[str, float, str, str]


@dataclass
class Repeated:
    """A picture of any size that repeats one section, so that reading it costs nothing."""

    shape: tuple[int, int]
    section: np.ndarray = field(repr=False)

    def read(self, rows: slice, cols: slice) -> np.ndarray:
        """Give a part, `(H, W, 3)` uint8."""
        places = (np.arange(span.start, span.stop) % SIDE for span in (rows, cols))
        return self.section[np.ix_(*places)]


def mapping() -> Iterator[Row]:
    """Megapixels a second of the dense indenter, in the memory and with 1 and 2 processes; cost of a megapixel."""
    from enamel_lib import dense
    from enamel_lib.dense import blocks, code, reading

    side = blocks.BLOCK_CELLS * code.CELL_PX
    source = picture(2 * side, 3 * side)
    model = dense.load()
    rgb = source.read(*map(slice, source.shape))
    grid = code.Grid.over(rgb.shape[:2], 0.06)
    read, block = reading.reader(model, grid.cells), list(blocks.blocks(grid.cells))[1]
    megapixels = side * side / 1e6
    fastest = busiest = float("inf")
    for _ in range(2):
        start, busy = time.perf_counter(), time.process_time()
        read(grid, code.reading(rgb), block)
        fastest, busiest = min(fastest, time.perf_counter() - start), min(busiest, time.process_time() - busy)
    yield "dense map, in the memory", megapixels / fastest, "megapixels/s", "all cores, a block in the middle"
    yield "dense map, cost", busiest / megapixels, "core-s/megapixel", "processor time, whatever else runs"
    for workers in (1, 2):
        rate, stored = by_processes(source, workers)
        yield f"dense map, processes: {workers}", rate, "megapixels/s", "reading, after the first blocks"
    yield "dense map, two processes / in the memory", rate * fastest / megapixels, "times", ""
    yield "dense map, stored", stored, "bytes/pixel", "OME-Zarr of hardness, interval, mask and picture, all levels"


def picture(rows: int, cols: int) -> Repeated:
    """Give a picture of so many pixels."""
    return Repeated((rows, cols), simulate.section((SIDE, SIDE), seed=1, texture="real-map").rgb)


def by_processes(source: Repeated, workers: int) -> tuple[float, float]:
    """Map a picture; give the megapixels a second of the reading, and the bytes stored for each pixel."""
    from enamel_lib.dense import large

    times = []

    def note(stage: str, done: int, total: int) -> None:
        if stage == "reading":
            times.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        large.map_large(source, "default", Path(folder) / "a", pixel_size_um=0.06, workers=workers, progress=note)
        stored = sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())
    pixels = source.shape[0] * source.shape[1]
    rest = (len(times) - workers) / len(times)
    return pixels * rest / 1e6 / (times[-1] - times[workers - 1]), stored / pixels


if __name__ == "__main__":
    table = pd.DataFrame(mapping(), columns=["what", "value", "unit", "note"])
    table.to_csv(paths.DATA / "results" / "large-speed.csv", index=False, float_format="%.3g")
    print(table.to_string(index=False))
