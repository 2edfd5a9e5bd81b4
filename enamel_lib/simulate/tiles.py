"""Simulated tiles on disk: pictures, their truth, and a table of both."""

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from enamel_lib import paths
from enamel_lib.simulate import simulator


def write_tiles(
    out: Path,
    seeds: Sequence[int],
    *,
    size: int,
    pixel_size_um: float,
    world: str,
    texture: str = "prior",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Write `tile_NNNNN.png` and its truth `.npz` for each seed, and `labels.csv`; a broken run leaves nothing.

    The sections are `size` px a side; for the rest see `simulator.section`. `progress(done, total)` follows each tile.
    """
    rows = []
    with contextlib.ExitStack() as undo:
        settings = {"pixel_size_um": pixel_size_um, "world": world, "texture": texture}
        sections = simulator.sections((size, size), seeds, **settings)
        for index, (seed, made) in enumerate(zip(seeds, sections, strict=True)):
            picture, truth = (out / f"tile_{index:05d}{suffix}" for suffix in (".png", ".npz"))
            with paths.atomic(picture) as temporary:
                Image.fromarray(made.rgb).save(temporary, dpi=(25_400 / pixel_size_um,) * 2)
            undo.callback(picture.unlink)
            with paths.atomic(truth) as temporary:
                np.savez_compressed(temporary, director=made.director, hardness=made.hardness, depth=made.depth)
            undo.callback(truth.unlink)
            rows.append(
                {
                    "image": picture.name,
                    "seed": seed,
                    "hardness_gpa": made.hardness.mean(),
                    "hardness_centre_gpa": made.hardness[size // 2, size // 2],
                    "depth": made.depth.mean(),
                    "pixel_size_um": pixel_size_um,
                    "world": world,
                }
            )
            progress(index + 1, len(seeds))
        with paths.atomic(out / "labels.csv") as temporary:
            pd.DataFrame(rows).to_csv(temporary, index=False, float_format="%.4g")
        undo.pop_all()
