"""Figures of predicted against measured hardness at indents: arrays in, `Figure` out."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from enamel_lib.plots.style import letter, new_figure


def comparison(table: pd.DataFrame, predicted: Mapping[str, pd.Series], scores: Mapping[str, pd.DataFrame]) -> Figure:
    """Predicted against measured hardness, a panel each, and where on the map the first errs.

    Parameters
    ----------
    table
        From `comparison.compare`: `row`, `col` (px) and `hardness` (GPa) of each indent.
    predicted
        GPa, by title.
    scores
        `comparison.scores`, by title.
    """
    figure = new_figure(2.4)
    axes = figure.subplots(1, len(predicted) + 1)
    letter(axes)
    low, high = np.nanpercentile(np.concatenate([table["hardness"], *predicted.values()]), (0, 100))
    for ax, (title, values) in zip(axes, predicted.items(), strict=False):
        ax.plot(table["hardness"], values, ".", ms=4, alpha=0.6)
        ax.axline((low, low), slope=1, color="black", lw=0.8, ls=":")
        r = f"{scores[title].at['whole map', 'r']:.2f}".replace("-", "−")
        ax.set(xlabel="measured, GPa", title=f"{title}: r = {r}", aspect="equal")
        ax.set(xlim=(low - 0.1, high + 0.1), ylim=(low - 0.1, high + 0.1))
    axes[0].set_ylabel("predicted, GPa")
    error = next(iter(predicted.values())) - table["hardness"]
    most = np.nanpercentile(error.abs(), 98)
    drawn = axes[-1].scatter(table["col"], table["row"], c=error, s=9, cmap="RdBu_r", vmin=-most, vmax=most)
    axes[-1].set(title=f"errors, {next(iter(predicted))}", aspect="equal", xlabel="column, px", ylabel="row, px")
    axes[-1].spines[:].set_visible(True)
    axes[-1].invert_yaxis()
    bar = figure.colorbar(drawn, ax=axes[-1], extend="both", shrink=0.8)
    bar.set_label("predicted − measured, GPa")
    return figure
