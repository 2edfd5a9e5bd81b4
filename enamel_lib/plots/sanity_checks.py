"""Figures of the tests that saliency maps must pass: tables and arrays in, `Figure` out."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from enamel_lib.pic import PIXEL_UM
from enamel_lib.plots import style
from enamel_lib.plots.saliency import draw_bar, draw_key, draw_maps


def _intervals(ax: Axes, rows: pd.DataFrame, place: np.ndarray, number: int, *, across: bool = False, **look) -> None:
    """Means with their intervals, with the mark and colour of a number."""
    spread = np.abs(rows[["low", "high"]].to_numpy().T - rows["mean"].to_numpy())
    points = (
        {"x": rows["mean"], "y": place, "xerr": spread} if across else {"x": place, "y": rows["mean"], "yerr": spread}
    )
    ax.errorbar(**points, fmt=style.MARKS[number], color=f"C{number}", capsize=2, **look)


def cascade(tile: np.ndarray, maps: Mapping[str, np.ndarray], correlations: pd.DataFrame) -> Figure:
    """A tile's saliency as ever more of the network is randomised, and rank correlations with the untouched one.

    `maps`, by what was randomised last, `(H, W)`, begin with the untouched network's; `correlations` are those of
    `SanityChecks.randomise_weights`.
    """
    figure = style.new_figure(3.7)
    top, bottom = figure.subfigures(2, 1, height_ratios=(1, 1.9))
    axes = top.subplots(1, len(maps) + 1)
    style.draw_image(axes[0], tile, "simulated\ntile")
    for ax, (name, one) in zip(axes[1:], maps.items(), strict=True):
        draw_maps([ax], one[None])
        ax.set_title("trained" if name == "nothing" else f"to {name}".replace("first ", "first\n"))
    ax = bottom.subplots()
    for number, (kind, rows) in enumerate(correlations.groupby("kind", sort=False)):
        _intervals(ax, rows, np.arange(len(rows)) + 0.1 * number, number, ls="-", label=kind)
    ax.axhline(0, color="black", lw=0.8)
    ax.set_xticks(range(len(maps) - 1), list(maps)[1:])
    ax.set(ylabel="rank correlation with\nthe trained network's map", xlabel="randomised, from the output down to")
    ax.legend()
    style.letter((axes[0], ax))
    return figure


def perturbation_curves(curves: pd.DataFrame) -> Figure:
    """Curves of `SanityChecks.delete_and_insert`: mean change of the prediction, with its standard error."""
    figure = style.new_figure(2.4)
    axes = figure.subplots(1, curves["panel"].nunique(), sharey=True, squeeze=False)[0]
    for ax, (panel, of_panel) in zip(axes, curves.groupby("panel", sort=False), strict=True):
        for number, (name, rows) in enumerate(of_panel.groupby("map", sort=False)):
            look = {"fmt": f"{style.MARKS[number]}-", "color": f"C{number}", "label": name}
            ax.errorbar(rows["fraction"], rows["mean"], yerr=rows["error"], capsize=2, **look)
        ax.set(title=panel, xlabel="share of cells", xlim=(0, 1))
    axes[0].set_ylim(bottom=0)  # shared; set before, it would stop at what the first panel needs
    axes[0].set_ylabel("change of the prediction (GPa)")
    axes[-1].legend()
    style.letter(axes)
    return figure


def truth(tiles: np.ndarray, true: np.ndarray, predicted: np.ndarray) -> Figure:
    """Tiles `(N, H, W, 3)`, the true sensitivity of their hardness, and the network's, `(N, H, W)`, GPa per degree.

    Each of the two has a colour scale of its own, since their patterns are compared.
    """
    figure = style.new_figure(4.3)
    pictures, keys = figure.subfigures(1, 2, width_ratios=(len(tiles), 1))
    axes, (key, *bars) = pictures.subplots(3, len(tiles)), keys.subplots(3, 1)
    for ax, tile in zip(axes[0], tiles, strict=True):
        style.draw_image(ax, tile)
    axes[0, 0].set_title("simulated tile")
    style.scale_bar(axes[0, 0], tiles.shape[2], PIXEL_UM)
    draw_key(key)
    for row, bar, maps, name in zip(axes[1:], bars, (true, predicted), ("true", "network's"), strict=True):
        draw_maps(row, maps * 1e6)
        row[0].set_title(f"{name} |dH/dc|")
        draw_bar(bar, row[0], "kPa per degree")
    style.letter(axes[:, 0])
    return figure


def truth_scores(table: pd.DataFrame) -> Figure:
    """Rank correlations with the truth, a line per `map` (of `tiles`), a mark per `scale`: `mean`, `low`, `high`."""
    figure = style.new_figure(2.6)
    ax = figure.subplots()
    for number, (scale, rows) in enumerate(table.groupby("scale", sort=False)):
        _intervals(ax, rows, np.arange(len(rows)) + 0.22 * number, number, across=True, label=scale)
    ax.axvline(0, color="black", lw=0.8)
    ax.set_yticks(np.arange(len(rows)) + 0.11, rows["map"] + rows["tiles"].map(" ({} tiles)".format))
    ax.invert_yaxis()
    ax.set_xlabel("rank correlation with the true sensitivity")
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def verdict(claims: pd.DataFrame) -> Figure:
    """Every claim with its interval, and whether it passes: `mean`, `low`, `high`, `passes`, index `claim`."""
    figure = style.new_figure(0.6 + 0.19 * len(claims))
    ax = figure.subplots()
    place = pd.Series(np.arange(len(claims)), claims.index)
    for number, word in ((2, "yes"), (1, "no")):
        rows = claims[claims["passes"] == word]
        _intervals(ax, rows, place[rows.index], number, across=True, label={"yes": "passes", "no": "fails"}[word])
    ax.axvline(0, color="black", lw=0.8)
    ax.set_yticks(place, claims.index)
    ax.invert_yaxis()
    ax.set_xlabel("rank correlation, or lead in GPa where cells are deleted or inserted")
    ax.legend(loc="upper right")
    return figure
