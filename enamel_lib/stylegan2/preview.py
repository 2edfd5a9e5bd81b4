"""Look at a generator while it trains: draw pictures, and compare them with real ones."""

import numpy as np
from keras import ops

from enamel_lib import images, microstructure, pic
from enamel_lib.stylegan2.generator import Generator

BATCH_SIZE = 16


def draw(generator: Generator, z: np.ndarray) -> np.ndarray:
    """Pictures `(N, R, R, 3)` uint8 of latents `(N, latent_dim)`."""
    parts = np.array_split(z, -(-len(z) // BATCH_SIZE))
    drawn = (ops.convert_to_numpy(ops.cast(generator(part), "float32")) for part in parts)
    return np.concatenate([images.to_uint8(part) for part in drawn])


def distances(made: np.ndarray, real: np.ndarray) -> dict[str, float]:
    """How far pictures are from real ones, `(N, R, R, 3)` uint8 each; 0 for sets with the same averages.

    Returns
    -------
    dict
        `hue` and `spectrum` (total variation), `lag_misorientation` (largest relative difference of a lag's mean).
    """
    (hue, spectrum, lag), (real_hue, real_spectrum, real_lag) = _averages(made), _averages(real)
    return {
        "hue": microstructure.total_variation(hue, real_hue),
        "spectrum": microstructure.total_variation(spectrum, real_spectrum),
        "lag_misorientation": float(np.abs(lag / real_lag - 1).max()),
    }


def _averages(pictures: np.ndarray) -> tuple[np.ndarray, ...]:
    lags = tuple(lag for lag in microstructure.LAGS_PX if 4 * lag <= pictures.shape[1])
    each = [
        (
            microstructure.hue_histogram(picture),
            microstructure.radial_spectrum(picture)[1],
            microstructure.lag_misorientation(pic.director(picture), lags),
        )
        for picture in pictures
    ]
    return tuple(np.mean(measure, axis=0) for measure in zip(*each, strict=True))
