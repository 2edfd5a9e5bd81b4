"""Trained generators: one protocol, engines that agree, files that are what their cards say."""

import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from keras import ops

from enamel_lib import paths, stylegan2
from enamel_lib.errors import EngineError, InputError, ModelError
from enamel_lib.generators import loading
from enamel_lib.generators.base import BATCH_SIZE, ImageGenerator
from enamel_lib.generators.keras import KerasGenerator, save_generator
from enamel_lib.generators.openvino import FLOAT32_SIDE, OpenVinoGenerator
from tests.bench import generators as bench_generators

FIXTURES = Path(__file__).parents[1] / "fixtures" / "stylegan2"


def build(**options):
    """Make a small generator as training leaves it: all values at work, colours mostly in [-1, 1]."""
    sizes = {"resolution": 16, "fmap_base": 128, "fmap_max": 8, "latent_dim": 12, "style_dim": 10, "mapping_layers": 2}
    network = stylegan2.build_generator(**sizes | options)
    rng = np.random.default_rng(3)
    for conv in network.convs:
        conv.noise_strength.assign(0.1)
        conv.bias.assign(rng.normal(0, 0.1, conv.bias.shape))
    for layer in network.to_rgb:
        layer.weight.assign(layer.weight * 0.3)
    network.w_avg.assign(rng.normal(0, 0.3, network.w_avg.shape))
    return network


@pytest.fixture(scope="module")
def network():
    return build()


def openvino_generator(network, precision="float32"):
    pytest.importorskip("openvino")
    return OpenVinoGenerator(network, precision=precision)


@pytest.fixture(params=[KerasGenerator, openvino_generator], ids=["keras", "openvino"])
def behind_engine(request):
    """Put a network behind an engine, in float32."""
    return request.param


def normal(*shape):
    return np.random.default_rng(7).standard_normal(shape).astype(np.float32)


def test_the_protocol(network, behind_engine):
    generator = behind_engine(network)
    assert (generator.latent_dim, generator.label_dim, generator.layers, generator.resolution) == (12, 0, 6, 16)
    z = normal(3, 12)
    w_plus = generator.mapping(z)
    np.testing.assert_allclose(w_plus, ops.convert_to_numpy(network.styles(network.mapping(z))), atol=1e-6)
    np.testing.assert_allclose(generator.synthesis(w_plus), ops.convert_to_numpy(network(z)), atol=1e-5)
    pictures = generator.generate(z)
    assert pictures.dtype == np.uint8
    assert pictures.shape == (3, 16, 16, 3)
    assert pictures.std() > 10


def test_batches_of_any_size_give_the_same(network, behind_engine):
    generator = behind_engine(network)
    w_plus = generator.mapping(normal(BATCH_SIZE + 3, 12))
    together = generator.synthesis(w_plus)
    one_by_one = np.concatenate([generator.synthesis(w_plus[n : n + 1]) for n in range(len(w_plus))])
    np.testing.assert_allclose(together, one_by_one, atol=1e-5)
    assert generator.generate(np.empty((0, 12))).shape == (0, 16, 16, 3)


def test_results_stay_when_the_engine_runs_again(network, behind_engine):
    generator = behind_engine(network)
    first, second = normal(2, 1, 12)
    w_plus = generator.mapping(first)
    kept, drawn = w_plus.copy(), generator.synthesis(w_plus)
    kept_image = drawn.copy()
    generator.synthesis(generator.mapping(second))
    np.testing.assert_array_equal(w_plus, kept)
    np.testing.assert_array_equal(drawn, kept_image)


def test_truncation(network, behind_engine):
    generator = behind_engine(network)
    centre = generator.generate(normal(2, 12), psi=0)
    np.testing.assert_array_equal(centre[0], centre[1])
    half, z = generator.generate(normal(2, 12), psi=0.5), normal(2, 12)
    wanted = ops.convert_to_numpy(network(z, psi=0.5))
    assert np.abs(half - np.clip(wanted * 127.5 + 128, 0, 255)).max() < 1.01


@pytest.mark.parametrize("embedding", [0, 5])
def test_labels_and_other_channels(behind_engine, embedding):
    network = build(labels=3, embedding=embedding, channels=1)
    generator = behind_engine(network)
    z, labels = normal(2, 12), np.eye(3)[[2, 0]]
    wanted = ops.convert_to_numpy(network.mapping(z, labels))
    np.testing.assert_allclose(generator.mapping(z, labels)[:, 0], wanted, atol=1e-6)
    with pytest.raises(InputError, match="3 labels"):
        generator.generate(z)
    w_plus = generator.mapping(z, labels)
    np.testing.assert_allclose(generator.synthesis(w_plus), ops.convert_to_numpy(network(z, labels)), atol=1e-5)
    assert generator.generate(z, labels).shape == (2, 16, 16, 1)
    assert generator.generate(z[:0], labels[:0]).shape == (0, 16, 16, 1)


@pytest.mark.parametrize("taps", [(1, 2, 3, 4), (1, 2, 4), (1, 1), (1, 4, 6, 4, 2)])
def test_engines_agree_on_any_filter(taps):
    network = build(resample_filter=taps)
    w_plus = normal(1, 6, 10)
    fast = openvino_generator(network).synthesis(w_plus)
    np.testing.assert_allclose(fast, ops.convert_to_numpy(network.synthesis(w_plus)), atol=1e-5)


def test_lower_precision_moves_colours_by_less_than_two_steps():
    network, z = build(resolution=2 * FLOAT32_SIDE), normal(4, 12)
    exact = openvino_generator(network).generate(z).astype(float)
    lower = openvino_generator(network, "bfloat16").generate(z)
    assert (np.abs(lower - exact) < 2).mean() > 0.999


def test_the_engine_is_chosen(network):
    pytest.importorskip("openvino")
    for engine, kind in (("auto", OpenVinoGenerator), ("keras", KerasGenerator)):
        made = loading.make_generator(network, engine=engine)
        assert isinstance(made, kind)
        assert made.precision in ("float32", "bfloat16")


@pytest.mark.parametrize("name", ["tiny64", "asym32"])
def test_snapshots_give_what_the_original_code_gave(name, behind_engine):
    generator = behind_engine(loading.load_generator(FIXTURES / f"{name}.pkl", engine="keras").network)
    with np.load(FIXTURES / f"{name}.expected.npz") as file:
        z, w_plus, pictures, images = (file[k] for k in ("z", "w_plus", "img_u8_psi_none_nhwc", "img_w_plus"))
    np.testing.assert_allclose(generator.synthesis(w_plus), images.transpose(0, 2, 3, 1), rtol=0, atol=5e-5)
    off = np.abs(generator.generate(z).astype(int) - pictures)
    assert off.max() <= 1  # where a value lies at the border of two bytes
    assert (off > 0).mean() < 1e-3


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda g: g.generate(np.zeros((2, 11))), r"latent codes .*\(N, 12\); these have shape \(2, 11\)"),
        (lambda g: g.generate(np.full((1, 12), np.nan)), "finite"),
        (lambda g: g.synthesis(np.zeros((2, 5, 10))), r"styles .*\(N, 6, 10\)"),
        (lambda g: g.mapping(np.zeros((2, 12)), np.zeros((2, 3))), "0 labels"),
    ],
)
def test_arrays_that_do_not_fit(network, call, message):
    with pytest.raises(InputError, match=message):
        call(loading.make_generator(network, engine="keras"))


def test_saved_in_half_the_bytes_and_loaded(network, tmp_path):
    path = save_generator(network, tmp_path / "mine.keras", card={"kimg": 1.5})
    card = json.loads(path.with_suffix(".json").read_text())
    assert card["name"] == "mine"
    assert card["kimg"] == 1.5
    assert card["parameters"] == network.count_params()
    loaded = loading.load_generator(path, engine="keras")
    assert {v.dtype for v in loaded.network.variables} == {"float32"}
    for mine, theirs in zip(network.variables, loaded.network.variables, strict=True):
        rounded = ops.convert_to_numpy(mine.value).astype(np.float16)
        np.testing.assert_array_equal(ops.convert_to_numpy(theirs.value), rounded)
    z = normal(4, 12)
    before = loading.make_generator(network, engine="keras").generate(z)
    assert np.abs(loaded.generate(z).astype(int) - before).max() <= 1


def test_files_that_are_not_what_they_should_be(network, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "MODELS", tmp_path)
    with pytest.raises(ModelError, match=r"no generator .*generator\.keras"):
        loading.load_generator()
    path = save_generator(network, tmp_path / "generator.keras", card={})
    assert loading.load_generator().resolution == 16
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ModelError, match="SHA-256"):
        loading.load_generator()
    path.with_suffix(".json").unlink()
    path.write_bytes(b"no network")
    with pytest.raises(ModelError, match="cannot be read"):
        loading.load_generator(path)
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)]).save(tmp_path / "other.keras")
    with pytest.raises(ModelError, match="another network"):
        loading.load_generator("other")


class Toy(ImageGenerator):
    """Paints the mean of a style."""

    latent_dim, label_dim, layers, resolution, w_avg = 3, 0, 2, 4, np.zeros(3, np.float32)

    def __init__(self, source):
        self.source = source

    def _map(self, *given):
        return given[0]

    def _draw(self, w_plus):
        return np.broadcast_to(w_plus.mean(axis=(1, 2))[:, None, None, None], (len(w_plus), 4, 4, 3))


def test_an_engine_is_a_class_and_an_entry(monkeypatch):
    monkeypatch.setitem(loading.ENGINES, "toy", f"{__name__}:Toy")
    generator = loading.load_generator("some", engine="toy")
    assert generator.source == paths.MODELS / "some.keras"
    np.testing.assert_array_equal(generator.generate(np.full((2, 3), 0.5)), np.full((2, 4, 4, 3), 191))


def test_auto_falls_back_to_keras(network, monkeypatch):
    monkeypatch.setitem(sys.modules, "enamel_lib.generators.openvino", None)  # as where OpenVINO is not installed
    assert isinstance(loading.make_generator(network), KerasGenerator)
    with pytest.raises(EngineError, match="openvino cannot be used here"):
        loading.make_generator(network, engine="openvino")


def test_the_choices_are_named_without_loading_a_network_library():
    code = "import sys; from enamel_lib.generators import Engine; print(*Engine, 'keras' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["auto", *loading.ENGINES, "False"]


def test_arguments(network, tmp_path):
    with pytest.raises(InputError, match="engine 'magic' is unknown"):
        loading.load_generator(engine="magic")
    with pytest.raises(InputError, match=r"\.keras"):
        save_generator(network, tmp_path / "generator.h5", card={})


def test_what_the_bench_measures(network, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "MODELS", tmp_path)
    save_generator(network, tmp_path / "generator.keras", card={})
    rows = list(bench_generators.drawing(lambda call: len(call())))  # "calls per second": images of a call
    rates = [value for _, value, unit, _ in rows if unit == "images/s"]
    assert rates == [1, 1, BATCH_SIZE**2, BATCH_SIZE**2]
    assert [value for _, value, unit, _ in rows if unit == "times"] == [1, 1]
    assert rows[-1][1] > 99.9  # % of colours that agree
