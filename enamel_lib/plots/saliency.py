"""Figures of saliency and of what it does with orientation: arrays in, `Figure` out."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
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


def saliency_pairs(tiles: np.ndarray, maps: np.ndarray, titles: Sequence[str]) -> Figure:
    """Fig. 3A: tiles above their saliency maps, with the key of their colours.

    Parameters
    ----------
    tiles, maps
        `(N, H, W, 3)` and `(N, H, W)`.
    """
    figure = style.new_figure(2.4)
    *axes, keys = figure.subplots(2, len(tiles) + 1, width_ratios=(*[1] * len(tiles), 0.9)).T
    for ax, tile, title in zip(axes, tiles, titles, strict=True):
        style.draw_image(ax[0], tile, title)
    style.scale_bar(axes[0][0], tiles.shape[2], PIXEL_UM)
    draw_maps([ax[1] for ax in axes], maps)
    style.draw_pic_key(keys[0])
    keys[1].set_axis_off()
    figure.colorbar(axes[0][1].images[0], ax=keys[1], location="left", fraction=0.3, label=UNIT.replace("per", "per\n"))
    style.letter(axes[0])
    return figure


def saliency_methods(tiles: np.ndarray, maps: Mapping[str, np.ndarray], units: Sequence[str]) -> Figure:
    """Tiles, one a row, beside their maps by several methods, one colour scale per method.

    Parameters
    ----------
    tiles
        `(N, H, W, 3)`.
    maps
        By method: `(N, H, W)`; those with negative values are red where they raise the prediction, blue where they
        lower it.
    units
        Of the methods.
    """
    figure = style.new_figure(1.3 * len(tiles) + 0.8)
    axes = figure.subplots(len(tiles), len(maps) + 1, squeeze=False)
    for row, tile in zip(axes, tiles, strict=True):
        style.draw_image(row[0], tile)
    axes[0, 0].set_title("tile")
    for column, (method, values), unit in zip(axes.T[1:], maps.items(), units, strict=True):
        draw_maps(column, values)
        column[0].set_title(method)
        figure.colorbar(column[0].images[0], ax=column, location="bottom", label=unit, aspect=12, shrink=0.9)
    style.letter(axes[0])
    return figure


def orientation_statistics(
    published: Mapping[str, Mapping[str, Published]], profiles: Mapping[str, Mapping[str, Profile]]
) -> Figure:
    """Fig. 3B-D and what they should have asked: saliency against the two angles of the sample frame, one a column.

    Parameters
    ----------
    published
        By name, from `orientation.published_statistics`: of the saliency, and of saliency that knows nothing.
    profiles
        By branch, from `orientation.profiles_of_branches`.
    """
    figure = style.new_figure(7)
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
    figure.colorbar(drawn, ax=axes[0], label="pixels", aspect=12)
    titles = ("saliency of every pixel", "frequency", "saliency over frequency, as published", "mean given the angle")
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
            bins["centre"], bins["low"], bins["high"], color=colour, alpha=0.2, lw=0, label="maps exchanged"
        )
        ax.plot(bins["centre"], bins["mean"], line, color=colour, label=f"branch {branch}")
    start = START_DEG[angle]
    ax.set(xlabel=ANGLE_NAMES[angle], xlim=(start, 90), xticks=np.linspace(start, 90, 7))
    if angle == "phi":
        ax.legend(ncols=2)


def orientation_profiles(profiles: Mapping[str, Mapping[str, Profile]]) -> Figure:
    """Mean saliency given each angle, for both branches: the last row of `orientation_statistics` by itself."""
    figure = style.new_figure(2.2)
    axes = figure.subplots(1, 2)
    for ax, angle in zip(axes, START_DEG, strict=True):
        _draw_profiles(ax, profiles, angle)
    axes[0].set_ylabel("saliency / mean of the window")
    style.letter(axes)
    return figure


def map_saliency(windows: np.ndarray, maps: np.ndarray, columns: int) -> Figure:
    """A map of windows side by side, and their saliency on one colour scale.

    Parameters
    ----------
    windows, maps
        `(N, H, W, 3)` and `(N, H, W)`, row by row.
    columns
        Windows in a row.
    """
    figure = style.new_figure(3)
    left, right = figure.subplots(1, 2)
    grid = {"grid_shape": (len(windows) // columns, columns)}
    style.draw_image(left, montage(windows, channel_axis=-1, **grid), "real map (Lew 2023)")
    draw_maps([right], montage(maps, **grid)[None])
    right.set_title(f"|gradient| of {len(windows)} windows")
    figure.colorbar(right.images[0], ax=right, location="bottom", label=UNIT, aspect=30, shrink=0.9)
    style.letter((left, right))
    return figure
