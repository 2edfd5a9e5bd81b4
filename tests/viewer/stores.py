"""A small map as `enamel map` writes it, without a network."""

import numpy as np

from enamel_lib.inference import ome_zarr
from enamel_lib.inference.ome_zarr import Image

SHAPE = (700, 900)


def write(store):
    """Write one: hardness rises to the right from 3 GPa by 0.001 a cell, a strip has no reading; give it."""
    hardness = np.broadcast_to(3 + np.arange(SHAPE[1], dtype=np.float32) / 1000, SHAPE).copy()
    hardness[:, 100:120] = np.nan
    rows, cols = np.indices(SHAPE)
    picture = np.stack([rows % 256, cols % 256, np.full(SHAPE, 90)]).astype(np.uint8)
    ends = np.stack([hardness * np.exp(-0.1), hardness * np.exp(0.1)])
    kinds = {
        "": (hardness, "float32", np.nan),
        "interval": (ends, "float16", np.nan),
        "picture": (picture, "uint8", 0),
    }
    for group, (values, dtype, fill) in kinds.items():
        image = Image(store, group, values.shape, 256, 0.24, dtype, fill)
        image.create()
        image.level()[...] = values
        for level in range(1, len(image.shapes)):
            for place in image.shards(level):
                image.shrink(level, *place)
    ome_zarr.attributes(store, enamel={"unit": "GPa", "facts": {}})
    return hardness
