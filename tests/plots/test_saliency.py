"""Every figure can be drawn from small arrays and shows what it was given."""

import numpy as np
import pandas as pd
import pytest

from enamel_lib import pic
from enamel_lib.explain import orientation
from enamel_lib.plots import saliency as explain_plots

RNG = np.random.default_rng(0)
TILES = RNG.integers(0, 256, (3, 20, 20, 3)).astype(np.uint8)
MAPS = RNG.random((3, 20, 20))


@pytest.fixture(autouse=True)
def drawn():
    """Render what a test hands over: layout errors appear only then."""
    figures = []
    yield figures.append
    for figure in figures:
        figure.canvas.draw()


def shown(ax):
    return ax.images[0].get_array()


def test_filter_pictures_keep_their_places(drawn):
    stages = [np.full((5, 8, 8, 3), value) for value in (0.2, 0.8)]
    figure = explain_plots.filter_grid({"one": stages, "two": stages}, ["stage 1", "stage 2"])
    drawn(figure)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["stage 1", "stage 2"] * 2
    mosaic = shown(figure.axes[1])
    assert mosaic.shape == (2 * 8 + 4, 3 * 8 + 8, 3)
    np.testing.assert_allclose(mosaic[14, 18], 0.8)
    np.testing.assert_allclose(mosaic[-1, -1], 1)  # five pictures leave the sixth place white


def test_measures_join_the_means_of_stages(drawn):
    table = pd.DataFrame({"kind": ["a"] * 4 + ["b"] * 4, "stage": [1, 1, 2, 2] * 2, "x": np.arange(8.0), "y": 1.0})
    figure = explain_plots.stage_measures(table, {"x": "label x", "y": "label y"})
    drawn(figure)
    lines = figure.axes[0].lines
    assert lines[1].get_ydata().tolist() == [0.5, 2.5]
    assert lines[3].get_ydata().tolist() == [4.5, 6.5]


def test_saliency_maps_have_their_own_scale_and_signed_ones_a_middle(drawn):
    figure = explain_plots.saliency_pairs(TILES, MAPS * [[[1]], [[5]], [[9]]], ["1", "2", "3"])
    drawn(figure)
    assert [ax.images[0].get_clim()[1] for ax in figure.axes[3:]] == pytest.approx([1, 5, 9], rel=0.03)
    figure = explain_plots.saliency_methods(TILES, {"size": MAPS, "signed": MAPS - 0.5})
    drawn(figure)
    low, high = figure.axes[2].images[0].get_clim()
    assert low == -high


def test_orientation_figure_shows_both_branches(drawn):
    tiles = pic.encode(pic.to_director(RNG.normal(0, 25, (4, 30, 30)), np.full((4, 30, 30), 30.0)))
    saliency = RNG.random(tiles.shape[:3])
    cells = {sign: orientation.cells(tiles, sign=sign) for sign in (1, -1)}
    table = orientation.table(cells[1], saliency)
    levels = np.linspace(0, 1, 11)
    figure = explain_plots.orientation_statistics(
        {angle: orientation.density(cells[1], saliency, angle, levels) for angle in ("phi", "theta")},
        table[0],
        {name: orientation.published_scaling(*table) for name in ("one", "other")},
        {
            sign: orientation.profiles(numbers, saliency, np.arange(4), permutations=3)
            for sign, numbers in cells.items()
        },
    )
    drawn(figure)
    assert len(figure.axes) == 8
    assert [line.get_label() for line in figure.axes[6].lines] == ["branch +", "branch −"]


def test_cascade_bars_and_curves_have_their_intervals(drawn):
    rows = pd.DataFrame({"kind": ["a", "a", "b", "b"], "mean": [0.5, 0.4, 0.1, 0.0]}, index=["dense", "all"] * 2)
    rows = rows.assign(low=rows["mean"] - 0.1, high=rows["mean"] + 0.2)
    figure = explain_plots.cascade(TILES[0], {"nothing": MAPS[0], "dense": MAPS[1], "all": MAPS[2]}, rows)
    drawn(figure)
    assert [text.get_text() for text in figure.axes[-1].get_xticklabels()] == ["dense", "all"]
    bars = explain_plots.interval_bars(rows.assign(map=["x", "y"] * 2, scale=["p", "p", "q", "q"]), "rank correlation")
    drawn(bars)
    ends = bars.axes[0].collections[0].get_segments()
    assert ends[0][:, 0] == pytest.approx([0.4, 0.7])
    curves = {"deleted": {"m": RNG.random((2, 5)), "random": RNG.random((2, 5))}}
    figure = explain_plots.perturbation_curves(curves | {"inserted": curves["deleted"]}, (0.2, 0.6))
    drawn(figure)
    assert len(figure.axes[0].containers) == 2


def test_pictures_of_truth_and_map(drawn):
    drawn(explain_plots.truth(TILES, MAPS, MAPS, 0.06))
    figure = explain_plots.map_saliency(np.tile(TILES[0], (2, 3, 1)), np.tile(MAPS[0], (2, 3)), "|gradient|")
    drawn(figure)
    assert shown(figure.axes[1]).shape == (40, 60)
