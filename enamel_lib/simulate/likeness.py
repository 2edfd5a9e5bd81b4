"""What simulated maps measure beside a real one: kept without the maps, which take minutes to draw."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd

from enamel_lib import checkpoints, microstructure, structured
from enamel_lib.simulate import simulator, texture
from enamel_lib.simulate.two_sample import SIMULATED_STRIDE_PX, crops


@dataclass(frozen=True)
class MeasuredMaps:
    """Measures of several maps, in order.

    Attributes
    ----------
    measures, profiles
        `microstructure.measures` and `microstructure.profile` of each map.
    statistics
        `microstructure.orientation_statistics` of each map's crops, as `two_sample_test` takes them.
    """

    measures: list[dict[str, np.ndarray]]
    profiles: list[dict[str, np.ndarray]]
    statistics: list[pd.DataFrame]

    def median_likeness(self, reference: np.ndarray) -> dict[str, float]:
        """Median of the `microstructure.likeness` of the maps to one, `(H, W, 3)` uint8, measure by measure."""
        wanted = microstructure.measures(reference)
        return pd.DataFrame(microstructure.distances(one, wanted) for one in self.measures).median().to_dict()

    def median_spread(self) -> dict[str, float]:
        """Median of the `microstructure.distances` of any two of the maps: what their draw alone makes."""
        pairs = combinations(self.measures, 2)
        return pd.DataFrame(microstructure.distances(one, other) for one, other in pairs).median().to_dict()


def measured_maps(
    kind: str,
    seeds: Sequence[int],
    *,
    shape: tuple[int, int],
    pixel_size_um: float,
    record: Path | None = None,
) -> MeasuredMaps:
    """Simulate a map for each seed and measure it: four seconds of a core for 342 x 490 px of 0.24 um.

    Parameters
    ----------
    kind
        Texture of the maps: `prior`, or name of a preset.
    seeds, shape, pixel_size_um
        Of the maps, as of `simulate.sections`.
    record
        File that keeps what was measured, `.npz`: read if it is there, else written.

    Raises
    ------
    ModelError
        If the record is damaged, or of other maps.
    """
    of = {
        "texture": asdict(texture.preset(texture.REAL_MAP if kind == "prior" else kind)),
        "kind": kind,
        "seeds": [int(seed) for seed in seeds],
        "shape": list(shape),
        "pixel_size_um": pixel_size_um,
    }
    if record and record.exists():
        return _read(record, of)
    maps = [section.rgb for section in simulator.sections(shape, seeds, pixel_size_um=pixel_size_um, texture=kind)]
    measured = MeasuredMaps(
        [microstructure.measures(one) for one in maps],
        [microstructure.profile(one) for one in maps],
        [microstructure.orientation_statistics(crops([one], SIMULATED_STRIDE_PX)) for one in maps],
    )
    if record:
        _write(record, of, measured)
    return measured


def _write(record: Path, of: dict, measured: MeasuredMaps) -> None:
    arrays = {
        f"{kind} {name}": [one[name] for one in curves]
        for kind, curves in (("measures", measured.measures), ("profiles", measured.profiles))
        for name in curves[0]
    }
    arrays["statistics"] = [one.to_numpy(np.float32) for one in measured.statistics]
    checkpoints.write_checkpoint(record, of | {"columns": list(measured.statistics[0])}, arrays)


def _read(record: Path, of: dict) -> MeasuredMaps:
    about, arrays = checkpoints.read_checkpoint(record)
    checkpoints.must_be_of(record, about, of)
    with structured.restoring(record):
        statistics = [pd.DataFrame(one, columns=about["columns"]) for one in arrays.pop("statistics")]
        curves = {}
        for key, values in arrays.items():
            kind, name = key.split(" ")
            for each, value in zip(curves.setdefault(kind, [{} for _ in values]), values, strict=True):
                each[name] = value
        return MeasuredMaps(**curves, statistics=statistics)
