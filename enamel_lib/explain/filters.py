"""Which filters to look at, and how colourful and how fine the pictures are that excite them."""

import keras
import numpy as np
import pandas as pd

from enamel_lib import metrics
from enamel_lib.indenter import network

STAGES = len(network.BLOCKS)
HUE_BINS = 12
MEASURES = {
    "colour_share": "share of the contrast that is colour",
    "colour_entropy": "entropy of the hues (bit)",
    "frequency": "mean spatial frequency (cycles/px)",
}


def stage_layers(model: keras.Model) -> list[str]:
    """Names of the sums that end the four stages of the indenter, before their ReLU, so that no filter starts dead."""
    sums = [layer.name for layer in model.layers if isinstance(layer, keras.layers.Add)]
    return [sums[last - 1] for last in np.cumsum(network.BLOCKS)]


def layer_groups(model: keras.Model) -> dict[str, list[keras.Layer]]:
    """Layers with weights by part of the indenter, from the output back to the input: the cascade's order."""
    groups = {"dense": [], **{f"stage {number}": [] for number in range(STAGES, 0, -1)}, "first convolution": []}
    conv_of_stage = np.cumsum([2 * blocks for blocks in network.BLOCKS])
    count = 0  # 3 x 3 convolutions seen; the first is the stem's
    for layer in model.layers:
        if not layer.weights:
            continue
        if isinstance(layer, keras.layers.Conv2D) and layer.kernel_size == (3, 3):
            count += 1
        if isinstance(layer, keras.layers.Dense):
            groups["dense"].append(layer)
        elif count < 2:
            groups["first convolution"].append(layer)
        else:
            groups[f"stage {1 + int(np.searchsorted(conv_of_stage, count - 1))}"].append(layer)
    return groups


def displayed(pictures: np.ndarray) -> np.ndarray:
    """Bring pictures of any range to [0, 1] for show: mean 0.5 and standard deviation 0.15, over all channels at once.

    Parameters
    ----------
    pictures
        `(N, H, W, 3)`.
    """
    mean = pictures.mean(axis=(1, 2, 3), keepdims=True)
    spread = pictures.std(axis=(1, 2, 3), keepdims=True)
    return np.clip(0.5 + 0.15 * (pictures - mean) / np.maximum(spread, 1e-12), 0, 1)


def measure(pictures: np.ndarray, border: int = 8) -> pd.DataFrame:
    """Measure how colourful and how fine pictures are.

    Parameters
    ----------
    pictures
        `(N, H, W, 3)` in [0, 1], as displayed.
    border
        Pixels left out at each edge.

    Returns
    -------
    measures
        One row per picture. `colour_share`: of the mean squared distance from grey 0.5, the part that is between
        channels, 0 (monochrome) to 1. `colour_entropy`: of the hues, 12 bins weighted by chroma, 0 (one hue) to
        log2(12) = 3.58 bit. `frequency`: mean over the power spectrum of the grey values without its mean, cycles/px.
    """
    inner = pictures[:, border : pictures.shape[1] - border, border : pictures.shape[2] - border].astype(float)
    grey = inner.mean(axis=-1)
    total = np.square(inner - 0.5).mean(axis=(1, 2, 3))
    coloured = np.square(inner - grey[..., None]).mean(axis=(1, 2, 3))
    return pd.DataFrame(
        {
            "colour_share": np.divide(coloured, total, out=np.zeros(len(total)), where=total > 0),
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


def trends(measures: pd.DataFrame, *, seed: int = 0) -> pd.DataFrame:
    """Rank correlation of each measure with the stage, with a 95 % interval from drawing filters anew.

    Parameters
    ----------
    measures
        One row per filter: `stage`, and the columns of `measure`.

    Returns
    -------
    trends
        Index: the measures; columns `rank_correlation`, `low`, `high`.
    """
    records = {}
    for name in MEASURES:
        pair = measures[["stage", name]].rank().to_numpy()

        def correlation(rows: np.ndarray, pair: np.ndarray = pair) -> float:
            return float(np.corrcoef(pair[rows].T)[0, 1])

        everything = np.arange(len(pair))
        interval = metrics.bootstrap_interval(correlation, everything, seed=seed)
        records[name] = (correlation(everything), *interval)
    return pd.DataFrame.from_dict(records, orient="index", columns=["rank_correlation", "low", "high"])
