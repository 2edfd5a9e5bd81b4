"""Figures of evolved designs and their controls: arrays in, `Figure` out (see `plots`)."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from enamel_lib.evolve.genetic import History
from enamel_lib.evolve.operators import OPERATORS
from enamel_lib.plots.style import PAPER_GREY, draw_image


def evolution(histories: Sequence[History], pictures: np.ndarray) -> Figure:
    """Fig. 5B: final designs, and below each the hardness of its population from generation to generation.

    Parameters
    ----------
    histories
        One for each target.
    pictures
        `(N, H, W, 3)` uint8, their best designs.
    """
    figure = Figure(figsize=(1.32 * len(histories), 3.3))
    rows = figure.subplots(2, len(histories), sharey="row", height_ratios=(1, 1.15), squeeze=False)
    for top, ax, history, picture in zip(*rows, histories, pictures, strict=True):
        draw_image(top, picture)
        top.set_title(f"{history.best_hardness:.3f} GPa", loc="center", size=8.5)
        trace = history.to_frame()
        ax.fill_between(trace["generation"], trace["mean"] - trace["sd"], trace["mean"] + trace["sd"], color="0.8")
        ax.plot(trace["generation"], trace["mean"], color="black", lw=1.2, label="mean ± sd")
        ax.plot(trace["generation"], trace["best"], color="C0", lw=0.9, label="best")
        ax.axhline(history.target, color="C1", ls="--", lw=1.2, label="target")
        last = max(trace["generation"].iloc[-1], 1)
        ax.set(ylim=(2, 7), xlim=(0, last), xticks=(0, last))
        for label, side in zip(ax.get_xticklabels(), ("left", "right"), strict=True):
            label.set_ha(side)
    rows[1, 0].set_ylabel("hardness (GPa)")
    rows[1, 0].legend(loc="upper left", fontsize=6.5, handlelength=1.2, borderaxespad=0.1, labelspacing=0.2)
    figure.supxlabel("generation", size=9)
    return figure


def survivors(histories: Mapping[str, Sequence[History]]) -> Figure:
    """Which operator the survivors came from, over all generations but the first, for each protocol."""
    shares = {}
    for protocol, each in histories.items():
        made = np.concatenate([history.operators[1:].ravel() for history in each])
        shares[protocol] = np.bincount(made, minlength=len(OPERATORS)) / len(made)
    figure = Figure(figsize=(7, 0.9 + 0.4 * len(shares)))
    ax = figure.subplots()
    left = np.zeros(len(shares))
    for index, operator in enumerate(OPERATORS):
        width = np.array([share[index] for share in shares.values()])
        ax.barh(list(shares), width, left=left, label=operator, color="0.75" if index == 0 else f"C{index - 1}")
        left += width
    ax.invert_yaxis()
    ax.set(xlim=(0, 1), xlabel="share of the survivors")
    ax.legend(ncols=6, loc="lower center", bbox_to_anchor=(0.45, 1), columnspacing=1, handlelength=1)
    return figure


def contest(curves: Mapping[str, np.ndarray], near: float) -> Figure:
    """Distance of the best from its target against evaluations, for each method; `near` (GPa) counts as reached."""
    figure = Figure(figsize=(6.5, 3.2))
    ax = figure.subplots()
    for index, (method, off) in enumerate(curves.items()):
        style = "-" if method.endswith("GA") else "--"
        ax.semilogy(
            np.arange(1, len(off) + 1),
            np.maximum(off, 1e-4),
            style,
            label=method,
            color=f"C{index}" if index < 6 else "black",
        )
    ax.axhline(near, color=PAPER_GREY, lw=0.8)
    ax.text(0.01, near, "reached", color=PAPER_GREY, size=8, ha="left", va="bottom", transform=ax.get_yaxis_transform())
    ax.set(xlabel="evaluations", ylabel="mean distance from target (GPa)", xlim=(0, None))
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def oracle(groups: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> Figure:
    """Hardness by the law against hardness by the network.

    Parameters
    ----------
    groups
        Title -> hardness `(n,)` by the network and by the law, GPa.
    """
    figure = Figure(figsize=(4.2, 3.4))
    ax = figure.subplots()
    for index, (title, (network, by_law)) in enumerate(groups.items()):
        ax.scatter(network, by_law, s=30 if index == len(groups) - 1 else 10, label=title, lw=0, alpha=0.8)
    ax.set(xlabel="hardness by the network (GPa)", ylabel="hardness by the law (GPa)")
    ax.legend()
    return figure


def controls(pictures: Mapping[str, np.ndarray], targets: Sequence[float]) -> Figure:
    """Fig. 6A-C: designs in columns, and below them what the controls make of each.

    Parameters
    ----------
    pictures
        Control -> `(N, H, W, 3)` uint8, one for each design.
    targets
        GPa.
    """
    figure = Figure(figsize=(1.1 * len(targets) + 1.1, 1.12 * len(pictures) + 0.25))
    rows = figure.subplots(len(pictures), len(targets), squeeze=False)
    for axes, (name, made) in zip(rows, pictures.items(), strict=True):
        for ax, picture in zip(axes, made, strict=True):
            draw_image(ax, picture)
        axes[0].text(-0.1, 0.5, name, ha="right", va="center", size=8, transform=axes[0].transAxes)
    for ax, target in zip(rows[0], targets, strict=True):
        ax.set_title(f"{target:g} GPa", loc="center", size=8.5)
    return figure


def control_hardness(
    table: pd.DataFrame, paper_targets: Sequence[float], paper: Mapping[str, Sequence[float]]
) -> Figure:
    """Fig. 6D: predicted hardness against target, ours with the spread of the draws, the paper's in grey.

    Parameters
    ----------
    table
        `target`, `control`, `mean`, `low`, `high`, GPa; bounds equal the mean where there is nothing to draw.
    paper_targets, paper
        Targets of the paper, and control -> its hardness at each, GPa.
    """
    figure = Figure(figsize=(8, 3.8))
    ax = figure.subplots()
    names = list(dict.fromkeys(table["control"]))
    shifts = np.linspace(-0.16, 0.16, len(names))
    for index, (name, shift) in enumerate(zip(names, shifts, strict=True)):
        rows = table[table["control"] == name]
        bars = np.stack([rows["mean"] - rows["low"], rows["high"] - rows["mean"]])
        ax.errorbar(
            rows["target"] + shift, rows["mean"], bars, fmt="o", ms=4, lw=1, label=name, color=f"C{index}"
            if index < 6 else "black",
        )  # fmt: skip
    targets = sorted(table["target"].unique())
    for marker, (name, values) in zip("xs^", paper.items(), strict=False):
        ax.plot(paper_targets, values, marker, color=PAPER_GREY, mfc="none", ms=5, label=f"paper, {name}")
    ax.axline((targets[0], targets[0]), slope=1, color="black", lw=0.7, ls=":")
    ax.set(xlabel="target (GPa)", ylabel="predicted hardness (GPa)", xticks=targets)
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def change_by_misorientation(table: pd.DataFrame) -> Figure:
    """What controls do to the misorientation of a design and to its hardness, by the network and by the law.

    Parameters
    ----------
    table
        `control`, `turn` (change of misorientation, degrees), `network` and `law` (changes of hardness, GPa).
    """
    figure = Figure(figsize=(8, 3.0))
    axes = figure.subplots(1, 2, sharex=True, sharey=True)
    for ax, column in zip(axes, ("network", "law"), strict=True):
        for index, (name, rows) in enumerate(table.groupby("control", sort=False)):
            ax.scatter(rows["turn"], rows[column], s=18, lw=0, color=f"C{index}", label=name)
        ax.axhline(0, color=PAPER_GREY, lw=0.7)
        ax.set(xlabel="rise in misorientation (°)", title=f"by the {column}")
    axes[0].set_ylabel("change of hardness (GPa)")
    axes[1].legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure
