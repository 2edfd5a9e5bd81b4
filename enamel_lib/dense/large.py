"""Maps of pictures of any size by the dense indenter: block by block, as OME-Zarr, bit for bit the map in the memory.

>>> made = map_large(large_pictures.open_large(path), "default", Path("out/tooth-hardness"), pixel_size_um=0.06)

Three stages, each of which any process may do a part of: the network reads blocks, blocks become hardness with what
lies around them, shards of pyramids are shrunk. No two parts write into the same shard.
"""

import math
import os
import shutil
import tempfile
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from PIL import Image as Pillow

from enamel_lib import paths
from enamel_lib.dense import blocks, likeness
from enamel_lib.dense.blocks import Block
from enamel_lib.dense.code import CELL_PX, CELL_UM, Grid
from enamel_lib.errors import InputError
from enamel_lib.inference import base, chunks, ome_zarr
from enamel_lib.inference.hardness_map import HardnessMap
from enamel_lib.inference.ome_zarr import Image
from enamel_lib.reproduce import report

READ = ("log_hardness", "log_level", "local", "wide")  # outputs of the network
KEPT = (*READ[:2], "signal")  # on disk, until there is hardness
GRAPHS = ("first.xml", "rest.xml")
TABLE_CELLS = 400_000  # rows of the .csv at most: it is that of a smaller level, if the map has more
Stages = Callable[[str, int, int], None]  # name of a stage, parts done, parts in all


class Source(Protocol):
    """A picture that is read part by part, here and in other processes: `large_pictures`, `simulate.mosaic`."""

    shape: tuple[int, int]

    def read(self, rows: slice, cols: slice) -> np.ndarray:
        """Give `(H, W, 3)` uint8, black where there is no signal."""


@dataclass(frozen=True)
class Job:
    """What every process has to know."""

    source: Source
    grid: Grid
    store: Path
    weights: str = ""  # SHA-256: workers of a cluster may outlive a run, and must not read by another's network
    half_width: float | None = None  # of the model's interval, of log H

    def images(self) -> dict[str, Image]:
        """What the store holds, by name."""
        shard, size = blocks.BLOCK_CELLS, CELL_UM
        image = partial(Image, self.store, shard=shard, pixel_size_um=size)
        kept = {
            "hardness": image(group="", shape=self.grid.cells),
            "mask": image(group="labels/mask", shape=self.grid.cells, dtype="uint8", fill=0),
            "picture": image(group="picture", shape=(3, *self.grid.cells), dtype="uint8", fill=0),
        }
        if self.half_width is not None:
            kept |= {"interval": image(group="interval", shape=(2, *self.grid.cells), dtype="float16")}
        return kept

    def work(self) -> dict[str, Image]:
        """What the store holds while it is made."""
        image = partial(Image, self.store, shape=self.grid.cells, shard=blocks.BLOCK_CELLS, pixel_size_um=CELL_UM)
        return {name: image(group=f"work/{name}", deep=False, fill=0.0) for name in KEPT}

    def block(self, number: int) -> Block:
        """One of the blocks."""
        return next(islice(blocks.blocks(self.grid.cells), number, None))


def map_large(
    source: Source,
    model: str | os.PathLike,
    stem: Path,
    *,
    pixel_size_um: float,
    scheduler: str | None = None,
    workers: int | None = None,
    resume: bool = False,
    progress: Stages = lambda stage, done, total: None,
) -> dict[str, Any]:
    """Map a picture into `STEM.zarr`; give its facts, as `HardnessMap.facts` has them, and the `damaged` chunks.

    Parameters
    ----------
    source, pixel_size_um
        The picture, and its pixels, 0.03 to 0.3 um.
    model
        A name or path as of `indenter.load`.
    stem
        Of the results; `STEM.zarr` is an OME-Zarr image of the hardness, GPa, NaN where there is no reading, with
        `labels/mask` (1 where there is) and `picture` at the same scale, and `interval`, its lower and upper end in
        GPa, if the model has one.
    scheduler, workers
        As of `chunks.executor`.
    resume
        Go on with a run that was broken off, of the same picture and model.
    progress
        Hears of the parts of each stage.

    Raises
    ------
    InputError
        If a run of something else is to be resumed, or nothing was read.
    """
    grid = Grid.over(source.shape, pixel_size_um)
    store = Path(f"{stem}.zarr").resolve()
    about = {"picture": repr(source), "cells": grid.cells, "pixel_size_um": pixel_size_um, "block": blocks.BLOCK_CELLS}
    about |= _prepare_elsewhere(model, store, grid, resume)
    of = dict(about)
    done = ome_zarr.attributes(store).get("enamel", {}) if resume else {}
    if done:
        chunks.check_same(store, done.get("of"), of)
        shutil.rmtree(store / "work")
        return done["facts"]
    known = likeness.of_card(about, str(model))
    half = about["interval"] and about["interval"]["relative_half_width"]
    job = Job(source, grid, store, about["weights_sha256"], half)
    images, journal = job.images(), chunks.Journal(store / "work" / "journal", about, resume=resume)
    if not journal.results:
        for image in (*images.values(), *job.work().values()):
            image.create()
        ome_zarr.list_labels(store, ["mask"])
    with chunks.executor(scheduler, workers) as on:

        def stage(name: str, function: Callable[[Job, int], Any], count: int) -> None:
            chunks.run(on, journal, name, partial(function, job), range(count), partial(progress, name))

        count = len(list(blocks.blocks(grid.cells)))
        stage("reading", read, count)
        unlike = {"unlike": known.judge(*_summed(journal))} if known else {}
        if unlike and unlike["unlike"]["flagged"]:  # what the card promises holds of enamel
            about["interval"], job = None, replace(job, half_width=None)
            shutil.rmtree(store / "interval", ignore_errors=True)
        stage("hardness", finish, count)
        for level in range(1, len(images["hardness"].shapes)):
            stage(f"level {level}", partial(shrink, level=level), len(list(images["hardness"].shards(level))))
    of_model = {name: about[name] for name in ("model", "weights_sha256", "interval")}
    facts = _facts(journal, grid) | of_model | {"pixel_size_um": pixel_size_um} | unlike
    ome_zarr.attributes(store, enamel={"unit": "GPa", "facts": facts, "of": of})
    shutil.rmtree(store / "work")
    return facts


def _summed(journal: chunks.Journal) -> tuple[int, np.ndarray]:
    """Sum what `likeness.summed` gave of the blocks."""
    _, cells, totals = zip(*journal.of("reading"), strict=True)
    return sum(cells), np.sum(totals, axis=0)


def _facts(journal: chunks.Journal, grid: Grid) -> dict[str, Any]:
    damaged = sorted({name for names, _, _ in journal.of("reading") for name in names})
    count, total, squares = np.sum(journal.of("hardness"), axis=0)
    if not count:
        raise InputError("no cell has signal in half of what an indent feels, so there is no reading")
    mean = total / count
    sd = math.sqrt(max(squares / count - mean**2, 0))
    facts = {"cells": math.prod(grid.cells), "cells_read": int(count)}
    facts |= {"mean_gpa": round(float(mean), 4), "sd_gpa": round(sd, 4)}
    return facts | {"damaged_chunks": len(damaged), "damaged": damaged}


def read(job: Job, number: int) -> tuple[list[str], int, list[float]]:
    """Read one block by the network, and write what was read.

    Give the damaged chunks of the picture, so far, and what `likeness.summed` gives.
    """
    block = job.block(number)
    found = _reader(job.store, job.weights, job.grid.cells, threading.get_ident())(job.grid, job.source.read, block)
    for name, image in job.work().items():
        image.level()[block.place] = found[name].reshape(found[name].shape[:2])
    job.images()["picture"].level()[(slice(None), *block.place)] = np.moveaxis(_cells(job, block), -1, 0)
    cells, total = likeness.summed(found)
    return sorted(getattr(job.source, "damaged", ())), cells, total.tolist()  # files have damages


def finish(job: Job, number: int) -> tuple[int, float, float]:
    """Write the hardness of one block; give how many cells have one, their sum and their sum of squares."""
    block, images = job.block(number), job.images()
    found = blocks.hardness({name: image.level() for name, image in job.work().items()}, block, job.grid.cells)
    seen = np.isfinite(found)
    if not seen.any():  # as it is where nothing was written
        return 0, 0.0, 0.0
    images["hardness"].level()[block.place] = found
    images["mask"].level()[block.place] = seen.astype(np.uint8)
    if job.half_width is not None:
        ends = found * np.exp([[[-job.half_width]], [[job.half_width]]])
        images["interval"].level()[(slice(None), *block.place)] = ends.astype(np.float16)
    values = found[seen].astype(np.float64)
    return int(seen.sum()), float(values.sum()), float(values @ values)


def shrink(job: Job, number: int, level: int) -> None:
    """Write one shard of a smaller level of each image."""
    for image in job.images().values():
        image.shrink(level, *list(image.shards(level))[number])


def _cells(job: Job, block: Block) -> np.ndarray:
    """The picture of a block, `(R, C, 3)` uint8, a mean for each cell."""
    grid = job.grid
    edges = [
        [first + CELL_PX * cell * scale for cell in span]
        for span, scale, first in zip((block.rows, block.cols), grid.scale, grid.corner, strict=True)
    ]
    spans = [slice(math.floor(a), min(math.ceil(b), side)) for (a, b), side in zip(edges, grid.picture, strict=True)]
    rgb = job.source.read(*spans)
    box = [edges[axis][end] - spans[axis].start for end in (0, 1) for axis in (1, 0)]
    box[2:] = np.minimum(box[2:], rgb.shape[1::-1])
    size = (block.cols[1] - block.cols[0], block.rows[1] - block.rows[0])
    return np.asarray(Pillow.fromarray(rgb).resize(size, Pillow.Resampling.BOX, box))


@lru_cache(maxsize=4)
def _reader(store: Path, weights: str, cells: tuple[int, int], thread: int) -> blocks.Reader:
    """What reads blocks of a map, one for each thread, for it keeps what it works on."""
    import openvino as ov

    graphs = [ov.Core().read_model(store / "work" / name) for name in GRAPHS]
    return blocks.Reader(graphs, READ, threads=1)


def _prepare_elsewhere(model: str | os.PathLike, store: Path, grid: Grid, resume: bool) -> dict[str, Any]:
    """Translate the network in a process of its own, whose memory is given back; give what `_prepare` does."""
    store.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=store.parent, prefix=paths.PARTIAL) as folder:
        with ProcessPoolExecutor(1, get_context("spawn"), chunks.end_with_parent) as once:
            about = once.submit(_prepare, model, Path(folder), grid).result()
        if not resume:  # only now, as there may be no such model
            shutil.rmtree(store, ignore_errors=True)
        shutil.copytree(folder, store / "work", dirs_exist_ok=True)
    return about


def _prepare(model: str | os.PathLike, folder: Path, grid: Grid) -> dict[str, Any]:
    """Write graphs that read blocks into a folder; give the SHA-256 of the weights, and what the card tells, if any."""
    import openvino as ov

    from enamel_lib.dense import graph, indenter

    network, card = indenter.load(model), indenter.card(model)
    sides = (blocks.sides(side) for side in grid.cells)
    for name, one in zip(GRAPHS, graph.translate(network, *zip(*sides, strict=True), blocks.STEP_PX), strict=True):
        ov.serialize(one, folder / name)
    about = {"model": indenter.path_of(model).stem, "weights_sha256": base.weights_sha256(network)}
    return about | {key: card.get(key) for key in ("interval", "likeness")}


def overview(store: Path, most: int) -> tuple[np.ndarray, HardnessMap]:
    """The largest level of a map of at most so many cells: its picture `(R, C, 3)`, and its hardness in px of that."""
    for level in range(ome_zarr.levels(store)):
        hardness = ome_zarr.opened(store, str(level))
        if math.prod(hardness.shape) <= most:
            break
    picture = np.moveaxis(ome_zarr.opened(store, f"picture/{level}")[:], 0, -1)
    centres = (np.arange(side) + 0.5 for side in hardness.shape)
    return picture, HardnessMap(hardness[:], *centres, hardness.shape, 1.0, window=0)


def save_beside(stem: Path, about: dict[str, Any], figure: Any, shown: HardnessMap, cell_px: float) -> None:
    """Write the `.csv`, `.png` and `.json` beside a map; `cell_px` is the size of what is shown, px of the picture."""
    with ExitStack() as together:
        csv, png = (together.enter_context(paths.atomic(f"{stem}{suffix}")) for suffix in (".csv", ".png"))
        shown.to_frame(cell_px).to_csv(csv, index=False, float_format="%.4f")
        figure.savefig(png, dpi=report.DPI, metadata={"Software": None})
        report.write_json(f"{stem}.json", about)
