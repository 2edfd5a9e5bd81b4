"""Two-sample test: can a classifier tell crops of simulated maps from crops of a real one?

It learns on one half of the real map and is tested on the other, so that it knows the kind of map and not the map;
simulated maps are parted likewise. An area under the curve of 0.5 is chance, 1 tells every crop.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import roc_auc_score, roc_curve

from enamel_lib.microstructure import orientation_statistics

CROP_PX = 100
REAL_STRIDE_PX, SIMULATED_STRIDE_PX = 25, 50  # there is one real map, and no end of simulated ones
TREES = 500


@dataclass(frozen=True)
class TwoSample:
    """Outcome of a two-sample test, of both directions: left half learnt, right half tested, and the other way.

    Attributes
    ----------
    areas
        Areas under the curve, of both directions; their mean is the figure to quote.
    curves
        Share of simulated crops taken for real, and of real ones known, as the threshold falls: `(2, n)` each.
    importances
        By feature of `microstructure.orientation_statistics`, summing to 1, the mean of both directions; sorted.
    """

    areas: tuple[float, float]
    curves: tuple[np.ndarray, np.ndarray]
    importances: pd.Series

    @property
    def area(self) -> float:
        """Mean area under the curve of both directions."""
        return float(np.mean(self.areas))


def two_sample_test(real: np.ndarray, simulated: Sequence[pd.DataFrame], *, seed: int = 0) -> TwoSample:
    """Train a random forest on one half of the real map against half of the simulated ones, test it on the others.

    Parameters
    ----------
    real
        `(H, W, 3)` uint8, at least 200 px wide and 100 px high.
    simulated
        `microstructure.orientation_statistics` of the crops of at least two maps at the same scale
        (`measured_maps`).
    """
    halves = [orientation_statistics(crops([half], REAL_STRIDE_PX)) for half in np.array_split(real, 2, axis=1)]
    made = [pd.concat(simulated[start::2]) for start in (0, 1)]
    areas, curves, importances = [], [], []
    for learnt, tested in ((0, 1), (1, 0)):
        forest = RandomForestClassifier(TREES, class_weight="balanced", random_state=seed, n_jobs=-1)
        forest.fit(*_labelled(halves[learnt], made[learnt]))
        features, is_real = _labelled(halves[tested], made[tested])
        score = forest.predict_proba(features)[:, 1]
        areas.append(float(roc_auc_score(is_real, score)))
        curves.append(np.array(roc_curve(is_real, score)[:2]))
        importances.append(pd.Series(forest.feature_importances_, features.columns))
    return TwoSample(tuple(areas), tuple(curves), (sum(importances) / 2).sort_values(ascending=False))


def crops(maps: Sequence[np.ndarray], stride: int) -> np.ndarray:
    """Cut maps into overlapping squares `stride` px apart, `(N, 100, 100, 3)`."""
    windows = [
        sliding_window_view(one, (CROP_PX, CROP_PX, 3))[::stride, ::stride].reshape(-1, CROP_PX, CROP_PX, 3)
        for one in maps
    ]
    return np.concatenate(windows)


def _labelled(real: pd.DataFrame, made: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    return pd.concat([real, made], ignore_index=True), np.repeat([1, 0], [len(real), len(made)])
