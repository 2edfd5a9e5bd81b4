"""Figures of the generator: arrays in, `Figure` out (see `plots`)."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from enamel_lib.generators import metrics
from enamel_lib.plots.style import PAPER_GREY, draw_image

TILE_INCH = 0.95


def side_by_side(groups: Mapping[str, np.ndarray], *, columns: int = 4) -> Figure:
    """Blocks of pictures beside each other.

    Parameters
    ----------
    groups
        Title -> `(N, R, R, 3)` uint8; N is a multiple of `columns`.
    """
    rows = max(len(pictures) for pictures in groups.values()) // columns
    figure = Figure(figsize=(TILE_INCH * columns * len(groups) + 0.4 * len(groups), TILE_INCH * rows + 0.35))
    for ax, (title, pictures) in zip(figure.subplots(1, len(groups), squeeze=False).flat, groups.items(), strict=True):
        draw_image(ax, _sheet(pictures.reshape(-1, columns, *pictures.shape[1:])), title)
    return figure


def matrix(
    pictures: np.ndarray, *, rows: Sequence[str] = (), columns: Sequence[str] = (), title: str = "", gap: bool = False
) -> Figure:
    """Pictures in rows and columns with names along two sides.

    Parameters
    ----------
    pictures
        `(rows, columns, R, R, 3)` uint8.
    rows, columns
        Names, or nothing.
    gap
        Set the first row and column apart, as sources of what they frame.
    """
    count, across, side = pictures.shape[:3]
    figure = Figure(figsize=(TILE_INCH * across + 0.6, TILE_INCH * count + 0.5))
    ax = figure.subplots()
    ax.imshow(_sheet(pictures))
    if gap:
        ax.axhline(side - 0.5, color="white", lw=4)
        ax.axvline(side - 0.5, color="white", lw=4)
    middles = side * np.arange(max(count, across)) + side / 2
    ax.set_yticks(middles[: len(rows)], rows)
    ax.set_xticks(middles[: len(columns)], columns)
    ax.tick_params(length=0, labelsize=7, labelbottom=False, labeltop=True)
    ax.spines[:].set_visible(False)
    ax.set_title(title)
    return figure


def _sheet(pictures: np.ndarray) -> np.ndarray:
    """Pictures `(rows, columns, R, R, 3)` as one."""
    rows, columns, side = pictures.shape[:3]
    return pictures.swapaxes(1, 2).reshape(rows * side, columns * side, 3)


def training_curves(history: pd.DataFrame) -> Figure:
    """Losses, regularisers and distances from real pictures against the pictures shown; grey lines where it grew.

    Parameters
    ----------
    history
        As `stylegan2.training` writes it.
    """
    figure = Figure(figsize=(9, 2.6))
    axes = figure.subplots(1, 3)
    panels = (
        ("losses", {"loss_g": "generator", "loss_d": "discriminator"}),
        ("mean scores", {"score_real": "real", "score_fake": "generated"}),
        ("distance from real", {"hue": "hue", "spectrum": "spectrum", "lag_misorientation": "misorientation"}),
    )
    for ax, (title, lines) in zip(axes, panels, strict=True):
        for column, label in lines.items():
            ax.plot(history["kimg"], history[column], label=label)
        for kimg in history["kimg"][history["resolution"].diff().shift(-1) > 0]:
            ax.axvline(kimg, color="0.85", lw=1, zorder=0)
        ax.set(title=title, xlabel="thousand pictures")
        ax.legend(fontsize=7)
    axes[2].set_ylim(0, None)
    return figure


def distributions(samples: Mapping[str, np.ndarray], pixel_size_um: float) -> Figure:
    """What the measures compare: correlation of axes, spectrum, misorientation of neighbours.

    Parameters
    ----------
    samples
        Name -> pictures `(N, R, R, 3)` uint8, real ones last.
    """
    figure = Figure(figsize=(9, 2.7))
    axes = figure.subplots(1, 3)
    for number, (name, pictures) in enumerate(samples.items()):
        style = {"label": name, "color": PAPER_GREY if number else "C0", "ls": ["-", "--", ":"][number % 3]}
        lags = np.array(metrics.lags_of(pictures))
        axes[0].semilogx(lags * pixel_size_um, metrics.director_correlation(pictures), marker=".", **style)
        frequency, power = metrics.mean_spectrum(pictures)
        axes[1].loglog(frequency / pixel_size_um, power, **style)
        angles = metrics.misorientation_distribution(pictures)
        axes[2].plot(metrics.ANGLES, angles, **style)
    axes[0].set(title="correlation of c-axes", xlabel="distance (µm)", ylabel="⟨P₂(c·c′)⟩", ylim=(0, 1))
    axes[1].set(title="spectrum of brightness", xlabel="cycles per µm", ylabel="share of power")
    axes[2].set(title="neighbouring pixels", xlabel="misorientation (°)", ylabel="cumulative share", xlim=(0, 60))
    axes[0].set_xticks(lags * pixel_size_um, [f"{lag:.2g}" for lag in lags * pixel_size_um], size=7)
    axes[0].minorticks_off()
    axes[0].legend(fontsize=7)
    return figure


def truncation(table: pd.DataFrame, panels: Mapping[str, str]) -> Figure:
    """Measures against truncation, one panel each.

    Parameters
    ----------
    table
        Index: psi.
    panels
        Column of `table` -> label of its axis.
    """
    figure = Figure(figsize=(3 * len(panels), 2.4))
    for ax, (column, label) in zip(figure.subplots(1, len(panels), squeeze=False).flat, panels.items(), strict=True):
        ax.plot(table.index, table[column], "o-")
        ax.set(xlabel="ψ", ylabel=label)
    return figure


def hardness(predicted: Mapping[str, np.ndarray], wanted: tuple[float, float]) -> Figure:
    """Histograms of predicted hardness, with the range that designs should reach.

    Parameters
    ----------
    predicted
        Name -> `(N,)` GPa.
    wanted
        GPa.
    """
    figure = Figure(figsize=(6, 2.7))
    ax: Axes = figure.subplots()
    ax.axvspan(*wanted, color="0.93", zorder=0, label=f"{wanted[0]:g} to {wanted[1]:g} GPa")
    edges = np.linspace(
        min(wanted[0], *(v.min() for v in predicted.values())),
        max(wanted[1], *(v.max() for v in predicted.values())),
        41,
    )
    for name, values in predicted.items():
        ax.hist(values, edges, density=True, histtype="step", lw=1.5, label=f"{name} ({len(values):,})")
    ax.set(xlabel="predicted hardness (GPa)", ylabel="density")
    ax.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1, 1))
    return figure
