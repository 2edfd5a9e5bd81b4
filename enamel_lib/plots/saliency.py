"""Figures of filters and saliency: arrays in, `Figure` out."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from enamel_lib.explain.orientation import Profile, marginal
from enamel_lib.plots.style import PAPER_GREY, draw_image, scale_bar

SALIENCY_COLOURS = "inferno"
ANGLE_NAMES = {"phi": "in-plane angle φ′ (°)", "theta": "angle to the normal θ′ (°)"}
BRANCH_STYLES = {1: ("C0", "+"), -1: ("C1", "−")}


def filter_grid(pictures: Mapping[str, Sequence[np.ndarray]], titles: Sequence[str]) -> Figure:
    """Fig. 2E: the pictures that excite the filters of each stage, four by four; one row of stages per kind.

    Parameters
    ----------
    pictures
        By kind of ascent: for every stage `(N, H, W, 3)` in [0, 1].
    titles
        Of the stages.
    """
    figure = Figure(figsize=(9, 2.45 * len(pictures)))
    axes = figure.subplots(len(pictures), len(titles), squeeze=False)
    for row, (kind, stages) in zip(axes, pictures.items(), strict=True):
        for ax, stage, title in zip(row, stages, titles, strict=True):
            ax.imshow(_mosaic(stage))
            ax.set(title=title, xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
        row[0].set_ylabel(kind)
    return figure


def _mosaic(pictures: np.ndarray, gap: int = 4) -> np.ndarray:
    columns = int(np.ceil(np.sqrt(len(pictures))))
    rows = -(-len(pictures) // columns)
    height, width = pictures.shape[1:3]
    canvas = np.ones((rows * (height + gap) - gap, columns * (width + gap) - gap, 3))
    for number, picture in enumerate(pictures):
        top, left = (number // columns) * (height + gap), (number % columns) * (width + gap)
        canvas[top : top + height, left : left + width] = picture
    return canvas


def stage_measures(measures: pd.DataFrame, labels: Mapping[str, str]) -> Figure:
    """Measures of filter pictures by stage: every filter a dot, means joined by lines.

    Parameters
    ----------
    measures
        `kind`, `stage` and the columns named by `labels`.
    labels
        Axis label by measure.
    """
    figure = Figure(figsize=(9, 2.9))
    for ax, (name, label) in zip(figure.subplots(1, len(labels)), labels.items(), strict=True):
        for number, (kind, rows) in enumerate(measures.groupby("kind", sort=False)):
            place = rows["stage"] + 0.15 * (number - 1.5)
            ax.plot(place, rows[name], ".", ms=3.5, alpha=0.45, mec="none", color=f"C{number}")
            mean = rows.groupby("stage")[name].mean()
            ax.plot(mean.index + 0.15 * (number - 1.5), mean, "o-", ms=4, color=f"C{number}", label=kind)
        ax.set(xlabel="stage", ylabel=label, xticks=sorted(measures["stage"].unique()))
        ax.set_ylim(bottom=0)
    figure.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=measures["kind"].nunique())
    return figure


def saliency_pairs(tiles: np.ndarray, maps: np.ndarray, titles: Sequence[str]) -> Figure:
    """Fig. 3A: tiles above their saliency maps, each map on a colour scale of its own up to its 99.5th percentile.

    Parameters
    ----------
    tiles, maps
        `(N, H, W, 3)` and `(N, H, W)`.
    """
    figure = Figure(figsize=(1.55 * len(tiles), 3.6))
    figure.suptitle("simulated tiles with their labels, and saliency", x=0.01, ha="left", size=9.5)
    axes = figure.subplots(2, len(tiles), squeeze=False)
    for column, tile, one, title in zip(axes.T, tiles, maps, titles, strict=True):
        draw_image(column[0], tile, title)
        _draw_saliency(column[1], one)
    return figure


def _draw_saliency(ax: Axes, one: np.ndarray, title: str = "") -> None:
    ax.imshow(one, cmap=SALIENCY_COLOURS, vmin=0, vmax=np.quantile(one, 0.995))
    ax.set_title(title)
    ax.set_axis_off()


def saliency_methods(tiles: np.ndarray, maps: Mapping[str, np.ndarray]) -> Figure:
    """Tiles, one a row, beside their maps by several methods; signed maps are blue where they lower the prediction.

    Parameters
    ----------
    tiles
        `(N, H, W, 3)`.
    maps
        By method: `(N, H, W)`; those with negative values are drawn as signed.
    """
    figure = Figure(figsize=(1.75 * (len(maps) + 1), 1.75 * len(tiles) + 0.4))
    axes = figure.subplots(len(tiles), len(maps) + 1, squeeze=False)
    for number, (row, tile) in enumerate(zip(axes, tiles, strict=True)):
        draw_image(row[0], tile, "" if number else "simulated tile")
        for ax, (method, values) in zip(row[1:], maps.items(), strict=True):
            title = "" if number else method
            if values.min() < 0:
                reach = np.quantile(np.abs(values[number]), 0.995)
                ax.imshow(values[number], cmap="RdBu_r", vmin=-reach, vmax=reach)
                ax.set_title(title)
                ax.set_axis_off()
            else:
                _draw_saliency(ax, values[number], title)
    return figure


def orientation_statistics(
    densities: Mapping[str, np.ndarray],
    counts: np.ndarray,
    scaled: Mapping[str, Mapping[str, tuple[np.ndarray, np.ndarray]]],
    profiles: Mapping[int, Mapping[str, Profile]],
) -> Figure:
    """Fig. 3B-D and what they should have asked: saliency against the two angles of the sample frame, one a column.

    Parameters
    ----------
    densities
        By angle, from `orientation_saliency.density`, saliency stretched to 0 to 1.
    counts
        From `orientation_saliency.table`, as published.
    scaled
        By name, from `orientation_saliency.published_scaling`: of the saliency, and of saliency that knows nothing.
    profiles
        By branch (+1, -1), from `orientation_saliency.profiles`.
    """
    figure = Figure(figsize=(8.5, 9.2))
    for column, angle in zip(figure.subplots(4, 2, sharex="col").T, ANGLE_NAMES, strict=True):
        start, end = (-90, 90) if angle == "phi" else (0, 90)
        shown = np.where(densities[angle], densities[angle], np.nan)
        column[0].imshow(shown, extent=(start, end, 0, 1), origin="lower", aspect="auto", norm=LogNorm())
        bins = marginal(counts, angle)
        column[1].stairs(bins / bins.sum(), np.linspace(start, end, len(bins) + 1), fill=True, color=PAPER_GREY)
        for (name, one), colour in zip(scaled.items(), ("black", "C3"), strict=True):
            column[2].semilogy(*one[angle], color=colour, label=name)
        _draw_profiles(column[3], profiles, angle)
    left = figure.axes[::2]
    for ax, text in zip(left, ("saliency (each tile 0 to 1)", "share of pixels", "over frequency (max = 1)",
                               "saliency / mean of tile"), strict=True):  # fmt: skip
        ax.set_ylabel(text)
    for ax, text in zip(left, ("B  saliency of every simulated pixel (log density)", "C  frequency",
                               "D  saliency over frequency, as published",
                               "E  mean given the orientation; bands: maps exchanged"), strict=True):  # fmt: skip
        ax.set_title(text)
    left[2].legend()
    left[3].legend()
    return figure


def _draw_profiles(ax: Axes, profiles: Mapping[int, Mapping[str, Profile]], angle: str) -> None:
    for branch, (colour, name) in BRANCH_STYLES.items():
        one = profiles[branch][angle]
        ax.fill_between(one.centre, one.low, one.high, color=colour, alpha=0.2, lw=0)
        ax.plot(one.centre, one.mean, color=colour, label=f"branch {name}")
    start, end = (-90, 90) if angle == "phi" else (0, 90)
    ax.set(xlabel=ANGLE_NAMES[angle], xlim=(start, end), xticks=np.linspace(start, end, 7))


def orientation_profiles(profiles: Mapping[int, Mapping[str, Profile]], title: str) -> Figure:
    """Mean saliency given each angle, for both branches: the last row of `orientation_statistics` by itself."""
    figure = Figure(figsize=(8.5, 2.7))
    for ax, angle in zip(figure.subplots(1, 2), ANGLE_NAMES, strict=True):
        _draw_profiles(ax, profiles, angle)
    figure.axes[0].set(ylabel="saliency / mean of window", title=title)
    figure.axes[0].legend()
    return figure


def cascade(tile: np.ndarray, maps: Mapping[str, np.ndarray], correlations: pd.DataFrame) -> Figure:
    """A tile's saliency as ever more of the network is randomised, and rank correlations with the untouched one.

    Parameters
    ----------
    tile
        `(H, W, 3)`.
    maps
        By what was randomised last, `(H, W)`, the untouched network first.
    correlations
        `mean`, `low`, `high`, in the order of `maps` without its first, for every value of `kind`.
    """
    figure = Figure(figsize=(9.5, 4.0))
    top, bottom = figure.subfigures(2, 1, height_ratios=(1, 1.35))
    axes = top.subplots(1, len(maps) + 1)
    draw_image(axes[0], tile, "simulated tile")
    for ax, (name, one) in zip(axes[1:], maps.items(), strict=True):
        _draw_saliency(ax, one)
        ax.set_title(name, size=7.5)
    ax = bottom.subplots()
    for number, (kind, rows) in enumerate(correlations.groupby("kind", sort=False)):
        place = np.arange(len(rows)) + 0.1 * number
        spread = np.abs(rows[["low", "high"]].to_numpy().T - rows["mean"].to_numpy())
        ax.errorbar(place, rows["mean"], yerr=spread, fmt="o-", ms=4, capsize=2, label=kind)
    ax.axhline(0, color="black", lw=0.8)
    ax.set_xticks(range(len(maps) - 1), list(maps)[1:])
    ax.set(ylabel="rank correlation\nwith the trained network's", xlabel="randomised, from the output down to")
    ax.legend()
    return figure


def perturbation_curves(curves: Mapping[str, Mapping[str, np.ndarray]], fractions: Sequence[float]) -> Figure:
    """Deletion and insertion: mean change of the prediction against the share of cells, with its standard error.

    Parameters
    ----------
    curves
        By panel, then by map: `(F, N)` GPa, from `sanity.perturbed`.
    fractions
        `(F,)`.
    """
    figure = Figure(figsize=(0.8 + 2.3 * len(curves), 2.9))
    for ax, (panel, by_map) in zip(figure.subplots(1, len(curves), sharey=True), curves.items(), strict=True):
        for name, moved in by_map.items():
            spread = moved.std(axis=1, ddof=1) / np.sqrt(moved.shape[1])
            ax.errorbar(fractions, moved.mean(axis=1), yerr=spread, fmt="o-", ms=3.5, capsize=2, label=name)
        ax.set(title=panel, xlabel="share of cells", xlim=(0, 1))
    figure.axes[0].set_ylim(bottom=0)  # shared; set before, it would stop at what the first panel needs
    figure.axes[0].set_ylabel("off the whole tile's prediction (GPa)")
    figure.axes[-1].legend()
    return figure


def truth(tiles: np.ndarray, true: np.ndarray, seen: np.ndarray, pixel_size_um: float) -> Figure:
    """Tiles, the true sensitivity of their hardness, and the network's, pixel by pixel.

    Parameters
    ----------
    tiles
        `(N, H, W, 3)`.
    true, seen
        `(N, H, W)`, GPa per degree.
    """
    figure = Figure(figsize=(1.9 * len(tiles), 5.6))
    axes = figure.subplots(3, len(tiles), squeeze=False)
    for column, tile, one, other in zip(axes.T, tiles, true, seen, strict=True):
        draw_image(column[0], tile)
        scale_bar(column[0], tile.shape[1], pixel_size_um)
        _draw_saliency(column[1], one)
        _draw_saliency(column[2], other)
    for row, text in zip(axes, ("simulated tile", "true |dH/dc|", "network's |dH/dc|"), strict=True):
        row[0].set_title(text)
    return figure


def interval_bars(table: pd.DataFrame, label: str) -> Figure:
    """Means with their intervals, one line per row, one colour per value of `scale`.

    Parameters
    ----------
    table
        `map`, `scale`, `mean`, `low`, `high`.
    label
        Of the axis.
    """
    figure = Figure(figsize=(7.5, 0.9 + 0.32 * table["map"].nunique()))
    ax = figure.subplots()
    for number, (scale, rows) in enumerate(table.groupby("scale", sort=False)):
        spread = np.abs(rows[["low", "high"]].to_numpy().T - rows["mean"].to_numpy())
        place = np.arange(len(rows)) + 0.22 * number
        ax.errorbar(rows["mean"], place, xerr=spread, fmt="o", ms=4, capsize=2, label=scale)
    ax.axvline(0, color="black", lw=0.8)
    ax.set_yticks(np.arange(len(rows)) + 0.11, rows["map"])
    ax.invert_yaxis()
    ax.set_xlabel(label)
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def map_saliency(image: np.ndarray, mosaic: np.ndarray, title: str) -> Figure:
    """A map beside the saliency of its windows, set side by side; one colour scale for all.

    Parameters
    ----------
    image, mosaic
        `(H, W, 3)` and `(H, W)`.
    title
        Of the saliency.
    """
    figure = Figure(figsize=(9, 0.5 + 4.5 * image.shape[0] / image.shape[1]))
    axes = figure.subplots(1, 2)
    draw_image(axes[0], image, "real map (Lew 2023)")
    _draw_saliency(axes[1], mosaic, title)
    return figure
