"""Figures of the generator: what is drawn is what was given."""

import numpy as np
import pandas as pd
import pytest

from enamel_lib.plots import generator as figures


def plain(*shape):
    """Pictures of one grey each, in order."""
    count = int(np.prod(shape))
    grey = np.arange(count, dtype=np.uint8).reshape(*shape, 1, 1, 1)
    return np.broadcast_to(grey, (*shape, 16, 16, 3)).copy()


def test_a_matrix_reads_like_text_and_leaves_unknown_hardness_out():
    hardness = np.array([[np.nan, 3.21], [4.0, np.nan]])
    (ax,) = figures.matrix(plain(2, 2), rows=["a", "b"], hardness=hardness).axes
    step, sheet = 16 + figures.GAP_PX, ax.images[0].get_array()
    assert [sheet[step * row + 8, step * column + 8, 0] for row in (0, 1) for column in (0, 1)] == [0, 1, 2, 3]
    assert [text.get_text() for text in ax.texts] == ["3.2", "4.0"]


def test_truncation_is_drawn_on_whole_axes_with_its_intervals():
    scores = pd.DataFrame(
        [(name, psi, 0.8, 0.7, 0.9) for name in ("precision", "spread", "hardness sd") for psi in (0.5, 1)],
        columns=["measure", "psi", "value", "low", "high"],
    )
    figure = figures.truncation(plain(2, 3), scores)
    _, *axes = figure.axes
    assert axes[0].get_ylim() == (0, 1)
    bars = axes[0].containers[0].lines[2][0].get_segments()
    assert [bar[:, 1].tolist() for bar in bars] == [pytest.approx([0.7, 0.9])] * 2


def test_a_block_may_be_partly_filled():
    figure = figures.samples({"few": plain(5), "many": plain(20)}, 0.1)
    assert [ax.get_title(loc="left") for ax in figure.axes[:2]] == ["few", "many"]
