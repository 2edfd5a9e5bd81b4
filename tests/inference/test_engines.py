import sys

import keras
import numpy as np
import pytest
from keras import layers

from enamel_lib import images
from enamel_lib.errors import EngineError, InputError
from enamel_lib.indenter.network import build_indenter
from enamel_lib.inference import engines, hardness_map, keras_to_openvino


def settle(model, seed=0):
    """Give the batch norms statistics such as training leaves, and the output a spread of some GPa."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            factor, offset, mean, variance = (weight.shape for weight in layer.weights)
            spread = rng.uniform(0.7, 1.3, factor), rng.normal(0, 0.1, offset)
            layer.set_weights([*spread, rng.normal(0.4, 0.1, mean), rng.uniform(0.5, 1.5, variance)])
    return model


def small_network(size=44, strides=(1, 2, 2)):
    """All kinds of layers of the indenter, with a total stride of 4 and reach to spare in a 44-px window."""
    tile = keras.Input((size, size, 3))
    x = layers.BatchNormalization()(tile)
    for stride in strides:
        y = layers.Conv2D(6, 3, strides=stride, padding="same")(x)
        y = layers.BatchNormalization()(layers.ReLU()(y))
        y = layers.Conv2D(6, 3, padding="same")(y)
        x = layers.Add()([layers.Conv2D(6, 1, strides=stride, padding="same")(x), y])
        x = layers.BatchNormalization()(layers.ReLU()(x))
    x = layers.Flatten()(layers.AveragePooling2D(4)(x))
    return settle(keras.Model(tile, layers.Dense(1)(x)))


@pytest.fixture(scope="module")
def small():
    return small_network()


@pytest.fixture(scope="module")
def indenter():
    return settle(build_indenter())


@pytest.fixture(scope="module")
def picture():
    """Blurred noise: unlike white noise, its windows differ from one another."""
    noise = np.random.default_rng(1).random((30, 40, 3)) * 255
    return images.resize(noise.astype(np.uint8), 8)


def test_engines_agree(small, picture):
    tiles = images.windows(picture, 44, 20)[0]
    reference = engines.make_predictor(small, engine="keras", batch_size=4)(tiles)
    assert reference.shape == (len(tiles),)
    assert reference.std() > 0.01
    fast = engines.make_predictor(small, engine="openvino", batch_size=4)(tiles)
    assert fast.dtype == reference.dtype == np.float32
    np.testing.assert_allclose(fast, reference, atol=0.02)
    exact = engines.OpenVinoPredictor(small, 4, precision="float32")(tiles)
    np.testing.assert_allclose(exact, reference, atol=1e-5)


@pytest.mark.parametrize("engine", ["keras", "openvino"])
def test_batch_size_and_type_do_not_matter(small, picture, engine):
    tiles = images.windows(picture, 44, 30)[0][:7]
    one, many = (engines.make_predictor(small, engine=engine, batch_size=size) for size in (1, 5))
    np.testing.assert_allclose(one(tiles), many(tiles), atol=1e-5)
    np.testing.assert_allclose(many(tiles / 255), many(tiles), atol=1e-5 if engine == "keras" else 0.01)
    assert one(tiles[:0]).shape == (0,)


def test_the_last_few_tiles_are_not_padded_to_a_batch(small, picture, monkeypatch):
    tiles = images.windows(picture, 44, 30)[0][:6]
    expected = engines.OpenVinoPredictor(small, 1)(tiles)
    predictor, computed = engines.OpenVinoPredictor(small, 4), []
    run = engines._run
    monkeypatch.setattr(engines, "_run", lambda graphs, batch: computed.append(len(batch)) or run(graphs, batch))
    np.testing.assert_allclose(predictor(tiles), expected, atol=1e-5)
    assert computed == [4, 1, 1]


def test_a_block_of_the_indenter_equals_its_windows(indenter, picture):
    predictor = engines.OpenVinoPredictor(indenter, 1, precision="float32")
    assert predictor.block_step == 8
    patch = picture[:200, :208]
    windows = images.windows(patch, 200, 8)
    block = predictor.predict_block(patch, 8)
    keras_engine = engines.make_predictor(indenter, engine="keras", batch_size=1)
    np.testing.assert_allclose(block[0], keras_engine(windows[0]), rtol=1e-4)
    np.testing.assert_allclose(block, predictor(windows.reshape(-1, 200, 200, 3)).reshape(1, 2), rtol=1e-5)
    assert np.ptp(block) > 1e-5


@pytest.mark.parametrize(
    ("strides", "shape", "step"), [((1, 2, 2), (1, 1), 4), ((2, 1, 2), (1, 4), 12), ((1, 1, 4), (3, 2), 4)]
)
def test_blocks_are_exact(picture, strides, shape, step):
    model = small_network(strides=strides)
    predictor = engines.OpenVinoPredictor(model, 4, precision="float32")
    patch = picture[tuple(slice(0, 44 + step * (count - 1)) for count in shape)]
    windows = np.ascontiguousarray(images.windows(patch, 44, step)).reshape(-1, 44, 44, 3)
    expected = engines.make_predictor(model, engine="keras")(windows).reshape(shape)
    np.testing.assert_allclose(predictor.predict_block(patch, step), expected, atol=1e-5)
    np.testing.assert_allclose(predictor.predict_block(patch / np.float32(255), step), expected, atol=1e-5)


def test_a_split_network_is_the_same_network(small, picture):
    """The parts of a graph that is split for precision, both computed in float32."""
    whole = keras_to_openvino.tile_graphs(small, 1, np.uint8)
    parts = keras_to_openvino.tile_graphs(small, 1, np.uint8, split=True)
    assert [len(whole), len(parts)] == [1, 2]
    assert keras_to_openvino.multiply_adds(whole[0]) == sum(map(keras_to_openvino.multiply_adds, parts))
    assert list(parts[0].outputs[0].shape) == [1, 6, 44, 44]
    predictor = engines.OpenVinoPredictor(small, 1, precision="float32")
    expected = predictor(picture[None, :44, :44])
    predictor = engines.OpenVinoPredictor(small, 1, precision="float32")
    predictor._split = True
    np.testing.assert_allclose(predictor(picture[None, :44, :44]), expected, atol=1e-6)
    np.testing.assert_allclose(predictor.predict_block(picture[:44, :48], 4)[0, 0], expected[0], atol=1e-5)


def test_narrow_strips_are_right_in_bfloat16(small, picture):
    """Where AMX computes in bfloat16, single columns came out wrong, by 1e30 if the memory held such numbers."""
    for _ in range(4):
        _leave_rubbish()
        predictor = engines.OpenVinoPredictor(small, 1, precision="bfloat16")
        block = predictor.predict_block(picture[:60, :68], 4)
        windows = np.ascontiguousarray(images.windows(picture[:60, :68], 44, 4)).reshape(-1, 44, 44, 3)
        np.testing.assert_allclose(block.ravel(), predictor(windows), atol=0.02)


def _leave_rubbish():
    """Free memory of all sizes that holds huge numbers."""
    for size in np.geomspace(30, 100_000, 8, dtype=int):
        [np.full(size, 3e38, np.float32) for _ in range(4)]


def test_maps_of_both_engines_agree(small, picture):
    maps = [
        hardness_map.raster(picture[:60, :70], engines.make_predictor(small, engine=engine), stride=2).hardness
        for engine in ("keras", "openvino")
    ]
    assert maps[0].std() > 0.01
    np.testing.assert_allclose(*maps, atol=0.02)


def test_sharing_saves_arithmetic(indenter):
    tile = keras_to_openvino.multiply_adds(keras_to_openvino.tile_graphs(indenter, 1, np.uint8)[0])
    shape = (hardness_map.BLOCK,) * 2
    block = keras_to_openvino.multiply_adds(keras_to_openvino.block_graphs(indenter, shape, 8, np.uint8)[0])
    assert tile == 8_390_400_000
    assert tile * shape[0] * shape[1] > 5.5 * block


def test_a_network_that_cannot_share_still_predicts(picture):
    model = small_network(size=16)
    predictor = engines.make_predictor(model, engine="openvino")
    assert predictor.block_step is None
    with pytest.raises(EngineError, match="nothing to share"):
        predictor.predict_block(picture[:16, :16], 4)
    assert np.isfinite(predictor(picture[None, :16, :16])).all()


def test_bad_blocks(small, picture):
    predictor = engines.make_predictor(small, engine="openvino")
    for patch, step in ((picture[:45, :44], 4), (picture[:44, :44], 3), (picture[:40, :44], 4)):
        with pytest.raises(InputError, match="whole grid"):
            predictor.predict_block(patch, step)


@pytest.mark.parametrize(
    ("tiles", "says"),
    [
        (np.zeros((1, 43, 44, 3), np.uint8), "shape"),
        (np.zeros((44, 44, 3), np.uint8), "shape"),
        (np.zeros((1, 44, 44, 3), np.int64), "int64"),
        (np.full((1, 44, 44, 3), np.nan), "NaN"),
        (np.full((1, 44, 44, 3), 255.0), "divide"),
        (np.full((1, 44, 44, 3), -0.1), "outside"),
    ],
)
@pytest.mark.parametrize("engine", ["keras", "openvino"])
def test_bad_tiles(small, engine, tiles, says):
    with pytest.raises(InputError, match=says) as error:
        engines.make_predictor(small, engine=engine)(tiles)
    assert "\n" not in str(error.value)


def test_unknown_engine_and_batch(small):
    with pytest.raises(InputError, match="auto, keras, openvino"):
        engines.make_predictor(small, engine="magic")
    with pytest.raises(InputError, match="batch size"):
        engines.make_predictor(small, batch_size=0)


def test_auto_prefers_openvino_and_falls_back(small, monkeypatch):
    assert engines.make_predictor(small).engine == "openvino"
    tile = keras.Input((44, 44, 3))
    foreign = keras.Model(tile, layers.Dense(1)(layers.Flatten()(layers.Activation("tanh")(tile))))
    assert engines.make_predictor(foreign).engine == "keras"
    with pytest.raises(EngineError, match="keras engine"):
        engines.make_predictor(foreign, engine="openvino")
    monkeypatch.setitem(sys.modules, "openvino", None)  # as if not installed
    assert engines.make_predictor(small).engine == "keras"
    with pytest.raises(EngineError, match="openvino cannot be used"):
        engines.make_predictor(small, engine="openvino")


def test_weights_have_one_hash(small):
    copy = keras.models.clone_model(small)
    copy.set_weights(small.get_weights())
    hashes = {engines.make_predictor(small, engine=engine).weights_sha256 for engine in ("keras", "openvino")}
    assert hashes == {engines.make_predictor(copy, engine="keras").weights_sha256}
    copy.layers[-1].bias.assign([1.0])
    assert engines.make_predictor(copy, engine="keras").weights_sha256 not in hashes


def test_no_files_are_left(small, picture, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.chdir(tmp_path)
    predictor = engines.make_predictor(small, engine="openvino")
    predictor.predict_block(picture[:48, :48], 4)
    assert not list(tmp_path.iterdir())
