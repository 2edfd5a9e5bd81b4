"""OME-Zarr 0.5 on disk: images as pyramids that many processes write, each shard of an array by one of them at a time.

<https://ngff.openmicroscopy.org/0.5/>
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr

CHUNK = 128  # side of what is read at once
VERSION = "0.5"


@dataclass(frozen=True)
class Image:
    """One image of a store: level 0 is `shape` `(R, C)` or `(K, R, C)`, each further one half as large, rounded up.

    `shard` is the side of what one writer writes, and `pixel_size_um` that of level 0. `fill` is what is not written.
    """

    store: Path
    group: str  # "" for the root of the store
    shape: tuple[int, ...]
    shard: int
    pixel_size_um: float
    dtype: str = "float32"
    fill: float = math.nan
    deep: bool = True  # whether there are smaller levels

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Of all levels; the last one fits into a shard."""
        shapes = [self.shape]
        while self.deep and max(shapes[-1][-2:]) > self.shard:
            shapes.append((*self.shape[:-2], *(-(-side // 2) for side in shapes[-1][-2:])))
        return shapes

    def create(self) -> None:
        """Make the group and its arrays, with nothing in them."""
        axes = [{"name": name, "type": "space", "unit": "meter"} for name in "yx"]
        channel = [{"name": "c", "type": "channel"}] * (len(self.shape) - 2)
        datasets = []
        for level, shape in enumerate(self.shapes):
            size = self.pixel_size_um * 1e-6
            scale, shift = [1.0] * len(channel), [0.0] * len(channel)
            place = {"scale": scale + 2 * [size * 2**level], "translation": shift + 2 * [size * (2**level - 1) / 2]}
            transformations = [{"type": kind, kind: values} for kind, values in place.items()]
            datasets.append({"path": str(level), "coordinateTransformations": transformations})
            ahead = shape[:-2]
            zarr.create_array(
                self.store,
                name=f"{self.group}/{level}",
                shape=shape,
                dtype=self.dtype,
                chunks=(*ahead, CHUNK, CHUNK),
                shards=(*ahead, self.shard, self.shard),
                fill_value=self.fill,
                overwrite=True,  # of a run that was killed while it made them
                dimension_names=[axis["name"] for axis in (*channel, *axes)],
            )
        name = self.group.rpartition("/")[2] or self.store.stem
        multiscales = {"name": name, "axes": channel + axes, "datasets": datasets, "type": "mean"}
        described = {"version": VERSION, "multiscales": [multiscales]}
        if self.group.startswith("labels/"):
            described["image-label"] = {"source": {"image": "../../"}}
        attributes(self.store, self.group, ome=described)

    def level(self, level: int = 0) -> zarr.Array:
        """Open a level, for reading and writing."""
        return zarr.open_array(self.store, path=f"{self.group}/{level}", mode="r+")

    def shards(self, level: int) -> Iterator[tuple[slice, slice]]:
        """Rows and columns of the shards of a level."""
        rows, cols = self.shapes[level][-2:]
        for top in range(0, rows, self.shard):
            for left in range(0, cols, self.shard):
                yield slice(top, min(top + self.shard, rows)), slice(left, min(left + self.shard, cols))

    def shrink(self, level: int, rows: slice, cols: slice) -> None:
        """Write one shard of a level from the one below it."""
        below = self.level(level - 1)[..., 2 * rows.start : 2 * rows.stop, 2 * cols.start : 2 * cols.stop]
        self.level(level)[..., rows, cols] = halved(below)


def attributes(store: Path, group: str = "", **more) -> dict[str, Any]:
    """Give the attributes of a group, none if it is not there; add some."""
    if more:
        zarr.open_group(store, path=group, mode="a").attrs.update(more)
    return dict(zarr.open_group(store, path=group, mode="r").attrs) if (store / group / "zarr.json").is_file() else {}


def list_labels(store: Path, names: list[str]) -> None:
    """Say which labels an image at the root of a store has."""
    attributes(store, "labels", ome={"version": VERSION, "labels": names})


def levels(store: Path) -> int:
    """How many levels the image at the root of a store has."""
    return len(attributes(store)["ome"]["multiscales"][0]["datasets"])


def opened(store: Path, path: str) -> zarr.Array:
    """Open an array of a store, for reading."""
    return zarr.open_array(store, path=path, mode="r")


def halved(values: np.ndarray) -> np.ndarray:
    """Mean of 2 x 2 values each, `(..., R, C)`, of those that are there: NaN is not, nor is what lies beyond an edge.

    Whole numbers are rounded.
    """
    padding = [(0, 0)] * (values.ndim - 2) + [(0, side % 2) for side in values.shape[-2:]]
    padded = np.pad(values.astype(np.float32), padding, constant_values=np.nan)
    corners = np.stack([padded[..., down::2, right::2] for down in (0, 1) for right in (0, 1)])
    there = np.isfinite(corners)
    count = there.sum(axis=0, dtype=np.float32)
    mean = np.divide(np.where(there, corners, 0).sum(axis=0), count, out=np.full(count.shape, np.nan), where=count > 0)
    return np.rint(mean).astype(values.dtype) if values.dtype.kind == "u" else mean.astype(values.dtype)
