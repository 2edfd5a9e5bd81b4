"""Figures of the dense indenter's scores: tables in, `Figure` out."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.special import ndtr

from enamel_lib.dense.code import CELL_UM
from enamel_lib.plots.style import MARKS, PAPER_GREY, letter, new_figure

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


def edges(
    spread: pd.DataFrame, transfer: Mapping[str, tuple[np.ndarray, np.ndarray]], blurs_um: Mapping[str, float]
) -> Figure:
    """Edge-spread functions of a dense map, `dense.resolution.edge_spread`, and their modulation-transfer functions.

    `transfer` are frequencies and transfer by the kind and values of a boundary, joined by a comma. Grey is what
    nothing blurs but a Gaussian of so many um, by name.
    """
    figure = new_figure(2.8)
    left, right = figure.subplots(1, 2)
    letter((left, right))
    for number, (name, rows) in enumerate(spread.groupby(["kind", "values"], sort=False)):
        label, second = ", ".join(name), number % 2  # the two of a kind may lie on one another
        look = {"ls": "-:"[second], "marker": MARKS[number]}
        left.plot(rows["distance"], rows["share"], label=label, markevery=(4 * second, 8), **look)
        right.plot(*transfer[label], markevery=(10 * second, 20), **look)
    distance = np.linspace(-8, 8, 400)
    frequency = np.linspace(0, 2, 200)
    for (name, sigma), dashes in zip(blurs_um.items(), ("--", "-."), strict=False):
        look = {"color": PAPER_GREY, "ls": dashes}
        left.plot(distance, ndtr(distance / sigma), label=name, **look)
        right.plot(frequency, np.exp(-2 * (np.pi * sigma * frequency) ** 2), **look)
    left.set(xlabel="distance to the boundary, µm", ylabel="share of the step read", xlim=(-6, 6))
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    right.set(xlabel="cycles per µm", ylabel="modulation transfer", xlim=(0, 1.5), ylim=(0, None))
    return figure


def noise(spectra: Mapping[str, pd.DataFrame]) -> Figure:
    """Power of the truth and of the noise of dense maps by frequency, `dense.resolution.noise_power` by model."""
    figure = new_figure(2.4)
    ax = figure.subplots()
    first = next(iter(spectra.values()))
    ax.plot(first["frequency"], first["truth"], color="black", label="truth")
    for (name, rows), mark in zip(spectra.items(), MARKS, strict=False):
        ax.plot(rows["frequency"], rows["noise"], marker=mark, ms=3.5, lw=0.8, label=f"noise of {name}")
    ax.set(yscale="log", xlabel="cycles per µm", ylabel="power (GPa² µm²)", xlim=(0, 1.25), ylim=(1e-7, None))
    figure.legend(loc="outside right center")
    return figure


def coverage(inside: Mapping[str, pd.Series], wanted: float) -> Figure:
    """Share of the places of each section whose truth lies within an interval, by the way it was calibrated."""
    figure = new_figure(2.2)
    ax = figure.subplots()
    for (name, shares), mark in zip(inside.items(), MARKS, strict=False):
        ax.plot(
            np.arange(1, len(shares) + 1),
            shares,
            mark,
            ls="-",
            lw=0.7,
            label=f"{name}: {shares.mean():.2f} in the mean",
        )
    ax.axhline(wanted, color="black", lw=0.8, ls=":")
    ax.set(xlabel="section, from dentin to surface", ylabel="truth within the interval", ylim=(0, 1.02))
    figure.legend(loc="outside lower center", ncols=len(inside))
    return figure


def sensitivity(read: np.ndarray, true: np.ndarray, table: pd.DataFrame) -> Figure:
    """What a section's reading hangs on beside the truth, and how far both agree in several sections.

    `read` and `true` are GPa per degree in cells of 0.24 um; `table` is that of `dense.follow_sensitivity`.
    """
    figure = new_figure(2.6)
    *maps, right = figure.subplots(1, 3, width_ratios=(1.3, 1.3, 1))
    extent = (0, CELL_UM * read.shape[1], CELL_UM * read.shape[0], 0)
    top = max(np.quantile(field, 0.99) for field in (read, true))
    for ax, field, title in zip(maps, (read, true), ("read", "true"), strict=True):
        shown = ax.imshow(field, extent=extent, cmap="magma", vmin=0, vmax=top)
        ax.set(title=f"sensitivity, {title}", xlabel="µm")
    figure.colorbar(shown, ax=maps, label="GPa/°", shrink=0.8, extend="max")
    numbers = np.arange(1, len(table) + 1)
    for (column, name), mark in zip((("read", "reading"), ("shown", "misorientation shown")), MARKS, strict=False):
        right.plot(numbers, table[column], mark, ms=3.5, label=name)
    right.set(xlabel="section, outwards", ylabel="r with the truth", ylim=(0, 1.02))
    figure.legend(*right.get_legend_handles_labels(), loc="outside lower right", ncols=2)
    letter([*maps, right])
    return figure
