"""Figure of the paper's claims and what became of them: a table in, `Figure` out."""

import textwrap

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from enamel_lib.plots.style import COLOURS, FULL_INCH, PAPER_GREY

LOOKS = {  # colour and sign of each verdict, so that nothing is told by colour alone
    "holds": (COLOURS[2], "✓"),
    "in part": (COLOURS[0], "~"),
    "only with leakage": (COLOURS[4], "!"),
    "artefact": (COLOURS[3], "×"),
    "does not hold": (COLOURS[3], "×"),
    "not testable here": (PAPER_GREY, "?"),
}
LINE_INCH, CLAIM, BECAUSE = 0.145, 44, 56  # height of a line of text; characters in a line of both columns
HEAD = 1.7  # lines that the heads of the columns take


def verdicts(table: pd.DataFrame) -> Figure:
    """One line for each claim of `reproduce.verdicts`: the claim, its verdict, and why."""
    rows = []
    for one in table.itertuples():
        claim = textwrap.wrap(f"{one.claim} ({one.where})", CLAIM)
        because = textwrap.wrap(one.because, BECAUSE)
        rows.append((claim, one.verdict, because, max(len(claim), len(because)) + 0.7))
    height = HEAD + sum(row[-1] for row in rows)
    figure = Figure(figsize=(FULL_INCH, height * LINE_INCH), layout="none")
    ax = figure.add_axes((0, 0, 1, 1), xlim=(0, 100), ylim=(height, 0))
    ax.set_axis_off()
    for x, word, align in ((0.5, "the paper's claim", "left"), (46, "verdict here", "center"), (57, "because", "left")):
        ax.text(x, HEAD / 2, word, va="center", ha=align, size=7.5, weight="bold")
    ax.axhline(HEAD, color="0.4", lw=0.8)
    top = HEAD
    for claim, verdict, because, tall in rows:
        colour, sign = LOOKS.get(verdict, (PAPER_GREY, "…"))
        middle = top + tall / 2
        ax.text(0.5, middle, "\n".join(claim), va="center", size=7)
        box = FancyBboxPatch(
            (36.5, middle - 0.6), 19, 1.2, boxstyle="round,pad=0,rounding_size=0.4", fc=colour, ec="none"
        )
        ax.add_patch(box)
        ax.text(46, middle, f"{sign} {verdict}", va="center", ha="center", size=7, color="white", weight="bold")
        ax.text(57, middle, "\n".join(because), va="center", size=7)
        top += tall
        ax.axhline(top, color="0.85", lw=0.6)
    return figure
