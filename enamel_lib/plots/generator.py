"""Figures of the generator: arrays in, `Figure` out (see `plots`)."""

from collections.abc import Mapping, Sequence

import matplotlib.patheffects
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from skimage.util import montage

from enamel_lib.plots.style import COLOURS, FULL_INCH, MARKS, draw_pic_key, letter, new_figure, scale_bar

STYLES = ("-", "--", ":")  # of lines, so that nothing is told by colour alone
GAP_PX = 3  # between pictures of a sheet


def samples(groups: Mapping[str, np.ndarray], pixel_size_um: float, *, columns: int = 4) -> Figure:
    """Blocks of pictures beside each other, with the colour key: title -> `(N, R, R, 3)` uint8."""
    figure = new_figure(FULL_INCH / len(groups) + 1.1)
    blocks, bottom = figure.subfigures(2, 1, height_ratios=(FULL_INCH / len(groups), 1.1))
    axes = blocks.subplots(1, len(groups), squeeze=False)[0]
    for ax, (title, pictures) in zip(axes, groups.items(), strict=True):
        _draw_sheet(ax, pictures[: columns**2], columns)
        ax.set_title(title)
        ax.set_axis_off()
        scale_bar(ax, pictures.shape[2], pixel_size_um)
    letter(axes)
    draw_pic_key(bottom.subplots(1, 3, width_ratios=(1, 2, 1))[1])
    for ax in bottom.axes[::2]:
        ax.set_axis_off()
    return figure


def matrix(pictures: np.ndarray, *, rows: Sequence[str], hardness: np.ndarray | None = None) -> Figure:
    """Pictures `(rows, columns, R, R, 3)` uint8 in named rows, with their hardness `(rows, columns)`, GPa, in them."""
    figure = new_figure((FULL_INCH - 0.9) * pictures.shape[0] / pictures.shape[1] + 0.2)
    _draw_matrix(figure.subplots(), pictures, rows, hardness)
    return figure


def mixing(coarse: np.ndarray, fine: np.ndarray, crossed: np.ndarray, hardness: np.ndarray) -> Figure:
    """What every pair of two sets of pictures, uint8, makes, framed by them.

    `coarse` `(P, R, R, 3)`, `fine` `(Q, R, R, 3)`, `crossed` `(P, Q, R, R, 3)` with its hardness `(P, Q)`, GPa.
    """
    top = np.concatenate([np.full_like(fine[:1], 255), fine])
    sheet = np.concatenate([top[None], np.concatenate([coarse[:, None], crossed], axis=1)])
    figure = new_figure((FULL_INCH - 0.9) * sheet.shape[0] / sheet.shape[1] + 0.2)
    ax = figure.subplots()
    names = ["fine", *(f"coarse {number + 1}" for number in range(len(coarse)))]
    _draw_matrix(ax, sheet, names, np.pad(hardness, ((1, 0), (1, 0)), constant_values=np.nan))
    for line in (ax.axhline, ax.axvline):
        line(fine.shape[1] + 1.5 * GAP_PX - 0.5, color="black", lw=1)
    return figure


def _draw_matrix(ax: Axes, pictures: np.ndarray, names: Sequence[str], hardness: np.ndarray | None = None) -> None:
    """Draw pictures `(rows, columns, R, R, 3)` as one, with names of the rows, and hardness where it is not NaN."""
    side = pictures.shape[2]
    step = side + GAP_PX
    _draw_sheet(ax, pictures.reshape(-1, *pictures.shape[2:]), pictures.shape[1])
    for (row, column), value in np.ndenumerate(np.empty((0, 0)) if hardness is None else hardness):
        if np.isfinite(value):
            place = (column * step + 0.08 * side, (row + 1) * step - 0.08 * side)
            label = ax.text(*place, f"{value:.1f}", color="white", size=7)
            label.set_path_effects([matplotlib.patheffects.withStroke(linewidth=1.5, foreground="black")])
    ax.set_yticks(step * np.arange(len(names)) + GAP_PX + side / 2, names)
    ax.set_xticks([])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)


def _draw_sheet(ax: Axes, pictures: np.ndarray, columns: int) -> None:
    """Draw pictures `(N, R, R, 3)` as one, so many in a row."""
    grid = (-(-len(pictures) // columns), columns)
    ax.imshow(montage(pictures, (255, 255, 255), grid_shape=grid, padding_width=GAP_PX, channel_axis=-1))


def training_curves(history: pd.DataFrame) -> Figure:
    """Losses, scores and distances from real pictures against the pictures shown; grey lines where it grew.

    The history is as `stylegan2.training` writes it.
    """
    figure = new_figure(2.1)
    axes = figure.subplots(1, 3)
    panels = (
        ("losses", {"loss_g": "generator", "loss_d": "discriminator"}),
        ("mean scores", {"score_real": "real", "score_fake": "generated"}),
        ("distance from real", {"hue": "hue", "spectrum": "spectrum", "lag_misorientation": "misorientation"}),
    )
    for ax, (title, lines) in zip(axes, panels, strict=True):
        for style, (column, label) in zip(STYLES, lines.items(), strict=False):
            ax.plot(history["kimg"], history[column], style, label=label)
        for kimg in history["kimg"][history["resolution"].diff().shift(-1) > 0]:
            ax.axvline(kimg, color="0.85", lw=1, zorder=0)
        ax.set(title=title, xlabel="thousand pictures")
        ax.legend()
    axes[2].set_ylim(0, 1.6 * axes[2].get_ylim()[1])  # room for the legend
    letter(axes)
    return figure


def distributions(curves: pd.DataFrame) -> Figure:
    """What `generators.metrics.curves` compares: correlation of axes, spectrum, misorientation of neighbours."""
    figure = new_figure(2.3)
    axes = figure.subplots(1, 3)
    panels = dict(zip(("correlation", "spectrum", "misorientation"), axes, strict=True))
    names = curves["sample"].unique().tolist()
    for (measure, name), curve in curves.groupby(["measure", "sample"], sort=False):
        index = names.index(name)
        mark = MARKS[index] if measure == "correlation" else None
        panels[measure].plot(curve["x"], curve["y"], STYLES[index], marker=mark, color=COLOURS[index], label=name)
    axes[0].set(xscale="log", xlabel="distance (µm)", ylabel="⟨P₂(c·c′)⟩", ylim=(0, 1), title="correlation of c-axes")
    axes[1].set(xscale="log", yscale="log", xlabel="cycles per µm", ylabel="share of power")
    axes[1].set_title("spectrum of brightness")
    axes[2].set(xlabel="misorientation (°)", ylabel="cumulative share", xlim=(0, 60), ylim=(0, 1))
    axes[2].set_title("neighbouring pixels")
    axes[2].legend(loc="lower right")
    letter(axes)
    return figure


def truncation(pictures: np.ndarray, scores: pd.DataFrame) -> Figure:
    """Pictures `(P, N, R, R, 3)` uint8 at P truncations, one row each, and `generators.metrics.truncation` of them."""
    psis = scores["psi"].unique()
    sheet = (FULL_INCH - 0.6) * pictures.shape[0] / pictures.shape[1]
    figure = new_figure(sheet + 2.0)
    top, bottom = figure.subfigures(2, 1, height_ratios=(sheet, 1.9))
    above = top.subplots()
    _draw_matrix(above, pictures, [f"ψ = {psi:g}" for psi in psis])
    axes = bottom.subplots(1, 3)
    labels = {"precision": "precision", "spread": "spread of features", "hardness sd": "sd of hardness (GPa)"}
    for ax, (measure, label) in zip(axes, labels.items(), strict=True):
        some = scores[scores["measure"] == measure]
        errors = (some["value"] - some["low"], some["high"] - some["value"])
        ax.errorbar(some["psi"], some["value"], errors, fmt="o", capsize=2)
        ax.set(xlabel="truncation ψ", ylabel=label, ylim=(0, 1 if measure == "precision" else None))
    above.set_title("the same codes in each column")
    letter([above, *axes])
    return figure


def hardness(predicted: Mapping[str, np.ndarray], targets: Sequence[float]) -> Figure:
    """Cumulative distributions of predicted hardness, name -> `(N,)`, with the targets of designs; GPa."""
    figure = new_figure(2.3)
    ax = figure.subplots()
    for target in targets:
        ax.axvline(target, color="0.85", lw=1, zorder=0)
    ax.plot(targets, np.zeros(len(targets)), "^", color="0.45", clip_on=False, label="targets of designs")
    for style, (name, values) in zip(STYLES, predicted.items(), strict=True):
        ax.ecdf(values, ls=style, label=f"{name} ({len(values):,})")
    ax.set(xlabel="predicted hardness (GPa)", ylabel="share of pictures below", ylim=(0, 1))
    ax.legend(loc="upper left", bbox_to_anchor=(1, 1))
    return figure
