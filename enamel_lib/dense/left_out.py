"""How well hardness is read off c-axes where nothing was learned: grains, blocks of a map or batches left out in turn.

Beside it what is simpler, on the same folds: the mean, the declination alone, boosted trees, a Gaussian process.
"""

import numpy as np
import pandas as pd
from scipy import ndimage
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.gaussian_process import GaussianProcessRegressor, kernels
from sklearn.model_selection import GroupKFold

from enamel_lib.dense import axes
from enamel_lib.errors import check_choice

BLOCK_UM = 46.0  # side of the blocks
FOLDS = 10
KINDS = ("rows", "grains", "blocks", "batches")  # of what is left out together
WIDER_PX = (1, 2, 4)  # sd of the means over surroundings that the trees are given


def groups(known: axes.Indented, kind: str) -> np.ndarray:
    """Give the group of each indent, `(N,)` int, by what is left out together: one of `KINDS`."""
    check_choice("kind", kind, KINDS)
    if kind == "rows":
        return np.arange(len(known.table))
    if kind == "grains":
        return known.grains()
    if kind == "batches":
        return known.batches
    cell = (known.places() // BLOCK_UM).astype(int)
    return pd.DataFrame(cell).assign(map=known.table["map"]).groupby([0, 1, "map"]).ngroup().to_numpy()


def folds(group: np.ndarray, seed: int, count: int | None = None) -> list[tuple[np.ndarray, np.ndarray]]:
    """Leave out groups in turn, as many indents each time as it goes: masks `(N,)` of those kept, and those left.

    A single group cannot be left out: there are no folds then.
    """
    count = min(count or FOLDS, len(np.unique(group)))
    if count < 2:
        return []
    splits = GroupKFold(count, shuffle=True, random_state=seed).split(group, groups=group)
    return [(np.isin(np.arange(len(group)), kept), np.isin(np.arange(len(group)), left)) for kept, left in splits]


def predictions(known: axes.Indented, kind: str, *, seed: int = 0, simple: bool = True) -> pd.DataFrame:
    """Predict every indent by what was learned without its group.

    Parameters
    ----------
    known
        Maps and indents.
    kind
        One of `KINDS`.
    seed
        Of the folds.
    simple
        Whether the simpler models predict, too.

    Returns
    -------
    predicted
        A row for each indent, GPa: `c-axis, places as given`, `c-axis` (batches moved), and `c-axis, grain known` (with
        the levels of grains that were indented elsewhere); and `mean`, `declination`, `trees` and `Gaussian process`
        (at the places as given), and `trees, moved`.
    """
    hardness, group = known.table["hardness"].to_numpy(), groups(known, kind)
    given = features(known)
    found: dict[str, np.ndarray] = {}

    def put(name: str, left: np.ndarray, values: np.ndarray) -> None:
        found.setdefault(name, np.full(len(hardness), np.nan))[left] = values[left]

    for kept, left in folds(group, seed):
        without = np.unique(group[left]) if kind == "grains" else ()
        put("c-axis, places as given", left, axes.fit(known, kept, moving=False).at(known))
        model = axes.fit(known, kept, without=without)
        put("c-axis", left, model.at(known))
        put("c-axis, grain known", left, model.at(known, levels=True))
        if simple:
            rows = kept & ~np.isin(known.grains(model.moves), without)
            put("mean", left, np.full(len(hardness), hardness[kept].mean()))
            put("declination", left, _trees(given[["z"]], kept, hardness))
            put("trees", left, _trees(given, kept, hardness))
            put("trees, moved", left, _trees(features(known, model.moves), rows, hardness))
            put("Gaussian process", left, _gaussian_process(given, known.grains(), kept, hardness))
    return pd.DataFrame(found)


def features(known: axes.Indented, moves: np.ndarray | None = None) -> pd.DataFrame:
    """What trees are given of each indent: c-axis, distance to the next boundary (px), cos2 around it."""
    planes: dict[str, list[np.ndarray]] = {}
    for one in known.maps:
        c = np.where(one.axes[..., 2:] < 0, -one.axes, one.axes)
        distance = ndimage.distance_transform_edt(~_boundaries(one.grain))
        cos2 = c[..., 2] ** 2
        around = {f"cos2 around {sd} px": ndimage.gaussian_filter(cos2, sd, mode="nearest") for sd in WIDER_PX}
        of_map = {"x": c[..., 0], "y": c[..., 1], "z": c[..., 2], "distance": np.minimum(distance, 8.0)} | around
        for name, plane in of_map.items():
            planes.setdefault(name, []).append(plane)
    return pd.DataFrame({name: known.look_up(fields, moves) for name, fields in planes.items()})


def scores(known: axes.Indented, predicted: pd.DataFrame) -> pd.Series:
    """R2 of each column of predictions."""
    hardness = known.table["hardness"].to_numpy()
    return 1 - ((predicted.T - hardness) ** 2).mean(axis=1) / hardness.var()


def ceiling(known: axes.Indented, moves: np.ndarray | None = None) -> float:
    """R2 of the best value that is constant in each grain: its mean over all indents there."""
    hardness = known.table["hardness"]
    return float(scores(known, hardness.groupby(known.grains(moves)).transform("mean").to_frame("mean")).iloc[0])


def _boundaries(grain: np.ndarray) -> np.ndarray:
    """Pixels beside another grain, `(R, C)` bool."""
    found = np.zeros(grain.shape, bool)
    for ahead, behind in ((np.s_[1:, :], np.s_[:-1, :]), (np.s_[:, 1:], np.s_[:, :-1])):
        differs = grain[ahead] != grain[behind]
        found[ahead] |= differs
        found[behind] |= differs
    return found


def _trees(given: pd.DataFrame, rows: np.ndarray, hardness: np.ndarray) -> np.ndarray:
    trees = HistGradientBoostingRegressor(max_iter=100, learning_rate=0.06, max_leaf_nodes=12, min_samples_leaf=40)
    return trees.fit(given[rows], hardness[rows]).predict(given)


def _gaussian_process(given: pd.DataFrame, grain: np.ndarray, rows: np.ndarray, hardness: np.ndarray) -> np.ndarray:
    """Gaussian process on the c-axes of grains, whose dyads know no sign, by the mean hardness of each."""
    c = given[["x", "y", "z"]].to_numpy()
    dyads = (c[:, :, None] * c[:, None, :]).reshape(-1, 9)
    of_grain = pd.DataFrame(dyads[rows]).assign(hardness=hardness[rows]).groupby(grain[rows])
    mean, count = of_grain.mean(), of_grain.size()
    noise = (of_grain["hardness"].var().mean() / count).to_numpy()
    kernel = kernels.ConstantKernel(0.1) * kernels.RBF(0.5) + kernels.WhiteKernel(0.01, (1e-8, 1e3))
    process = GaussianProcessRegressor(kernel, alpha=noise, normalize_y=False)
    level = mean["hardness"].mean()
    return process.fit(mean[range(9)].to_numpy(), mean["hardness"] - level).predict(dyads) + level
