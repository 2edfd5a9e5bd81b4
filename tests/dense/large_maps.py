"""What the tests of large maps share, beside the fixtures: files, and the map in the memory."""

import numpy as np
import zarr

from enamel_lib import dense, pictures
from enamel_lib.dense import likeness, reading
from enamel_lib.inference import ome_zarr

SHAPE = (300, 420)


def written(folder, rgb, chunk, order, size_um=0.06):
    """An OME-Zarr 0.5 with chunks of some size."""
    stored = np.moveaxis(rgb, -1, 0) if order == "cyx" else rgb
    sides = tuple(chunk[0] if name == "y" else chunk[1] if name == "x" else 3 for name in order)
    group = zarr.open_group(folder, mode="w")
    group.create_array("0", data=np.ascontiguousarray(stored), chunks=sides)
    axes = [
        {"name": n, "type": "channel"} if n == "c" else {"name": n, "type": "space", "unit": "micrometer"}
        for n in order
    ]
    scale = [{"type": "scale", "scale": [1.0 if n == "c" else size_um for n in order]}]
    multiscales = [{"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": scale}]}]
    group.attrs["ome"] = {"version": "0.5", "multiscales": multiscales}
    return folder


def in_memory(model, rgb, size=0.06):
    signal = pictures.find_signal(rgb, "picture")
    return dense.hardness_map(dense.load(model), rgb, pixel_size_um=size, signal=signal).hardness


def likeness_in_memory(model, rgb, size=0.06):
    found = reading.read(dense.load(model), rgb, pixel_size_um=size, signal=pictures.find_signal(rgb, "picture"))
    return likeness.of_card(dense.card(model), model).judge_read(found)


def hardness(stem):
    return ome_zarr.opened(stem.with_name(stem.name + ".zarr"), "0")[:]
