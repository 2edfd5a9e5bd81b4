"""Can a saliency map be believed? Tests it must pass: against weights, labels, the prediction itself, and the truth.

Sources: Adebayo 2018 (arXiv 1810.03292) for randomised weights and labels; Petsiuk 2018 (arXiv 1806.07421) for
deletion and insertion.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import keras
import numpy as np
import pandas as pd
from scipy import ndimage, stats
from skimage.measure import block_reduce

from enamel_lib import images, metrics, models, pic
from enamel_lib.errors import InputError
from enamel_lib.explain import filters
from enamel_lib.explain.methods.registry import attribution, saliency, strongest
from enamel_lib.simulate import sensitivity, simulator

FRACTIONS = tuple(np.linspace(0.1, 0.9, 5).round(2).tolist())  # of the cells deleted or inserted
CELL = 10  # px: what is deleted at once; single pixels would add a texture that no tile has
BLUR = 10.0  # px, Gaussian sigma of the picture that stands for a deleted cell
MARGIN = 50  # px around a tile of known truth: what an indent feels reaches across its edge
FORGOTTEN, FOLLOWS = 0.2, 0.3  # rank correlations below which a map has changed, and above which it follows the truth

Predict = Callable[[np.ndarray], np.ndarray]  # from tiles `(N, H, W, 3)` uint8 to `(N,)` GPa


class SanityChecks:
    """Tests of the maps |gradient| of a network; each gives a table and adds its claims to the verdict.

    `tiles` are by place, such as "simulated" or "real map": `(N, H, W, 3)` uint8, two or more. The seed is that of
    random weights, random cells and intervals. `maps` are filled by `randomise_weights`: by what was randomised last,
    "nothing" first, then by place: `(N, H, W)`.
    """

    def __init__(self, model: keras.Model, tiles: Mapping[str, np.ndarray], *, seed: int = 0) -> None:
        self.model, self.tiles, self.seed = model, tiles, seed
        self._signed = {place: attribution(model, some) for place, some in tiles.items()}
        self.maps = {"nothing": {place: strongest(values) for place, values in self._signed.items()}}
        self._claims = []

    @property
    def verdict(self) -> pd.DataFrame:
        """Claims so far, `claim`, `mean`, `low`, `high` (95 % interval) and `passes`: "yes" or "no"."""
        return pd.DataFrame(self._claims).set_index("claim")

    def _claim(self, claim: str, values: np.ndarray, *, above: float = -np.inf, below: float = np.inf) -> None:
        interval = mean_interval(values, seed=self.seed)
        passes = interval["low"] > above and interval["high"] < below
        self._claims.append({"claim": claim, **interval, "passes": "yes" if passes else "no"})

    def randomise_weights(self) -> pd.DataFrame:
        """First test: do maps change as weights are randomised from the output down?

        Gives `kind` of map and place, `randomised`, and `mean`, `low`, `high` of the rank correlation with the
        untouched network's map.
        """
        rows = []
        for name, randomised in cascade(self.model, seed=self.seed):
            self.maps[name] = {}
            for place, some in self.tiles.items():
                values, own = attribution(randomised, some), self._signed[place]
                self.maps[name][place] = strongest(values)
                for kind, view in (("|gradient|", strongest), ("signed gradient", lambda signed: signed.sum(axis=-1))):
                    interval = mean_interval(rank_correlation(view(own), view(values)), seed=self.seed)
                    rows.append({"kind": f"{kind}, {place}", "randomised": name, **interval})
        for place, own in self.maps["nothing"].items():
            alike = rank_correlation(own, self.maps[name][place])
            self._claim(f"forgets randomised weights, {place}", alike, below=FORGOTTEN)
        return pd.DataFrame(rows)

    def change_labels(self, twin: keras.Model, null: keras.Model) -> pd.DataFrame:
        """Second test: are maps more like those of a `twin` with the same labels than of a network with `null` labels?

        Gives the mean rank correlation with the network's maps; a row per other map, a column per place.
        """
        likeness = {}
        for place, some in self.tiles.items():
            own = self.maps["nothing"][place]
            others = {
                "network of the paper split": saliency(twin, some),
                "network of the null world": saliency(null, some),
                "this network, another tile": np.roll(own, 1, axis=0),
                "all weights random": list(self.maps.values())[-1][place],
                "edges of the picture": edges(some),
            }
            likeness[place] = {name: rank_correlation(own, maps) for name, maps in others.items()}
            same, without = list(likeness[place].values())[:2]
            self._claim(f"depends on the labels (paper split − null), {place}", same - without, above=0)
        return pd.DataFrame(likeness).map(np.mean)

    def delete_and_insert(self, predict: Predict) -> pd.DataFrame:
        """Third test: does the prediction rest on what maps show, more than on random cells, and than on edges?

        Gives `panel` (way and place), `map`, `fraction` of the cells, and the `mean` change of the prediction with its
        standard `error`, GPa. The claims are the leads of the mean over a curve; positive is better.
        """
        curves = []
        for place, some in self.tiles.items():
            rankings = {
                "|gradient|": self.maps["nothing"][place],
                "random cells": random_maps(some.shape[:3], seed=self.seed),
                "edges": edges(some),
            }
            for way, sign in (("deleted", 1), ("inserted", -1)):
                moved = {name: perturbed(predict, some, maps, insert=sign < 0) for name, maps in rankings.items()}
                for name, by_tile in moved.items():
                    row = {"fraction": FRACTIONS, "mean": by_tile.mean(axis=1), "error": stats.sem(by_tile, axis=1)}
                    curves.append(pd.DataFrame({"panel": f"{way}, {place}", "map": name, **row}))
                for control in ("random cells", "edges"):
                    lead = sign * (moved["|gradient|"] - moved[control]).mean(axis=0)
                    self._claim(f"{way}, {place}: lead over {control}", lead, above=0)
        return pd.concat(curves, ignore_index=True)

    def compare_with_truth(
        self, tiles: np.ndarray, true: np.ndarray, *, few: int = 3, samples: int = 8, most_steps: int = 96
    ) -> pd.DataFrame:
        """Fourth test: do gradients follow the true sensitivity, and more so than the map of another tile?

        `tiles` and `true` are from `tiles_of_known_truth`, the first of them those at the first place; a `few` are for
        SmoothGrad, of so many `samples`, and integrated gradients, of so many steps at most. Gives `map`, its number of
        `tiles`, `scale` (pixels or cells), and `mean`, `low`, `high` of the rank correlation.
        """
        per_degree, some = sensitivity.per_degree, tiles[:few]
        gradient = attribution(self.model, tiles)
        smooth = attribution(self.model, some, method="smoothgrad", samples=samples, seed=self.seed)
        path = {"method": "integrated", "baseline": blurred(images.to_float(some)), "most_steps": most_steps}
        own = {"|gradient|, as published": strongest(gradient), "gradient per degree": per_degree(gradient, tiles)}
        another = np.roll(strongest(gradient), 1, axis=0)
        others = {
            "SmoothGrad per degree": per_degree(smooth, some),
            "|integrated gradients|": saliency(self.model, some, **path),
            "all weights random": next(iter(list(self.maps.values())[-1].values())),
            "edges of the picture": edges(tiles),
            "|gradient| of another tile": another,
        }
        rows = []
        for name, maps in (own | others).items():
            for scale, cell in (("pixels", 1), (f"cells of {CELL} px", CELL)):
                score = rank_correlation(cell_means(maps, cell), cell_means(true[: len(maps)], cell))
                row = {"map": name, "tiles": len(maps), "scale": scale}
                rows.append(row | mean_interval(score, seed=self.seed))
        for name, maps in own.items():
            score = rank_correlation(maps, true)
            lead = score - rank_correlation(another, true)
            self._claim(f"{name}: follows the true sensitivity", score, above=FOLLOWS)
            self._claim(f"{name}: nearer the truth than another tile's", lead, above=0)
        return pd.DataFrame(rows)


def rank_correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation `(N,)` of each map `(N, ...)` of `a` with that of `b`; NaN where one is constant."""
    ranks = [stats.rankdata(maps.reshape(len(maps), -1), axis=1) for maps in (a, b)]
    a, b = (rank - rank.mean(axis=1, keepdims=True) for rank in ranks)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (a * b).sum(axis=1) / np.sqrt(np.square(a).sum(axis=1) * np.square(b).sum(axis=1))


def mean_interval(values: np.ndarray, *, seed: int = 0) -> dict[str, float]:
    """`mean` of `(N,)` values, one per tile, and `low`, `high`: its 95 % interval from drawing tiles anew; no NaN."""
    values = np.asarray(values, float)
    values = values[np.isfinite(values)]
    if len(values) < 2:
        raise InputError("an interval needs two or more tiles")
    low, high = metrics.bootstrap_interval(lambda rows: float(values[rows].mean()), np.arange(len(values)), seed=seed)
    return {"mean": float(values.mean()), "low": low, "high": high}


def cascade(model: keras.Model, *, seed: int = 0) -> Iterator[tuple[str, keras.Model]]:
    """Randomise a network from its output to its input, one group of layers after the other (Adebayo 2018).

    Kernels get values as at the start of training (Glorot's), biases and norm layers their first values. Yields the
    name of the group just randomised (`filters.layer_groups`) and the network with it and all groups before it
    randomised: one network, changed again when the next is asked for.
    """
    network = keras.models.clone_model(model)
    network.set_weights(model.get_weights())
    rng = np.random.default_rng(seed)
    for name, layers in filters.layer_groups(network).items():
        for variable in (variable for layer in layers for variable in layer.weights):
            first = float(variable.name in ("gamma", "moving_variance"))
            kernel = variable.name == "kernel"
            variable.assign(models.glorot(variable.shape, rng) if kernel else np.full(variable.shape, first))
        yield name, network


def perturbed(
    predict: Predict,
    tiles: np.ndarray,
    maps: np.ndarray,
    *,
    insert: bool = False,
    fractions: Sequence[float] = FRACTIONS,
) -> np.ndarray:
    """How far the prediction moves as the most salient cells are deleted, or is off as they are inserted.

    A deleted cell shows the tile blurred beyond all texture, so that its mean colour stays. To `insert` is to start
    from the blurred tile, most salient cells first. Tiles `(N, H, W, 3)` uint8 and maps `(N, H, W)` have sides that are
    a multiple of `CELL`. Gives `(F, N)` GPa, F fractions of the cells: absolute difference to the prediction of the
    whole tile. For deletion a good map's is large, for insertion small.
    """
    if maps.shape != tiles.shape[:3] or tiles.shape[1] % CELL or tiles.shape[2] % CELL:
        raise InputError(f"maps {maps.shape} must fit tiles {tiles.shape}, with sides that are multiples of {CELL}")
    cells = cell_means(maps)
    rank = stats.rankdata(-cells.reshape(len(cells), -1), method="ordinal", axis=1).reshape(cells.shape)
    rank = _enlarged(rank)[..., None]  # 1: the most salient cell
    textureless, whole = blurred(tiles), predict(tiles)
    salient = (rank <= fraction * cells[0].size for fraction in fractions)
    return np.abs([predict(np.where(chosen == insert, tiles, textureless)) - whole for chosen in salient])


def tiles_of_known_truth(count: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Simulate tiles that no dataset holds, `(count, 200, 200, 3)` uint8, with the true sensitivity of their hardness.

    That is `(count, 200, 200)`, GPa per degree that the crystal of one pixel turns.
    """
    depths = (np.random.default_rng(seed).permutation(count) + 0.5) / count
    side, middle = images.TILE + 2 * MARGIN, np.s_[MARGIN:-MARGIN, MARGIN:-MARGIN]
    in_tile = np.zeros((side, side))
    in_tile[middle] = 1 / images.TILE**2
    sections = list(simulator.sections((side, side), range(3000, 3000 + count), depths=depths))
    gradients = [sensitivity.hardness_gradient(section, in_tile)[middle] for section in sections]
    return np.stack([section.rgb[middle] for section in sections]), np.linalg.norm(gradients, axis=-1)


def cell_means(maps: np.ndarray, cell: int = CELL) -> np.ndarray:
    """Means of maps `(N, H, W)` over square cells that fill them, `(N, H // cell, W // cell)`."""
    return block_reduce(maps, (1, cell, cell), np.mean)


def _enlarged(cells: np.ndarray) -> np.ndarray:
    return cells.repeat(CELL, axis=1).repeat(CELL, axis=2)


def random_maps(shape: tuple[int, int, int], *, seed: int = 0) -> np.ndarray:
    """Maps `(N, H, W)` that rank cells at random: what every saliency map must beat."""
    return _enlarged(np.random.default_rng(seed).random((shape[0], shape[1] // CELL, shape[2] // CELL)))


def blurred(tiles: np.ndarray) -> np.ndarray:
    """Tiles `(N, H, W, 3)` without their texture."""
    return ndimage.gaussian_filter(tiles, (0, BLUR, BLUR, 0))


def edges(tiles: np.ndarray) -> np.ndarray:
    """Edge strength of the picture, `(N, H, W)`: what a map shows that looks at the picture but at no network."""
    brightness = pic.brightness(images.to_float(tiles))
    return np.stack([ndimage.gaussian_gradient_magnitude(one, 1.0) for one in brightness])
