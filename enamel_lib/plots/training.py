"""Figures of training: arrays in, `Figure` out; nothing is shown or saved here (see `report.save_figure`).

Figures are made without pyplot, so that a notebook shows each one once and no state is left behind.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle
from scipy import stats

from enamel_lib.plots.style import PAPER_GREY

if TYPE_CHECKING:
    import keras


def training_curves(
    history: pd.DataFrame, dense_layers: Mapping[str, Mapping[str, Sequence[float]]], baselines: Mapping[str, float]
) -> Figure:
    """Fig. 2A for a network that learns structure, then hardness: what is left to learn, and the error of every ridge.

    Parameters
    ----------
    history
        Of the structure: `stage`, `step`, `loss`, `val_mse` (in variances of what is learnt; 1 is to know nothing).
    dense_layers
        By split, how the ridge was judged (`probing.fit_dense_layer`): `strength`, `train_mse`, `left_out_mse`,
        `left_out_se` (GPa^2), `chosen`.
    baselines
        By split: error in GPa^2 of always answering the mean.
    """
    figure = Figure(figsize=(9, 2.8))
    first, *others = figure.subplots(1, 1 + len(dense_layers))
    before = 0
    for stage, rows in history.groupby("stage"):
        steps = before + rows["step"]
        first.plot(steps, rows["loss"], "C0", label="_" if stage else "training")
        first.plot(steps, rows["val_mse"], "C1", label="_" if stage else "validation")
        before = steps.iloc[-1]
        first.axvline(before, color="0.85", lw=1, zorder=0)
    first.axhline(1, color=PAPER_GREY, ls="--", label="mean baseline")
    first.set(title="structure", xlabel="step", ylabel="mean squared error (variances)", ylim=(0, None))
    first.legend()
    for ax, (name, judged) in zip(others, dense_layers.items(), strict=True):
        ax.semilogx(judged["strength"], judged["train_mse"], "C0")
        ax.errorbar(judged["strength"], judged["left_out_mse"], judged["left_out_se"], color="C1", capsize=2)
        ax.axhline(baselines[name], color=PAPER_GREY, ls="--")
        ax.axvline(judged["chosen"], color="black", ls=":", label="chosen")
        ax.set(title=f"hardness, {name} split", xlabel="strength of the ridge", ylim=(0, None))
    others[0].set_ylabel("mean squared error (GPa²)")
    others[0].legend()
    return figure


def errors(predictions: Mapping[str, pd.DataFrame]) -> Figure:
    """Fig. 2B and 2C: histogram of the errors, and predictions against labels with a 99 % band of the fit.

    Parameters
    ----------
    predictions
        By split: `label` and `predicted` (GPa) of the test rows.
    """
    figure = Figure(figsize=(8, 5.6))
    grid = figure.subplots(2, len(predictions), squeeze=False)
    for column, (name, rows) in enumerate(predictions.items()):
        error = rows["predicted"] - rows["label"]
        ax = grid[0, column]
        sns.histplot(error, bins=60, ax=ax, stat="density", color="C0", lw=0)
        ax.axvline(0, color="black", lw=0.8)
        ax.set(title=f"{name} split: mean {error.mean():+.2f}, sd {error.std():.2f} GPa", xlabel="error (GPa)")
        _correlation(grid[1, column], rows["label"].to_numpy(), rows["predicted"].to_numpy())
    return figure


def _correlation(ax: Axes, label: np.ndarray, predicted: np.ndarray) -> None:
    ax.plot(label, predicted, ".", ms=4, alpha=0.5, mec="none")
    fit = stats.linregress(label, predicted)
    x = np.linspace(label.min(), label.max(), 100)
    spread = np.sqrt(np.sum((predicted - fit.intercept - fit.slope * label) ** 2) / (len(label) - 2))
    half = np.sqrt(1 / len(label) + (x - label.mean()) ** 2 / np.sum((label - label.mean()) ** 2))
    band = stats.t.ppf(0.995, len(label) - 2) * spread * half
    ax.plot(x, fit.intercept + fit.slope * x, color="C1")
    ax.fill_between(
        x, fit.intercept + fit.slope * x - band, fit.intercept + fit.slope * x + band, color="C1", alpha=0.3
    )
    ax.axline((4, 4), slope=1, color="black", lw=0.8, ls=":")
    ax.set(xlabel="label (GPa)", ylabel="predicted (GPa)", title=f"r² = {fit.rvalue**2:.3f}, fit with 99 % band")


def scores(table: pd.DataFrame, *, value: str, group: str, label: str) -> Figure:
    """Bars of one score for each predictor.

    Parameters
    ----------
    table
        `predictor`, and the columns named by `value` and `group` (one colour each).
    label
        Of the score's axis.
    """
    figure = Figure(figsize=(7.5, 2.8))
    ax = figure.subplots()
    sns.barplot(table, y="predictor", x=value, hue=group, ax=ax, orient="h")
    ax.axvline(0, color="black", lw=0.8)
    ax.set(ylabel="", xlabel=label)
    sns.move_legend(ax, "upper left", bbox_to_anchor=(1, 1))
    return figure


def architecture(model: "keras.Model") -> Figure:
    """Fig. 2D: the residual network, one box per step with the size of what leaves it.

    Steps are read off the model: the first convolution, every residual addition, the pool and the dense layer.
    """
    steps = [("tile", tuple(model.input_shape[1:]), "0.9")]
    seen_convolution = False
    for layer in model.layers:
        kind, size = type(layer).__name__, tuple(layer.output.shape[1:])
        if kind == "Conv2D" and not seen_convolution:
            seen_convolution = True
            steps.append(("conv", size, "#cfe3f1"))
        elif kind == "Add":
            steps.append(("residual\nblock", size, "#9cc5e3"))
        elif kind == "AveragePooling2D":
            steps.append(("average\npool 4", size, "#f5d9c5"))
        elif kind == "Dense":
            steps.append(("dense", size, "#eab48d"))
    figure = Figure(figsize=(9, 1.9))
    ax = figure.subplots()
    for place, (name, size, colour) in enumerate(steps):
        ax.add_patch(Rectangle((place - 0.4, 0), 0.8, 1, fc=colour, ec="black", lw=0.6))
        ax.text(place, 0.5, name, ha="center", va="center", size=6.5)
        ax.text(place, -0.12, "×".join(map(str, size)), ha="center", va="top", size=6, rotation=35)
        if place:
            arrow = FancyArrowPatch((place - 0.6, 0.5), (place - 0.4, 0.5), arrowstyle="-|>", mutation_scale=6, lw=0.6)
            ax.add_patch(arrow)
        if name.startswith("residual"):
            ends = (place - 0.45, 1.0), (place + 0.42, 1.0)
            skip = FancyArrowPatch(*ends, connectionstyle="arc3,rad=-0.5", arrowstyle="-|>", mutation_scale=6, lw=0.6)
            ax.add_patch(skip)
    ax.set(xlim=(-0.6, len(steps) - 0.4), ylim=(-0.75, 1.5))
    ax.set_title(f"{model.count_params():,} parameters; arcs are skip connections")
    ax.set_axis_off()
    return figure
