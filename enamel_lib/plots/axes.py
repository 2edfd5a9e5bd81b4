"""Figures of hardness read off c-axes, and of what was measured: arrays and tables in, `Figure` out."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from enamel_lib.plots.style import COLOURS, MARKS, PAPER_GREY, draw_image, letter, new_figure, scale_bar

KINDS = ("rows", "blocks", "grains", "batches")  # of what is left out, from the easiest to the hardest


def maps(
    pictures: Mapping[str, np.ndarray],
    hardness: Mapping[str, np.ndarray],
    error: np.ndarray,
    half_width: np.ndarray,
    *,
    pixel_size_um: float,
) -> Figure:
    """Two pictures `(R, C, 3)`, two hardness maps, the error and the half width of the interval, `(R, C)` GPa."""
    figure = new_figure(6.6)
    axes = figure.subplots(3, 2)
    letter(axes.flat)
    for ax, (title, picture) in zip(axes[0], pictures.items(), strict=True):
        draw_image(ax, picture, title)
    scale_bar(axes[0, 0], picture.shape[1], pixel_size_um)
    low, high = np.nanpercentile(np.concatenate([*hardness.values()]), (1, 99))
    for ax, (title, one) in zip(axes[1], hardness.items(), strict=True):
        drawn = ax.imshow(one, vmin=low, vmax=high)
        ax.set(title=title)
        figure.colorbar(drawn, ax=ax, label="GPa", extend="both", shrink=0.85)
    most = np.nanpercentile(np.abs(error), 98)
    drawn = axes[2, 0].imshow(error, cmap="RdBu_r", vmin=-most, vmax=most)
    figure.colorbar(drawn, ax=axes[2, 0], label="GPa", extend="both", shrink=0.85)
    axes[2, 0].set(title="read − measured")
    drawn = axes[2, 1].imshow(half_width, cmap="cividis")
    figure.colorbar(drawn, ax=axes[2, 1], label="GPa", shrink=0.85)
    axes[2, 1].set(title="half width of the 90 % interval")
    for ax in axes[1:].flat:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set(visible=True, lw=0.5)
    return figure


def scores(table: pd.DataFrame, goals: Mapping[str, float], ceiling: str) -> Figure:
    """R2 of each model with grains and with blocks left out, over seeds; and by what is left out.

    `table` is as `study` gives it; `goals` by kind; `ceiling` the column that is one, not a model's.
    """
    figure = new_figure(3.4)
    left, right = figure.subplots(1, 2, width_ratios=(1.35, 1))
    letter((left, right))
    names = [name for name in table if name not in ("kind", "seed", "mean", ceiling)]
    y = np.arange(len(names))[::-1]
    for number, (kind, goal) in enumerate(goals.items()):
        rows, shift = table.loc[table["kind"] == kind, names], 0.15 - 0.3 * number
        look = {"color": COLOURS[number], "ms": 4.5, "label": f"{kind} left out"}
        left.errorbar(rows.mean(), y + shift, xerr=rows.std(), fmt=MARKS[number], lw=1, **look)
        left.axvline(goal, color=COLOURS[number], lw=0.8, ls="--")
    left.axvline(table[ceiling].iloc[0], color=PAPER_GREY, lw=2.5, alpha=0.4, label=ceiling)
    left.set(yticks=y, yticklabels=names, xlabel="R², mean and sd over seeds", ylim=(-0.6, len(names) + 1.6))
    left.legend(loc="upper left")
    first = table[table["seed"] == 0].set_index("kind").loc[list(KINDS)]
    for number, name in enumerate(("trees", "c-axis, places as given", "c-axis")):
        right.plot(range(len(KINDS)), first[name], MARKS[number], ls="-", color=COLOURS[number], label=name)
    right.set(xticks=range(len(KINDS)), xticklabels=KINDS, ylabel="R²", xlabel="left out together")
    right.legend(loc="upper right")
    return figure


def shifts(table: pd.DataFrame, pixel_size_um: float) -> Figure:
    """R2 by the shift of the indents against the map, `measured.shifted`, along either axis."""
    figure = new_figure(2.3, width=3.5)
    ax = figure.subplots()
    for number, (axis, other) in enumerate((("across", "down"), ("down", "across"))):
        rows = table[table[other] == 0].sort_values(axis)
        ax.plot(rows[axis] * pixel_size_um, rows["r2"], MARKS[number], ls="-", ms=4, label=axis)
    ax.set(xlabel="shift of all indents (µm)", ylabel="R², grains left out")
    ax.legend(loc="lower center")
    return figure


def labels(measured: pd.DataFrame, simulated: pd.DataFrame) -> Figure:
    """What labels are worth: measured (`measured.worth_of_labels`), and in the simulator (`dense-labels.csv`)."""
    figure = new_figure(2.8)
    left, right = figure.subplots(1, 2, width_ratios=(1.4, 1))
    letter((left, right))
    for number, (kind, rows) in enumerate(measured.groupby("kind", sort=False)):
        by = rows.groupby("indents")["r2"].agg(["mean", "std"])
        x = by.index * (1 + 0.06 * (number - 1.5))
        left.errorbar(x, by["mean"], yerr=by["std"], fmt=MARKS[number], ls="-", lw=1, ms=4, label=kind)
    left.set(xscale="log", xlabel="indents", ylabel="R², grains left out", title="titanium, measured")
    left.set_xticks(list(by.index), [str(count) for count in by.index])
    left.minorticks_off()
    left.legend(loc="lower right")
    for number, kind in enumerate(("indents of one map", "grids")):
        rows = simulated[simulated["kind"] == kind]
        right.plot(rows["indents"], rows["point r"] ** 2, MARKS[number], ls="-", lw=1, ms=4, label=kind)
    right.set(xscale="log", xlabel="indents", ylabel="r² within a section", title="enamel, simulated")
    right.legend(loc="lower right")
    return figure


def intervals(table: pd.DataFrame, coverage: float) -> Figure:
    """Share of each batch within its interval, and the width, by what the interval was calibrated on."""
    figure = new_figure(2.5)
    left, right = figure.subplots(1, 2, width_ratios=(2, 1))
    letter((left, right))
    for number, (by, rows) in enumerate(table.groupby("by", sort=False)):
        shift = 0.18 * (number - 1)
        left.plot(rows["batch"] + 1 + shift, rows["inside"], MARKS[number], ms=4.5, label=by)
        right.plot(np.full(len(rows), number), 100 * rows["half_width"], MARKS[number], ms=4.5, color=COLOURS[number])
    left.axhline(coverage, color="black", lw=0.8, ls=":")
    left.set(xlabel="batch left out", ylabel="share within", xticks=range(1, int(table["batch"].max()) + 2))
    left.legend(title="calibrated by", loc="lower left", ncols=3)
    left.set_ylim(min(table["inside"].min() - 0.08, 0.8), 1)
    kinds = list(table["by"].unique())
    right.set(xticks=range(len(kinds)), xticklabels=kinds, ylabel="half width (% of H)", xlim=(-0.5, len(kinds) - 0.5))
    return figure


def edges(spread: pd.DataFrame, rise: pd.DataFrame) -> Figure:
    """Share of the step by the distance to a boundary, of what is measured and what is read, `measured.edges`."""
    figure = new_figure(2.5, width=3.9)
    ax = figure.subplots()
    for number, (name, rows) in enumerate(spread.groupby("name", sort=False)):
        label = f"{name}: {rise.at[name, 'rise']:.1f} µm"
        ax.plot(rows["distance"], rows["share"], MARKS[number], ls="-", lw=1, ms=3.5, label=label)
    for level in (0.1, 0.9):
        ax.axhline(level, color=PAPER_GREY, lw=0.6, ls=":")
    ax.set(xlabel="distance into the harder grain (µm)", ylabel="share of the step")
    ax.legend(title="10 to 90 %", loc="center right")
    return figure


def declination(degrees: np.ndarray, read: np.ndarray, grains: pd.DataFrame) -> Figure:
    """Hardness and saliency by declination.

    `read` `(D, T)` GPa is by `degrees` `(D,)` and the direction in the plane; `grains` have `declination`, `hardness`
    and `indents`.
    """
    figure = new_figure(2.5)
    left, right = figure.subplots(1, 2)
    letter((left, right))
    size = 60 * np.sqrt(grains["indents"] / grains["indents"].max())
    left.scatter(
        grains["declination"], grains["hardness"], s=size, color=COLOURS[1], alpha=0.6, label="measured, grains"
    )
    mean = read.mean(axis=1)
    left.plot(degrees, mean, color=COLOURS[0], label="read, mean over the plane")
    left.fill_between(degrees, read.min(axis=1), read.max(axis=1), color=COLOURS[0], alpha=0.2, lw=0, label="its range")
    left.set(xlabel="declination of the c-axis (°)", ylabel="hardness (GPa)", xlim=(0, 90))
    left.legend(loc="upper right")
    right.plot(degrees, 1000 * np.gradient(mean, degrees), color=COLOURS[0])
    right.axhline(0, color="black", lw=0.6, ls=":")
    right.set(xlabel="declination of the c-axis (°)", ylabel="saliency (MPa per °)", xlim=(0, 90))
    return figure


def textures(edges_deg: np.ndarray, specimen: np.ndarray, reached: Mapping[str, np.ndarray]) -> Figure:
    """How often c-axes lie at each declination, over random ones: in the specimen, and in textures by their mean."""
    figure = new_figure(2.5, width=4.4)
    ax = figure.subplots()
    ax.stairs(specimen, edges_deg, fill=True, color="0.85", label="specimen")
    for number, (name, density) in enumerate(reached.items()):
        middle = (edges_deg[1:] + edges_deg[:-1]) / 2
        ax.plot(middle, density, MARKS[number], ls="-", lw=1, ms=3.5, label=name)
    ax.axhline(1, color="black", lw=0.6, ls=":")
    ax.set(xlabel="declination of the c-axis (°)", ylabel="times random", xlim=(0, 90))
    ax.legend(loc="upper right", ncols=2)
    return figure
