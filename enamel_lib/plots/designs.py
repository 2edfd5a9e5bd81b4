"""Figures of evolved designs and their controls: arrays in, `Figure` out (see `plots`)."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib import colormaps
from matplotlib.figure import Figure

from enamel_lib.evolve.genetic import History
from enamel_lib.images import TILE
from enamel_lib.pic import PIXEL_UM
from enamel_lib.plots import style
from enamel_lib.plots.style import COLOURS, MARKS, PAPER_GREY, draw_image

TILE_UM = TILE * PIXEL_UM  # side of a picture


def evolution(histories: Sequence[History], pictures: np.ndarray, law: np.ndarray) -> Figure:
    """Fig. 5: final designs, how their populations came to the target, and what the law says of them.

    Histories are one for each target; `pictures` `(N, H, W, 3)` uint8 are their best designs, `law` `(N,)` the hardness
    of these by the law, GPa.
    """
    figure = style.new_figure(3.6)
    top, bottom = figure.subfigures(2, 1, height_ratios=(1, 1.9))
    row = top.subplots(1, len(histories), squeeze=False)[0]
    trace, beside, key = bottom.subplots(1, 3, width_ratios=(3.2, 1.5, 1.3))
    beside.sharey(trace)
    shades = colormaps["viridis"](np.linspace(0, 0.85, len(histories)))
    for ax, history, picture, by_law, shade in zip(row, histories, pictures, law, shades, strict=True):
        draw_image(ax, picture)
        ax.set_title(f"network {history.best_hardness:.1f}\nlaw {by_law:.1f} GPa", loc="center", size=7.5)
        table = history.to_frame()
        spread = table["mean"] - table["sd"], table["mean"] + table["sd"]
        trace.fill_between(table["generation"], *spread, color=shade, alpha=0.25, lw=0)
        trace.plot(table["generation"], table["mean"], color=shade)
        trace.axhline(history.target, color=shade, ls=":", lw=0.8)
        beside.plot((0, 1), (history.best_hardness, by_law), "o-", color=shade)
    style.scale_bar(row[0], pictures.shape[2], TILE_UM / pictures.shape[2])
    trace.set_xscale("symlog", linthresh=1)
    trace.xaxis.set_major_formatter("{x:g}")
    trace.set(xlim=(0, None), xlabel="generation", ylabel="hardness by the network (GPa)")
    trace.set_title("populations, mean ± sd; dotted: targets")
    beside.set(xlim=(-0.25, 1.25), xticks=(0, 1), xticklabels=("network", "law"), title="final designs")
    beside.tick_params(labelleft=False)
    style.draw_pic_key(key)
    key.set_title("colours of pictures", size=7.5)
    key.set_box_aspect(0.6)
    style.letter((row[0], trace, beside))
    return figure


def oracle(tiles: tuple[np.ndarray, np.ndarray], groups: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Hardness by the law: against the truth where it is known, and against the network; GPa.

    `tiles`: hardness `(n,)` of simulated tiles: truth, at half depth, and by the law. `groups`: title -> hardness
    `(n,)` by the network and by the law; the slope of the last is drawn.
    """
    figure = style.new_figure(3.8)
    left, right = figure.subplots(1, 2, sharey=True)
    left.plot(*tiles, MARKS[0], color=PAPER_GREY, label="simulated tiles", mew=0, alpha=0.7)
    left.set(xlabel="truth, at half depth (GPa)", ylabel="hardness by the law (GPa)", title="tiles of the simulator")
    for index, (title, (network, by_law)) in enumerate(groups.items()):
        right.plot(
            network, by_law, MARKS[index], color=COLOURS[index], label=title, mew=0, alpha=0.85, ms=4 + 3 * index
        )
    slope, level = np.polyfit(network, by_law, 1)
    ends = np.array([network.min(), network.max()])
    right.plot(ends, level + slope * ends, color=COLOURS[index], label=f"slope {slope:.2f}")
    right.set(xlabel="hardness by the network (GPa)", title="pictures of the generator")
    everything = np.concatenate([*tiles, *itertools.chain(*groups.values())])
    limits = np.floor(everything.min()), np.ceil(everything.max())
    for ax in (left, right):
        ax.plot(limits, limits, color="black", lw=0.8, ls=":")
        ax.text(0.9, 0.87, "equal", va="top", size=7.5, transform=ax.transAxes)
        ax.set(xlim=limits, ylim=limits, aspect="equal")
        ax.legend(loc="upper left")
    style.letter((left, right))
    return figure


def contest(curves: Mapping[str, np.ndarray], reached: float) -> Figure:
    """Distance of the best from its target against evaluations, for each method; nearer than `reached` is success."""
    figure = style.new_figure(2.9)
    ax = figure.subplots()
    colours = itertools.cycle(COLOURS)
    for index, (method, errors) in enumerate(curves.items()):
        ax.semilogy(
            np.arange(1, len(errors) + 1),
            np.maximum(errors, 1e-4),
            "-" if method.endswith("GA") else "--",
            marker=MARKS[index % len(MARKS)],
            markevery=(5 + index, 10),
            color="black" if method == "random" else next(colours),
            label=method,
        )
    ax.axhline(reached, color=PAPER_GREY, lw=0.8)
    ax.text(1, reached, "reached", color=PAPER_GREY, ha="left", va="bottom")
    ax.set(xlabel="evaluations", ylabel="mean distance from target (GPa)", xlim=(0, None))
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def controls(
    pictures: Mapping[str, np.ndarray], targets: Sequence[float], summary: pd.DataFrame, paper: pd.DataFrame
) -> Figure:
    """Fig. 6: what the controls make of designs, and below each control its hardness against the target.

    `pictures`: control -> `(N, H, W, 3)` uint8 of the designs shown; the first are the designs themselves, of these
    `targets`, GPa. `summary` is from `controls.summary`, `paper` targets x controls, hardness that the paper found,
    GPa.
    """
    figure = style.new_figure(2.6 + 0.9 * len(targets))
    top, foot = figure.subfigures(2, 1, height_ratios=(1.75 + 0.9 * len(targets), 0.85))
    heights = [1] * len(targets) + [1.5]
    grid = top.subplots(len(heights), len(pictures), height_ratios=heights, sharex="row", sharey="row", squeeze=False)
    for column, (name, made) in zip(grid.T, pictures.items(), strict=True):
        for ax, picture in zip(column[:-1], made, strict=True):
            draw_image(ax, picture)
        column[0].set_title(name.replace("-", "-\n").replace(" ", "\n"), loc="center", size=7.5)
        panel, values = column[-1], summary.loc[name]
        bars = np.stack([values["mean"] - values["low"], values["high"] - values["mean"]])
        ours = panel.errorbar(values.index, values["mean"], bars, fmt=MARKS[0], color=COLOURS[0], ms=3.5, lw=1)
        panel.axline((4, 4), slope=1, color="black", lw=0.7, ls=":")
        if name in paper:
            (theirs,) = panel.plot(paper.index, paper[name], MARKS[1], color=PAPER_GREY, mfc="none", ms=4)
    for ax, target in zip(grid[:, 0], targets, strict=False):
        ax.text(-0.08, 0.5, f"{target:g} GPa", ha="right", va="center", rotation=90, transform=ax.transAxes)
    grid[-1, 0].set_ylabel("predicted\nhardness (GPa)")
    top.supxlabel("target (GPa)", size=8)
    style.scale_bar(grid[0, 0], made.shape[2], TILE_UM / made.shape[2])
    key, words = foot.subplots(1, 2, width_ratios=(1, 2))
    style.draw_pic_key(key)
    words.set_axis_off()
    words.legend((ours, theirs), ("ours; bars hold 95 % of the draws", "the paper, one draw"), loc="center left")
    style.letter((grid[0, 0], grid[-1, 0]))
    return figure


def change_by_misorientation(change: pd.DataFrame, judge: str = "network") -> Figure:
    """What controls do to the misorientation of a design and to its hardness, by judge and law: `controls.change`."""
    groups = change.groupby("control", sort=False)
    figure = style.new_figure(2.7)
    axes = figure.subplots(1, groups.ngroups, sharex=True, sharey=True)
    for ax, (control, rows) in zip(axes, groups, strict=True):
        for index, (column, name) in enumerate({"network": judge, "law": "law"}.items()):
            looks = {"color": COLOURS[index], "mew": 0, "alpha": 0.5, "ms": 3.5}
            ax.plot(rows["misorientation"], rows[column], MARKS[index], label=f"by the {name}", **looks)
        ax.axhline(0, color=PAPER_GREY, lw=0.7)
        ax.set_xscale("symlog", linthresh=3)
        ax.set(title=control, xticks=(0, 1, 2, 10, 30), xticklabels=("0", "1", "2", "10", "30"))
    axes[0].set_ylabel("change of hardness (GPa)")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper right", ncols=2)
    figure.supxlabel("rise in misorientation (°)", size=8)
    style.letter(axes)
    return figure


def obedience(judged: Mapping[str, tuple[np.ndarray, np.ndarray]], pictures: Mapping[float, np.ndarray]) -> Figure:
    """Hardness by the law of designs against what was asked for, a panel each judge; and some designs.

    `judged`: targets and hardness by the law `(n,)`, GPa, by judge; `pictures`: designs `(H, W, 3)` by target.
    """
    figure = style.new_figure(3.9)
    upper, lower = figure.subfigures(2, 1, height_ratios=(2.7, 1.2))
    panels = upper.subplots(1, len(judged))
    for ax, (judge, (asked, by_law)), colour, mark in zip(panels, judged.items(), COLOURS, MARKS, strict=False):
        slope, level = np.polyfit(asked, by_law, 1)
        ends = np.array([asked.min(), asked.max()])
        ax.plot(asked, by_law, mark, color=colour, mew=0, alpha=0.5)
        ax.plot(ends, level + slope * ends, color=colour, label=f"slope {slope:.2f}")
        ax.axline((ends[0], ends[0]), slope=1, color="black", lw=0.8, ls=":")
        ax.set(title=f"judge: {judge}", xlabel="asked for (GPa)", aspect="equal", adjustable="datalim")
        ax.legend(loc="upper left")
    panels[0].set_ylabel("by the law (GPa)")
    style.letter(panels)
    for ax, (target, picture) in zip(lower.subplots(1, len(pictures)), pictures.items(), strict=True):
        style.draw_image(ax, picture, f"{target:g} GPa")
    return figure


def front(tried: np.ndarray, best: np.ndarray, pictures: np.ndarray) -> Figure:
    """Hardness against modulus of all that was tried, `(m, 2)`, and of the front, `best` `(n, 2)`, GPa.

    `pictures` are those of the front, `(n, H, W, 3)` uint8, by rising modulus; up to four are shown.
    """
    figure = style.new_figure(2.9)
    left, right = figure.subfigures(1, 2, width_ratios=(1.1, 1))
    ax = left.subplots()
    ax.plot(tried[:, 1], tried[:, 0], ".", color=PAPER_GREY, ms=2.5, label="tried")
    ax.plot(best[:, 1], best[:, 0], MARKS[1], ls="-", color=COLOURS[1], ms=4, lw=0.8, label="front")
    ax.set(xlabel="$E$, Young's modulus along the indent (GPa)", ylabel="$H$, hardness, dense reading (GPa)")
    ax.legend(loc="lower right")
    chosen = np.unique(np.linspace(0, len(best) - 1, 4).round().astype(int))
    panels = right.subplots(2, 2).flat
    for panel, number in zip(panels, chosen, strict=False):
        draw_image(panel, pictures[number])
        panel.set_title(f"$H$ {best[number, 0]:.2f}, $E$ {best[number, 1]:.1f} GPa", size=7.5)
    first = right.axes[0]
    style.scale_bar(first, pictures.shape[2], TILE_UM / pictures.shape[2])
    style.letter((ax, first))
    return figure
