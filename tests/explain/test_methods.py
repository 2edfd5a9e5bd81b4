import os
import subprocess
import sys

import keras
import numpy as np
import pytest
from keras import layers, ops

from enamel_lib.errors import InputError
from enamel_lib.explain import methods

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
    np.testing.assert_allclose(methods.gradient(model, tiles), np.broadcast_to(weights, tiles.shape), rtol=1e-5)
    smooth = methods.smooth_gradient(model, tiles, samples=11, noise=0.3)
    np.testing.assert_allclose(smooth, np.broadcast_to(weights, tiles.shape), rtol=1e-4)
    strongest = np.abs(weights).max(axis=-1)
    for method in ("gradient", "smoothgrad"):
        np.testing.assert_allclose(methods.saliency(model, tiles, method=method), [strongest] * 3, rtol=1e-4)


def test_integrated_gradients_of_a_linear_model_share_it_out(linear, tiles):
    model, weights = linear
    result = methods.integrated_gradients(model, tiles, baseline=0.25)
    np.testing.assert_allclose(result.attribution, weights * (tiles - 0.25), atol=1e-5)
    assert result.completeness_error.max() < 1e-4
    assert (result.steps == methods.PARTS).all()


def test_integrated_gradients_are_exact_where_they_are_known(tiles):
    """A sum of squares: half of the gradient at the end, x^2 for each colour value from black."""
    model = network(
        layers.Lambda(lambda x: ops.square(x)), layers.Flatten(), layers.Lambda(lambda x: ops.sum(x, -1, True))
    )
    result = methods.integrated_gradients(model, tiles)
    np.testing.assert_allclose(result.attribution, tiles**2, rtol=1e-4)
    np.testing.assert_allclose(result.predicted, (tiles**2).sum(axis=(1, 2, 3)), rtol=1e-5)
    assert not result.baseline.any()


def test_integrated_gradients_take_the_points_they_need(tiles):
    """A kink at 0.3 of the line: 32 parts, ends at (k / 32)^2, take 700 / 1024 of it for 0.7; and so on."""
    model = network(
        layers.Lambda(lambda x: ops.relu(ops.mean(x, axis=(1, 2, 3), keepdims=True) - 0.03)[:, 0, 0]),
    )
    tiles = np.full((1, SIDE, SIDE, 3), 0.1, np.float32)
    for most_steps, parts, beyond in ((32, 32, 700), (200, 96, 711.667), (10000, 864, 716.852)):
        result = methods.integrated_gradients(model, tiles, tolerance=0.001, most_steps=most_steps)
        assert result.steps.tolist() == [parts]
        assert result.attribution.sum() == pytest.approx(0.1 * beyond / 1024, rel=1e-4)
        assert result.completeness_error[0] == pytest.approx(abs(beyond / 1024 / 0.7 - 1), rel=0.02)


def test_most_points_lie_near_the_baseline(tiles):
    """A prediction that falls off fast from the baseline, as a network's does while a picture gets its contrast."""
    model = network(layers.Lambda(lambda x: ops.exp(-30 * ops.mean(x, axis=(1, 2, 3), keepdims=True)[:, 0, 0])))
    result = methods.integrated_gradients(model, tiles)
    assert result.steps.tolist() == [methods.PARTS] * len(tiles)  # equal parts miss by three times as much
    assert result.completeness_error.max() < 0.003


def test_the_sign_of_the_gradient_is_that_of_the_change(tiles):
    model = network(layers.Flatten(), layers.Dense(4, "tanh"), layers.Dense(1))
    slope = methods.gradient(model, tiles)
    moved = tiles.copy()
    moved[:, 2, 3, 1] += 1e-2
    change = (model.predict(moved, verbose=0) - model.predict(tiles, verbose=0))[:, 0] / 1e-2
    np.testing.assert_allclose(slope[:, 2, 3, 1], change, rtol=0.05, atol=1e-4)


def test_weights_changed_after_the_first_call_count(linear, tiles):
    model, weights = linear
    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    before = methods.gradient(twin, tiles)
    twin.set_weights([2 * weights.reshape(-1, 1), np.float32([0])])
    np.testing.assert_allclose(methods.gradient(twin, tiles), 2 * before, rtol=1e-5)


def test_noise_belongs_to_the_tile_not_to_its_batch(tiles):
    model = network(layers.Flatten(), layers.Dense(3, "tanh"), layers.Dense(1))
    alone = methods.smooth_gradient(model, tiles[:1], samples=4, seed=3)
    np.testing.assert_allclose(methods.smooth_gradient(model, tiles, samples=4, seed=3)[:1], alone, rtol=1e-5)
    assert not np.allclose(methods.smooth_gradient(model, tiles[:1], samples=4, seed=4), alone)


def test_eight_bit_tiles_are_the_same_as_their_floats(linear):
    model, _ = linear
    tiles = np.random.default_rng(2).integers(0, 256, (2, SIDE, SIDE, 3)).astype(np.uint8)
    floats = methods.integrated_gradients(model, tiles / np.float32(255))
    np.testing.assert_array_equal(methods.integrated_gradients(model, tiles).attribution, floats.attribution)


def test_what_does_not_fit_is_refused(linear, tiles):
    model, _ = linear
    with pytest.raises(InputError, match="smoothgrad"):
        methods.saliency(model, tiles, method="guided")
    with pytest.raises(InputError, match="shape"):
        methods.gradient(model, tiles[:, 1:])


@pytest.fixture(scope="module")
def convolution():
    model = network(layers.Conv2D(2, 3, padding="same", name="conv"), layers.Flatten(), layers.Dense(1), side=20)
    kernel = np.zeros((3, 3, 3, 2), np.float32)
    kernel[1, 1, 0, 0] = 1
    kernel[1, 1, :, 1], kernel[1, 2, :, 1] = 1, -1
    model.get_layer("conv").set_weights([kernel, np.zeros(2, np.float32)])
    return model


class TestMaximizeFilters:
    """A layer of two known filters: brightness of red, and a difference of neighbours."""

    def test_climbs_by_the_stated_step_along_the_known_direction(self, convolution):
        start = methods.maximize_filters(convolution, "conv", [0], side=24, steps=0, border=0)
        end = methods.maximize_filters(convolution, "conv", [0], side=24, steps=3, rate=0.1, border=0)
        step = end - start
        assert np.sqrt(np.mean(step**2)) == pytest.approx(0.3, rel=1e-4)
        np.testing.assert_allclose(step[..., 0], 0.3 * np.sqrt(3), rtol=1e-4)  # red alone, everywhere
        np.testing.assert_allclose(step[..., 1:], 0, atol=1e-6)
        assert np.ptp(start, axis=-1).max() == 0  # static is grey

    def test_leaves_out_the_border(self, convolution):
        start, end = (
            methods.maximize_filters(convolution, "conv", [0], side=24, steps=steps, border=5) for steps in (0, 1)
        )
        moved = np.abs(end - start).max(axis=-1)[0] > 0
        assert moved[5:19, 5:19].all()
        assert moved.sum() == 14**2

    def test_is_seeded_and_batched(self, convolution):
        both = methods.maximize_filters(convolution, "conv", [1, 0], side=16, jitter=2, blur=0.5, seed=4)
        again = methods.maximize_filters(convolution, "conv", [1, 0], side=16, jitter=2, blur=0.5, seed=4)
        np.testing.assert_array_equal(both, again)
        assert both.shape == (2, 16, 16, 3)
        assert not np.array_equal(
            both, methods.maximize_filters(convolution, "conv", [1, 0], side=16, jitter=2, seed=5)
        )

    def test_a_filter_that_nothing_excites_stays_static(self, convolution):
        dead = keras.models.clone_model(convolution)
        dead.get_layer("conv").set_weights([np.zeros((3, 3, 3, 2), np.float32), np.zeros(2, np.float32)])
        start, end = (methods.maximize_filters(dead, "conv", [0], side=16, steps=steps) for steps in (0, 3))
        np.testing.assert_array_equal(start, end)

    def test_what_does_not_fit_is_refused(self, convolution):
        with pytest.raises(InputError, match="conv, flatten"):
            methods.maximize_filters(convolution, "missing", [0])
        with pytest.raises(InputError, match="0 to 1"):
            methods.maximize_filters(convolution, "conv", [2])
        with pytest.raises(InputError, match="enlarge"):
            methods.maximize_filters(convolution, "conv", [0], side=4, border=2)


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
slope = input_gradient(model)
for weights in (np.arange(12.0), np.ones(12)):
    model.layers[-1].set_weights([weights[:, None], np.zeros(1)])
    score, gradient = slope(np.ones((3, 2, 2, 3)))
    np.testing.assert_allclose(gradient[1].ravel(), weights / np.sqrt(1 + 1e-3), rtol=1e-5)
    np.testing.assert_allclose(score, gradient.sum((1, 2, 3)), rtol=1e-5)
"""
    subprocess.run([sys.executable, "-c", code], env=os.environ | {"KERAS_BACKEND": "jax"}, check=True)
