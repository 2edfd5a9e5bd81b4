"""A linear head for features learnt before: fitted in closed form, so that fine-tuning does not start by spoiling them.

Linear probing, then fine-tuning, keeps more of what holds on unseen data than fine-tuning alone (Kumar et al. 2022,
"Fine-tuning can distort pretrained features and underperform out-of-distribution").
"""

import numpy as np
import pandas as pd
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from enamel_lib import indenter
from enamel_lib.images import crops
from enamel_lib.trainable import assign, computing_in

STRENGTHS = np.logspace(-1, 4, 11)  # of the ridge
AT_ONCE = 64  # windows


def linear_head(
    features: list[np.ndarray], tiles: np.ndarray, table: pd.DataFrame, *, size: int, precision: str
) -> list[np.ndarray]:
    """Fit the dense layer on top of given features to labels, with the ridge that does best on held-out rows.

    Parameters
    ----------
    features
        Weights of the network, all but the dense layer's.
    tiles
        `(N, side, side, 3)` uint8.
    table
        Rows with `tile_id`, `label` (GPa), `weight` and `split`: `train` is fitted to, `val` is held out.
    size
        Side of the windows that the network takes, px; a divisor of `side`.
    precision
        In which features are computed.

    Returns
    -------
    list of np.ndarray
        Kernel and bias for `build_indenter(size)`: the mean over all cells of the grid that it sees.
    """
    rows, held = (table[table["split"] == split] for split in ("train", "val"))
    used = np.unique(np.concatenate([rows["tile_id"], held["tile_id"]]))
    seen = pd.DataFrame(_seen(features, tiles[used], size, precision), index=used)
    of_rows, of_held = seen.loc[rows["tile_id"]].to_numpy(), seen.loc[held["tile_id"]].to_numpy()
    fits = []
    for strength in STRENGTHS:
        fit = make_pipeline(StandardScaler(), Ridge(strength))
        fit.fit(of_rows, rows["label"], ridge__sample_weight=rows["weight"])
        error = np.average((fit.predict(of_held) - held["label"]) ** 2, weights=held["weight"])
        fits.append((error, fit))
    scale, ridge = min(fits, key=lambda pair: pair[0])[1]
    slope = ridge.coef_ / scale.scale_
    cells = indenter.pooled_side(size) ** 2
    kernel = np.tile(slope / cells, cells)[:, None]
    return [kernel.astype(np.float32), np.array([ridge.intercept_ - slope @ scale.mean_], np.float32)]


def _seen(features: list[np.ndarray], tiles: np.ndarray, size: int, precision: str) -> np.ndarray:
    """What the dense layer sees of tiles, averaged over each: `(N, filters)`."""
    with computing_in(precision):
        model = indenter.build_indenter(size)
    assign(model.variables[:-2], features)
    seen = indenter.penultimate_features(model, crops(tiles, size), batch_size=AT_ONCE)
    # the ridge is ill-conditioned in float32
    return seen.reshape(len(tiles), -1, seen.shape[1]).mean(axis=1, dtype=np.float64)
