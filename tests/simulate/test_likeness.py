import numpy as np
import pytest

from enamel_lib import microstructure, paths
from enamel_lib.errors import ModelError
from enamel_lib.simulate import likeness, simulator

SMALL = {"shape": (110, 160), "pixel_size_um": 0.24}
RECORDED = {"shape": (342, 490), "pixel_size_um": 0.24}  # as 01 measures them


def test_what_was_measured_is_read_back_and_not_that_of_other_maps(tmp_path):
    record = tmp_path / "maps.npz"
    made = likeness.measured_maps("prior", [3, 4], **SMALL, record=record)
    section = simulator.section(seed=4, texture="prior", **SMALL)
    assert made.measures[1]["hue"].tolist() == microstructure.hue_histogram(section.rgb).tolist()
    read = likeness.measured_maps("prior", [3, 4], **SMALL, record=record)
    for name in ("measures", "profiles"):
        for one, other in zip(getattr(made, name), getattr(read, name), strict=True):
            assert list(one) == list(other)
            assert all(np.array_equal(one[key], other[key], equal_nan=True) for key in one)
    assert read.statistics[1].to_numpy() == pytest.approx(made.statistics[1].to_numpy(), rel=1e-6)
    assert read.median_likeness(section.rgb) == pytest.approx(made.median_likeness(section.rgb), nan_ok=True)
    apart = microstructure.distances(*made.measures)
    assert read.median_spread() == pytest.approx(apart, nan_ok=True)
    with pytest.raises(ModelError, match="another seeds"):
        likeness.measured_maps("prior", [3, 5], **SMALL, record=record)
    with pytest.raises(ModelError, match="another kind"):
        likeness.measured_maps("real-map", [3, 4], **SMALL, record=record)


@pytest.mark.parametrize("kind", ["prior", "real-map"])
def test_the_record_that_ships_is_of_these_maps(kind):
    record = paths.DATA / "results" / f"likeness-{kind}.npz"
    kept = likeness.measured_maps(kind, range(32), **RECORDED, record=record)
    (again,) = likeness.measured_maps(kind, [0], **RECORDED).measures
    for name, value in again.items():
        assert kept.measures[0][name] == pytest.approx(value, rel=1e-4, abs=1e-4), name


def test_the_median_is_that_of_the_middle_map():
    rng = np.random.default_rng(1)
    reference = rng.integers(0, 256, (80, 90, 3), dtype=np.uint8)
    near, far = (np.clip(reference * factor, 0, 255).astype(np.uint8) for factor in (0.9, 0.5))
    maps = likeness.MeasuredMaps([microstructure.measures(one) for one in (reference, near, far)], [], [])
    middle = maps.median_likeness(reference)
    assert middle["value_quantiles"] == microstructure.likeness(near, reference)["value_quantiles"] > 0
