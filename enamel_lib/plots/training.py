"""Figures of training and of scores."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from enamel_lib.plots.dataset import SOURCES
from enamel_lib.plots.style import COLOURS, HALF_INCH, MARKS, PAPER_GREY, letter, new_figure

if TYPE_CHECKING:
    import keras

MOST_POINTS = 25  # of one label; more are drawn as a violin instead of a stripe of points
LABEL = {"ha": "center", "va": "center", "size": 7.5}
BOX = 0.8  # width of a box of the architecture; the next stands at 1
FILLS = {"tile": "0.9", "convolution": "#cfe3f1", "residual": "#9cc5e3", "average": "#f5d9c5", "dense": "#eab48d"}


def leakage(scores: pd.DataFrame) -> Figure:
    """Draw the R2 of each network on its own test split and on new enamel: the order of the two is reversed.

    The table has `split` (that the network learnt from), `scored` (on what), `r2`, `low` and `high`.
    """
    figure = new_figure(2.5, width=HALF_INCH)
    ax = figure.subplots()
    places = list(dict.fromkeys(scores["scored"]))
    for number, (name, rows) in enumerate(scores.groupby("split", sort=False)):
        x = np.array([places.index(place) for place in rows["scored"]]) + 0.04 * (2 * number - 1)
        ends = (rows["r2"] - rows["low"], rows["high"] - rows["r2"])
        style = {"color": COLOURS[number], "marker": MARKS[number], "ms": 6, "capsize": 3}
        ax.errorbar(x, rows["r2"], ends, label=f"{name} split", **style)
        for at, value in zip(x, rows["r2"], strict=True):
            ax.annotate(
                f"{value:.2f}", (at, value), (32 * number - 16, -3 - 8 * number), textcoords="offset points", **LABEL
            )
    ax.set(xlim=(-0.4, len(places) - 0.6), ylim=(0, 1), ylabel="R²")  # an interval of few maps leaves the frame
    ax.set_xticks(range(len(places)), places)
    figure.legend(title="network trained on the", loc="outside upper center", ncols=2)
    return figure


def training_curves(
    history: pd.DataFrame, ridges: Mapping[str, Mapping[str, Sequence[float]]], baselines: Mapping[str, float]
) -> Figure:
    """Fig. 2A for a network that learns structure, then hardness: what is left to learn, and the error of every ridge.

    `history`, of the structure, has `stage`, `step`, `loss`, `val_mse` (in variances of what is learnt; 1 is to know
    nothing). By split, `ridges` say how its strength was chosen (`linear_probe.fit_dense_layer`), and `baselines` the
    error in GPa^2 of always answering the mean.
    """
    figure = new_figure(2.4)
    first, *others = figure.subplots(1, 1 + len(ridges))
    before = 0
    for stage, rows in history.groupby("stage"):
        steps = before + rows["step"]
        first.plot(steps, rows["loss"], COLOURS[0], label="_" if stage else "training")
        first.plot(steps, rows["val_mse"], COLOURS[1], ls="-.", label="_" if stage else "validation")
        before = steps.iloc[-1]
        first.axvline(before, color="0.85", lw=1, zorder=0)
    first.axhline(1, color=PAPER_GREY, ls="--", label="knowing nothing")
    first.set(title="structure of sections", xlabel="step", ylabel="error (share of the variance)", ylim=(0, None))
    first.legend()
    for ax, (name, ridge) in zip(others, ridges.items(), strict=True):
        ax.semilogx(ridge["strength"], ridge["train_mse"], color=COLOURS[0], marker=MARKS[0], label="fitted rows")
        error = {"color": COLOURS[1], "marker": MARKS[1], "capsize": 2}
        ax.errorbar(ridge["strength"], ridge["left_out_mse"], ridge["left_out_se"], label="rows left out", **error)
        ax.axhline(baselines[name], color=PAPER_GREY, ls="--", label="always the mean")
        ax.axvline(ridge["chosen"], color="black", ls=":", label="chosen")
        ax.set(title=f"hardness, {name} split", xlabel="strength of the ridge", ylim=(0, None))
    others[0].set_ylabel("mean squared error (GPa²)")
    others[0].legend(loc="center left", frameon=True, framealpha=1, edgecolor="none")
    letter(figure.axes)
    return figure


def errors(predictions: Mapping[str, pd.DataFrame], scores: Mapping[str, Mapping[str, float]]) -> Figure:
    """Fig. 2B and 2C, a row of panels for each split: errors, and predictions against labels and truth.

    By split, predictions have `source`, `label`, `predicted`, `truth` (GPa; NaN where unknown) and `weight` of the test
    rows, and scores what is written beside (`evaluation.scores`): `mean_error`, `sd_error`, `r2` and, where a truth is
    known, `r2_truth`.
    """
    known = all(rows["truth"].notna().any() for rows in predictions.values())
    figure = new_figure(2.25 * len(predictions))
    grid = figure.subplots(len(predictions), 3 if known else 2, squeeze=False)
    for (name, rows), axes in zip(predictions.items(), grid, strict=True):
        score = scores[name]
        error, bins = rows["predicted"] - rows["label"], np.linspace(-2, 2, 41)
        axes[0].hist(error.clip(-2, 2), bins, weights=rows["weight"], density=True, color=COLOURS[0])
        axes[0].axvline(0, color="black", lw=0.8)
        title = f"{name} split: {score['mean_error']:+.2f} ± {score['sd_error']:.2f} GPa"
        axes[0].set(title=title, xlabel="predicted − label (GPa)", ylabel="density")
        _against(axes[1], rows, "label", score["r2"])
        if known:
            _against(axes[2], rows.drop_duplicates("tile_id"), "truth", score["r2_truth"])
            for ax in axes[1:]:
                ax.set_xlabel(f"{ax.get_xlabel()}, simulated")  # or else no truth would be known
    grid[0, 1].legend(markerscale=1.5, handletextpad=0)
    letter(figure.axes)
    return figure


def _against(ax: Axes, rows: pd.DataFrame, column: str, r2: float) -> None:
    """Draw predictions against a column: points by source, and a violin where many rows share one value."""
    crowded = rows.groupby(["source", column])["predicted"].transform("size") > MOST_POINTS
    for source, points in rows.groupby("source"):
        number = SOURCES.index(source)
        colour = COLOURS[number]
        alone = points[~crowded[points.index]]
        style = {"ls": "", "marker": MARKS[number], "color": colour, "ms": 3, "alpha": 0.5, "mec": "none"}
        ax.plot(alone[column], alone["predicted"], label=source, **style)
        stripes = points[crowded[points.index]].groupby(column)["predicted"]
        for value, stripe in stripes:
            violin = ax.violinplot(stripe, [value], widths=0.5, showmedians=True)
            for part in (*violin.pop("bodies"), *violin.values()):
                part.set_color(colour)
                part.set_linewidth(1)
            ax.annotate(f"{len(stripe)} rows", (value + 0.3, stripe.min()), va="center", size=7.5)
    ax.axline((4, 4), slope=1, color="black", lw=0.8, ls=":")
    ax.set(xlim=(1.8, 6.8), ylim=(1.8, 6.8), xticks=(2, 4, 6), yticks=(2, 4, 6), aspect="equal")
    ax.set(xlabel=f"{column} (GPa)", ylabel="predicted (GPa)", title=f"R² = {r2:.2f} against {column}")


def scores(table: pd.DataFrame, *, highlight: str) -> Figure:
    """Scores of predictors with their intervals, in groups of what each is given; one is highlighted.

    The table has `predictor`, `given` (the group), `tiles` (one mark for each), `r2`, `low` and `high`, as drawn.
    """
    names = list(dict.fromkeys(table["predictor"]))
    figure = new_figure(0.34 * len(names) + 0.6)
    ax = figure.subplots()
    for number, (tiles, rows) in enumerate(table.groupby("tiles", sort=False)):
        y = np.array([names.index(name) for name in rows["predictor"]]) + 0.16 * (2 * number - 1)
        ends = (rows["r2"] - rows["low"], rows["high"] - rows["r2"])
        style = {"color": COLOURS[number], "marker": MARKS[number], "ls": "", "capsize": 2, "ms": 5}
        ax.errorbar(rows["r2"], y, xerr=ends, label=f"{tiles} tiles", **style)
    ax.axhspan(names.index(highlight) - 0.45, names.index(highlight) + 0.45, color=COLOURS[4], alpha=0.25, lw=0)
    ax.axvline(0, color="black", lw=0.8)
    for given, rows in table.groupby("given", sort=False):
        first, last = names.index(rows["predictor"].iloc[0]), names.index(rows["predictor"].iloc[-1])
        ax.axhline(first - 0.5, color="0.85", lw=0.8)
        ax.text(1.02, (first + last) / 2, given, transform=ax.get_yaxis_transform(), va="center", size=7.5)
    ax.set(xlabel="R² against the truth of simulated enamel", ylim=(len(names) - 0.5, -0.5), xlim=(None, 1))
    ax.set_yticks(range(len(names)), names)
    ax.get_yticklabels()[names.index(highlight)].set_weight("bold")
    ax.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return figure


def architecture(model: "keras.Model") -> Figure:
    """Fig. 2D: the residual network from tile to hardness, a box for each layer that changes what the picture is.

    Residual blocks of one size, read off the additions of the model, stand in one box.
    """
    steps = [("tile", tuple(model.input_shape[1:]))]
    for layer in model.layers:
        kind = {"Conv2D": "convolution", "Add": "residual", "AveragePooling2D": "average\npool", "Dense": "dense"}.get(
            type(layer).__name__
        )
        if kind and not (kind == "convolution" and len(steps) > 1):  # of the convolutions, the one outside the blocks
            steps.append((kind, tuple(layer.output.shape[1:])))
    figure = new_figure(1.55)
    ax = figure.subplots()
    arrow = {"arrowstyle": "-|>", "mutation_scale": 6, "lw": 0.8}
    for place, ((kind, size), same) in enumerate(groupby(steps)):
        count = len(list(same))
        for start in place + np.arange(count) * BOX / count:
            ax.add_patch(Rectangle((start, 0), BOX / count, 1, fc=FILLS[kind.split()[0]], ec="black", lw=0.8))
            if kind == "residual":
                ends = (start + 0.1 * BOX / count, 1.02), (start + 0.9 * BOX / count, 1.02)
                ax.add_patch(FancyArrowPatch(*ends, connectionstyle="arc3,rad=-0.6", **arrow))
        if place:
            ax.add_patch(FancyArrowPatch((place + BOX - 1, 0.5), (place, 0.5), **arrow))
        name = f"{count} residual\nblocks" if kind == "residual" else kind
        ax.text(place + BOX / 2, 1.7, name, **LABEL)
        ax.text(place + BOX / 2, -0.3, "×".join(map(str, size)), **LABEL)
    ax.set(xlim=(-0.1, place + BOX + 0.1), ylim=(-0.5, 2.0))
    ax.set_axis_off()
    return figure
