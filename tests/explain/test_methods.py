import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers, ops

from enamel_lib.errors import InputError
from enamel_lib.explain import METHODS, attribution, completeness, saliency, strongest
from enamel_lib.explain.methods import integrated_gradients

SIDE = 6


@pytest.fixture(scope="module")
def tiles():
    return np.random.default_rng(0).uniform(0.2, 0.8, (3, SIDE, SIDE, 3)).astype(np.float32)


def network(*body, side=SIDE):
    return keras.Sequential([keras.Input((side, side, 3)), *body])


@pytest.fixture(scope="module")
def linear():
    """A prediction that is a weighted sum of the colours: its gradient is its weights, wherever it is taken."""
    model = network(layers.Flatten(), layers.Dense(1))
    weights = np.random.default_rng(1).normal(size=(SIDE * SIDE * 3, 1)).astype(np.float32)
    model.set_weights([weights, np.float32([2])])
    return model, weights.reshape(SIDE, SIDE, 3)


def test_saliency_of_a_linear_model_is_its_weights(linear, tiles):
    model, weights = linear
    np.testing.assert_allclose(attribution(model, tiles), np.broadcast_to(weights, tiles.shape), rtol=1e-5)
    smooth = attribution(model, tiles, method="smoothgrad", samples=11, noise=0.3)
    np.testing.assert_allclose(smooth, np.broadcast_to(weights, tiles.shape), rtol=1e-4)
    for method in ("gradient", "smoothgrad"):
        np.testing.assert_allclose(saliency(model, tiles, method=method), [strongest(weights)] * 3, rtol=1e-4)
    np.testing.assert_array_equal(strongest(np.array([[1, -3, 2.0]])), [3])


def test_a_new_method_is_one_function_and_one_entry(linear, tiles, monkeypatch):
    def squared(gradient, tiles, *, scale=1):
        return scale * np.square(gradient(tiles)[1])

    monkeypatch.setitem(METHODS, "toy", squared)
    model, weights = linear
    expected = 2 * np.square(np.abs(weights).max(axis=-1))
    np.testing.assert_allclose(saliency(model, tiles, method="toy", scale=2), [expected] * 3, rtol=1e-4)
    with pytest.raises(InputError, match="integrated, toy"):
        saliency(model, tiles, method="guided")


class TestIntegratedGradients:
    def integrate(self, model, tiles, baseline=0.0, **settings):
        added = attribution(model, tiles, method="integrated", baseline=baseline, **settings)
        return added, completeness(model, tiles, added, baseline=np.broadcast_to(np.float32(baseline), tiles.shape))

    def test_of_a_linear_model_share_it_out(self, linear, tiles):
        model, weights = linear
        added, table = self.integrate(model, tiles, baseline=0.25)
        np.testing.assert_allclose(added, weights * (tiles - 0.25), atol=1e-5)
        assert table["completeness error"].max() < 1e-4

    def test_are_exact_where_they_are_known(self, tiles):
        """A sum of squares: half of the gradient at the end, x^2 for each colour value from black."""
        model = network(
            layers.Lambda(lambda x: ops.square(x)), layers.Flatten(), layers.Lambda(lambda x: ops.sum(x, -1, True))
        )
        added, table = self.integrate(model, tiles)
        np.testing.assert_allclose(added, tiles**2, rtol=1e-4)
        np.testing.assert_allclose(table["prediction (GPa)"], (tiles**2).sum(axis=(1, 2, 3)), rtol=1e-5)
        assert not table["of the baseline (GPa)"].any()

    def test_take_the_points_they_need(self):
        """A kink at 0.3 of the line: 32 parts, ends at (k / 32)^2, take 700 / 1024 of it for 0.7; and so on."""
        model = network(
            layers.Lambda(lambda x: ops.relu(ops.mean(x, axis=(1, 2, 3), keepdims=True) - 0.03)[:, 0, 0]),
        )
        tiles = np.full((1, SIDE, SIDE, 3), 0.1, np.float32)
        for most_steps, beyond in ((32, 700), (200, 711.667), (10000, 716.852)):
            added, table = self.integrate(model, tiles, tolerance=0.001, most_steps=most_steps)
            assert added.sum() == pytest.approx(0.1 * beyond / 1024, rel=1e-4)
            assert table["completeness error"][0] == pytest.approx(abs(beyond / 1024 / 0.7 - 1), rel=0.02)

    def test_take_most_points_near_the_baseline(self, tiles):
        """A prediction that falls off fast from the baseline, as a network's does while a picture gets its contrast."""
        model = network(layers.Lambda(lambda x: ops.exp(-30 * ops.mean(x, axis=(1, 2, 3), keepdims=True)[:, 0, 0])))
        _, table = self.integrate(model, tiles, most_steps=integrated_gradients.PARTS)
        assert table["completeness error"].max() < 0.003  # equal parts miss by three times as much

    def test_of_eight_bit_tiles_are_those_of_their_floats(self, linear):
        tiles = np.random.default_rng(2).integers(0, 256, (2, SIDE, SIDE, 3)).astype(np.uint8)
        floats, bytes_ = (
            attribution(linear[0], some, method="integrated") for some in (tiles / np.float32(255), tiles)
        )
        np.testing.assert_array_equal(floats, bytes_)


def test_the_sign_of_the_gradient_is_that_of_the_change(tiles):
    model = network(layers.Flatten(), layers.Dense(4, "tanh"), layers.Dense(1))
    slope = attribution(model, tiles)
    moved = tiles.copy()
    moved[:, 2, 3, 1] += 1e-2
    change = (model.predict(moved, verbose=0) - model.predict(tiles, verbose=0))[:, 0] / 1e-2
    np.testing.assert_allclose(slope[:, 2, 3, 1], change, rtol=0.05, atol=1e-4)


def test_weights_changed_after_the_first_call_count(linear, tiles):
    model, weights = linear
    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    before = attribution(twin, tiles)
    twin.set_weights([2 * weights.reshape(-1, 1), np.float32([0])])
    np.testing.assert_allclose(attribution(twin, tiles), 2 * before, rtol=1e-5)


def test_noise_belongs_to_the_tile_not_to_its_batch(tiles):
    model = network(layers.Flatten(), layers.Dense(3, "tanh"), layers.Dense(1))
    settings = {"method": "smoothgrad", "samples": 4}
    alone = attribution(model, tiles[:1], seed=3, **settings)
    np.testing.assert_allclose(attribution(model, tiles, seed=3, **settings)[:1], alone, rtol=1e-5)
    assert not np.allclose(attribution(model, tiles[:1], seed=4, **settings), alone)


def test_tiles_of_another_size_are_refused(linear, tiles):
    with pytest.raises(InputError, match="shape"):
        attribution(linear[0], tiles[:, 1:])


@pytest.mark.skipif(
    subprocess.run([sys.executable, "-c", "import jax"], capture_output=True, check=False).returncode != 0,
    reason="JAX is not installed",
)
def test_gradients_on_jax():
    code = """
import keras, numpy as np
from keras import layers
from enamel_lib.gradients import input_gradient
model = keras.Sequential([keras.Input((2, 2, 3)), layers.BatchNormalization(), layers.Flatten(), layers.Dense(1)])
gradient_of = input_gradient(model)
for weights in (np.arange(12.0), np.ones(12)):
    model.layers[-1].set_weights([weights[:, None], np.zeros(1)])
    score, gradient = gradient_of(np.ones((3, 2, 2, 3)))
    np.testing.assert_allclose(gradient[1].ravel(), weights / np.sqrt(1 + 1e-3), rtol=1e-5)
    np.testing.assert_allclose(score, gradient.sum((1, 2, 3)), rtol=1e-5)
"""
    subprocess.run([sys.executable, "-c", code], env=os.environ | {"KERAS_BACKEND": "jax"}, check=True)
