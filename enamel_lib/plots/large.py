"""Figures of maps of any size: where parts of them meet, and what they take."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from enamel_lib.plots.style import COLOURS, FULL_INCH, HALF_INCH, MARKS, PAPER_GREY, letter, new_figure, scale_bar

NEAR = 0.16  # half a side of what is enlarged, of a part's side
MOST_PX = 1000  # drawn along a side of the whole; a printed page shows no more


def meeting(field: np.ndarray, side: int, *, pixel_size_um: float, title: str) -> Figure:
    """A picture `(H, W, 3)` or a hardness `(H, W)`, GPa, made in parts of a `side`, and the place where four meet.

    Borders are dashed; where it is enlarged, there are marks at its edges only, so that a seam would be seen.
    """
    shape = field.shape[:2]
    low, high = (None, None) if field.ndim == 3 else np.nanpercentile(field, (1, 99))
    figure = new_figure(FULL_INCH / 2 * min(shape[0] / shape[1], 1) + 0.35)
    figure.set_layout_engine("constrained", w_pad=0.12)
    axes = figure.subplots(1, 2)
    letter(axes)
    row, col = (side if side < length else length // 2 for length in shape)
    near = min(round(NEAR * side), row, col, shape[0] - row, shape[1] - col)
    step, extent = -(-max(shape) // MOST_PX), (-0.5, shape[1] - 0.5, shape[0] - 0.5, -0.5)
    look = {"vmin": low, "vmax": high, "interpolation": "nearest"}
    drawn = axes[0].imshow(field[::step, ::step], extent=extent, **look)
    part = field[row - near : row + near, col - near : col + near]
    axes[1].imshow(part, extent=(col - near - 0.5, col + near - 0.5, row + near - 0.5, row - near - 0.5), **look)
    for at in range(side, shape[0], side):
        axes[0].axhline(at - 0.5, color="white", lw=0.8, ls="--")
    for at in range(side, shape[1], side):
        axes[0].axvline(at - 0.5, color="white", lw=0.8, ls="--")
    axes[0].add_patch(Rectangle((col - near, row - near), 2 * near, 2 * near, fill=False, ec=COLOURS[1], lw=1.2))
    axes[0].set(title=title, xticks=[], yticks=[])
    axes[1].set(title="where parts meet")
    axes[1].set(xticks=[col - 0.5] if col == side else [], yticks=[row - 0.5] if row == side else [])
    axes[1].tick_params(top=True, right=True, labelbottom=False, labelleft=False, length=6)
    scale_bar(axes[0], shape[1], pixel_size_um)
    scale_bar(axes[1], 2 * near, pixel_size_um)
    if field.ndim == 2:
        figure.colorbar(drawn, ax=axes, label="hardness (GPa)", shrink=0.8, extend="both")
    return figure


def memory(curve: pd.DataFrame, goal_gib: float) -> Figure:
    """Peak memory, `peak_gib`, against `gigapixels`, by `workers`; open marks are of pictures that are all enamel."""
    figure = new_figure(2.6, width=1.3 * HALF_INCH)
    figure.set_layout_engine("constrained")
    ax = figure.subplots()
    whole = curve["blocks"] == curve["blocks_with_enamel"]
    for number, (workers, rows) in enumerate(curve.groupby("workers")):
        look = {"color": COLOURS[number], "marker": MARKS[number]}
        dark, lit = rows[~whole].sort_values("gigapixels"), rows[whole]
        ax.plot(dark["gigapixels"], dark["peak_gib"], label=f"{workers} process{'es' * (workers > 1)}", **look)
        ax.plot(lit["gigapixels"], lit["peak_gib"], ls="", mfc="none", ms=9, **look)
    ax.axhline(goal_gib, color=PAPER_GREY, ls=":", label="goal")
    ax.set(
        xscale="log",
        xlabel="picture (gigapixels)",
        ylabel="peak memory (GiB)",
        ylim=(0, 1.15 * curve["peak_gib"].max()),
    )
    ax.set_xticks(sorted(set(curve["gigapixels"])), labels=[f"{each:g}" for each in sorted(set(curve["gigapixels"]))])
    ax.minorticks_off()
    ax.legend(loc="lower left")
    return figure
