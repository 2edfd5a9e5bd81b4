"""Measure maps of any size: megapixels a second in the memory and by processes, what a megapixel costs and takes.

`python -m tests.bench.large` writes what it costs to `data/results/large-costs.csv`, for notebook 14 and the README.
"""

import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from enamel_lib import paths, simulate
from enamel_lib.inference import large_pictures
from enamel_lib.inference.ome_zarr import Image
from enamel_lib.pic import PIXEL_UM

SIDE = 768  # px of the section that a picture repeats
BLOCK_PX = 1536
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
    """What a megapixel costs; megapixels a second of the dense indenter, in the memory and with 1 and 2 processes."""
    from enamel_lib import dense

    yield from costs()
    source, model = picture(2 * BLOCK_PX, 3 * BLOCK_PX), dense.load()
    rgb = source.read(*(slice(0, side) for side in source.shape))
    dense.hardness_map(model, rgb)
    start = time.perf_counter()
    dense.hardness_map(model, rgb)
    in_memory = rgb.size / 3e6 / (time.perf_counter() - start)
    yield "dense map, in the memory", in_memory, "megapixels/s", "all cores"
    for workers in (1, 2):
        rate = by_processes(source, workers)
        yield f"dense map, processes: {workers}", rate, "megapixels/s", "reading, after the first blocks"
    yield "dense map, two processes / in the memory", rate / in_memory, "times", ""


def costs() -> Iterator[Row]:
    """What a megapixel costs and takes: of processor time, which hangs less on what else runs."""
    from enamel_lib import dense
    from enamel_lib.dense import blocks, code, large

    source, model = picture(2 * BLOCK_PX, 2 * BLOCK_PX), dense.load()
    rgb, grid = source.read(*(slice(0, side) for side in source.shape)), code.Grid.over(source.shape, PIXEL_UM)
    with tempfile.TemporaryDirectory() as folder:
        path, store = Path(folder) / "a.zarr", Path(folder) / "a-hardness.zarr"
        image = Image(path, "", (3, *source.shape), 1024, PIXEL_UM, "uint8", 0, deep=False)
        image.create()
        image.level()[...] = np.moveaxis(rgb, -1, 0)
        about = large._prepare_elsewhere("default", store, grid, resume=False)
        job = large.Job(large_pictures.open_large(path), grid, store, about["interval"]["relative_half_width"])
        for image in (*job.images().values(), *job.work().values()):
            image.create()
        numbers = range(len(list(blocks.blocks(grid.cells))))
        start = time.process_time()
        for part in (large.read, large.finish):
            for number in numbers:
                part(job, number)
        for number in numbers[: len(list(job.images()["hardness"].shards(1)))]:
            large.shrink(job, number, 1)
        part_by_part = time.process_time() - start
        shutil.rmtree(store / "work")
        stored = sum(file.stat().st_size for file in store.rglob("*") if file.is_file())
    start = time.process_time()
    dense.hardness_map(model, rgb)
    in_memory = time.process_time() - start
    pixels = rgb.size / 3
    yield "dense map, cost", part_by_part / pixels * 1e6, "core-s/megapixel", "part by part, from file to file"
    yield "dense map, cost in the memory", in_memory / pixels * 1e6, "core-s/megapixel", ""
    yield "dense map, speed kept", in_memory / part_by_part, "times", "by processor time"
    yield "dense map, stored", stored / pixels, "bytes/pixel", "hardness, interval, mask and picture, all levels"


def picture(rows: int, cols: int) -> Repeated:
    """Give a picture of so many pixels."""
    return Repeated((rows, cols), simulate.section((SIDE, SIDE), seed=1, texture="real-map").rgb)


def by_processes(source: Repeated, workers: int) -> float:
    """Map a picture; give the megapixels a second of the reading."""
    from enamel_lib.dense import large

    times = []

    def note(stage: str, done: int, total: int) -> None:
        if stage == "reading":
            times.append(time.perf_counter())

    with tempfile.TemporaryDirectory() as folder:
        large.map_large(source, "default", Path(folder) / "a", pixel_size_um=PIXEL_UM, workers=workers, progress=note)
    pixels = source.shape[0] * source.shape[1]
    rest = (len(times) - workers) / len(times)
    return pixels * rest / 1e6 / (times[-1] - times[workers - 1])


if __name__ == "__main__":
    table = pd.DataFrame(costs(), columns=["what", "value", "unit", "note"])
    table.to_csv(paths.DATA / "results" / "large-costs.csv", index=False, float_format="%.3g")
    print(table.to_string(index=False))
