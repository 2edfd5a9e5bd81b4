"""Figures of filters, saliency and sanity checks can be drawn from small arrays and show what they were given."""

import numpy as np
import pandas as pd
import pytest

from enamel_lib import pic
from enamel_lib.explain import orientation
from enamel_lib.plots import filters, saliency, sanity_checks

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


def colour_bars(figure):
    return {image.colorbar for ax in figure.axes for image in ax.images if image.colorbar}


def test_filter_pictures_keep_their_places(drawn):
    stages = [np.full((5, 8, 8, 3), value) for value in (0.2, 0.8)]
    figure = filters.filter_pictures({"trained": stages, "untrained": stages})
    drawn(figure)
    names = [f"{network}, stage {number}" for network in ("trained", "untrained") for number in (1, 2)]
    assert [ax.get_title(loc="left") for ax in figure.axes] == names
    mosaic = figure.axes[1].images[0].get_array()
    assert mosaic.shape == (2 * 8 + 6, 3 * 8 + 12, 3)
    assert mosaic[18, 18].tolist() == pytest.approx([0.8] * 3)
    assert mosaic[-4, -4].tolist() == pytest.approx([1] * 3)  # five pictures leave places white


def test_measures_join_the_means_of_stages(drawn):
    table = pd.DataFrame({"kind": ["a"] * 4 + ["b"] * 4, "stage": [1, 1, 2, 2] * 2, "x": np.arange(8.0), "y": 1.0})
    figure = filters.stage_measures(table, {"x": "label x", "y": "label y"})
    drawn(figure)
    lines = figure.axes[0].lines
    assert lines[1].get_ydata().tolist() == [0.5, 2.5]
    assert lines[3].get_ydata().tolist() == [4.5, 6.5]
    assert lines[1].get_marker() != lines[3].get_marker()


def test_maps_that_are_compared_share_a_scale_with_a_bar_and_signed_ones_have_a_middle(drawn):
    figure = saliency.saliency_pairs(TILES, MAPS * [[[1]], [[5]], [[9]]], ["1", "2", "3"], "own")
    drawn(figure)
    scales = {ax.images[0].get_clim() for ax in figure.axes if ax.images and ax.images[0].get_array().shape == (20, 20)}
    assert len(scales) == 1
    assert scales.pop() == pytest.approx((0, 9), rel=0.05)
    assert len(colour_bars(figure)) == 1
    figure = saliency.saliency_methods(TILES, {"size": MAPS, "signed": MAPS - 0.5}, "own")
    drawn(figure)
    low, high = figure.axes[2].images[0].get_clim()
    assert low == -high
    assert len(colour_bars(figure)) == 2


def test_orientation_figure_shows_both_branches_and_what_its_bands_are(drawn):
    tiles = pic.encode(pic.to_director(RNG.normal(0, 25, (4, 30, 30)), np.full((4, 30, 30), 30.0)))
    noise = RNG.random(tiles.shape[:3])
    published = orientation.published_statistics(orientation.cells(tiles), noise)
    profiles = orientation.profiles_of_branches(tiles, noise, np.arange(4), permutations=3)
    figure = saliency.orientation_statistics({"one": published, "other": published}, profiles, "own")
    drawn(figure)
    assert len(figure.axes) == 8 + len(colour_bars(figure))
    assert [line.get_label() for line in figure.axes[6].lines] == ["branch +", "branch −"]
    assert "+, maps exchanged (95 %)" in [text.get_text() for text in figure.legends[0].get_texts()]
    alone = saliency.orientation_profiles(profiles)
    drawn(alone)
    assert len(alone.axes) == 2


def test_windows_of_a_map_keep_their_places(drawn):
    windows = np.repeat(TILES, 2, axis=0)
    figure = saliency.map_saliency(windows, MAPS.repeat(2, axis=0), columns=3)
    drawn(figure)
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array()[20:, 20:40], windows[4])
    np.testing.assert_array_equal(figure.axes[1].images[0].get_array()[:20, 40:], MAPS[1])


def test_intervals_and_curves_show_their_numbers(drawn):
    rows = pd.DataFrame({"kind": ["a", "a", "b", "b"], "mean": [0.5, 0.4, 0.1, 0.0]}, index=["dense", "all"] * 2)
    rows = rows.assign(low=rows["mean"] - 0.1, high=rows["mean"] + 0.2)
    figure = sanity_checks.cascade(TILES[0], {"nothing": MAPS[0], "dense": MAPS[1], "all": MAPS[2]}, rows)
    drawn(figure)
    assert [text.get_text() for text in figure.axes[-1].get_xticklabels()] == ["dense", "all"]
    scores = sanity_checks.truth_scores(rows.assign(map=["x", "y"] * 2, tiles=[4, 3] * 2, scale=[*"ppqq"]))
    drawn(scores)
    assert [text.get_text() for text in scores.axes[0].get_yticklabels()] == ["x (4 tiles)", "y (3 tiles)"]
    assert scores.axes[0].collections[0].get_segments()[0][:, 0] == pytest.approx([0.4, 0.7])
    claims = rows.iloc[:3].set_axis(["one", "two", "three"]).assign(passes=["yes", "no", "yes"])
    judged = sanity_checks.verdict(claims)
    drawn(judged)
    passing = judged.axes[0].collections[0].get_segments()
    assert [segment[0, 1] for segment in passing] == [0, 2]
    assert [text.get_text() for text in judged.axes[0].get_yticklabels()] == ["one", "two", "three"]


def test_curves_and_pictures_of_truth(drawn):
    table = pd.DataFrame({"fraction": [0.2, 0.6] * 2, "mean": [1, 2, 3, 4], "error": 0.1, "map": ["m", "m", "n", "n"]})
    figure = sanity_checks.perturbation_curves(
        pd.concat([table.assign(panel=panel) for panel in ("deleted", "inserted")])
    )
    drawn(figure)
    assert [len(ax.containers) for ax in figure.axes] == [2, 2]
    truth = sanity_checks.truth(TILES, MAPS, MAPS)
    drawn(truth)
    assert len(colour_bars(truth)) == 2
