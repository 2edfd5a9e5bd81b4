"""How every figure looks: sizes, type, colours and marks, panel letters, scale bars, the colour key of PIC maps.

Figures are drawn at the width they are printed at, 174 mm or half of it, with text of 7 to 9 pt; they are made without
pyplot, so that a notebook shows each one once and no state is left behind.
"""

from collections.abc import Iterable, Sequence

import matplotlib as mpl
import matplotlib.patheffects
import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from enamel_lib import paths, pic

mpl.rcdefaults()  # figures depend on no matplotlibrc of the user
mpl.style.use(paths.PACKAGE / "plots" / "enamel.mplstyle")
FULL_INCH, HALF_INCH = 174 / 25.4, 85 / 25.4  # width of two columns and of one (Cell Press)
COLOURS = tuple(mpl.rcParams["axes.prop_cycle"].by_key()["color"])  # Okabe and Ito: apart also for colour-blind eyes
MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")  # go with the colours, so that nothing is told by colour alone
PAPER_GREY = "0.45"  # whatever the paper printed
ROUND_UM = (1, 2, 5, 10, 20, 50, 100, 200, 500)  # lengths of scale bars


def new_figure(height: float, *, width: float = FULL_INCH) -> Figure:
    """Give an empty figure of the printed size, inches."""
    return Figure(figsize=(width, height))


def letter(axes: Iterable[Axes], *, first: str = "A") -> None:
    """Put bold panel letters above the upper left corners of axes, in order."""
    for number, ax in enumerate(axes):
        ax.annotate(
            chr(ord(first) + number),
            (0, 1),
            xytext=(-4, 4),
            xycoords="axes fraction",
            textcoords="offset points",
            ha="right",
            va="bottom",
            size=10,
            weight="bold",
        )


def draw_image(ax: Axes, image: np.ndarray, title: str = "") -> None:
    """Draw a picture without axes."""
    ax.imshow(image)
    ax.set_title(title)
    ax.set_axis_off()


def scale_bar(ax: Axes, width_px: float, pixel_size_um: float) -> None:
    """Draw a white bar of a round length, about a fifth of an image `width_px` wide, in its lower left corner."""
    wanted = width_px * pixel_size_um / 5
    length = max((r for r in ROUND_UM if r <= wanted), default=wanted)
    bottom, height = max(ax.get_ylim()), abs(np.diff(ax.get_ylim())[0])
    left = min(ax.get_xlim()) + 0.03 * width_px
    bar = Rectangle(
        (left, bottom - 0.06 * height), length / pixel_size_um, 0.015 * height, fc="white", ec="black", lw=0.5
    )
    ax.add_patch(bar)
    label = ax.text(left, bottom - 0.075 * height, f"{length:g} µm", color="white", size=8, va="bottom")
    label.set_path_effects([mpl.patheffects.withStroke(linewidth=1.5, foreground="black")])


def draw_pic_key(ax: Axes) -> None:
    """Draw the colour key of PIC maps: hue against in-plane angle, brightness against off-plane angle."""
    phi, gamma = np.meshgrid(np.linspace(-90, 90, 361), np.linspace(0, 90, 91))
    ax.imshow(pic.encode(pic.to_director(phi, gamma)), extent=(-90, 90, 90, 0), aspect="auto", interpolation="bilinear")
    ax.set(xlabel="in-plane φ (°)", ylabel="off-plane |γ| (°)", xticks=(-90, -45, 0, 45, 90), yticks=(0, 45, 90))


def draw_small_key(ax: Axes, aspect: float) -> None:
    """Draw the colour key of PIC maps where room is scarce, so many times as high as wide."""
    draw_pic_key(ax)
    ax.set(xlabel="φ (°)", ylabel="|γ| (°)", xticks=(-90, 0, 90), yticks=(0, 90), box_aspect=aspect)


def gallery(images: Sequence[np.ndarray], titles: Sequence[str], *, columns: int = 4) -> Figure:
    """Pictures `(H, W, 3)` side by side, each with a title."""
    rows = -(-len(images) // columns)
    figure = new_figure(FULL_INCH / columns * 1.15 * rows)
    for ax, image, title in zip(figure.subplots(rows, columns, squeeze=False).flat, images, titles, strict=False):
        draw_image(ax, image, title)
    for ax in figure.axes[len(images) :]:
        ax.set_axis_off()
    return figure
