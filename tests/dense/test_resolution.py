"""Measures of edge-spread functions, on edges that are known."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import ndtr

from enamel_lib.dense import resolution
from enamel_lib.dense.code import CELL_UM
from enamel_lib.inference.hardness_map import HardnessMap

DISTANCE = np.arange(-8, 8, resolution.BIN_UM) + resolution.BIN_UM / 2


def spread(share, values="1 to 2°"):
    about = {"kind": "tilt", "values": values, "contrast": 0.3}
    return pd.DataFrame(about | {"distance": DISTANCE, "share": share})


@pytest.mark.parametrize("sigma", [0.4, 1.2])
def test_a_gaussian_edge_has_its_rise_and_its_transfer(sigma):
    measured = resolution.measures(spread(ndtr(DISTANCE / sigma))).iloc[0]
    assert measured["rise"] == pytest.approx(2.563 * sigma, abs=0.13)
    assert measured["overshoot"] == pytest.approx(0, abs=0.01)
    assert measured["mtf50"] == pytest.approx(np.sqrt(np.log(2) / 2) / np.pi / sigma, rel=0.08)


def test_what_does_not_rise_has_no_rise():
    assert np.isnan(resolution.measures(spread(np.linspace(0.3, 0.6, len(DISTANCE)))).iloc[0]["rise"])


def test_overshoot_is_what_goes_beyond_either_end():
    share = ndtr(DISTANCE / 0.4) - 0.2 * np.exp(-(((DISTANCE + 1) / 0.3) ** 2))
    assert resolution.measures(spread(share)).iloc[0]["overshoot"] == pytest.approx(0.2, abs=0.02)


def test_the_spread_of_a_map_that_is_blurred_is_that_blur(monkeypatch):
    """A model that reads the mean brightness, blurred by 1 um, and the texture of rods beside it."""
    from scipy import ndimage

    def blurred(model, rgb):
        cells = rgb.reshape(rgb.shape[0] // 4, 4, rgb.shape[1] // 4, 4, 3).mean(axis=(1, 3, 4))
        grid = 4.0 * np.arange(cells.shape[0]) + 2
        read = np.exp(ndimage.gaussian_filter(cells / 255, 1.0 / CELL_UM))
        return HardnessMap(read, grid, grid, rgb.shape[:2], 4, 0)

    monkeypatch.setattr(resolution.indenter, "hardness_map", blurred)
    monkeypatch.setattr(resolution, "KINDS", {"light": ("exposure", ((1.0, 1.3),))})
    monkeypatch.setattr(resolution, "SHAPE", (256, 256))
    measured = resolution.measures(resolution.edge_spread(None, count=2)).iloc[0]
    assert measured["rise"] == pytest.approx(2.563, abs=0.25)


def test_noise_has_its_power_at_its_frequency():
    """White noise: its variance times the area of a cell, at every frequency; a wave: at its own."""
    rng = np.random.default_rng(0)
    true = np.sin(2 * np.pi * 0.5 * CELL_UM * np.arange(200)) + np.zeros((160, 1))  # half a cycle per um
    spectrum = resolution.noise_power([(true + 3 + rng.normal(0, 0.2, true.shape), true)] * 2)
    np.testing.assert_allclose(spectrum["noise"][1:], 0.2**2 * CELL_UM**2, rtol=0.35)
    assert spectrum["noise"][4:].mean() == pytest.approx(0.2**2 * CELL_UM**2, rel=0.05)
    assert spectrum.loc[spectrum["truth"].idxmax(), "frequency"] == pytest.approx(0.5, abs=0.1)
    holes = np.where(rng.random(true.shape) < 0.1, np.nan, true)
    assert resolution.noise_power([(holes, true)])["noise"].max() < 1e-12
