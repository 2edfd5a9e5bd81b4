"""Figures of hardness maps: arrays in, `Figure` out."""

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from enamel_lib.inference.hardness_map import HardnessMap
from enamel_lib.plots.style import FULL_INCH, draw_image, draw_pic_key, letter, new_figure, scale_bar

MOST_PX = 2000  # drawn along a side; a printed page shows no more
KEY_INCH = 0.85  # height of the strip with the colour key and the colour bar


def beside(
    image: np.ndarray,
    maps: Mapping[str, HardnessMap],
    *,
    r: Mapping[str, float] | None = None,
    title: str = "PIC map",
    pixel_size_um: float | None = None,
    crop: bool = True,
) -> Figure:
    """A PIC map and hardness maps of it: in one frame and one colour range, with the window that each map was read by.

    Parameters
    ----------
    image
        `(H, W, 3)` uint8; the grids of all `maps` refer to its pixels.
    maps
        Maps by title.
    r
        Correlation with what is true or published, by title, of those maps where it is known.
    title
        Of the picture.
    pixel_size_um
        For a scale bar; none is drawn where it is not known.
    crop
        Whether to leave out what not all maps cover, such as the border, where no window has its centre.
    """
    extents = {name: _extent(one) for name, one in maps.items()}
    left, right, bottom, top = -0.5, image.shape[1] - 0.5, image.shape[0] - 0.5, -0.5
    if crop:
        left, right, bottom, top = (
            pick(edge) for pick, edge in zip((max, min, min, max), zip(*extents.values(), strict=True), strict=True)
        )
    panels = 1 + len(maps)
    columns = panels if panels < 4 else 2
    rows = -(-panels // columns)
    tall = rows * (FULL_INCH / columns * (bottom - top) / (right - left) + 0.2)
    figure = new_figure(tall + KEY_INCH)
    upper, lower = figure.subfigures(2, 1, height_ratios=(tall, KEY_INCH))
    axes = upper.subplots(rows, columns, squeeze=False).ravel()
    letter(axes[:panels])
    step = -(-max(image.shape[:2]) // MOST_PX)
    draw_image(axes[0], image[::step, ::step], title)
    axes[0].images[0].set_extent((-0.5, image.shape[1] - 0.5, image.shape[0] - 0.5, -0.5))
    axes[0].set(xlim=(left, right), ylim=(bottom, top))
    if pixel_size_um:
        scale_bar(axes[0], right - left, pixel_size_um)
    _draw_windows(axes[0], maps, (right, top))
    maps = {name: one.every(-(-max(one.hardness.shape) // MOST_PX)) for name, one in maps.items()}
    low, high = np.percentile([np.nanpercentile(one.hardness, (1, 99)) for one in maps.values()], (0, 100))
    for ax, (name, one) in zip(axes[1:], maps.items(), strict=False):
        drawn = ax.imshow(one.hardness, extent=extents[name], vmin=low, vmax=high)
        ax.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[], title=_with_r(name, r))
        ax.spines[:].set(visible=True, lw=0.5)
    key, scale = lower.subplots(1, 2)
    draw_pic_key(key)
    key.set(xlabel="PIC colours: in-plane φ (°), off-plane |γ| (°)", ylabel="|γ|")
    scale.set_axis_off()
    bar = scale.inset_axes((0, 0.4, 1, 0.4))
    figure.colorbar(drawn, cax=bar, orientation="horizontal", label="hardness (GPa)", extend="both")
    return figure


def _extent(one: HardnessMap) -> tuple[float, float, float, float]:
    """Left, right, bottom and top of the cells around the windows' centres."""
    half = one.stride / 2
    return one.cols[0] - half, one.cols[-1] + half, one.rows[-1] + half, one.rows[0] - half


def _draw_windows(ax, maps: Mapping[str, HardnessMap], corner: tuple[float, float]) -> None:
    """Outline each size of window in the upper right corner, with the letters of the maps that were read with it."""
    letters: dict[float, list[str]] = {}
    for name, one in zip("BCDEFGH", maps.values(), strict=False):
        if one.window:
            letters.setdefault(one.window, []).append(name)
    for side, names in letters.items():
        place = (corner[0] - side - 6, corner[1] + 6)
        ax.add_patch(Rectangle(place, side, side, fill=False, ec="white", lw=1.2, ls="--"))
        ax.text(place[0] + 6, place[1] + side - 6, ", ".join(names), color="white", size=7, va="bottom")


def _with_r(name: str, r: Mapping[str, float] | None) -> str:
    if r is None or name not in r:
        return name
    number = f"{r[name]:.2f}".replace("-", "−")
    return f"{name}: r = {number}"


def agreement(maps: Mapping[str, HardnessMap], r: Mapping[str, float]) -> Figure:
    """2-D histograms of the values of all other maps against those of the first in the same places; `r` correlates."""
    (name, first), *others = maps.items()
    figure = new_figure(2.9)
    axes = figure.subplots(1, len(others), sharex=True, sharey=True)
    letter(axes)
    pairs = {_with_r(title, r): (first.at(one.rows, one.cols), one.hardness) for title, one in others}
    low, high = np.nanpercentile(np.concatenate([np.ravel(pair) for pair in pairs.values()]), (0, 100))
    for ax, (title, (x, y)) in zip(axes, pairs.items(), strict=True):
        both = np.isfinite(x)
        drawn = ax.hist2d(x[both], y[both], bins=70, range=[(low, high)] * 2, cmap="cividis", cmin=1, norm="log")[3]
        ax.axline((low, low), slope=1, color="black", lw=0.8, ls=":")
        ax.set(xlabel=f"{name}, GPa", title=title, aspect="equal")
    axes[0].set_ylabel("ours, GPa")
    figure.colorbar(drawn, ax=axes, label="places", shrink=0.9)
    return figure
