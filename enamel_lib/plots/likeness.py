"""Figures of how like enamel simulated maps look: beside the real map, in numbers, and to a classifier."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from enamel_lib import microstructure
from enamel_lib.plots.style import COLOURS, draw_image, draw_small_key, letter, new_figure, scale_bar
from enamel_lib.simulate.two_sample import TwoSample


def maps(
    pictures: Mapping[str, np.ndarray],
    profiles: Mapping[str, Sequence[Mapping[str, np.ndarray]]],
    pixel_size_um: float,
) -> Figure:
    """Up to five maps at one scale, and the measures that compare them.

    Parameters
    ----------
    pictures
        By title: `(H, W, 3)` uint8 PIC maps.
    profiles
        By kind of map: `microstructure.profile` of each map; of several, the range is shaded and the median drawn.
    pixel_size_um
        Of all; the real map's is not published.
    """
    figure = new_figure(5.4)
    top, bottom = figure.subfigures(2, 1, height_ratios=(1.75, 1))
    *shown, key = top.subplots(2, 3).flat
    for ax, (title, picture) in zip(shown, pictures.items(), strict=True):
        draw_image(ax, picture, title)
        scale_bar(ax, picture.shape[1], pixel_size_um)
    draw_small_key(key, 0.3)
    lags, hue, value = bottom.subplots(1, 3)
    edges, shares = np.linspace(-90, 90, microstructure.HUE_BINS + 1), np.linspace(0, 1, 101)
    for (kind, of_maps), colour, style in zip(profiles.items(), COLOURS, ("-", "--"), strict=False):
        low, middle, high = (
            {name: np.quantile([one[name] for one in of_maps], level, axis=0) for name in of_maps[0]}
            for level in (0, 0.5, 1)
        )
        drawn = {"color": colour, "ls": style}
        shade = {"color": colour, "alpha": 0.2, "lw": 0}
        lags.plot(microstructure.LAGS_PX, middle["misorientation"], marker="o", label=kind, **drawn)
        lags.fill_between(microstructure.LAGS_PX, low["misorientation"], high["misorientation"], **shade)
        hue.stairs(middle["hue"], edges, lw=1.5, **drawn)
        hue.stairs(high["hue"], edges, baseline=low["hue"], fill=True, **shade)
        value.plot(middle["brightness"], shares, **drawn)
        value.fill_betweenx(shares, low["brightness"], high["brightness"], **shade)
    lags.set_xscale("log", base=2)
    lags.set(xlabel="lag (px)", ylabel="misorientation (°)", ylim=(0, None))
    lags.set_xticks(microstructure.LAGS_PX, [str(lag) for lag in microstructure.LAGS_PX])
    lags.legend()
    hue.set(xlabel="in-plane angle φ (°)", ylabel="share", xticks=range(-90, 91, 45))
    value.set(xlabel="brightness V", ylabel="cumulative share")
    letter([*shown, lags, hue, value])
    return figure


def two_sample(tests: Mapping[str, TwoSample]) -> Figure:
    """How well simulated crops are told from real ones, both directions of each test, and by which features."""
    figure = new_figure(2.6)
    curve, features = figure.subplots(1, 2, width_ratios=(1, 1.3))
    for (name, test), colour, style in zip(tests.items(), COLOURS, ("-", "--", ":"), strict=False):
        for number, each in enumerate(test.curves):
            label = f"{name}: {test.area:.2f}" if not number else None
            curve.plot(*each, color=colour, ls=style, lw=1.5 - 0.5 * number, label=label)
    curve.plot((0, 1), (0, 1), color="0.7", lw=0.8)
    curve.set(xlabel="simulated crops taken for real", ylabel="real crops known for real", aspect="equal")
    curve.legend(title="area under the curve", loc="lower right")
    table = pd.DataFrame({name: test.importances for name, test in tests.items()})
    table = table.loc[table.max(axis=1).nlargest(8).index[::-1]]
    table.plot.barh(ax=features, color=COLOURS, legend=False, width=0.8)
    features.set(xlabel="importance for telling them apart")
    letter([curve, features])
    return figure
