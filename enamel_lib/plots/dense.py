"""Figures of the dense indenter's scores: tables in, `Figure` out."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from enamel_lib.plots.style import MARKS, letter, new_figure

COUNTS = {"indents of one map": "indents", "grids": "indents"}  # kinds of labels that grow, and by what


def sections(tables: Mapping[str, pd.DataFrame]) -> Figure:
    """Correlations within each section, place by place and window by window, and means read against true ones.

    `tables` are those of `dense.follow_truth` by title, of the same sections in the same order.
    """
    figure = new_figure(2.7)
    axes = figure.subplots(1, 3)
    letter(axes)
    for (title, table), mark in zip(tables.items(), MARKS, strict=False):
        numbers = np.arange(1, len(table) + 1)
        axes[0].plot(numbers, table["point"], mark, ls="-", ms=3.5, lw=0.7, label=title)
        axes[1].plot(numbers, table["window"], mark, ls="-", ms=3.5, lw=0.7)
        axes[2].plot(table["true"], table["read"], mark, ms=3.5)
    lowest = min(0.0, *(table[["point", "window"]].min(axis=None) for table in tables.values()))
    for ax, title in zip(axes, ("in every cell of 0.24 µm", "means over 12 µm"), strict=False):
        ax.set(title=title, xlabel="section, from dentin to surface", ylim=(lowest, 1.02))
        ax.set_xticks(range(1, len(numbers) + 1, 1 + len(numbers) // 8))
    axes[0].set_ylabel("r with the truth")
    axes[0].legend(loc="lower left")
    axes[2].axline((4, 4), slope=1, color="black", lw=0.8, ls=":")
    axes[2].set(title="means of sections", xlabel="true, GPa", ylabel="read, GPa", aspect="equal", adjustable="datalim")
    return figure


def worth(table: pd.DataFrame) -> Figure:
    """What labels are worth: correlation against the number of indents, `dense.worth_of_labels`; and of each source."""
    figure = new_figure(2.9)
    left, right = figure.subplots(1, 2, width_ratios=(1.2, 1))
    letter((left, right))
    for (kind, counted), mark in zip(COUNTS.items(), MARKS, strict=False):
        rows = table[table["kind"] == kind]
        (line,) = left.plot(rows[counted], rows["point r"], mark, ls="-", label=f"{kind}: cells")
        look = {"ls": "--", "mfc": "white", "color": line.get_color(), "label": f"{kind}: windows"}
        left.plot(rows[counted], rows["window r"], mark, **look)
    left.set(xscale="log", xlabel="indents", ylabel="r within a section, mean", ylim=(0.6, 1))
    left.legend(loc="lower right")
    rows = table[~table["kind"].isin(COUNTS)][::-1]
    y = np.arange(len(rows))
    for column, mark in zip(("point r", "window r", "r between sections"), MARKS, strict=False):
        right.plot(rows[column], y, mark, label=column)
    right.set(yticks=y, yticklabels=rows["kind"], xlabel="correlation", ylim=(-0.5, len(rows) - 0.5))
    right.legend(loc="best")
    return figure
