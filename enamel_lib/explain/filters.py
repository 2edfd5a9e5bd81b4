"""Pictures that excite a network's filters, and how colourful and how fine they are (Lew 2023, Fig. 2E)."""

from collections.abc import Mapping, Sequence

import keras
import numpy as np
import pandas as pd
from keras import ops
from scipy import ndimage

from enamel_lib import gradients, metrics
from enamel_lib.errors import InputError
from enamel_lib.indenter import network

HUE_BINS = 12
MEASURES = {
    "colour_share": "colour share of the contrast",
    "colour_entropy": "entropy of the hues (bit)",
    "frequency": "mean frequency (cycles/px)",
}


def stage_layers(model: keras.Model) -> list[str]:
    """Names of the sums that end the four stages of the indenter, before their ReLU, so that no filter starts dead."""
    sums = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Add)]
    return [sums[last - 1] for last in np.cumsum(network.BLOCKS)]


def layer_groups(model: keras.Model) -> dict[str, list[keras.Layer]]:
    """Layers with weights by part of the indenter, from the output back to the input: the cascade's order."""
    parts = ["first convolution", *(f"stage {number + 1}" for number in range(len(network.BLOCKS))), "dense"]
    wide = [getattr(layer, "kernel_size", None) == (3, 3) for layer in model.layers]
    convolutions = np.flatnonzero(wide)  # two a block, but the first
    starts = [convolutions[1 + 2 * blocks] for blocks in np.cumsum((0, *network.BLOCKS[:-1]))]
    starts.append(len(model.layers) - 1)
    groups = {part: [] for part in reversed(parts)}
    for position, layer in enumerate(model.layers):
        if layer.weights:
            groups[parts[np.searchsorted(starts, position, side="right")]].append(layer)
    return groups


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

    `layer` names the layer whose output channels are the filters. Each of the `steps` changes the colours of a picture,
    `side` px wide, by `rate` (root mean square). Of the layer's output a `border` of so many pixels is left out, where
    padding excites filters. A Gaussian `blur` (standard deviation) after each step and a random shift of `jitter` at
    most before it, px, regularise. The static is grey, so that all colour comes from the network.

    Gives `(len(filters), side, side, 3)` float32, of any range (see `displayed`). Raises InputError if the layer or one
    of the filters does not exist, or the border leaves nothing.
    """
    excitation_gradient = _filter_gradient(model, layer, filters, side, border)
    rng = np.random.default_rng(seed)
    static = rng.uniform(-0.125, 0.125, (len(filters), side, side, 1)).astype(np.float32)
    pictures = np.repeat(0.5 + static, 3, axis=-1)
    for _ in range(steps):
        shift = rng.integers(-jitter, jitter + 1, 2)
        pictures = np.roll(pictures, shift, (1, 2))
        ascent = excitation_gradient(pictures)[1]
        size = np.sqrt(np.square(ascent).mean(axis=(1, 2, 3), keepdims=True))
        pictures = pictures + rate * ascent / np.maximum(size, 1e-12)  # a filter that nothing excites stays static
        if blur:
            pictures = ndimage.gaussian_filter(pictures, (0, blur, blur, 0), mode="nearest")
        pictures = np.roll(pictures, -shift, (1, 2))
    return pictures


def _filter_gradient(
    model: keras.Model, layer: str, filters: Sequence[int], side: int, border: int
) -> gradients.Gradient:
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

    return gradients.input_gradient(resized, excitation)


def stage_pictures(model: keras.Model, *, count: int = 16, seed: int = 0, **settings: float) -> list[np.ndarray]:
    """Draw pictures of randomly chosen filters of each stage, as displayed: for every stage `(count, side, side, 3)`.

    The same seed chooses the same filters of networks of one build; `settings` are those of `maximize_filters`.
    """
    rng, pictures = np.random.default_rng(seed), []
    for layer in stage_layers(model):
        width = model.get_layer(layer).output.shape[-1]
        chosen = np.sort(rng.permutation(width)[:count])
        pictures.append(displayed(maximize_filters(model, layer, chosen, seed=seed, **settings)))
    return pictures


def displayed(pictures: np.ndarray) -> np.ndarray:
    """Bring pictures `(N, H, W, 3)` to [0, 1] for show: mean 0.5 and standard deviation 0.15, channels together."""
    mean = pictures.mean(axis=(1, 2, 3), keepdims=True)
    spread = pictures.std(axis=(1, 2, 3), keepdims=True)
    return np.clip(0.5 + 0.15 * (pictures - mean) / np.maximum(spread, 1e-12), 0, 1)


def measure(pictures: np.ndarray, border: int = 8) -> pd.DataFrame:
    """Measure how colourful and how fine pictures `(N, H, W, 3)` in [0, 1] are, without a border of so many pixels.

    `colour_share`: of the mean squared distance from grey 0.5, the part that is between channels, 0 (monochrome) to 1.
    `colour_entropy`: of the hues, 12 bins weighted by chroma, 0 (one hue) to log2(12) = 3.58 bit. `frequency`: mean
    over the power spectrum of the grey values without its mean, cycles/px.
    """
    inner = pictures[:, border : pictures.shape[1] - border, border : pictures.shape[2] - border].astype(float)
    grey = inner.mean(axis=-1)
    total = np.square(inner - 0.5).mean(axis=(1, 2, 3))
    coloured = np.square(inner - grey[..., None]).mean(axis=(1, 2, 3))
    return pd.DataFrame(
        {
            "colour_share": coloured / np.maximum(total, np.finfo(float).tiny),
            "colour_entropy": [_hue_entropy(picture) for picture in inner],
            "frequency": [_mean_frequency(picture) for picture in grey],
        }
    )


def _hue_entropy(picture: np.ndarray) -> float:
    red, green, blue = np.moveaxis(picture, -1, 0)
    x, y = red - (green + blue) / 2, (green - blue) * np.sqrt(0.75)  # the colour plane; black, grey, white at 0
    hue, chroma = np.arctan2(y, x), np.hypot(x, y)
    # bins are centred on the six pure hues and the six between them
    bins = np.rint(hue / (2 * np.pi) * HUE_BINS).astype(int) % HUE_BINS
    weight = np.bincount(bins.ravel(), chroma.ravel(), HUE_BINS)
    share = weight[weight > 0] / max(weight.sum(), 1e-300)
    return float(-(share * np.log2(share)).sum())


def _mean_frequency(grey: np.ndarray) -> float:
    window = np.outer(*(np.hanning(side + 2)[1:-1] for side in grey.shape))
    power = np.abs(np.fft.fft2((grey - grey.mean()) * window)) ** 2
    radius = np.hypot(*np.meshgrid(*(np.fft.fftfreq(side) for side in grey.shape), indexing="ij"))
    return float((power * radius).sum() / max(power.sum(), 1e-300))


def measure_stages(pictures: Mapping[str, Sequence[np.ndarray]]) -> pd.DataFrame:
    """`measure` the pictures of several networks or ascents, each a list of stages; adds columns `kind`, `stage`."""
    return pd.concat(
        [
            measure(stage).assign(kind=kind, stage=number)
            for kind, stages in pictures.items()
            for number, stage in enumerate(stages, 1)
        ],
        ignore_index=True,
    )


def trends(measures: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """Rank correlation of each measure with the stage, with a 95 % interval from drawing filters anew.

    Of measures from `measure_stages`. One row per measure and kind, in that order; columns `rank_correlation`, `low`,
    `high`.
    """
    trends = {}
    for kind, rows in measures.groupby("kind", sort=False):
        for name in MEASURES:
            pair = rows[["stage", name]].rank().to_numpy()

            def correlation(chosen: np.ndarray, pair: np.ndarray = pair) -> float:
                return float(np.corrcoef(pair[chosen].T)[0, 1])

            everything = np.arange(len(pair))
            interval = metrics.bootstrap_interval(correlation, everything, seed=seed)
            trends[name, kind] = correlation(everything), *interval
    return pd.DataFrame(trends, index=["rank_correlation", "low", "high"]).T
