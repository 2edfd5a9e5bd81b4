"""Figures of training show what they were given."""

import pandas as pd

from enamel_lib.plots import training

JUDGED = {"strength": [1, 10], "train_mse": [0.1, 0.3], "left_out_mse": [0.5, 0.4], "left_out_se": [0.1, 0.1]}


def test_stages_follow_each_other_and_every_split_shows_its_ridges():
    history = pd.DataFrame(
        {"stage": [0, 0, 1, 1], "step": [10, 20, 5, 15], "loss": [2, 1, 1, 0.5], "val_mse": [3, 2, 2, 1]}
    )
    layers = {name: JUDGED | {"chosen": chosen} for name, chosen in (("paper", 1), ("audited", 10))}
    figure = training.training_curves(history, layers, {"paper": 0.6, "audited": 0.7})
    figure.canvas.draw()
    structure, *hardness = figure.axes
    curves = [
        line.get_xdata().tolist() for line in structure.lines if line.get_color() == structure.lines[0].get_color()
    ]
    assert curves == [[10, 20], [25, 35]]
    labels = [text.get_text() for text in structure.get_legend().get_texts()]
    assert labels == ["training", "validation", "mean baseline"]
    assert [ax.get_title(loc="left") for ax in hardness] == ["hardness, paper split", "hardness, audited split"]
    for ax, chosen, mean in zip(hardness, (1, 10), (0.6, 0.7), strict=True):
        assert ax.lines[0].get_ydata().tolist() == JUDGED["train_mse"]
        assert [line.get_ydata()[0] for line in ax.lines if line.get_linestyle() == "--"] == [mean]
        assert [line.get_xdata()[0] for line in ax.lines if line.get_linestyle() == ":"] == [chosen]
