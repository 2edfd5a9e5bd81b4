import numpy as np
import pytest

from enamel_lib import microstructure, pic


def test_lag_misorientation_of_a_steady_turn():
    """phi grows by 2 degrees a column: lag L differs by 2 L along columns and not at all along rows."""
    phi = np.tile(2.0 * np.arange(40), (40, 1))
    director = pic.to_director(phi, np.zeros_like(phi))
    np.testing.assert_allclose(microstructure.lag_misorientation(director, (1, 4, 8)), [1, 4, 8], atol=1e-6)


def test_hue_histogram_of_one_colour_fills_one_bin():
    cyan = np.full((5, 5, 3), (0, 255, 255), np.uint8)
    histogram = microstructure.hue_histogram(cyan)
    assert histogram.sum() == 1
    assert histogram[6] == 1  # phi = 0 opens the seventh bin


def test_value_quantiles_of_a_ramp():
    ramp = np.zeros((1, 256, 3), np.uint8)
    ramp[0, :, 1] = np.arange(256)
    np.testing.assert_allclose(microstructure.value_quantiles(ramp, (0.0, 0.5, 1.0)), [0, 0.5, 1])


def test_spectrum_and_pitch_find_a_grating():
    rows, cols = np.mgrid[:128, :160]
    wave = 0.5 + 0.25 * np.sin(2 * np.pi * rows / 16) + 0.25 * np.sin(2 * np.pi * cols / 20)
    rgb = np.zeros((128, 160, 3), np.uint8)
    rgb[..., 1] = np.rint(255 * wave)
    frequency, power = microstructure.radial_spectrum(rgb, bins=64)
    assert power.sum() == pytest.approx(1)
    assert frequency[power.argmax()] in (pytest.approx(1 / 16, abs=0.01), pytest.approx(1 / 20, abs=0.01))
    assert microstructure.rod_pitch(rgb) == pytest.approx(16, abs=1)


def test_no_structure_has_no_pitch():
    assert np.isnan(microstructure.rod_pitch(np.full((64, 64, 3), 90, np.uint8)))


def test_total_variation():
    assert microstructure.total_variation([1, 0], [0, 1]) == 1
    assert microstructure.total_variation([0.5, 0.5], [0.5, 0.5]) == 0


def test_likeness_of_a_map_with_itself_is_zero():
    rgb = np.random.default_rng(0).integers(0, 256, (80, 90, 3), dtype=np.uint8)
    assert all(value == 0 or np.isnan(value) for value in microstructure.likeness(rgb, rgb).values())


def test_hue_by_contrast_tells_walls_from_rods():
    """Dark blue squares in a bright green net: the net is brighter than around it, the squares darker or neither."""
    rgb = np.zeros((96, 96, 3), np.uint8)
    rgb[..., 2] = 80
    net = (np.arange(96) % 12 < 2)[:, None] | (np.arange(96) % 12 < 2)
    rgb[net] = (0, 250, 0)
    dark, middle, bright = microstructure.hue_by_contrast(rgb)
    assert dark.sum() + middle.sum() + bright.sum() == pytest.approx(1)
    assert bright.argmax() == 4  # green is phi = -30
    assert bright.sum() == pytest.approx(net.mean(), abs=0.02)
    assert dark.argmax() == 8  # blue is phi = 30
    assert bright[8] == dark[4] == 0


def test_pitch_of_a_map_is_that_of_most_of_its_windows():
    rows, cols = np.mgrid[:256, :384]
    period = np.where(cols < 256, 16, 32)
    wave = 0.5 + 0.25 * np.sin(2 * np.pi * rows / period) + 0.25 * np.sin(2 * np.pi * cols / period)
    rgb = np.repeat(np.rint(255 * wave).astype(np.uint8)[..., None], 3, axis=2)
    assert microstructure.rod_pitch(rgb) == pytest.approx(16, abs=1)
