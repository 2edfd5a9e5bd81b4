import json
from pathlib import Path

import keras
import numpy as np
import pytest

from enamel_lib.optimizers import Lookahead, Ranger, RectifiedAdam

GOLDEN = Path(__file__).parent / "fixtures" / "ranger_golden.json"


def walk(optimizer, initial, gradients):
    variable = keras.Variable(np.asarray(initial, np.float32))
    steps = []
    for gradient in gradients:
        optimizer.apply_gradients([(keras.ops.convert_to_tensor(np.asarray(gradient, np.float32)), variable)])
        steps.append(keras.ops.convert_to_numpy(variable.value))
    return np.array(steps)


@pytest.mark.parametrize(("make", "key"), [(RectifiedAdam, "radam"), (Ranger, "ranger")])
def test_steps_equal_tensorflow_addons(make, key):
    golden = json.loads(GOLDEN.read_text())
    steps = walk(make(golden["learning_rate"]), golden["initial"], golden["gradients"])
    np.testing.assert_allclose(steps, golden[key], rtol=0, atol=1e-6)


def test_lookahead_pulls_back_any_optimizer_on_sync():
    ones = np.ones((4, 2))
    steps = walk(Lookahead(keras.optimizers.SGD(1.0), sync_period=2, slow_step_size=0.25), np.zeros(2), ones)
    np.testing.assert_allclose(steps[:, 0], [-1, -0.5, -1.5, -1.0])


@pytest.mark.parametrize(
    "optimizer",
    [
        RectifiedAdam(0.01, beta_1=0.8, sma_threshold=4.0, weight_decay=0.1),
        Lookahead(keras.optimizers.SGD(0.1, momentum=0.5), 3, 0.7),
        Ranger(0.02, sync_period=4, slow_step_size=0.3, beta_2=0.99),
    ],
)
def test_round_trip_of_the_configuration(optimizer):
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert type(again) is type(optimizer)
    assert again.get_config() == optimizer.get_config()
    gradients = np.random.default_rng(0).normal(size=(9, 3))
    np.testing.assert_array_equal(walk(optimizer, np.ones(3), gradients), walk(again, np.ones(3), gradients))


def test_state_survives_saving_a_model_in_mixed_precision(tmp_path):
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(32, 4)), rng.normal(size=(32, 1))
    dense = keras.layers.Dense(1, dtype="mixed_bfloat16")
    model = keras.Sequential([keras.Input((4,)), dense])
    model.compile(Ranger(0.01, sync_period=3), "mse", jit_compile=True)
    model.fit(x, y, batch_size=4, shuffle=False, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    for one, other in zip(model.optimizer.variables, again.optimizer.variables, strict=True):
        np.testing.assert_array_equal(one, other)
    assert int(again.optimizer.iterations) == 8
    for one in (model, again):
        one.fit(x, y, batch_size=4, shuffle=False, verbose=0)
    np.testing.assert_array_equal(dense.kernel, again.layers[-1].kernel)


def test_rejects_settings_out_of_range():
    with pytest.raises(ValueError, match="beta_1"):
        RectifiedAdam(beta_1=1.0)
    with pytest.raises(ValueError, match="sync_period"):
        Ranger(sync_period=0)
