import sys

import keras
import numpy as np
import pytest
from keras import layers

from enamel_lib import images
from enamel_lib.errors import EngineError, InputError
from enamel_lib.indenter.network import build_indenter
from enamel_lib.inference import base, hardness_map, keras_to_openvino, make_predictor, runtime
from enamel_lib.inference.openvino import BLOCK, OpenVinoPredictor
from tests.bench.maps import multiply_adds


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
    reference = make_predictor(small, engine="keras", batch_size=4)(tiles)
    assert reference.shape == (len(tiles),)
    assert reference.std() > 0.01
    fast = make_predictor(small, engine="openvino", batch_size=4)(tiles)
    assert fast.dtype == reference.dtype == np.float32
    np.testing.assert_allclose(fast, reference, atol=0.02)
    exact = OpenVinoPredictor(small, 4, precision="float32")(tiles)
    np.testing.assert_allclose(exact, reference, atol=1e-5)


@pytest.mark.parametrize("engine", ["keras", "openvino"])
def test_batch_size_and_type_do_not_matter(small, picture, engine):
    tiles = images.windows(picture, 44, 30)[0][:7]
    one, many = (make_predictor(small, engine=engine, batch_size=size) for size in (1, 5))
    np.testing.assert_allclose(one(tiles), many(tiles), atol=1e-5)
    np.testing.assert_allclose(many(tiles / 255), many(tiles), atol=1e-5 if engine == "keras" else 0.01)
    assert one(tiles[:0]).shape == (0,)


def test_the_last_few_tiles_are_not_padded_to_a_batch(small, picture, monkeypatch):
    tiles = images.windows(picture, 44, 30)[0][:6]
    expected = OpenVinoPredictor(small, 1)(tiles)
    predictor, computed = OpenVinoPredictor(small, 4), []
    run = runtime.Stages.__call__
    monkeypatch.setattr(runtime.Stages, "__call__", lambda self, tiles: computed.append(len(tiles)) or run(self, tiles))
    np.testing.assert_allclose(predictor(tiles), expected, atol=1e-5)
    assert computed == [4, 1, 1]


def test_a_block_of_the_indenter_equals_its_windows(indenter, picture):
    predictor = OpenVinoPredictor(indenter, 1, precision="float32")
    assert predictor.block_step == 8
    block = predictor.slide(picture[:200, :208], *map(np.array, ([0], [0, 8])))
    windows = images.windows(picture[:200, :208], 200, 8)
    keras_engine = make_predictor(indenter, engine="keras", batch_size=1)
    np.testing.assert_allclose(block[0], keras_engine(windows[0]), rtol=1e-4)
    np.testing.assert_allclose(block, predictor(windows.reshape(-1, 200, 200, 3)).reshape(1, 2), rtol=1e-5)
    assert np.ptp(block) > 1e-5


@pytest.mark.parametrize(
    ("strides", "rows", "cols"),
    [
        ((1, 2, 2), [0], [0]),
        ((2, 1, 2), [0], [0, 12, 24, 36]),  # beyond a quarter of the window: as tiles
        ((1, 1, 4), [0, 4, 8], [0, 4]),
        ((1, 2, 2), [3, 4, 7, 8, 12], [0, 2, 4, 6, 9, 12, 14]),  # of all remainders, in blocks that are not full
    ],
)
def test_blocks_are_exact(picture, strides, rows, cols, monkeypatch):
    model = small_network(strides=strides)
    predictor = OpenVinoPredictor(model, 4, precision="float32")
    expected = make_predictor(model, engine="keras").slide(picture, np.array(rows), np.array(cols))
    assert expected.shape == (len(rows), len(cols))
    np.testing.assert_allclose(predictor.slide(picture, np.array(rows), np.array(cols)), expected, atol=1e-5)
    floats = predictor.slide(picture / np.float32(255), np.array(rows), np.array(cols))
    np.testing.assert_allclose(floats, expected, atol=1e-5)


@pytest.mark.parametrize("block", [1, 4, 16])
@pytest.mark.parametrize("stride", [1, 2, 3, 6])
def test_blocks_cover_every_window_once(picture, stride, block, monkeypatch):
    """With a stand-in for the network, for speed: the sum of a window's pixels, each with a weight of its own."""
    monkeypatch.setattr("enamel_lib.inference.openvino.BLOCK", block)
    weights, shapes = np.random.default_rng(0).random((44, 44, 3)).astype(np.float32), set()

    class Sums(OpenVinoPredictor):
        size, block_step = 44, 3

        def __init__(self):
            pass

        def _predict_block(self, patch, rows, cols):
            shapes.add((patch.shape, len(rows), len(cols)))
            return np.tensordot(images.windows(patch, 44)[np.ix_(rows, cols)], weights, 3)

    view = images.windows(picture[:70, :90], 44, stride)
    places = [np.arange(count) * stride for count in view.shape[:2]]
    seen = []
    made = Sums().slide(picture[:70, :90], *places, progress=lambda *call: seen.append(call))
    np.testing.assert_allclose(made, np.tensordot(view, weights, 3), rtol=1e-5)
    assert len(shapes) == 1  # so that one graph is compiled
    assert seen[-1] == (made.size, made.size)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})


def test_a_split_network_is_the_same_network(small, picture):
    """The parts of a graph that is split for precision, both computed in float32."""
    whole = keras_to_openvino.tile_graphs(small, 1, np.uint8)
    parts = keras_to_openvino.tile_graphs(small, 1, np.uint8, split=True)
    assert [len(whole), len(parts)] == [1, 2]
    assert multiply_adds(whole[0]) == sum(map(multiply_adds, parts))
    assert list(parts[0].outputs[0].shape) == [1, 6, 44, 44]
    predictor = OpenVinoPredictor(small, 1, precision="float32")
    expected = predictor(picture[None, :44, :44])
    predictor = OpenVinoPredictor(small, 1, precision="float32")
    predictor._split = True
    np.testing.assert_allclose(predictor(picture[None, :44, :44]), expected, atol=1e-6)
    block = predictor.slide(picture, np.array([0]), np.array([0, 4]))
    np.testing.assert_allclose(block[0, 0], expected[0], atol=1e-5)


def test_narrow_strips_are_right_in_bfloat16(small, picture):
    """Where AMX computes in bfloat16, single columns came out wrong, by 1e30 if the memory held such numbers."""
    for _ in range(4):
        _leave_rubbish()
        predictor = OpenVinoPredictor(small, 1, precision="bfloat16")
        block = predictor.slide(picture, np.arange(5) * 4, np.arange(7) * 4)
        windows = np.ascontiguousarray(images.windows(picture[:60, :68], 44, 4)).reshape(-1, 44, 44, 3)
        np.testing.assert_allclose(block.ravel(), predictor(windows), atol=0.02)


def _leave_rubbish():
    """Free memory of all sizes that holds huge numbers."""
    for size in np.geomspace(30, 100_000, 8, dtype=int):
        [np.full(size, 3e38, np.float32) for _ in range(4)]


def test_maps_of_both_engines_agree(small, picture):
    maps = [
        hardness_map.raster(picture[:60, :70], make_predictor(small, engine=engine), stride=2).hardness
        for engine in ("keras", "openvino")
    ]
    assert maps[0].std() > 0.01
    np.testing.assert_allclose(*maps, atol=0.02)


def test_sharing_saves_arithmetic(indenter):
    tile = multiply_adds(keras_to_openvino.tile_graphs(indenter, 1, np.uint8)[0])
    shape, sides = (BLOCK,) * 2, (200 + 8 * (BLOCK - 1),) * 2
    block = multiply_adds(keras_to_openvino.block_graphs(indenter, shape, sides, np.uint8)[0])
    assert tile == 8_390_400_000
    assert tile * shape[0] * shape[1] > 5.5 * block


def test_a_network_that_cannot_share_still_predicts(picture):
    model = small_network(size=16)
    predictor = make_predictor(model, engine="openvino")
    assert predictor.block_step is None
    made = predictor.slide(picture, np.array([0, 4]), np.array([0, 4, 8]))
    np.testing.assert_allclose(made[1, 2], predictor(picture[None, 4:20, 8:24])[0], atol=1e-5)


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
        make_predictor(small, engine=engine)(tiles)
    assert "\n" not in str(error.value)


def test_unknown_engine_and_batch(small):
    with pytest.raises(InputError, match="auto, keras, openvino"):
        make_predictor(small, engine="magic")
    with pytest.raises(InputError, match="batch size"):
        make_predictor(small, batch_size=0)


def test_auto_prefers_openvino_and_falls_back(small, monkeypatch):
    assert make_predictor(small).engine == "openvino"
    tile = keras.Input((44, 44, 3))
    foreign = keras.Model(tile, layers.Dense(1)(layers.Flatten()(layers.Activation("tanh")(tile))))
    assert make_predictor(foreign).engine == "keras"
    with pytest.raises(EngineError, match="keras engine"):
        make_predictor(foreign, engine="openvino")
    monkeypatch.setitem(sys.modules, "openvino", None)  # as if not installed
    for name in [name for name in sys.modules if name.startswith("enamel_lib.inference.")]:
        if hasattr(sys.modules[name], "ov") or name.endswith("openvino"):
            monkeypatch.delitem(sys.modules, name)
    assert make_predictor(small).engine == "keras"
    with pytest.raises(EngineError, match="openvino cannot be used"):
        make_predictor(small, engine="openvino")


class Darkness(base.Predictor):
    """A toy engine, that needs no network to speak of."""

    engine = "darkness"

    def _predict(self, batch):
        return 1 - images.to_float(batch).mean(axis=(1, 2, 3))


def test_a_new_engine_is_one_class_and_one_entry(small, picture, monkeypatch):
    monkeypatch.setitem(base.ENGINES, "darkness", f"{__name__}:Darkness")
    predictor = make_predictor(small, engine="darkness")
    mapped = hardness_map.raster(picture, predictor, stride=50)
    assert mapped.hardness[1, 2] == pytest.approx(1 - picture[50:94, 100:144].mean() / 255, abs=1e-6)
    with pytest.raises(InputError, match="auto, keras, openvino, darkness"):
        make_predictor(small, engine="light")


def test_weights_have_one_hash(small):
    copy = keras.models.clone_model(small)
    copy.set_weights(small.get_weights())
    hashes = {make_predictor(small, engine=engine).weights_sha256 for engine in ("keras", "openvino")}
    assert hashes == {make_predictor(copy, engine="keras").weights_sha256}
    copy.layers[-1].bias.assign([1.0])
    assert make_predictor(copy, engine="keras").weights_sha256 not in hashes


def test_no_files_are_left(small, picture, tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.chdir(tmp_path)
    predictor = make_predictor(small, engine="openvino")
    predictor.slide(picture, np.array([0, 4]), np.array([0, 4]))
    assert not list(tmp_path.iterdir())
