"""Can a saliency map be believed? Tests it must pass: against weights, labels, the prediction itself, and the truth.

Sources: Adebayo 2018 (arXiv 1810.03292) for randomised weights and labels; Petsiuk 2018 (arXiv 1806.07421) for
deletion and insertion.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage, sparse, stats

from enamel_lib import metrics, models
from enamel_lib.errors import InputError

if TYPE_CHECKING:
    import keras

FRACTIONS = tuple(np.linspace(0.1, 0.9, 5).round(2).tolist())  # of the cells deleted or inserted
CELL = 10  # px: what is deleted at once; single pixels would add a texture that no tile has
BLUR = 10.0  # px, Gaussian sigma of the picture that stands for a deleted cell


def rank_correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation of each map of `a` with that of `b`.

    Parameters
    ----------
    a, b
        `(N, ...)`; `b` may be one map for all.

    Returns
    -------
    numpy.ndarray
        `(N,)`; NaN where a map is constant.
    """
    ranks = [stats.rankdata(maps.reshape(len(maps), -1), axis=1) for maps in (a, np.broadcast_to(b, a.shape))]
    a, b = (rank - rank.mean(axis=1, keepdims=True) for rank in ranks)
    with np.errstate(divide="ignore", invalid="ignore"):
        return (a * b).sum(axis=1) / np.sqrt(np.square(a).sum(axis=1) * np.square(b).sum(axis=1))


def mean_interval(values: np.ndarray, *, seed: int = 0) -> tuple[float, float, float]:
    """Mean of `(N,)` values, one per tile, and its 95 % interval from drawing tiles anew; NaN values are left out."""
    values = np.asarray(values, float)
    values = values[np.isfinite(values)]
    if len(values) < 2:
        raise InputError("an interval needs two or more tiles")
    low, high = metrics.bootstrap_interval(lambda rows: float(values[rows].mean()), np.arange(len(values)), seed=seed)
    return float(values.mean()), low, high


def cascade(
    model: "keras.Model", groups: Mapping[str, Sequence["keras.Layer"]], *, seed: int = 0
) -> Iterator[tuple[str, "keras.Model"]]:
    """Randomise a network from its output to its input, one group of layers after the other (Adebayo 2018).

    Kernels get values as at the start of training (Glorot's), biases and norm layers their first values.

    Parameters
    ----------
    model
        Is not changed.
    groups
        Layers with weights by name, output first (`filters.layer_groups`).
    seed
        Of the kernels.

    Yields
    ------
    name, network
        The group just randomised, and the network with it and all groups before it randomised: one network, changed
        again when the next is asked for.
    """
    import keras

    network = keras.models.clone_model(model)
    network.set_weights(model.get_weights())
    rng = np.random.default_rng(seed)
    for name, layers in groups.items():
        for layer in layers:
            own = network.get_layer(layer.name)
            own.set_weights([_fresh(v, rng) for v in own.weights])
        yield name, network


def _fresh(variable: "keras.Variable", rng: np.random.Generator) -> np.ndarray:
    if variable.name != "kernel":
        return np.full(variable.shape, float(variable.name in ("gamma", "moving_variance")), np.float32)
    return models.glorot(variable.shape, rng)


def cell_means(maps: np.ndarray, cell: int = CELL) -> np.ndarray:
    """Means of maps `(N, H, W)` over square cells, `(N, H // cell, W // cell)`."""
    count, height, width = maps.shape
    whole = maps[:, : height - height % cell, : width - width % cell]
    return whole.reshape(count, height // cell, cell, width // cell, cell).mean(axis=(2, 4))


def random_maps(shape: tuple[int, int, int], *, seed: int = 0) -> np.ndarray:
    """Maps `(N, H, W)` that rank cells at random: what every saliency map must beat."""
    return (
        np.random.default_rng(seed)
        .random((shape[0], shape[1] // CELL, shape[2] // CELL))
        .repeat(CELL, 1)
        .repeat(CELL, 2)
    )


def exchanged_sums(
    bins: np.ndarray, maps: np.ndarray, groups: np.ndarray, size: int, *, permutations: int = 99, seed: int = 0
) -> np.ndarray:
    """Sum maps by bin after groups of tiles exchanged their maps at random.

    A group with fewer tiles than its partner gets the first of the partner's maps, one with more gets them again.

    Parameters
    ----------
    bins
        `(N, H, W)`, the bin of each pixel, 0 to `size` - 1.
    maps
        `(N, H, W)`.
    groups
        `(N,)`, the group of each tile; two or more.
    permutations
        Random exchanges.
    seed
        Of the exchanges.

    Returns
    -------
    numpy.ndarray
        `(permutations, size)`.
    """
    members = [np.flatnonzero(groups == name) for name in np.unique(groups)]
    if len(members) < 2:
        raise InputError("a permutation band needs tiles of two or more maps, not of one")
    # first for every pair of groups, of which there are fewer than groups in all exchanges
    count, pixels = len(members), math.prod(bins.shape[1:])
    pairs = np.zeros((count, size, count))
    for place in range(max(map(len, members))):
        partners = maps[[tiles[place % len(tiles)] for tiles in members]].reshape(count, pixels)
        partners = np.ascontiguousarray(partners.T, float)
        for own, tiles in enumerate(members):
            if place < len(tiles):
                pixel_of_bin = bins[tiles[place]].ravel(), np.arange(pixels)
                pairs[own] += sparse.csr_array((np.ones(pixels), pixel_of_bin), (size, pixels)) @ partners
    rng, own = np.random.default_rng(seed), np.arange(count)
    return np.stack([pairs[own, :, rng.permutation(own)].sum(axis=0) for _ in range(permutations)])


def perturbed(
    predict: Callable[[np.ndarray], np.ndarray],
    tiles: np.ndarray,
    maps: np.ndarray,
    *,
    insert: bool = False,
    fractions: Sequence[float] = FRACTIONS,
) -> np.ndarray:
    """How far the prediction moves as the most salient cells are deleted, or is off as they are inserted.

    A deleted cell shows the tile blurred beyond all texture, so that its mean colour stays.

    Parameters
    ----------
    predict
        From tiles to `(N,)` GPa.
    tiles
        `(N, H, W, 3)` uint8, sides a multiple of `CELL`.
    maps
        `(N, H, W)`, saliency.
    insert
        Start from the blurred tile and insert the sharp cells, most salient first.
    fractions
        Shares of the cells, in (0, 1).

    Returns
    -------
    numpy.ndarray
        `(F, N)` GPa: absolute difference to the prediction of the whole tile. For deletion a good map's is large, for
        insertion small.
    """
    if maps.shape != tiles.shape[:3] or tiles.shape[1] % CELL or tiles.shape[2] % CELL:
        raise InputError(f"maps {maps.shape} must fit tiles {tiles.shape}, with sides that are multiples of {CELL}")
    cells = cell_means(maps).reshape(len(tiles), -1)
    rank = stats.rankdata(-cells, method="ordinal", axis=1).reshape(
        len(tiles), tiles.shape[1] // CELL, tiles.shape[2] // CELL
    )
    rank = rank.repeat(CELL, axis=1).repeat(CELL, axis=2)[..., None]  # 1: the most salient cell
    blurred = ndimage.gaussian_filter(tiles, (0, BLUR, BLUR, 0), mode="reflect")
    whole = predict(tiles)
    moved = []
    for fraction in fractions:
        salient = rank <= fraction * cells.shape[1]
        moved.append(predict(np.where(salient == insert, tiles, blurred)))
    return np.abs(np.stack(moved) - whole)


def edges(tiles: np.ndarray) -> np.ndarray:
    """Edge strength of the picture, `(N, H, W)`: what a map shows that looks at the picture but at no network."""
    return np.stack(
        [ndimage.gaussian_gradient_magnitude(tile.max(axis=-1).astype(np.float32) / 255, 1.0) for tile in tiles]
    )
