"""Measure the peak memory of `enamel map` on pictures from 0.1 to 4 gigapixels: `python -m tests.bench.memory`.

Writes `data/results/large-maps.csv`, which notebook 14 draws; rows that are there are kept. The network takes the
same memory for a block whatever is in it, so pictures are dark, to be quick, but for an island in each of the first two
blocks and of the last two, which two processes read at the same time. One is enamel throughout, to show what that adds.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

from enamel_lib import paths, simulate
from enamel_lib.inference.ome_zarr import Image
from enamel_lib.pic import PIXEL_UM

RUNS = {  # workers, and whether all is enamel: gigapixels
    (1, False): (0.1, 0.4),
    (2, True): (0.1,),
    (2, False): (0.1, 0.4, 1.0, 4.0),
}
TABLE = paths.DATA / "results" / "large-maps.csv"
BLOCK = 1536  # px; side of what is read at once
ISLAND = 256  # px; in the middle of a block, where no other block's window sees it
EVERY = 1.0  # s; between looks at the memory
COMMAND = "from enamel_lib.cli import app; app.main()"


def main() -> None:
    """Measure every size that the table lacks, and write each row as soon as it is known."""
    rows = pd.read_csv(TABLE).to_dict("records") if TABLE.exists() else []
    known = {(row["workers"], row["blocks"] == row["blocks_with_enamel"], row["gigapixels"]) for row in rows}
    wanted = [(*run, size) for run, sizes in RUNS.items() for size in sizes]
    for workers, whole, size in wanted:
        if (workers, whole, size) in known:
            continue
        with tempfile.TemporaryDirectory() as folder:
            picture = Path(folder) / "mosaic.zarr"
            blocks, lit = write(picture, round((size * 1e9) ** 0.5), whole=whole)
            row = {"gigapixels": size, "workers": workers, "blocks": blocks, "blocks_with_enamel": lit}
            rows.append(row | measure(picture, workers))
        print(rows[-1], flush=True)
        pd.DataFrame(rows).to_csv(TABLE, index=False, float_format="%.3f")


def write(path: Path, side: int, *, whole: bool) -> tuple[int, int]:
    """Write a square picture as OME-Zarr; give how many blocks it has, and how many of them see enamel."""
    tile = np.moveaxis(simulate.mosaic((1024, 1024), seed=1).read(slice(0, 1024), slice(0, 1024)), -1, 0)
    image = Image(path, "", (3, side, side), 1024, PIXEL_UM, "uint8", 0, deep=False)
    image.create()
    array, per_side = image.level(), -(-side // BLOCK)
    if whole:
        for rows, cols in image.shards(0):
            array[:, rows, cols] = tile[:, : rows.stop - rows.start, : cols.stop - cols.start]
        return per_side**2, per_side**2
    last = side // BLOCK - 1  # that the picture's edges do not cut
    for place in ((0, 0), (0, 1), (last, last - 1), (last, last)):
        top, left = (BLOCK * n + (BLOCK - ISLAND) // 2 for n in place)
        array[:, top : top + ISLAND, left : left + ISLAND] = tile[:, :ISLAND, :ISLAND]
    return per_side**2, 4


def measure(picture: Path, workers: int) -> dict[str, float]:
    """Run `enamel map`; give the peak memory of all its processes, GiB.

    `peak_gib` counts pages that processes share once (PSS), `peak_rss_gib` in each of them.
    """
    peaks = np.zeros(2)
    given = ["map", picture, "--out", picture.with_suffix(""), "--workers", str(workers), "--force"]
    mapping = psutil.Popen([sys.executable, "-c", COMMAND, *map(str, given)], stderr=subprocess.DEVNULL)
    while mapping.poll() is None:
        total = np.zeros(2)
        for process in (mapping, *mapping.children(recursive=True)):
            try:
                memory = process.memory_full_info()
            except psutil.Error:  # it has ended
                continue
            total += memory.pss, memory.rss
        peaks = np.maximum(peaks, total)
        time.sleep(EVERY)
    if mapping.returncode:
        raise RuntimeError(f"enamel map of {picture.name} ended with {mapping.returncode}")
    pss, rss = peaks / 2**30
    return {"peak_gib": pss, "peak_rss_gib": rss}


if __name__ == "__main__":
    main()
