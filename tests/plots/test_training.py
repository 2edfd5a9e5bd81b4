"""Figures of training show what they were given."""

import numpy as np
import pandas as pd

from enamel_lib.indenter import build_indenter
from enamel_lib.plots import training

RIDGE = {"strength": [1, 10], "train_mse": [0.1, 0.3], "left_out_mse": [0.5, 0.4], "left_out_se": [0.1, 0.1]}


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_stages_follow_each_other_and_every_split_shows_its_ridges():
    history = pd.DataFrame(
        {"stage": [0, 0, 1, 1], "step": [10, 20, 5, 15], "loss": [2, 1, 1, 0.5], "val_mse": [3, 2, 2, 1]}
    )
    ridges = {name: RIDGE | {"chosen": chosen} for name, chosen in (("paper", 1), ("audited", 10))}
    figure = training.training_curves(history, ridges, {"paper": 0.6, "audited": 0.7})
    figure.canvas.draw()
    structure, *hardness = figure.axes
    curves = [
        line.get_xdata().tolist() for line in structure.lines if line.get_color() == structure.lines[0].get_color()
    ]
    assert curves == [[10, 20], [25, 35]]
    labels = [text.get_text() for text in structure.get_legend().get_texts()]
    assert labels == ["training", "validation", "knowing nothing"]
    assert [ax.get_title(loc="left") for ax in hardness] == ["hardness, paper split", "hardness, audited split"]
    for ax, chosen, mean in zip(hardness, (1, 10), (0.6, 0.7), strict=True):
        assert ax.lines[0].get_ydata().tolist() == RIDGE["train_mse"]
        assert [line.get_ydata()[0] for line in ax.lines if line.get_linestyle() == "--"] == [mean]
        assert [line.get_xdata()[0] for line in ax.lines if line.get_linestyle() == ":"] == [chosen]


def some_rows(count, truth):
    rng = np.random.default_rng(0)
    label = np.repeat([3.0, 4.0, 5.0], [count, 3, 4])
    rows = pd.DataFrame({"tile_id": np.arange(len(label)), "source": "noisy", "label": label, "weight": 1.0})
    return rows.assign(predicted=label + rng.normal(0, 0.2, len(label)), truth=label if truth else np.nan)


def test_scores_in_the_figure_of_errors_are_those_given():
    """It once computed an r2 of its own, 0.812, where the text had 0.67."""
    score = {"mean_error": 0.1, "sd_error": 0.2, "r2": 0.67, "r2_truth": 0.84}
    axes = training.errors({"audited": some_rows(40, truth=True)}, {"audited": score}).axes
    titles = [ax.get_title(loc="left") for ax in axes]
    assert titles == ["audited split: +0.10 ± 0.20 GPa", "R² = 0.67 against label", "R² = 0.84 against truth"]


def test_many_rows_of_one_label_are_a_violin_and_few_are_points():
    against = training.errors(
        {"audited": some_rows(40, truth=False)}, {"audited": {"mean_error": 0, "sd_error": 0, "r2": 0}}
    )
    _, ax = against.axes  # no panel for a truth that nobody knows
    assert texts(ax)[0] == "40 rows"
    assert sorted(ax.lines[0].get_xdata()) == [4.0] * 3 + [5.0] * 4


def test_the_network_stands_out_among_the_predictors_and_all_have_intervals():
    rows = [
        (name, given, tiles, 0.5, 0.4, 0.7)
        for name, given in (("network", "given the picture"), ("trees", "given more"))
        for tiles in ("held out", "unseen")
    ]
    table = pd.DataFrame(rows, columns=["predictor", "given", "tiles", "r2", "low", "high"])
    ax = training.scores(table, highlight="network").axes[0]
    weights = {label.get_text(): label.get_weight() for label in ax.get_yticklabels()}
    assert weights == {"network": "bold", "trees": "normal"}
    assert texts(ax) == ["given the picture", "given more"]
    for bars in ax.containers:
        np.testing.assert_allclose([path.vertices[:, 0] for path in bars.lines[2][0].get_paths()], [[0.4, 0.7]] * 2)


def test_both_scores_of_a_network_are_joined_by_a_line():
    rows = [("paper", "own", 0.9, 0.8, 1), ("paper", "new", 0.5, 0.4, 0.6), ("audited", "own", 0.7, 0.5, 0.8)]
    ax = training.leakage(pd.DataFrame(rows, columns=["split", "scored", "r2", "low", "high"])).axes[0]
    assert [bars.lines[0].get_ydata().tolist() for bars in ax.containers] == [[0.9, 0.5], [0.7]]
    assert texts(ax) == ["0.90", "0.50", "0.70"]


def test_residual_blocks_of_one_size_stand_in_one_box():
    ax = training.architecture(build_indenter(50)).axes[0]
    names, sizes = texts(ax)[::2], texts(ax)[1::2]
    assert names[2:6] == [f"{count} residual\nblocks" for count in (2, 4, 4, 2)]
    assert (sizes[0], sizes[-1]) == ("50×50×3", "1")
    assert len(ax.patches) == 4 + 12 + 12 + 7  # boxes of layers and of blocks, skips, arrows


def test_a_source_keeps_its_colour_where_others_are_missing():
    """Noisy rows alone were once drawn as if they were accurate."""
    score = {"mean_error": 0, "sd_error": 0, "r2": 0}
    _, ax = training.errors({"audited": some_rows(3, truth=False)}, {"audited": score}).axes
    assert ax.lines[0].get_color() == training.COLOURS[2]
    assert ax.lines[0].get_marker() == training.MARKS[2]
