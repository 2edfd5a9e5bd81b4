"""Figures of the data: where labels come from, what the simulator draws, how like enamel it looks."""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from enamel_lib import microstructure, pic
from enamel_lib.plots.style import draw_image, scale_bar
from enamel_lib.simulate.law import REGION_NAMES
from enamel_lib.simulate.simulator import Section

SOURCES = ("accurate", "estimated", "noisy")


def dataset(tiles: Mapping[str, np.ndarray], labels: Mapping[str, Sequence[float]], table: pd.DataFrame) -> Figure:
    """Fig. 1: tiles of the three sources with their labels, and the labels of the united dataset.

    Parameters
    ----------
    tiles, labels
        By source: `(n, 200, 200, 3)` pictures, and their labels in GPa.
    table
        The united table: `source` and `label`.
    """
    columns = max(len(v) for v in tiles.values())
    figure = Figure(figsize=(8, 4.6))
    left, right = figure.subfigures(1, 2, width_ratios=(columns, 2.6))
    grid = left.subplots(len(SOURCES), columns)
    for letter, name, row in zip("ABC", SOURCES, grid, strict=True):
        for ax, tile, label in zip(row, tiles[name], labels[name], strict=True):
            draw_image(ax, tile)
            ax.set_title(f"{label:.2f} GPa", loc="center", size=8)
        row[0].text(-0.08, 0.5, f"{letter}  {name}", rotation=90, va="center", ha="right", transform=row[0].transAxes)
    ax = right.subplots()
    sns.histplot(table, x="label", hue="source", hue_order=SOURCES, multiple="stack", bins=50, ax=ax, lw=0)
    ax.set(xlabel="label (GPa)", ylabel="rows", title=f"D  {len(table):,} rows")
    return figure


def likeness(real: np.ndarray, simulated: np.ndarray, pixel_size_um: float) -> Figure:
    """The real map above a simulated one at its scale, and the measures that compare them.

    Parameters
    ----------
    real, simulated
        `(H, W, 3)` uint8 PIC maps.
    pixel_size_um
        Of the simulated map; the real map's is not published.
    """
    figure = Figure(figsize=(8, 5.2))
    pictures, measures = figure.subfigures(1, 2, width_ratios=(1.25, 1))
    axes = pictures.subplots(2, 1)
    draw_image(axes[0], real, "real map (Lew 2023)")
    draw_image(axes[1], simulated, "simulated")
    scale_bar(axes[1], simulated.shape[1], pixel_size_um)
    axes = measures.subplots(3, 1)
    for name, rgb, style in (("real", real, "o-"), ("simulated", simulated, "s--")):
        lags = microstructure.lag_misorientation(pic.director(rgb))
        axes[0].semilogx(microstructure.LAGS_PX, lags, style, base=2, label=name, ms=4)
        edges = np.linspace(-90, 90, microstructure.HUE_BINS + 1)
        axes[1].stairs(microstructure.hue_histogram(rgb), edges, label=name, lw=1.5)
        levels = np.linspace(0, 1, 101)
        axes[2].plot(microstructure.value_quantiles(rgb, levels), levels, style[1:])
    axes[0].set(xlabel="lag (px)", ylabel="misorientation (°)", ylim=(0, None))
    axes[0].set_xticks(microstructure.LAGS_PX, [str(lag) for lag in microstructure.LAGS_PX])
    axes[0].legend()
    axes[1].set(xlabel="in-plane angle φ (°)", ylabel="share", xticks=range(-90, 91, 45))
    axes[2].set(xlabel="brightness V", ylabel="cumulative share")
    return figure


def section(simulated: Section) -> Figure:
    """A simulated section: its picture, region, local misorientation and true hardness."""
    figure = Figure(figsize=(9, 2.7))
    axes = figure.subplots(1, 4)
    draw_image(axes[0], simulated.rgb, "simulated PIC map")
    scale_bar(axes[0], simulated.rgb.shape[1], simulated.pixel_size_um)
    regions = mpl.colors.ListedColormap(["#c9a66b", "#3b6ea5", "#8fb7d9", "#333333"])
    drawn = axes[1].imshow(simulated.region, cmap=regions, vmin=-0.5, vmax=3.5)
    bar = figure.colorbar(drawn, ax=axes[1], orientation="horizontal", ticks=range(4), shrink=0.9)
    bar.ax.set_xticklabels(REGION_NAMES)
    for ax, field, unit in (
        (axes[2], simulated.misorientation, "misorientation (°)"),
        (axes[3], simulated.hardness, "hardness (GPa)"),
    ):
        drawn = ax.imshow(field)
        figure.colorbar(drawn, ax=ax, orientation="horizontal", label=unit, shrink=0.9)
    for ax, title in zip(axes[1:], ("region", "local misorientation", "true hardness"), strict=True):
        ax.set_title(title)
        ax.set_axis_off()
    return figure
