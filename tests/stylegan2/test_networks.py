"""StyleGAN2's networks: rules checked by hand, and NVIDIA's outputs for the same weights, on TensorFlow and on JAX."""

import importlib.util
import math
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops
from scipy import signal

from enamel_lib import stylegan2
from enamel_lib.errors import InputError
from enamel_lib.stylegan2 import layers

FIXTURES = Path(__file__).parents[1] / "fixtures" / "stylegan2"
IMAGES, SCORES = 5e-5, 1e-5  # absolute tolerances
SMALL = {"fmap_base": 128, "fmap_max": 8}


def small_generator(**options):
    return stylegan2.build_generator(16, **SMALL | {"latent_dim": 12, "style_dim": 10, "mapping_layers": 2} | options)


def array(tensor):
    return ops.convert_to_numpy(ops.convert_to_tensor(tensor))


def normal(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.fixture(scope="module", params=["tiny64", "asym32"])
def fixture(request):
    """The networks of a snapshot, and what NVIDIA's code returned for them, channels last."""
    if not FIXTURES.is_dir():
        pytest.skip("reference data are not beside the checkout")
    with np.load(FIXTURES / f"{request.param}.expected.npz") as file:
        expected = {name: file[name] for name in file.files}
    expected = {
        name: a.transpose(0, 2, 3, 1) if a.dtype != np.uint8 and a.ndim == 4 else a for name, a in expected.items()
    }
    return *stylegan2.import_snapshot(FIXTURES / f"{request.param}.pkl"), expected


class TestFixtures:
    def test_mapping(self, fixture):
        _, _, average, expected = fixture
        np.testing.assert_allclose(array(average.styles(average.mapping(expected["z"]))), expected["w"], atol=SCORES)
        np.testing.assert_array_equal(array(average.w_avg), expected["w_avg"])

    @pytest.mark.parametrize(
        ("name", "options"),
        [
            ("img_psi_none", {}),
            ("img_psi_0.5", {"psi": 0.5}),
            ("img_psi_0.7_cutoff_4", {"psi": 0.7, "cutoff": 4}),
        ],
    )
    def test_images(self, fixture, name, options):
        _, _, average, expected = fixture
        np.testing.assert_allclose(array(average(expected["z"], **options)), expected[name], rtol=0, atol=IMAGES)

    def test_images_of_a_style_per_layer(self, fixture):
        _, _, average, expected = fixture
        images = array(average.synthesis(expected["w_plus"]))
        np.testing.assert_allclose(images, expected["img_w_plus"], rtol=0, atol=IMAGES)

    def test_images_of_the_other_generator(self, fixture):
        generator, _, _, expected = fixture
        np.testing.assert_allclose(array(generator(expected["z"])), expected["img_G_psi_none"], rtol=0, atol=IMAGES)
        assert np.abs(expected["img_G_psi_none"] - expected["img_psi_none"]).max() > 100 * IMAGES

    @pytest.mark.parametrize(("count", "name"), [(8, "batch8"), (4, "first4"), (1, "first1")])
    def test_scores(self, fixture, count, name):
        _, discriminator, _, expected = fixture
        scores = array(discriminator(expected["d_images"][:count]))
        np.testing.assert_allclose(scores, expected[f"d_scores_{name}"], rtol=0, atol=SCORES)

    def test_scores_of_generated_images(self, fixture):
        _, discriminator, average, expected = fixture
        scores = array(discriminator(average(expected["z"])))
        np.testing.assert_allclose(scores, expected["d_scores_of_img_psi_none"], rtol=0, atol=SCORES)


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="is what this test runs")
def test_the_fixtures_on_jax():
    if importlib.util.find_spec("jax") is None:
        pytest.skip("JAX is not installed")
    environment = os.environ | {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", __file__, "-k", "Fixtures and asym32"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("taps", [(1, 2, 3, 4), (1, 2, 1), (1, 1)])
@pytest.mark.parametrize("spare", [0, 3, 4])
def test_blur_is_a_true_convolution(taps, spare):
    x, kernel = normal(2, 7, 9, 3), np.outer(taps, taps) / np.sum(taps) ** 2
    before = (spare + 1) // 2
    padded = np.pad(x, ((0, 0), (before, spare - before), (before, spare - before), (0, 0)))
    wanted = np.stack(
        [[signal.convolve2d(padded[n, ..., c], kernel, "valid") for c in range(3)] for n in range(2)]
    ).transpose(0, 2, 3, 1)
    np.testing.assert_allclose(array(layers.blur(ops.convert_to_tensor(x), taps, spare)), wanted, atol=1e-6)


@pytest.mark.parametrize(("taps", "pads"), [((1, 2, 3, 4), (2, 1)), ((1, 3, 3, 1), (2, 1)), ((1, 2, 1), (2, 0))])
def test_doubling_inserts_zeros_and_convolves(taps, pads):
    x = normal(1, 5, 5, 3)
    wide = np.zeros((1, 10, 10, 3), np.float32)
    wide[:, ::2, ::2] = x
    wide = np.pad(wide, ((0, 0), pads, pads, (0, 0)))
    kernel = 4 * np.outer(taps, taps) / np.sum(taps) ** 2
    wanted = np.stack([signal.convolve2d(wide[0, ..., c], kernel, "valid") for c in range(3)], axis=-1)
    np.testing.assert_allclose(array(layers.double(ops.convert_to_tensor(x), taps))[0], wanted, atol=1e-5)


def test_doubling_keeps_a_constant_inside():
    doubled = array(layers.double(ops.ones((1, 6, 6, 3)), (1, 3, 3, 1)))
    np.testing.assert_allclose(doubled[:, 1:-1, 1:-1], 1, atol=1e-6)


def test_minibatch_deviation_compares_every_other_image_of_eight():
    images = np.zeros((8, 4, 4, 2), np.float32)
    images[0] = 1  # group 0: images 0, 2, 4, 6; group 1: the rest, all equal
    added = array(layers.MinibatchDeviation(4)(images))[..., -1]
    np.testing.assert_allclose(added[::2], math.sqrt(3 / 16), rtol=1e-6)  # of 1, 0, 0, 0
    np.testing.assert_allclose(added[1::2], 1e-4, rtol=1e-6)


def test_a_batch_below_the_group_is_one_group():
    images = np.zeros((2, 4, 4, 2), np.float32)
    images[1] = 3
    np.testing.assert_allclose(array(layers.MinibatchDeviation(4)(images))[..., -1], 1.5, rtol=1e-6)


@pytest.mark.parametrize(("fmap_base", "parameters"), [(16384, 30_034_338), (8192, 24_767_458)])
def test_size_of_the_published_configurations(fmap_base, parameters):
    generator = stylegan2.build_generator(256, fmap_base=fmap_base)
    assert sum(math.prod(v.shape) for v in generator.trainable_variables) == parameters
    assert generator.num_layers == 14
    assert [conv.noise.shape[1] for conv in generator.convs] == [4, *np.repeat([8, 16, 32, 64, 128, 256], 2)]


class TestGenerator:
    def test_first_values(self):
        generator = small_generator()
        for layer in generator.dense:
            assert 80 < array(layer.weight).std() < 120  # 1 / 0.01
            assert not array(layer.bias).any()
        conv = generator.convs[1]
        assert 0.9 < array(conv.weight).std() < 1.1
        assert array(conv.noise_strength) == 0
        assert not array(generator.w_avg).any()
        np.testing.assert_array_equal(
            array(conv.style(np.zeros((1, 10), np.float32))), np.ones((1, conv.weight.shape[2]))
        )

    def test_the_seed_gives_the_weights(self):
        first, again, other = (array(small_generator(seed=seed).convs[2].weight) for seed in (1, 1, 2))
        np.testing.assert_array_equal(first, again)
        assert np.abs(first - other).max() > 0.1

    def test_the_length_of_z_never_matters(self):
        generator, z = small_generator(), normal(3, 12)
        np.testing.assert_allclose(array(generator(z)), array(generator(1000 * z)), atol=1e-5)

    def test_truncation(self):
        generator, z = small_generator(), normal(2, 12)
        generator.w_avg.assign(normal(10, seed=3))
        w = array(generator.mapping(z))
        centre = array(generator.styles(w, psi=0))
        np.testing.assert_allclose(centre, np.broadcast_to(array(generator.w_avg), (2, 6, 10)), atol=1e-6)
        some = array(generator.styles(w, psi=0.25, cutoff=2))
        np.testing.assert_allclose(some[:, :2], 0.75 * centre[:, :2] + 0.25 * w[:, None], atol=1e-6)
        np.testing.assert_allclose(some[:, 2:], np.repeat(w[:, None], 4, axis=1), atol=1e-6)

    def test_noise(self):
        generator, z = small_generator(), normal(2, 12)
        for conv in generator.convs:
            conv.noise_strength.assign(0.3)
        w_plus = generator.styles(generator.mapping(z))
        stored, noise = array(generator(z)), generator.random_noise(2, keras.random.SeedGenerator(5))
        assert [tuple(n.shape) for n in noise] == [(2, side, side, 1) for side in (4, 8, 8, 16, 16)]
        fresh = array(generator.synthesis(w_plus, noise))
        assert np.abs(fresh - stored).max() > 0.01
        np.testing.assert_array_equal(
            array(generator.synthesis(w_plus, generator.random_noise(2, keras.random.SeedGenerator(5)))), fresh
        )
        given = array(generator.synthesis(w_plus, [conv.noise for conv in generator.convs]))
        np.testing.assert_allclose(given, stored, atol=1e-6)

    def test_labels(self):
        generator, z = small_generator(labels=3), normal(2, 12)
        first, second = (array(generator(z, np.eye(3, dtype=np.float32)[[k, k]])) for k in (0, 1))
        assert np.abs(first - second).max() > 1e-3
        for network, labels in ((generator, None), (small_generator(), np.ones((2, 3)))):
            with pytest.raises(InputError, match="labels"):
                network(z, labels)

    def test_the_resolution_is_a_power_of_two(self):
        for side in (4, 48, 0):
            with pytest.raises(InputError, match=f"resolution {side} is no power of two"):
                stylegan2.build_generator(side)


class TestDiscriminator:
    def test_labels_choose_a_score(self):
        network, images = stylegan2.build_discriminator(16, labels=3, **SMALL), normal(4, 16, 16, 3)
        first, second = (array(network(images, np.eye(3, dtype=np.float32)[[k] * 4])) for k in (0, 1))
        assert first.shape == (4, 1)
        assert np.abs(first - second).max() > 1e-3
        both = array(network(images, np.array([[1, 1, 0]] * 4, np.float32)))
        np.testing.assert_allclose(both, first + second, atol=1e-5)
        with pytest.raises(InputError, match="labels"):
            network(images)

    def test_a_group_of_one_compares_nothing(self):
        network, images = stylegan2.build_discriminator(16, group=1, **SMALL), normal(4, 16, 16, 3)
        one_by_one = np.concatenate([array(network(images[n : n + 1])) for n in range(4)])
        np.testing.assert_allclose(array(network(images)), one_by_one, atol=1e-5)


def networks_and_inputs():
    return [
        (small_generator(labels=2, resample_filter=(1, 2, 3, 4)), (normal(2, 12), np.eye(2, dtype=np.float32))),
        (stylegan2.build_discriminator(16, **SMALL), (normal(4, 16, 16, 3),)),
    ]


@pytest.mark.parametrize("which", [0, 1], ids=["generator", "discriminator"])
def test_saved_and_loaded(which, tmp_path):
    network, inputs = networks_and_inputs()[which]
    network.variables[0].assign(network.variables[0].value + 1)
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(array(loaded(*inputs)), array(network(*inputs)))


@pytest.mark.parametrize("which", [0, 1], ids=["generator", "discriminator"])
def test_mixed_precision_gives_float32_near_by(which):
    network, inputs = networks_and_inputs()[which]
    mixed = network.copy("mixed_bfloat16")
    outputs, reference = mixed(*inputs), array(network(*inputs))
    assert keras.backend.standardize_dtype(outputs.dtype) == "float32"
    assert 0 < np.abs(array(outputs) - reference).max() < 0.05 * np.abs(reference).max() + 0.02
