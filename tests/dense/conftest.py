"""A small dense indenter, a picture, and blocks so small that it has many."""

import keras
import numpy as np
import pytest

from enamel_lib import models, simulate
from enamel_lib.dense import blocks, indenter, labels, network
from enamel_lib.inference import ome_zarr
from tests.dense.large_maps import SHAPE

FIT = labels.Fit(0.1 * np.random.default_rng(1).standard_normal(13), 1.4, 0.05, 0.02, 0.1, 0.1, 0.5)


def saved(path, threshold):
    """A network of random weights, to which no enamel is unlike beyond the threshold."""
    keras.utils.set_random_seed(0)
    made = indenter.with_hardness(network.build((4, 6, 6, 8, 8)), FIT)
    like = {"mean": [0.0] * 13, "precision": np.eye(13).tolist(), "threshold": threshold, "share": 0.99, "sections": 8}
    interval = {"coverage": 0.9, "relative_half_width": 0.2}
    models.save(made, path, {"name": "small", "interval": interval, "likeness": like})
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return saved(tmp_path_factory.mktemp("model") / "small.keras", 100.0)


@pytest.fixture
def strict_model(tmp_path):
    """One that finds all pictures unlike enamel."""
    return saved(tmp_path / "strict.keras", 0.1)


@pytest.fixture(scope="module")
def rgb():
    made = simulate.section(SHAPE, seed=2, texture="real-map").rgb.copy()
    made[100:160, 200:300] = 0
    return made


@pytest.fixture
def small_blocks(monkeypatch):
    """Whatever is large in a map happens in a small one."""
    monkeypatch.setattr(blocks, "BLOCK_CELLS", 32)
    monkeypatch.setattr(ome_zarr, "CHUNK", 16)
