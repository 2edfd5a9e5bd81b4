"""How like a picture is to those that a dense network learned on: by the mean of the structure that it reads.

A network trained on enamel reads some structure in anything. Its mean over a map is then a mix that enamel does not
have, far from the mixes of simulated sections by Mahalanobis (1936). Of nine sets of features (the structure's means
and spreads, statistics of the orientation code, the network's widest layer, and mixtures), by distance or by nearest
neighbours, this told noise, other materials and pixels stated too small at the fewest false alarms. Pixels stated too
large it rarely tells: the network knows sections of many scales.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Field, FiniteFloat

from enamel_lib import structured
from enamel_lib.dense.structure import LOCAL, WIDE, Sections, simulate
from enamel_lib.errors import ModelError

if TYPE_CHECKING:  # what guides a large map judges it, too, and has no memory to spare for TensorFlow
    import keras

SHARE = 0.99  # of sections left out are nearer than the threshold; of new ones a few more are not
SECTIONS, SEED = 120, 1000  # of their own: neither trained on nor judged by
LEAST_SIGNAL = 0.5  # of a cell that counts
COUNT = len(LOCAL) + len(WIDE)

Row = Annotated[list[FiniteFloat], Field(min_length=COUNT, max_length=COUNT)]


class Likeness(structured.Strict):
    """What sections have in common: the `mean` of their mean structures, the inverse covariance, the threshold."""

    mean: Row
    precision: Annotated[list[Row], Field(min_length=COUNT, max_length=COUNT)]
    threshold: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    share: float
    sections: int

    def judge(self, cells: int, total: np.ndarray) -> dict[str, Any]:
        """Judge by what `summed` gives of a picture: its `distance` in thresholds, and whether it is `flagged`."""
        away = _distance(total / cells, np.array(self.mean), np.array(self.precision)) / self.threshold
        return {"distance": round(float(away), 3), "flagged": bool(away > 1)}

    def judge_read(self, found: Mapping[str, np.ndarray]) -> dict[str, Any]:
        """Judge what `reading.read` found of a whole picture, as `judge` does."""
        return self.judge(*summed(found))


def summed(found: Mapping[str, np.ndarray]) -> tuple[int, np.ndarray]:
    """Give how many cells of what `reading.read` found count, and their sum of structure `(13,)`; parts add up."""
    seen = found["signal"] >= LEAST_SIGNAL
    sums = [found[name][seen].sum(axis=0, dtype=np.float64) for name in ("local", "wide")]
    return int(seen.sum()), np.concatenate(sums)


def learn(network: "keras.Model", sections: Sections | None = None) -> dict[str, Any]:
    """Give the `Likeness`, for the card, of sections that a network has not seen; freshly simulated ones if None."""
    from enamel_lib.dense import reading

    sections = simulate(SECTIONS, seed=SEED) if sections is None else sections
    parts = (
        summed(reading.read(network, rgb, pixel_size_um=float(size)))
        for rgb, size in zip(sections.pictures, sections.pixel_size_um, strict=True)
    )
    seen = np.array([total / cells for cells, total in parts])
    left_out = [_distance(one, *_common(np.delete(seen, number, axis=0))) for number, one in enumerate(seen)]
    mean, precision = _common(seen)
    return {
        "mean": mean.round(5).tolist(),
        "precision": precision.round(3).tolist(),
        "threshold": round(float(np.quantile(left_out, SHARE)), 3),
        "share": SHARE,
        "sections": len(seen),
    }


def of_card(card: Mapping[str, Any], what: str) -> Likeness | None:
    """Give the `Likeness` in the card of a model; None where it tells none, a ModelError if it is damaged."""
    told = card.get("likeness")
    return told and structured.check(Likeness, told, what=f"card of {what}", error=ModelError)


def _common(seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and inverse covariance of rows, shrunk (Ledoit & Wolf 2004), for the regions of enamel sum to 1."""
    from sklearn.covariance import LedoitWolf

    mean, sd = seen.mean(axis=0), seen.std(axis=0) + 1e-9
    precision = LedoitWolf(assume_centered=True).fit((seen - mean) / sd).precision_
    return mean, precision / np.outer(sd, sd)


def _distance(one: np.ndarray, mean: np.ndarray, precision: np.ndarray) -> float:
    return np.sqrt((one - mean) @ precision @ (one - mean))
