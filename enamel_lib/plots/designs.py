"""Figures of evolved designs and their controls: arrays in, `Figure` out (see `plots`)."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from enamel_lib.evolve.genetic import History
from enamel_lib.plots.style import (
    COLOURS,
    MARKS,
    PAPER_GREY,
    draw_image,
    draw_pic_key,
    letter,
    new_figure,
    scale_bar,
)

TILE_UM = 12.0  # side of a picture
RANGE = (2, 7)  # GPa, of enamel


def evolution(histories: Sequence[History], pictures: np.ndarray, law: np.ndarray) -> Figure:
    """Fig. 5: final designs, how their populations came to the target, and what the law says of them.

    Parameters
    ----------
    histories
        One for each target.
    pictures
        `(N, H, W, 3)` uint8, their best designs.
    law
        `(N,)`, their hardness by the law, GPa.
    """
    figure = new_figure(3.6)
    top, bottom = figure.subfigures(2, 1, height_ratios=(1, 1.9))
    row = top.subplots(1, len(histories), squeeze=False)[0]
    trace, beside, key = bottom.subplots(1, 3, width_ratios=(3.2, 1.5, 1.3))
    beside.sharey(trace)
    shades = figure_shades(len(histories))
    for ax, history, picture, by_law, shade in zip(row, histories, pictures, law, shades, strict=True):
        draw_image(ax, picture)
        ax.set_title(f"network {history.best_hardness:.1f}\nlaw {by_law:.1f} GPa", loc="center", size=7.5)
        table = history.to_frame()
        generation = table["generation"] + 1  # a logarithm has no zero
        spread = table["mean"] - table["sd"], table["mean"] + table["sd"]
        trace.fill_between(generation, *spread, color=shade, alpha=0.25, lw=0)
        trace.plot(generation, table["mean"], color=shade)
        trace.axhline(history.target, color=shade, ls=":", lw=0.8)
        beside.plot((0, 1), (history.best_hardness, by_law), "o-", color=shade)
    scale_bar(row[0], pictures.shape[2], TILE_UM / pictures.shape[2])
    trace.set(xscale="log", ylim=RANGE, xlabel="generation + 1", ylabel="hardness by the network (GPa)")
    trace.set_title("populations, mean ± sd; dotted: targets")
    beside.set(xlim=(-0.25, 1.25), xticks=(0, 1), xticklabels=("network", "law"), title="final designs")
    beside.tick_params(labelleft=False)
    draw_pic_key(key)
    key.set_title("colours of pictures", size=7.5)
    key.set_box_aspect(0.6)
    letter((row[0], trace, beside))
    return figure


def figure_shades(count: int) -> np.ndarray:
    """Colours from soft to hard, `(count, 4)`."""
    from matplotlib import colormaps

    return colormaps["viridis"](np.linspace(0, 0.85, count))


def oracle(tiles: tuple[np.ndarray, np.ndarray], groups: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Hardness by the law: against the truth where it is known, and against the network.

    Parameters
    ----------
    tiles
        Hardness `(n,)` of simulated tiles: truth, at half depth, and by the law, GPa.
    groups
        Title -> hardness `(n,)` by the network and by the law, GPa; the slope of the last is drawn.
    """
    figure = new_figure(3.5)
    left, right = figure.subplots(1, 2, sharey=True)
    left.plot(*tiles, MARKS[0], color=PAPER_GREY, label="simulated tiles", mew=0, alpha=0.7)
    left.set(xlabel="truth, at half depth (GPa)", ylabel="hardness by the law (GPa)", title="the law reads the truth")
    for index, (title, (network, by_law)) in enumerate(groups.items()):
        right.plot(
            network, by_law, MARKS[index], color=COLOURS[index], label=title, mew=0, alpha=0.85, ms=4 + 3 * index
        )
    slope, level = np.polyfit(network, by_law, 1)
    ends = np.array([network.min(), network.max()])
    right.plot(ends, level + slope * ends, color=COLOURS[index], label=f"slope {slope:.2f}")
    right.set(xlabel="hardness by the network (GPa)", title="the network's designs are not harder")
    for ax in (left, right):
        ax.axline((2, 2), slope=1, color="black", lw=0.8, ls=":")
        ax.text(6.9, 6.7, "equal", ha="right", va="top", size=7.5)
        ax.set(xlim=RANGE, ylim=RANGE, aspect="equal")
        ax.legend(loc="upper left")
    letter((left, right))
    return figure


def contest(curves: Mapping[str, np.ndarray], reached: float) -> Figure:
    """Distance of the best from its target against evaluations, for each method; nearer than `reached` is success."""
    figure = new_figure(2.9)
    ax = figure.subplots()
    for index, (method, errors) in enumerate(curves.items()):
        ax.semilogy(
            np.arange(1, len(errors) + 1),
            np.maximum(errors, 1e-4),
            "-" if method.endswith("GA") else "--",
            marker=MARKS[index % len(MARKS)],
            markevery=(5 + index, 10),
            color="black" if method == "random" else COLOURS[index % len(COLOURS)],
            label=method,
        )
    ax.axhline(reached, color=PAPER_GREY, lw=0.8)
    ax.text(1, reached, "reached", color=PAPER_GREY, ha="left", va="bottom")
    ax.set(xlabel="evaluations", ylabel="mean distance from target (GPa)", xlim=(0, None))
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def controls(pictures: Mapping[str, np.ndarray], summary: pd.DataFrame, paper: pd.DataFrame) -> Figure:
    """Fig. 6: what the controls make of designs, and below each control its hardness against the target.

    Parameters
    ----------
    pictures
        Control -> `(N, H, W, 3)` uint8 of the designs shown; the first are the designs themselves.
    summary
        From `controls.summary`.
    paper
        Targets x controls, hardness that the paper found, GPa.
    """
    rows = len(next(iter(pictures.values())))
    figure = new_figure(2.9 + 0.9 * rows)
    mosaic, plots, foot = figure.subfigures(3, 1, height_ratios=(0.9 * rows + 0.35, 1.7, 0.85))
    grid = mosaic.subplots(rows, len(pictures), squeeze=False)
    panels = plots.subplots(1, len(pictures), sharex=True, sharey=True)
    for column, panel, (name, made) in zip(grid.T, panels, pictures.items(), strict=True):
        for ax, picture in zip(column, made, strict=True):
            draw_image(ax, picture)
        column[0].set_title(name.replace("-", "-\n").replace(" ", "\n"), loc="center", size=7.5)
        values = summary.loc[name]
        bars = np.stack([values["mean"] - values["low"], values["high"] - values["mean"]])
        ours = panel.errorbar(values.index, values["mean"], bars, fmt=MARKS[0], color=COLOURS[0], ms=3.5, lw=1)
        panel.axline((4, 4), slope=1, color="black", lw=0.7, ls=":")
        if name in paper:
            (theirs,) = panel.plot(paper.index, paper[name], MARKS[1], color=PAPER_GREY, mfc="none", ms=4)
    panels[0].set_ylabel("predicted\nhardness (GPa)")
    plots.supxlabel("target (GPa)", size=8)
    scale_bar(grid[0, 0], made.shape[2], TILE_UM / made.shape[2])
    key, words = foot.subplots(1, 2, width_ratios=(1, 2))
    draw_pic_key(key)
    words.set_axis_off()
    words.legend((ours, theirs), ("ours; bars hold 95 % of the draws", "the paper, one draw"), loc="center left")
    letter((grid[0, 0], panels[0]))
    return figure


def change_by_misorientation(change: pd.DataFrame) -> Figure:
    """What controls do to the misorientation of a design and to its hardness, by the network and by the law.

    Parameters
    ----------
    change
        From `controls.change`.
    """
    groups = change.groupby("control", sort=False)
    figure = new_figure(2.5)
    axes = figure.subplots(1, groups.ngroups, sharex=True, sharey=True)
    for ax, (name, rows) in zip(axes, groups, strict=True):
        for index, column in enumerate(("network", "law")):
            ax.plot(
                rows["misorientation"], rows[column], MARKS[index], color=COLOURS[index], mew=0, alpha=0.5, ms=3.5,
                label=f"by the {column}",
            )  # fmt: skip
        ax.axhline(0, color=PAPER_GREY, lw=0.7)
        ax.set_xscale("symlog", linthresh=3)
        ax.set(title=name, xticks=(0, 1, 2, 10, 30), xticklabels=("0", "1", "2", "10", "30"))
        ax.xaxis.set_minor_formatter(NullFormatter())
    axes[0].set_ylabel("change of hardness (GPa)")
    axes[-1].legend(loc="upper right")
    figure.supxlabel("rise in misorientation (°)", size=8)
    letter(axes)
    return figure
