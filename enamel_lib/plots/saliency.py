"""Figures of saliency and of what it does with orientation: arrays in, `Figure` out."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from skimage.util import montage

from enamel_lib.explain.orientation import START_DEG, Profile, Published
from enamel_lib.pic import PIXEL_UM
from enamel_lib.plots import style

COLOURS, SIGNED_COLOURS = "inferno", "RdBu_r"
UNIT = "GPa per unit of colour"
ANGLE_NAMES = {"phi": "in-plane angle φ′ (°)", "theta": "angle to the normal θ′ (°)"}
DENSITY_LABEL = "saliency\n(each tile 0 to 1)"


def draw_maps(axes: Sequence[Axes], maps: np.ndarray) -> None:
    """Draw maps on one colour scale, up to the 99.5th percentile of them all; signed ones around white."""
    signed = maps.min() < 0
    top = np.quantile(np.abs(maps), 0.995)
    for ax, one in zip(axes, maps, strict=True):
        ax.imshow(one, cmap=SIGNED_COLOURS if signed else COLOURS, vmin=-top if signed else 0, vmax=top)
        ax.set_axis_off()


def draw_bar(ax: Axes, of: Axes, unit: str = UNIT, *, orientation: str = "vertical") -> None:
    """Turn axes into the colour bar of the map in other axes."""
    ax.figure.colorbar(of.images[0], cax=ax, orientation=orientation, ticks=MaxNLocator(2))
    if orientation == "vertical":
        ax.set(box_aspect=6, anchor="W", title=unit.replace(" of ", "\nof "))
    else:
        ax.set(box_aspect=0.12, anchor="N", xlabel=unit)


def draw_key(ax: Axes) -> None:
    """Draw the colour key of PIC maps in little space."""
    style.draw_pic_key(ax)
    ax.set(xlabel="in-plane φ (°)", ylabel="|γ| (°)", xticks=(-90, 0, 90), yticks=(0, 90), box_aspect=0.7)


def saliency_pairs(tiles: np.ndarray, maps: np.ndarray, titles: Sequence[str], kind: str) -> Figure:
    """Fig. 3A: tiles `(N, H, W, 3)` of a kind ("simulated" or "own") above their saliency maps `(N, H, W)`."""
    figure = style.new_figure(2.35)
    pictures, keys = figure.subfigures(1, 2, width_ratios=(len(tiles), 1.4))
    pictures.suptitle(f"{kind} tiles with their labels, and their saliency |gradient|", x=0.03, ha="left", size=8.5)
    axes = pictures.subplots(2, len(tiles))
    for ax, tile, title in zip(axes[0], tiles, titles, strict=True):
        style.draw_image(ax, tile, title)
    style.scale_bar(axes[0, 0], tiles.shape[2], PIXEL_UM)
    draw_maps(axes[1], maps)
    key, bar = keys.subplots(2, 1)
    draw_key(key)
    draw_bar(bar, axes[1, 0])
    style.letter(axes[:, 0])
    return figure


def saliency_methods(tiles: np.ndarray, maps: Mapping[str, np.ndarray], kind: str) -> Figure:
    """Tiles `(N, H, W, 3)` of a kind, one a row, beside their maps `(N, H, W)` by method, one colour scale per method.

    Signed maps are red where a pixel raises the prediction, blue where it lowers it.
    """
    figure = style.new_figure(1.3 * len(tiles) + 1)
    axes = figure.subplots(len(tiles) + 1, len(maps) + 1, height_ratios=(*[1] * len(tiles), 0.5))
    for ax, tile in zip(axes[:, 0], tiles, strict=False):
        style.draw_image(ax, tile)
    axes[0, 0].set_title(f"{kind} tile")
    style.scale_bar(axes[0, 0], tiles.shape[2], PIXEL_UM)
    draw_key(axes[-1, 0])
    for column, (method, values) in zip(axes.T[1:], maps.items(), strict=True):
        draw_maps(column[:-1], values)
        column[0].set_title(method)
        draw_bar(column[-1], column[0], "GPa" if method == "integrated" else UNIT, orientation="horizontal")
    style.letter(axes[0])
    return figure


def orientation_statistics(
    published: Mapping[str, Mapping[str, Published]], profiles: Mapping[str, Mapping[str, Profile]], kind: str
) -> Figure:
    """Fig. 3B-D and what they should have asked: saliency against the two angles of the sample frame, one a column.

    Published statistics by name, of the saliency and of saliency that knows nothing; profiles by branch; the kind of
    the data, "simulated" or "own".
    """
    figure = style.new_figure(7.2)
    axes = figure.subplots(4, 2, sharex="col")
    first = next(iter(published.values()))
    for column, (angle, start) in zip(axes.T, START_DEG.items(), strict=True):
        statistics = first[angle]
        shown = np.where(statistics.density, statistics.density, np.nan)
        drawn = column[0].imshow(shown, extent=(start, 90, 0, 1), origin="lower", aspect="auto", norm=LogNorm())
        edges = np.linspace(start, 90, len(statistics.share) + 1)
        column[1].stairs(statistics.share, edges, fill=True, color=style.PAPER_GREY)
        for (name, by_angle), line in zip(published.items(), ("k-", "C1--"), strict=True):
            halves = (np.arange(len(by_angle[angle].scaled)) + 0.5) * np.diff(edges)[0] / 2 + start
            column[2].semilogy(halves, by_angle[angle].scaled, line, label=name)
        _draw_profiles(column[3], profiles, angle)
    figure.legend(*axes[3, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    figure.colorbar(drawn, ax=axes[0], label="pixels", aspect=12)
    titles = (
        f"saliency of every pixel of {kind} tiles",
        "frequency",
        "saliency over frequency, as published",
        "mean given the angle",
    )
    labels = (DENSITY_LABEL, "share of pixels", "relative to\nthe maximum", "saliency /\nmean of the tile")
    for ax, title, label in zip(axes[:, 0], titles, labels, strict=True):
        ax.set(title=title, ylabel=label)
    axes[2, 0].legend()
    style.letter(axes[:, 0], first="B")
    return figure


def _draw_profiles(ax: Axes, profiles: Mapping[str, Mapping[str, Profile]], angle: str) -> None:
    for (branch, by_angle), colour, line in zip(profiles.items(), ("C0", "C1"), ("-", "--"), strict=True):
        bins = by_angle[angle].bins
        ax.fill_between(
            bins["centre"],
            bins["low"],
            bins["high"],
            color=colour,
            alpha=0.2,
            lw=0,
            label=f"{branch}, maps exchanged (95 %)",
        )
        ax.plot(bins["centre"], bins["mean"], line, color=colour, label=f"branch {branch}")
    start = START_DEG[angle]
    ax.set(xlabel=ANGLE_NAMES[angle], xlim=(start, 90), xticks=np.linspace(start, 90, 7))


def orientation_profiles(profiles: Mapping[str, Mapping[str, Profile]]) -> Figure:
    """Mean saliency given each angle, for both branches: the last row of `orientation_statistics` by itself."""
    figure = style.new_figure(2.5)
    axes = figure.subplots(1, 2)
    for ax, angle in zip(axes, START_DEG, strict=True):
        _draw_profiles(ax, profiles, angle)
    axes[0].set_ylabel("saliency /\nmean of the window")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    style.letter(axes)
    return figure


def map_saliency(windows: np.ndarray, maps: np.ndarray, columns: int) -> Figure:
    """Windows `(N, H, W, 3)` of a map, row by row in so many columns, and their saliency `(N, H, W)`."""
    figure = style.new_figure(2.3)
    left, right, keys = figure.subfigures(1, 3, width_ratios=(3, 3, 1.4))
    left, right = left.subplots(), right.subplots()
    grid = {"grid_shape": (len(windows) // columns, columns)}
    style.draw_image(left, montage(windows, channel_axis=-1, **grid), "real map (Lew 2023)")
    draw_maps([right], montage(maps, **grid)[None])
    right.set_title(f"|gradient| of {len(windows)} windows")
    key, bar = keys.subplots(2, 1)
    draw_key(key)
    draw_bar(bar, right)
    style.letter((left, right))
    return figure
