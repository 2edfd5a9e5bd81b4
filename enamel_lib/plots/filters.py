"""Figures of what filters look for: arrays in, `Figure` out."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from skimage.util import montage

from enamel_lib.plots import style

GAP = 6  # px between pictures
COLUMNS = 3  # of pictures for each stage; of more, none is clear in print


def filter_pictures(pictures: Mapping[str, Sequence[np.ndarray]]) -> Figure:
    """Fig. 2E: the pictures of each stage, `(N, H, W, 3)` in [0, 1], a column; by network, a row."""
    stages = len(next(iter(pictures.values())))
    figure = style.new_figure((style.FULL_INCH / stages * 2 / 3 + 0.25) * len(pictures))
    axes = figure.subplots(len(pictures), stages, squeeze=False)
    for row, (network, of_stages) in zip(axes, pictures.items(), strict=True):
        for number, (ax, stage) in enumerate(zip(row, of_stages, strict=True), 1):
            grid = -(-len(stage) // COLUMNS), COLUMNS
            framed = montage(stage, grid_shape=grid, fill=(1, 1, 1), padding_width=GAP, channel_axis=-1)
            ax.imshow(framed[GAP:-GAP, GAP:-GAP])
            ax.set(title=f"{network}, stage {number}", xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
    style.letter(axes[:, 0])
    return figure


def stage_measures(measures: pd.DataFrame, labels: Mapping[str, str]) -> Figure:
    """Measures of filter pictures by stage (`kind`, `stage`, and those that have labels): dots, and lines of means."""
    figure = style.new_figure(2.5)
    axes = figure.subplots(1, len(labels))
    for ax, (name, label) in zip(axes, labels.items(), strict=True):
        for number, (kind, rows) in enumerate(measures.groupby("kind", sort=False)):
            shift, look = 0.15 * (number - 1.5), {"color": f"C{number}", "marker": style.MARKS[number]}
            ax.plot(rows["stage"] + shift, rows[name], ls="", ms=2.5, alpha=0.4, mec="none", **look)
            mean = rows.groupby("stage")[name].mean()
            ax.plot(mean.index + shift, mean, label=kind, **look)
        ax.set(xlabel="stage", ylabel=label, xticks=sorted(measures["stage"].unique()))
        ax.set_ylim(bottom=0)
    figure.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=measures["kind"].nunique())
    style.letter(axes)
    return figure
