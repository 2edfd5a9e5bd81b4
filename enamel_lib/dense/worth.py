"""What each kind of label is worth: the same network, with hardness fitted to more and more of them."""

from collections.abc import Iterator, Mapping

import keras
import numpy as np
import pandas as pd

from enamel_lib.dense import evaluation, sources
from enamel_lib.dense.code import CELL_UM
from enamel_lib.dense.labels import PRIOR_SD, Labels, fit

INDENTS = (12, 25, 50, 94, 200, 400, 1600)  # on one map
GRIDS = (1, 2, 4, 8, 16, 24)  # maps with a grid of 400 indents
SHAPE, COUNT, FIRST_SEED = (600, 900), 12, 6_000_000  # of the sections that judge: none that notebooks show


def worth_of_labels(network: keras.Model, known: Mapping[str, Labels], *, seed: int = 0) -> pd.DataFrame:
    """Fit hardness to sets of labels, and judge each on sections that were kept for it.

    Parameters
    ----------
    network
        Of structure.
    known
        Labels by source, as `sources.gather` gives them: `indented`, `estimated`, `summarised`, `grids`.
    seed
        Of further indents on one map.

    Returns
    -------
    worth
        A row for each set: its `kind`, how many `indents`, `maps` and `areas`, and the `evaluation.summary`; the last
        has the truth itself, all over as many other sections: what the structure tells at best.
    """
    many = sources.gather(network, sources.indented(seed, max(INDENTS)))
    depths = np.tile((np.arange(COUNT) + 0.5) / COUNT, 2)
    both = evaluation.structure_and_truth(network, SHAPE, depths, first_seed=FIRST_SEED)
    judges, others = both[:COUNT], both[COUNT:]
    sets = [*_sets(known, many, seed), ("the truth", _every_cell(others))]
    rows = [{"kind": kind, **labels.count, **_judged(labels, judges)} for kind, labels in sets]
    return pd.DataFrame(rows)


def _judged(labels: Labels, judges: list[tuple[np.ndarray, np.ndarray]]) -> pd.Series:
    """Fit hardness to labels, and compare with the truth of sections whose structure is known."""
    found = fit(labels, PRIOR_SD)
    return evaluation.summary(pd.DataFrame(evaluation.compare(found.hardness(seen), true) for seen, true in judges))


def _every_cell(sections: list[tuple[np.ndarray, np.ndarray]]) -> Labels:
    """The true hardness of sections as if it were indented without error, in every third cell each way."""
    labels = Labels()
    for structure, true in sections:
        at = np.stack(np.mgrid[: true.shape[0] : 3, : true.shape[1] : 3], axis=-1).reshape(-1, 2)
        labels.add_indents(structure, (at + 0.5) * CELL_UM, true[at[:, 0], at[:, 1]])
    return labels


def _sets(known: Mapping[str, Labels], many: Labels, seed: int) -> Iterator[tuple[str, Labels]]:
    for name, parts in sources.LABELS.items():
        yield f"dense-{name}", Labels.joined([known[source.__name__] for source in parts])
    for without in sources.LABELS["paper"]:
        others = [known[source.__name__] for source in sources.LABELS["paper"] if source is not without]
        yield f"paper without {without.__name__}", Labels.joined(others)
    (seen, said) = many.indents[0]
    order = np.random.default_rng(seed).permutation(len(said))
    for count in INDENTS:
        yield "indents of one map", Labels([(seen[order[:count]], said[order[:count]])])
    for maps in GRIDS:
        yield "grids", Labels(known["grids"].indents[:maps])
