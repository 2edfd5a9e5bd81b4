import json
from pathlib import Path

import keras
import numpy as np
import pytest

from enamel_lib import models, paths
from enamel_lib.errors import InputError, ModelError
from enamel_lib.indenter import network as indenter
from enamel_lib.indenter.weights import for_training

RELEASED = Path(__file__).parents[1] / "fixtures" / "indenter_variables.json"


@pytest.fixture(scope="module")
def network():
    return indenter.build_indenter()


@pytest.fixture(scope="module")
def saved(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "own.keras"
    network.save(path)
    return path


def test_variables_are_those_of_the_released_graph(network):
    released = json.loads(RELEASED.read_text())["variables"]
    assert [[v.path, list(v.shape)] for v in network.variables] == released


def test_counts(network):
    assert network.count_params() == 3_550_797
    assert len(network.variables) == 162
    assert network.input_shape == (None, 200, 200, 3)
    assert network.output_shape == (None, 1)
    assert [indenter.pooled_side(size) for size in (25, 50, 100, 200)] == [1, 1, 3, 6]


def test_too_small_tiles_are_refused():
    with pytest.raises(InputError, match="25"):
        indenter.build_indenter(24)


def test_the_network_as_it_trains_is_the_same_network(network):
    trained = for_training(network, norm_momentum=0.9)
    assert [(v.path, v.shape) for v in trained.variables] == [(v.path, v.shape) for v in network.variables]
    trained.set_weights(network.get_weights())
    tile = np.random.default_rng(0).random((1, 200, 200, 3), np.float32)
    np.testing.assert_allclose(trained(tile, training=False), network(tile), rtol=1e-4, atol=1e-5)


def test_the_norm_layer_of_training_is_keras_own():
    keras.utils.set_random_seed(0)
    plain = keras.Sequential([keras.Input((6, 5, 3)), keras.layers.BatchNormalization(momentum=0.8)])
    plain.set_weights([np.float32(w) for w in ([1, 2, 3], [0, 1, -1], [0, 0, 0], [1, 1, 1])])
    fast = for_training(plain, norm_momentum=0.8)
    fast.set_weights(plain.get_weights())
    x = np.random.default_rng(0).normal(2, 3, (64, 6, 5, 3)).astype(np.float32)
    np.testing.assert_allclose(fast(x, training=True), plain(x, training=True), atol=1e-4)
    for one, other in zip(fast.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3)  # TensorFlow's kernel divides the variance by n - 1


def test_loads_a_file_with_and_without_card(network, saved, tmp_path):
    for one, other in zip(indenter.load_indenter(saved).get_weights(), network.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    path = tmp_path / "own.keras"
    path.write_bytes(saved.read_bytes())
    path.with_suffix(".json").write_text(json.dumps({"sha256": models.sha256(path)}))
    assert indenter.load_indenter(str(path)).count_params() == network.count_params()


def test_finds_models_by_name(saved, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "MODELS", tmp_path)
    (tmp_path / "indenter-audited.keras").write_bytes(saved.read_bytes())
    assert indenter.load_indenter().name == indenter.load_indenter("indenter-audited").name == "indenter"
    with pytest.raises(ModelError, match="enamel train"):
        indenter.load_indenter("indenter-paper")


def test_refuses_what_is_not_the_indenter(saved, tmp_path):
    path = tmp_path / "own.keras"
    path.write_bytes(saved.read_bytes())
    card = path.with_suffix(".json")
    for content, message in (('{"sha256": "0"}', "SHA-256"), ("{", "damaged"), ("[]", "valid dictionary")):
        card.write_text(content)
        with pytest.raises(ModelError, match=message):
            indenter.load_indenter(path)
    card.unlink()
    for content in (b"no model", saved.read_bytes()[:5000]):
        path.write_bytes(content)
        with pytest.raises(ModelError, match="cannot be read"):
            indenter.load_indenter(path)
    keras.Sequential([keras.Input((200, 200, 3)), keras.layers.Flatten(), keras.layers.Dense(1)]).save(path)
    with pytest.raises(ModelError, match="another network"):
        indenter.load_indenter(path)
