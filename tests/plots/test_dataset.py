"""Figures of the data draw what is known: places and depths where there are any, tiles where there are none."""

import numpy as np
import pandas as pd
import pytest

from enamel_lib.dataset import curation
from enamel_lib.plots import dataset

TILES = np.random.default_rng(0).integers(0, 256, (13, 200, 200, 3), dtype=np.uint8)


@pytest.fixture
def table():
    """Four indents, four tiles of one map at one depth, five crops of two maps; every noisy tile stands twice."""
    unique = pd.DataFrame(
        {
            "image": [f"{number}.png" for number in range(13)],
            "source": ["accurate"] * 4 + ["estimated"] * 4 + ["noisy"] * 5,
            "map_id": ["one"] * 4 + ["e"] * 4 + ["n-0", "n-1"] * 2 + ["n-0"],
            "row": [0, 0, 300, 300, 0, 0, 200, 200, 0, 0, 100, 100, 200.0],
            "col": [0, 300, 0, 300, 0, 200, 0, 200, 0, 0, 100, 100, 200.0],
            "label": np.linspace(3, 6, 13),
            "label_sd": 0.5,
            "tile_id": range(13),
        }
    )
    unique["label_stated"] = unique["label"]
    return pd.concat([unique, unique[unique["source"] == "noisy"]], ignore_index=True)


def texts(figure):
    figure.canvas.draw()
    return " ".join(ax.get_title(loc="left") for ax in figure.axes)


def test_places_and_depths_are_drawn_where_known(table):
    truth = pd.DataFrame({"image": table["image"].unique(), "depth": 0.5})
    figure = dataset.origins(table, TILES, kind="simulated", truth=truth)
    assert "13 tiles" in texts(figure)
    assert "18 rows" in texts(figure)
    indented, depth_map = figure.axes[:2]
    np.testing.assert_allclose(indented.collections[0].get_offsets()[1], [400, 100])  # centre: across, down
    tiles, block = depth_map.patches[:4], depth_map.patches[4]
    assert len({patch.get_facecolor() for patch in tiles}) == 4
    assert block.get_y() + block.get_height() / 2 == pytest.approx(750)  # um: half the thickness
    assert tiles[0].get_y() > tiles[2].get_y()  # the tile of the first row lies nearer to the surface
    assert figure._suptitle.get_text() == "simulated data"


def test_tiles_are_drawn_where_places_are_unknown(table):
    figure = dataset.origins(table.assign(row=np.nan, col=np.nan), TILES, kind="own")
    assert texts(figure).count("places unknown") == 2
    assert not figure.axes[0].collections
    assert figure._suptitle.get_text() == "own data"


@pytest.mark.parametrize("placed", [True, False])
def test_windows_that_leak_are_counted(table, placed):
    shared = table[table["source"] == "accurate"].assign(split=["train", "train", "val", "test"])
    repeated = pd.concat([shared, shared.assign(split="test")])
    if not placed:
        shared, repeated = (rows.assign(row=np.nan, col=np.nan) for rows in (shared, repeated))
    splits = {"paper": repeated, "audited": shared}
    figure = dataset.leak(splits, {name: curation.leakage_audit(rows) for name, rows in splits.items()})
    assert "paper split: 2 of 4 held-out" in texts(figure)
    assert "audited split: 0 of 2 held-out" in texts(figure)
    windows = [len(ax.patches) for ax in figure.axes[1:]]
    assert windows == ([2 + 4 + 1, 2 + 2 + 1] if placed else [0, 0])  # and the scale bar
