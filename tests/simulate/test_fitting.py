from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest

from enamel_lib import microstructure
from enamel_lib.simulate import fitting, simulator, texture


@pytest.fixture(scope="module")
def start():
    return texture.preset("start")


def test_every_number_of_a_texture_is_searched_and_the_start_lies_within(start):
    assert set(fitting.SEARCH) == set(asdict(start)) - {"phase", "scatter"}
    for name, (low, high) in fitting.SEARCH.items():
        assert low <= getattr(start, name) <= high


def test_a_fit_comes_nearer_to_a_map_and_repeats(start):
    wanted = texture.replace(start, crystal_azimuth=start.crystal_azimuth - 40)
    shown = simulator.section((60, 80), pixel_size_um=0.24, seed=1, texture=wanted).rgb
    settings = {"pixel_size_um": 0.24, "start": start, "population": 8, "step": 0.15}
    fitted, history = fitting.fit(shown, generations=6, **settings)
    again, _ = fitting.fit(shown, generations=1, **settings)
    assert history["loss"].iloc[-2:].mean() < 0.9 * history["loss"].iloc[0]
    assert again == fitting.fit(shown, generations=1, **settings)[0]
    assert set(microstructure.WANTED) <= set(history)
    assert all(low <= getattr(fitted, name) <= high for name, (low, high) in fitting.SEARCH.items())


def test_a_measure_that_is_missing_or_far_off_counts_as_worst():
    exact = pd.DataFrame([dict.fromkeys(microstructure.WANTED, 0.0)])
    assert fitting.loss(exact).item() == 0
    assert fitting.loss(exact.assign(rod_pitch=np.nan)).item() == pytest.approx(fitting.WORST / len(exact.columns))
    assert fitting.loss(exact.assign(hue=99.0)).item() == pytest.approx(fitting.WORST / len(exact.columns))
