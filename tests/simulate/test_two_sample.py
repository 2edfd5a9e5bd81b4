import numpy as np
import pytest

from enamel_lib.microstructure import orientation_statistics
from enamel_lib.simulate import simulator
from enamel_lib.simulate.two_sample import CROP_PX, SIMULATED_STRIDE_PX, crops, two_sample_test


def maps(seeds, **of):
    return [simulator.section((120, 320), pixel_size_um=0.24, seed=s, texture="real-map", **of).rgb for s in seeds]


def statistics(of):
    return [orientation_statistics(crops([one], SIMULATED_STRIDE_PX)) for one in of]


def test_crops_are_pieces_of_the_map():
    rgb = np.random.default_rng(0).integers(0, 256, (CROP_PX + 20, CROP_PX + 40, 3), np.uint8)
    cut = crops([rgb, rgb], 20)
    assert cut.shape == (2 * 2 * 3, CROP_PX, CROP_PX, 3)
    np.testing.assert_array_equal(cut[1], rgb[:CROP_PX, 20 : 20 + CROP_PX])


def test_the_same_kind_of_map_is_not_told_apart_and_another_is():
    (real, *alike), noise = maps(range(5)), np.random.default_rng(0)
    same = two_sample_test(real, statistics(alike))
    assert same.area < 0.85
    speckled = [np.clip(one + noise.normal(0, 40, one.shape), 0, 255).astype(np.uint8) for one in alike]
    other = two_sample_test(real, statistics(speckled))
    assert other.area > 0.99
    assert other.importances.index[0].startswith(("lag_", "spectrum_", "value_"))
    assert other.importances.sum() == pytest.approx(1)
    assert [curve[:, 0].tolist() for curve in other.curves] == [[0, 0], [0, 0]]
