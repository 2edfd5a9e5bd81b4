"""Figures of hardness maps: arrays in, `Figure` out."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from enamel_lib.inference.hardness_map import HardnessMap
from enamel_lib.plots.style import draw_image, scale_bar


def hardness_map_figure(
    hardness_map: HardnessMap, *, image: np.ndarray, pixel_size_um: float | None = None, title: str = ""
) -> Figure:
    """Fig. 4: a PIC map and the hardness mapped from it, in the same frame.

    Parameters
    ----------
    hardness_map
        From `hardness_map.raster`; its border, where no window fits, stays white.
    image
        `(H, W, 3)` uint8, the map that was rastered.
    pixel_size_um
        For a scale bar; none is drawn where it is not known.
    """
    height, width = image.shape[:2]
    tall = height > 1.3 * width
    figure = Figure(figsize=(5.5, 6) if tall else (8, 0.15 + 4.0 * min(height / width, 1.3)))
    axes = figure.subplots(1, 2)
    draw_image(axes[0], image, title or "PIC map")
    if pixel_size_um:
        scale_bar(axes[0], width, pixel_size_um)
    drawn = _draw(axes[1], hardness_map.hardness, hardness_map.rows, hardness_map.cols, (height, width))
    axes[1].set_title("predicted hardness")
    figure.colorbar(drawn, ax=axes, label="hardness (GPa)", shrink=0.8, pad=0.01)
    return figure


def _draw(ax, values, rows, cols, shape, **limits):
    """Draw a grid of values at window centres, in the frame of an image of `shape`."""
    half = [(c[1] - c[0]) / 2 if len(c) > 1 else 0.5 for c in (rows, cols)]
    extent = (cols[0] - half[1], cols[-1] + half[1], rows[-1] + half[0], rows[0] - half[0])
    drawn = ax.imshow(values, extent=extent, **limits)
    ax.set(xlim=(-0.5, shape[1] - 0.5), ylim=(shape[0] - 0.5, -0.5), xticks=[], yticks=[])
    ax.spines[:].set(visible=True, lw=0.5)
    return drawn


def map_row(image: np.ndarray, maps: Mapping[str, HardnessMap]) -> Figure:
    """A PIC map and several hardness maps of it side by side, each in its own colour scale.

    Parameters
    ----------
    image
        `(H, W, 3)` uint8; the grids of all `maps` refer to its pixels.
    maps
        Maps by title.
    """
    height, width = image.shape[:2]
    figure = Figure(figsize=(9.5, 1.0 + 9.5 / (len(maps) + 1) * height / width))
    axes = figure.subplots(1, len(maps) + 1)
    draw_image(axes[0], image, "PIC map")
    for ax, (title, one) in zip(axes[1:], maps.items(), strict=True):
        drawn = _draw(ax, one.hardness, one.rows, one.cols, (height, width))
        ax.set_title(title)
        figure.colorbar(drawn, ax=ax, orientation="horizontal", label="GPa", shrink=0.9)
    return figure


def truth_row(image: np.ndarray, predicted: HardnessMap, truth: np.ndarray, pixel_size_um: float) -> Figure:
    """A simulated map: picture, true hardness, predicted hardness and their difference.

    Parameters
    ----------
    truth
        `(R, C)` GPa, the truth at the windows' centres, on the grid of `predicted`.
    """
    height, width = image.shape[:2]
    figure = Figure(figsize=(9.5, 1.2 + 9.5 / 4 * height / width))
    axes = figure.subplots(1, 4)
    draw_image(axes[0], image, "simulated PIC map")
    scale_bar(axes[0], width, pixel_size_um)
    low, high = np.nanpercentile(np.stack([truth, predicted.hardness]), (1, 99))
    reach = np.nanpercentile(np.abs(predicted.hardness - truth), 99)
    for ax, title, values, limits, colours in (
        (axes[1], "true, mean over the window", truth, (low, high), "cividis"),
        (axes[2], "predicted", predicted.hardness, (low, high), "cividis"),
        (axes[3], "predicted − true", predicted.hardness - truth, (-reach, reach), "RdBu_r"),
    ):
        drawn = _draw(
            ax, values, predicted.rows, predicted.cols, (height, width), cmap=colours, vmin=limits[0], vmax=limits[1]
        )
        ax.set_title(title)
        figure.colorbar(drawn, ax=ax, orientation="horizontal", label="GPa", shrink=0.9)
    return figure


def agreement(pairs: Mapping[str, tuple[np.ndarray, np.ndarray]], labels: Sequence[str]) -> Figure:
    """Densities of two maps' values against each other.

    Parameters
    ----------
    pairs
        By title: values `(n,)` of x and y in GPa; NaN pairs are left out.
    labels
        Names of x and y.
    """
    figure = Figure(figsize=(3.4 * len(pairs), 3.2))
    for ax, (title, (x, y)) in zip(np.atleast_1d(figure.subplots(1, len(pairs))), pairs.items(), strict=True):
        both = np.isfinite(x) & np.isfinite(y)
        ax.hexbin(x[both], y[both], gridsize=45, mincnt=1, bins="log", cmap="cividis")
        ax.axline((x[both].mean(), x[both].mean()), slope=1, color="black", lw=0.8, ls=":")
        ax.set(xlabel=f"{labels[0]} (GPa)", ylabel=f"{labels[1]} (GPa)", title=title)
    return figure
