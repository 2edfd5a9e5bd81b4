"""What measured hardness is asked beyond a score: how sharp its places are, what labels are worth, intervals, edges."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import ndimage, optimize, special

from enamel_lib.dense import axes, intervals, labels, left_out

COUNTS, DRAWS = (16, 64, 256, 1024), 5  # indents, and how often so many are drawn
TILE_UM, TILES = 12.0, 64  # side of the areas whose mean is a label, as of the paper's tiles; and how many
COVERAGE = 0.9
STEP_GPA, LENGTH_PX, LEAST_GRAIN = 0.45, 15, 20  # of a boundary at least: step, length; indents in its grains
BIN_UM, REACH_UM, PLATEAU_UM = 1.0, 12.0, 6.0  # from a boundary; plateaus on either side begin there
RISE = 2 * special.ndtri(0.9)  # from 10 to 90 % of an edge, in its standard deviation


def shifted(known: axes.Indented, model: axes.AxisIndenter, shifts: Sequence[tuple[int, int]]) -> pd.DataFrame:
    """R2 with grains left out where indents are shifted by some pixels from the places that a model has found.

    A row for each shift: `down`, `across` (px), `r2`.
    """
    rows, still = [], np.zeros_like(model.moves)
    for shift in shifts:
        places = known.places(model.moves + np.array(shift) * known.maps[0].pixel_size_um)
        table = known.table.assign(down_um=places[:, 0], across_um=places[:, 1])
        there, found = axes.Indented(known.maps, table, known.support_um), np.empty(len(table))
        for kept, left in left_out.folds(known.grains(), 0):
            found[left] = axes.fit_at(there, kept, still).at(there)[left]
        rows.append((*shift, left_out.scores(known, pd.DataFrame({"r2": found}))["r2"]))
    return pd.DataFrame(rows, columns=["down", "across", "r2"])


def worth_of_labels(known: axes.Indented, model: axes.AxisIndenter) -> pd.DataFrame:
    """R2 on grains left out by labels: so many indents, with and without means of tiles, and the map's mean and sd.

    Places are those that the model has found. Of grains that are left out, neither tiles nor the map's mean and sd
    hear. A row for each set and draw: `kind`, `indents`, `draw`, `r2`.
    """
    rows, grain = [], known.grains(model.moves)
    for draw in range(DRAWS):
        rng, found = np.random.default_rng([draw, 11]), {}
        for kept, left in left_out.folds(grain, draw, 5):
            tiles, whole = _coarse(known, model.moves, kept, np.unique(grain[left]), rng)
            more = {
                "indents alone": (),
                f"and means of {TILES} tiles": (tiles,),
                "and the map's mean and sd": (whole,),
                "and both": (tiles, whole),
            }
            order = rng.permutation(np.flatnonzero(kept))
            for count in [each for each in COUNTS if each <= len(order)]:
                some = axes.labelled(known, np.isin(np.arange(len(kept)), order[:count]), model.moves)
                for kind, coarse in more.items():
                    fitted = labels.fit(labels.Labels.joined([some, *coarse]), axes.PRIOR_SD)
                    there = axes.AxisIndenter(fitted, known.support_um, model.moves, {})
                    found.setdefault((kind, count), np.empty(len(grain)))[left] = there.at(known)[left]
        r2 = left_out.scores(known, pd.DataFrame(found))
        rows += [(kind, count, draw, value) for (kind, count), value in r2.items()]
    return pd.DataFrame(rows, columns=["kind", "indents", "draw", "r2"])


def _coarse(known: axes.Indented, moves: np.ndarray, kept: np.ndarray, left: np.ndarray, rng: np.random.Generator):
    """Labels of areas and of the whole of the first map, without the grains that are left out."""
    one, felt, hardness = known.maps[0], known.felt[0], known.table["hardness"].to_numpy()
    kept = kept & (known.table["map"] == 0).to_numpy()
    at = (known.places(moves) // one.cell_um).astype(int)
    there = np.kron(~np.isin(one.grain, left), np.ones((axes.FINER, axes.FINER), bool))
    side = round(TILE_UM / one.cell_um)
    areas, said = [], []
    corners = np.stack(np.mgrid[0 : there.shape[0] - side : side, 0 : there.shape[1] - side : side], axis=-1)
    for top, across in rng.permutation(corners.reshape(-1, 2)):
        area = np.s_[top : top + side, across : across + side]
        inside = kept & ((at >= (top, across)) & (at < (top + side, across + side))).all(axis=1)
        if len(areas) < TILES and there[area].all() and inside.any():
            areas.append(area)
            said.append(hardness[inside].mean())
    tiles, whole = labels.Labels(sight=known.sight), labels.Labels(sight=known.sight)
    tiles.add_areas(felt, areas, np.array(said))
    if kept.sum() > 1:
        whole.add_map(felt, hardness[kept].mean(), hardness[kept].std(ddof=1), int(kept.sum()), where=there)
    return tiles, whole


def intervals_of_batches(known: axes.Indented, model: axes.AxisIndenter) -> pd.DataFrame:
    """Coverage of 90 % intervals in each batch, calibrated on the others by rows, blocks or batches left out.

    A batch of which nothing is known lies where its places say; the others where the model has found them. A row for
    each batch and calibration: `batch`, `by`, `half_width` (of log H, so relative) and `inside`, the share of the
    batch within. By batches, eight promise nothing for a ninth at 90 %; the width is that which holds for them. There
    is no row where the others are a single group.
    """
    hardness, rows = np.log(known.table["hardness"].to_numpy()), []
    for new in np.unique(known.batches):
        test = known.batches == new
        if test.all():  # nothing is left to learn from
            continue
        error = hardness - np.log(_without(known, model.moves, test))
        for by in ("rows", "blocks", "batches"):
            group, errors = left_out.groups(known, by)[~test], np.empty(len(hardness))
            if not (folds := left_out.folds(group, 0)):
                continue
            for _, left in folds:
                also = np.zeros(len(test), bool)
                also[np.flatnonzero(~test)[left]] = True
                found = _without(known, model.moves, also, beside=test, unknown=by == "batches")
                errors[also] = hardness[also] - np.log(found[also])
            half = intervals.half_width(errors[~test], group, coverage=COVERAGE, promised=by != "batches")
            rows.append((int(new), by, half, float((np.abs(error[test]) <= half).mean())))
    return pd.DataFrame(rows, columns=["batch", "by", "half_width", "inside"])


def _without(known, moves, left: np.ndarray, *, beside=False, unknown: bool = True) -> np.ndarray:
    """Hardness by a fit without some indents; whether the places of their batches are then unknown."""
    moves = moves.copy()
    moves[np.unique(known.batches[left if unknown else left & beside])] = 0
    return axes.fit_at(known, ~left & ~np.asarray(beside), moves).at(known)


def edges(known: axes.Indented, moves: np.ndarray, values: dict[str, np.ndarray]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Edge spread across all boundaries of a map with a large step, of measured hardness and of what is read.

    Parameters
    ----------
    known
        Maps and indents; the first map is looked at.
    moves
        Of its batches, um.
    values
        Hardness `(N,)` at the indents, by name; the first is measured, and says which boundaries have a step.

    Returns
    -------
    spread, rise
        `spread`: a row for each name and distance: `name`, `distance` (um from the boundary, into the harder grain),
        `share` of the step, by least squares over boundaries. `rise`: by name, from 10 to 90 % of the step of an error
        function fitted to it, um, with the number of `boundaries`.
    """
    one, measured = known.maps[0], next(iter(values.values()))
    here = (known.table["map"] == 0).to_numpy()
    grain, at = known.grains(moves), (known.places(moves) // one.cell_um).astype(int)
    fine = np.kron(one.grain, np.ones((axes.FINER, axes.FINER), int))
    count = pd.Series(grain[here]).value_counts()
    mean = pd.Series(measured[here]).groupby(grain[here]).mean()
    bins = np.arange(-REACH_UM, REACH_UM + BIN_UM, BIN_UM)
    sums, found = {name: np.zeros((3, len(bins) - 1)) for name in values}, 0
    for soft, hard in _neighbours(one.grain, set(count[count >= LEAST_GRAIN].index)):
        soft, hard = (soft, hard) if mean[soft] < mean[hard] else (hard, soft)
        if mean[hard] - mean[soft] < STEP_GPA:
            continue
        found += 1
        inward = [(ndimage.distance_transform_edt(fine != other) - 0.5) * one.cell_um for other in (soft, hard)]
        near = here & np.isin(grain, (soft, hard))
        distance = np.where(grain == hard, inward[0][tuple(at.T)], -inward[1][tuple(at.T)])[near]
        for name, value in values.items():
            low, high = (value[near][side].mean() for side in (distance < -PLATEAU_UM, distance > PLATEAU_UM))
            index = np.digitize(distance, bins) - 1
            inside = (index >= 0) & (index < len(bins) - 1)
            weight = np.full(len(index), (high - low) ** 2)
            for total, each in zip(
                sums[name], (weight, (value[near] - low) * (high - low), weight * distance), strict=True
            ):
                total += np.bincount(index[inside], each[inside], len(total))
    spread = pd.concat(
        pd.DataFrame({"name": name, "distance": at[w > 0] / w[w > 0], "share": share[w > 0] / w[w > 0]})
        for name, (w, share, at) in sums.items()
    )
    rise = {}
    for name, rows in spread.groupby("name", sort=False):
        (_, sd), _ = optimize.curve_fit(
            lambda x, mean, sd: special.ndtr((x - mean) / sd), rows["distance"], rows["share"], (0.0, 1.5)
        )
        rise[name] = {"rise": RISE * abs(sd), "boundaries": found}
    return spread.reset_index(drop=True), pd.DataFrame(rise).T


def _neighbours(grain: np.ndarray, large: set[int]) -> list[tuple[int, int]]:
    """Pairs of large grains that share a boundary long enough."""
    pairs = [
        np.sort(np.stack([grain[ahead].ravel(), grain[behind].ravel()], axis=1), axis=1)
        for ahead, behind in ((np.s_[1:, :], np.s_[:-1, :]), (np.s_[:, 1:], np.s_[:, :-1]))
    ]
    both, length = np.unique(np.concatenate(pairs), axis=0, return_counts=True)
    long = (both[:, 0] != both[:, 1]) & (length >= LENGTH_PX)
    return [(a, b) for a, b in both[long].tolist() if {a, b} <= large]
