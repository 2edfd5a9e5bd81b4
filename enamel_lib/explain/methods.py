"""What a network sees: pictures that excite its filters, and maps of what its reading of a tile depends on.

Source: Lew 2023, Fig. 2E and 3A. Whether such maps can be believed is tested by `sanity` and `orientation_saliency`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import keras
import numpy as np
from keras import ops
from scipy import ndimage

from enamel_lib.errors import InputError, check_choice
from enamel_lib.gradients import Gradient, input_gradient
from enamel_lib.inference.engines import check_pixels

METHODS = ("gradient", "smoothgrad", "integrated")
BATCH = 8  # pictures per call of the network
PARTS = 32  # of the path of integrated gradients at first


@dataclass(frozen=True)
class Integrated:
    """Integrated gradients of tiles.

    Attributes
    ----------
    attribution
        `(N, H, W, 3)`, GPa: how much every colour value adds to the prediction, compared with the baseline.
    predicted, baseline
        `(N,)`, GPa: prediction of the tiles and of their baselines.
    steps
        `(N,)`: gradients that were averaged.
    """

    attribution: np.ndarray
    predicted: np.ndarray
    baseline: np.ndarray
    steps: np.ndarray

    @property
    def completeness_error(self) -> np.ndarray:
        """`(N,)`: how far the sum of the attributions misses prediction minus baseline, as a share of it."""
        difference = self.predicted - self.baseline
        return np.abs(self.attribution.sum(axis=(1, 2, 3), dtype=np.float64) - difference) / np.abs(difference)


@lru_cache(maxsize=4)
def _compiled(model: keras.Model) -> Gradient:
    return input_gradient(model)


def _as_float(model: keras.Model, tiles: np.ndarray) -> np.ndarray:
    tiles = check_pixels(tiles, (None, *model.input_shape[1:]))
    return tiles / np.float32(255) if tiles.dtype == np.uint8 else tiles


def gradient(model: keras.Model, tiles: np.ndarray) -> np.ndarray:
    """Signed gradient of the prediction with respect to the colours.

    Parameters
    ----------
    model
        From `(N, H, W, 3)` float32 in [0, 1] to `(N, 1)` GPa.
    tiles
        `(N, H, W, 3)` uint8, or float in [0, 1].

    Returns
    -------
    numpy.ndarray
        `(N, H, W, 3)` float32, GPa per unit of colour (black to full).
    """
    tiles = _as_float(model, tiles)
    slope = _compiled(model)
    return np.concatenate([slope(tiles[start : start + BATCH])[1] for start in range(0, len(tiles), BATCH)])


def smooth_gradient(
    model: keras.Model, tiles: np.ndarray, *, samples: int = 16, noise: float = 0.1, seed: int = 0
) -> np.ndarray:
    """SmoothGrad: the gradient averaged over noisy copies of each tile (Smilkov 2017, arXiv 1706.03825).

    Parameters
    ----------
    model, tiles
        As in `gradient`.
    samples
        Copies of each tile.
    noise
        Standard deviation of the Gaussian noise, in units of colour; noisy colours may leave [0, 1].
    seed
        Of the noise; each tile has its own, so that its map does not depend on its neighbours in the batch.

    Returns
    -------
    numpy.ndarray
        As of `gradient`.
    """
    tiles = _as_float(model, tiles)
    slope = _compiled(model)
    smooth = np.zeros(tiles.shape, np.float32)
    for number, tile in enumerate(tiles):
        rng = np.random.default_rng([seed, number])
        for start in range(0, samples, BATCH):
            shape = (min(BATCH, samples - start), *tile.shape)
            noisy = tile + np.float32(noise) * rng.standard_normal(shape, np.float32)
            smooth[number] += slope(noisy)[1].sum(axis=0) / samples
    return smooth


def integrated_gradients(
    model: keras.Model,
    tiles: np.ndarray,
    *,
    baseline: float | np.ndarray = 0.0,
    tolerance: float = 0.01,
    most_steps: int = 96,
) -> Integrated:
    """Integrated gradients along the straight line from a baseline to each tile (Sundararajan 2017, arXiv 1703.01365).

    The gradient is taken in the middles of parts of the line, `PARTS` of them at first, that grow away from the
    baseline, since a picture's first contrast changes the prediction most. Each part is cut in three, which keeps its
    middle, until the attributions add up to the change of the prediction.

    Parameters
    ----------
    model, tiles
        As in `gradient`.
    baseline
        What stands for "nothing seen", in units of colour: a number (0 is black, which in a PIC map is no signal) or
        an array that broadcasts to the tiles.
    tolerance
        Completeness error at which a tile is done.
    most_steps
        Gradients per tile at most, whatever the error, but `PARTS` at least.
    """
    tiles = _as_float(model, tiles)
    slope = _compiled(model)
    starts = np.broadcast_to(np.asarray(baseline, np.float32), tiles.shape)
    parts = [
        _along(slope, start, tile - start, tolerance, most_steps) for tile, start in zip(tiles, starts, strict=True)
    ]
    return Integrated(*(np.stack(part) for part in zip(*parts, strict=True)))


def _along(
    slope: Gradient, start: np.ndarray, way: np.ndarray, tolerance: float, most_steps: int
) -> tuple[np.ndarray, np.float32, np.float32, int]:
    """Attribution of one tile, the prediction at the end and at the start of its path, and the points taken."""
    last, first = slope(np.stack([start + way, start]))[0]
    total = np.zeros(way.shape, np.float64)
    edges = np.linspace(0, 1, PARTS + 1) ** 2
    middles, widths = (edges[1:] + edges[:-1]) / 2, np.diff(edges)
    new, of_new = middles, widths
    while True:
        for first_of in range(0, len(new), BATCH):
            some = np.s_[first_of : first_of + BATCH]
            points = new[some].astype(np.float32)[:, None, None, None]
            total += np.tensordot(of_new[some], slope(start + points * way)[1], axes=1)
        attribution = way * total
        done = abs(attribution.sum() - (last - first)) < tolerance * abs(last - first)
        if done or 3 * len(middles) > most_steps:
            return attribution.astype(np.float32), last, first, len(middles)
        total /= 3
        new, of_new = np.concatenate([middles - widths / 3, middles + widths / 3]), np.tile(widths / 3, 2)
        middles, widths = np.concatenate([middles, new]), np.tile(widths / 3, 3)


def strongest(values: np.ndarray) -> np.ndarray:
    """Largest absolute value over the channels: `(..., 3)` to `(...)`, the published measure of saliency."""
    return np.abs(values).max(axis=-1)


def saliency(model: keras.Model, tiles: np.ndarray, *, method: str = "gradient") -> np.ndarray:
    """Saliency map of each tile: `strongest` of one of the `METHODS` with its own settings.

    Parameters
    ----------
    model, tiles
        As in `gradient`.
    method
        "gradient" as in the paper (Fig. 3A), "smoothgrad" or "integrated".

    Returns
    -------
    numpy.ndarray
        `(N, H, W)` float32, 0 or more; GPa per unit of colour, or GPa for "integrated".

    Raises
    ------
    InputError
        If the method is unknown or the tiles do not fit the network.
    """
    check_choice("saliency method", method, METHODS)
    if method == "integrated":
        return strongest(integrated_gradients(model, tiles).attribution)
    return strongest({"gradient": gradient, "smoothgrad": smooth_gradient}[method](model, tiles))


def maximize_filters(
    model: keras.Model,
    layer: str,
    filters: Sequence[int],
    *,
    side: int = 96,
    steps: int = 20,
    rate: float = 0.05,
    border: int = 2,
    blur: float = 0.0,
    jitter: int = 0,
    seed: int = 0,
) -> np.ndarray:
    """Draw the pictures that excite filters most: gradient ascent from grey static, all filters in one batch.

    Parameters
    ----------
    model
        A convolutional network.
    layer
        Name of the layer whose output channels are the filters.
    filters
        Channels.
    side
        Of the pictures, px; may differ from the tiles of the network.
    steps
        Of the ascent.
    rate
        Root mean square change of the colours per step: gradients are normalised to it picture by picture (L2).
    border
        Pixels of the layer's output left out at each edge, where padding excites filters.
    blur
        Standard deviation, px, of a Gaussian blur after each step; more than 0 regularises the picture.
    jitter
        Largest random shift before each step, px; regularises too.
    seed
        Of the static, which is grey, so that all colour comes from the network, and of the jitter.

    Returns
    -------
    numpy.ndarray
        `(len(filters), side, side, 3)` float32, of any range (see `filters.displayed`).

    Raises
    ------
    InputError
        If the layer or one of the filters does not exist, or the border leaves nothing.
    """
    slope = _filter_gradient(model, layer, filters, side, border)
    rng = np.random.default_rng(seed)
    static = rng.uniform(-0.125, 0.125, (len(filters), side, side, 1)).astype(np.float32)
    pictures = np.repeat(0.5 + static, 3, axis=-1)
    for _ in range(steps):
        shift = rng.integers(-jitter, jitter + 1, 2)
        pictures = np.roll(pictures, shift, (1, 2))
        ascent = slope(pictures)[1]
        size = np.sqrt(np.square(ascent).mean(axis=(1, 2, 3), keepdims=True))
        pictures = pictures + rate * ascent / np.maximum(size, 1e-12)  # a filter that nothing excites stays static
        if blur:
            pictures = ndimage.gaussian_filter(pictures, (0, blur, blur, 0), mode="nearest")
        pictures = np.roll(pictures, -shift, (1, 2))
    return pictures


def _filter_gradient(model: keras.Model, layer: str, filters: Sequence[int], side: int, border: int) -> Gradient:
    names = [each.name for each in model.layers]
    if layer not in names:
        raise InputError(f"the network has no layer {layer!r}; its layers are {', '.join(names)}")
    features = keras.Model(model.inputs[0], model.get_layer(layer).output)
    if not all(0 <= number < features.output_shape[-1] for number in filters):
        raise InputError(f"layer {layer!r} has filters 0 to {features.output_shape[-1] - 1}, not {list(filters)}")
    resized = keras.models.clone_model(features, input_tensors=keras.Input((side, side, 3)))
    resized.set_weights(features.get_weights())
    if min(resized.output_shape[1:3]) <= 2 * border:
        raise InputError(f"a border of {border} leaves nothing of {layer!r} for pictures of {side} px; enlarge them")
    chosen = np.eye(features.output_shape[-1], dtype=np.float32)[list(filters)]

    def excitation(output):
        inner = output[:, border : output.shape[1] - border, border : output.shape[2] - border]
        return ops.sum(ops.mean(inner, axis=(1, 2)) * chosen, axis=-1)

    return input_gradient(resized, excitation)
