import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import Ridge

from enamel_lib import checkpoints, images, models, paths
from enamel_lib.checkpoints import assign, values_of
from enamel_lib.dataset import augmentation, simulated
from enamel_lib.errors import InputError, ModelError
from enamel_lib.indenter import batches, linear_probe, network, training
from enamel_lib.indenter import run as training_run
from enamel_lib.indenter.recipe import RECIPES, load_recipe
from enamel_lib.indenter.run import CHECKPOINT, Run, predict
from enamel_lib.indenter.weights import Weights, fresh_weights

SIDE = 50
RECIPE = {
    "batch_size": 4,
    "checkpoint_every": 3,
    "validation_tiles": 6,
    "schedule": "cosine",
    "stages": [{"size": 25, "images": 20}, {"size": SIDE, "images": 24, "precision": "mixed_bfloat16"}],
}
LAST = 11  # steps: 5 coarse and 6 fine
KILLED = """
import os, signal, sys
sys.path.insert(0, {tests!r})
from tests.indenter import test_training as t
t.thin()
step = lambda done, total: os.kill(os.getpid(), signal.SIGKILL) if done == {step} else None
t.Run(*t.data(), t.load_recipe(t.RECIPE), out=t.Path({out!r})).fit(step)
"""


def thin(patch=setattr):
    """Fewer filters: the same code in a second instead of a minute."""
    patch(network, "BLOCKS", (1, 1, 1, 1))
    patch(network, "FILTERS", (4, 4, 8, 8))


@pytest.fixture(autouse=True)
def _thin(monkeypatch):
    thin(monkeypatch.setattr)


def data():
    tiles = np.random.default_rng(0).integers(0, 256, (24, SIDE, SIDE, 3), dtype=np.uint8)
    split = np.repeat(["train", "val", "test"], [14, 6, 4])
    table = pd.DataFrame({"tile_id": np.arange(24), "split": split, "weight": 1.0, "source": "noisy"})
    return tiles, table.assign(label=tiles.mean(axis=(1, 2, 3)) / 32, truth=np.nan)


def start(out, *, recipe=RECIPE, **options):
    return Run(*data(), load_recipe(recipe), out=out, **options)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        thin(patch.setattr)
        run = start(tmp_path_factory.mktemp("whole"))
        run.fit()
        return run


def test_a_killed_run_resumes_and_ends_like_one_that_was_not(tmp_path, whole):
    code = KILLED.format(tests=str(Path(__file__).parents[2]), out=str(tmp_path), step=7)  # within a round of stage 2
    killed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert killed.returncode == -9, killed.stderr

    def stop(done, _):
        if done == LAST:  # after the last step, before its checkpoint
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        start(tmp_path, resume=True).fit(stop)
    run = start(tmp_path, resume=True)
    assert run.step == 8
    run.fit()
    assert run.step == whole.step == LAST
    assert [row["step"] for row in run.history] == [3, 5, 8, 11]
    for kind in (lambda r: r.weights.to_arrays(), lambda r: r.moments, lambda r: r.best.to_arrays()):
        for one, other in zip(kind(run), kind(whole), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose([r["val_mse"] for r in run.history], [r["val_mse"] for r in whole.history], rtol=1e-3)


def test_the_best_of_the_last_stage_is_the_model(whole):
    fine = [row for row in whole.history if row["size"] == SIDE]
    best = min(fine, key=lambda row: row["val_mse"])
    facts = whole.facts()
    assert (facts["best_step"], facts["best_val_mse"]) == (best["step"], best["val_mse"])
    tiles, _ = data()
    error = predict(whole.best_model(), tiles[whole.held["tile_id"]])[:, 0] - whole.held["label"]
    assert np.mean(error**2) == pytest.approx(best["val_mse"], rel=0.05)  # the run itself predicts in bfloat16
    assert facts["steps"] == LAST
    assert facts["images"] == 44


def add_one(model, *_, **__):
    """Add 1 to every weight instead of training: a stand-in for `keras.Model.fit`."""
    assign(model.variables, [value + 1 for value in values_of(model.variables)])
    return SimpleNamespace(history={"loss": [1.0]})


@pytest.fixture
def without_steps(monkeypatch):
    """Let a round add 1 to every weight instead of training."""
    monkeypatch.setattr(keras.Model, "fit", add_one)


def test_a_worse_checkpoint_does_not_replace_the_best(tmp_path, monkeypatch, without_steps):
    scores = iter([0.5, 0.4, 1.5, 2.0])  # of steps 3 and 5 (coarse), 8 and 11
    monkeypatch.setattr(Run, "_error", lambda *_: next(scores))
    kept = {}
    monkeypatch.setattr(Run, "_save", lambda run: kept.setdefault(run.step, run.weights))
    run = start(tmp_path)
    run.fit()
    # a coarse network cannot be shipped, so the second stage starts its own competition
    assert [(row["size"], row["best"]) for row in run.history] == [(25, True), (25, True), (SIDE, True), (SIDE, False)]
    for one, other in zip(run.best_model().variables, kept[8].to_arrays(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_checkpoint_is_not_overwritten_mixed_up_or_trusted_blindly(tmp_path, whole):
    with pytest.raises(InputError, match="--resume"):
        start(whole.out)
    with pytest.raises(ModelError, match="another seed"):
        start(whole.out, resume=True, seed=1)
    with pytest.raises(ModelError, match="another recipe"):
        start(whole.out, resume=True, recipe=RECIPE | {"learning_rate": 0.01})
    (tmp_path / CHECKPOINT).write_bytes((whole.out / CHECKPOINT).read_bytes()[:1000])
    with pytest.raises(ModelError, match="damaged"):
        start(tmp_path, resume=True)


def test_a_diverging_run_stops_before_it_saves(tmp_path, monkeypatch, without_steps):
    monkeypatch.setattr(Run, "_error", lambda *_: np.nan)
    with pytest.raises(ModelError, match="diverged"):
        start(tmp_path).fit()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("sizes", [(25, 50), (50, 100), (50, 200), (100, 200)])
def test_growing_keeps_the_output_for_constant_features(sizes):
    coarse, fine = (network.build_indenter(size) for size in sizes)
    rng = np.random.default_rng(0)
    small = Weights.of(coarse)
    small = replace(small, kernel=rng.normal(size=small.kernel.shape), bias=rng.normal(size=1))
    features = rng.normal(size=network.FILTERS[-1])
    grown = small.grown(sizes[1])
    grown.assign_to(fine)
    outputs = [np.tile(features, len(w.kernel) // len(features)) @ w.kernel + w.bias for w in (small, grown)]
    np.testing.assert_allclose(*outputs, rtol=1e-6)
    for one, other in zip(small.features, grown.features, strict=True):
        np.testing.assert_array_equal(one, other)


def test_names_of_weights_are_those_of_the_network():
    model = network.build_indenter(25, outputs=3)
    weights, dense = Weights.of(model), model.get_layer("dense")
    np.testing.assert_array_equal(weights.kernel, dense.kernel)
    np.testing.assert_array_equal(weights.bias, dense.bias)
    for one, other in zip(weights.to_arrays(), model.variables, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (lambda: network.build_indenter(100), "dense/kernel has shape"),
        (lambda: network.build_indenter(50, outputs=2), "dense/kernel has shape"),
        (lambda: keras.Sequential([keras.Input((50, 50, 3)), keras.layers.Dense(1)]), "cannot be the weights"),
    ],
)
def test_weights_of_another_layout_are_refused_before_any_has_changed(other, message):
    model = network.build_indenter(50)
    before = model.get_weights()
    with pytest.raises(ModelError, match=message) as error:
        Weights.of(other()).assign_to(model)
    assert "\n" not in str(error.value)
    for one, same in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, same)


def test_a_run_does_not_go_on_with_the_weights_of_another_network(tmp_path, whole, monkeypatch):
    """A checkpoint of the same recipe, but of a library whose network had other filters."""
    (tmp_path / CHECKPOINT).write_bytes((whole.out / CHECKPOINT).read_bytes())
    monkeypatch.setattr(network, "FILTERS", (4, 4, 8, 16))
    with pytest.raises(ModelError, match="weights are of another network"):
        start(tmp_path, resume=True)


def test_first_weights_depend_on_the_seed_alone():
    one, same, other = (np.concatenate([v.ravel() for v in fresh_weights(25, seed).to_arrays()]) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_a_run_learns_several_targets(tmp_path):
    tiles, table = data()
    # in float32 TensorFlow's kernels for so few filters may crash at this size
    recipe = load_recipe(RECIPE | {"stages": [{"size": SIDE, "images": 4, "precision": "mixed_bfloat16"}]})
    run = Run(tiles, table.assign(other=-table["label"]), recipe, out=tmp_path, targets=("label", "other"))
    np.testing.assert_allclose(run.weights.bias, [run.rows["label"].mean(), -run.rows["label"].mean()], rtol=1e-6)
    run.fit()
    assert run.step == 1
    assert run.best.kernel.shape[1] == 2


def test_a_dense_layer_finds_labels_that_features_tell():
    rng = np.random.default_rng(0)
    tiles = rng.integers(0, 256, (60, SIDE, SIDE, 3), dtype=np.uint8)
    tiles //= rng.integers(1, 9, (60, 1, 1, 1), dtype=np.uint8)
    first = fresh_weights(SIDE, 0, outputs=5)
    feature = PCA(1).fit_transform(linear_probe._features(first, tiles, "float32"))[:, 0]
    rows = pd.DataFrame({"tile_id": np.arange(60), "label": 4 + feature / feature.std(), "weight": 1.0})
    fitted, ridge = linear_probe.fit_dense_layer(first, tiles, rows[:40], np.arange(40) // 4, precision="float32")
    model = network.build_indenter(SIDE)
    fitted.assign_to(model)
    error = predict(model, tiles)[:, 0] - rows["label"]
    assert error.std() < 0.2 * rows["label"].std()
    chosen = ridge["strength"].index(ridge["chosen"])
    np.testing.assert_allclose((error[:40] ** 2).mean(), ridge["train_mse"][chosen], rtol=0.01, atol=1e-6)


def fit_to(features, rows, groups, monkeypatch):
    monkeypatch.setattr(linear_probe, "_features", lambda weights, tiles, precision: tiles)
    nothing = Weights([], np.empty(0), np.empty(0))
    return linear_probe.fit_dense_layer(nothing, features, rows, groups, precision="float32")


def test_a_dense_layer_is_judged_on_groups_left_out(monkeypatch):
    """Features that only tell maps apart count where rows are left out, not where maps are."""
    rng = np.random.default_rng(0)
    of_map, telling = np.arange(80) % 8, rng.normal(size=80)
    features = np.column_stack([telling, rng.normal(size=(8, 6))[of_map]])
    rows = pd.DataFrame({"tile_id": np.arange(80), "label": 4 + telling + rng.normal(size=8)[of_map], "weight": 1.0})
    by_map, by_row = (fit_to(features, rows, groups, monkeypatch)[0].kernel for groups in (of_map, np.arange(80)))
    assert np.linalg.norm(by_map[1:]) < 0.5 * np.linalg.norm(by_row[1:])


def test_a_dense_layer_takes_the_strongest_ridge_within_a_standard_error(monkeypatch):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(80, 5))
    rows = pd.DataFrame({"tile_id": np.arange(80), "label": features[:, 0] + rng.normal(size=80), "weight": 1.0})
    ridge = fit_to(features, rows, np.arange(80) // 8, monkeypatch)[1]
    left_out = np.array(ridge["left_out_mse"])
    limit = left_out.min() + ridge["left_out_se"][left_out.argmin()]
    chosen = ridge["strength"].index(ridge["chosen"])
    assert chosen > left_out.argmin()
    assert left_out[chosen] <= limit < left_out[chosen + 1 :].min()


def test_repeated_rows_weigh_what_they_count(monkeypatch):
    rng = np.random.default_rng(0)
    features, times = rng.normal(size=(30, 4)), rng.integers(1, 5, 30)
    repeated = pd.DataFrame({"tile_id": np.repeat(np.arange(30), times), "weight": 1.0})
    repeated["label"] = rng.normal(size=len(repeated))
    once = repeated.groupby("tile_id", as_index=False)["label"].mean().assign(weight=times)
    rows, single = (linear_probe._ridge(features, rows.assign(tile=rows["tile_id"]), 1.0) for rows in (repeated, once))
    plain = Ridge(1.0).fit(features[repeated["tile_id"]], repeated["label"])
    for fitted in (rows, single):
        np.testing.assert_allclose(fitted.coef_, plain.coef_)
        np.testing.assert_allclose(fitted.intercept_, plain.intercept_)


def some_batches(weight=1.0, **stage):
    tiles, table = data()
    stage = load_recipe(RECIPE | {"stages": [{"size": SIDE, "images": 1} | stage]})["stages"][0]
    return batches.Batches(tiles, table.assign(weight=weight), stage, 3, 0, augmentation.AUGMENTATION["paper"])


def test_batches_are_a_function_of_the_step():
    one, other = some_batches(), some_batches()
    order = [one(step) for step in range(8)]
    for step in (5, 2, 7):
        for got, expected in zip(other(step), order[step], strict=True):
            np.testing.assert_array_equal(got, expected)
    tiles, labels = order[0]
    assert tiles.shape == (4, SIDE, SIDE, 3)
    assert tiles.dtype == labels.dtype == np.float32
    assert labels.shape == (4, 1)
    assert 0 <= tiles.min() <= tiles.max() <= 1


def test_every_fit_gets_its_batches_in_order():
    """Keras' own workers fail this on JAX."""

    class Numbered:
        def __call__(self, step):
            return np.zeros((2, 3), np.float32), np.full((2, 1), step, np.float32)

    seen = []
    heard = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(logs["loss"] * (batch + 1))
    )
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.0), "mae")  # the loss of a batch is its number
    with ThreadPoolExecutor(4) as pool:
        for first, count in ((2, 3), (5, 4)):
            seen.clear()
            model.fit(training_run._Part(Numbered(), first, count, pool), shuffle=False, verbose=0, callbacks=[heard])
            np.testing.assert_allclose(np.diff(seen, prepend=0), first + np.arange(count), atol=1e-4)


def test_equal_weights_make_full_passes_and_others_draws():
    passes = np.concatenate([some_batches().chosen(step) for step in range(12)]).reshape(2, 24)
    assert all(set(part) == set(range(24)) for part in passes)
    assert not np.array_equal(*passes)
    weight = np.where(np.arange(24) == 5, 23.0, 1.0)
    drawn = np.concatenate([some_batches(weight).chosen(step) for step in range(500)])
    assert np.mean(drawn == 5) == pytest.approx(0.5, abs=0.05)


def test_squares_of_a_tile_follow_one_another():
    tiles = np.arange(2 * 4 * 4 * 3, dtype=np.uint8).reshape(2, 4, 4, 3)
    squares = images.crops(tiles, 2)
    assert squares.shape == (8, 2, 2, 3)
    for number, (tile, row, col) in enumerate([(0, 0, 0), (0, 0, 2), (0, 2, 0), (0, 2, 2), (1, 0, 0)]):
        np.testing.assert_array_equal(squares[number], tiles[tile, row : row + 2, col : col + 2])
    np.testing.assert_array_equal(images.crops(tiles, 4), tiles)
    with pytest.raises(InputError, match="divisor"):
        images.crops(tiles, 3)


def test_shipped_recipes_load():
    recipes = {name: load_recipe(name) for name in checkpoints.shipped(RECIPES)}
    assert recipes.keys() == {"cpu", "gpu", "quick"}
    assert {recipe["stages"][-1]["size"] for recipe in recipes.values() if not recipe["sections"]} == {200}
    assert recipes["cpu"]["stages"][0]["precision"] == "mixed_bfloat16"
    gpu = recipes["gpu"]["stages"][0]
    assert (gpu["images"], gpu["batch_size"], gpu["learning_rate"]) == (100 * 15911, 32, 0.001)


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ("none", "no recipe"),
        ({}, "stages"),
        ({"stages": [{"size": 50}]}, "images"),
        ({"stages": [{"size": 50, "images": 9, "colour": 1}]}, "colour"),
        ({"stages": [{"size": 50, "images": -1}]}, "greater than 0"),
        ({"stages": [{"size": 50, "images": 9}], "precision": "float8"}, "float32"),
        ({"stages": [{"size": 50, "images": 9}], "learning_rate": "high"}, "valid number"),
        ({"stages": [{"size": 50, "images": 9}], "sections": 1}, "equal to 2"),
    ],
)
def test_wrong_recipes_are_told_in_one_line(recipe, message):
    with pytest.raises(InputError, match=message) as error:
        load_recipe(recipe)
    assert "\n" not in str(error.value)


def test_the_tiles_must_fit_the_recipe(tmp_path):
    with pytest.raises(InputError, match="must end"):
        start(tmp_path, recipe=RECIPE | {"stages": [{"size": 25, "images": 8}]})


def test_the_card_tells_what_the_weights_are(tmp_path, whole):
    model = whole.best_model()
    card = models.save(model, tmp_path / "thin.keras", {"scores": {"nothing": np.nan}} | whole.facts())
    written = json.loads((tmp_path / "thin.json").read_text())
    assert written["sha256"] == card["sha256"] == models.sha256(tmp_path / "thin.keras")
    assert written["scores"]["nothing"] is None
    assert written["recipe"]["stages"][1]["learning_rate"] == 0.001
    assert sorted(p.name for p in tmp_path.iterdir()) == ["thin.json", "thin.keras"]


def test_a_run_from_files_to_the_card(tmp_path, monkeypatch):
    # TensorFlow's kernels for fewer filters than 16 crash on tiles of 200 px
    monkeypatch.setattr(network, "FILTERS", (16, 16, 16, 16))
    small = {"ACCURATE_SHAPE": (500, 900), "ACCURATE_COUNT": 20, "ESTIMATED_MAPS": 5, "ESTIMATED_TILES": 1}
    small |= {"NOISY_SHAPE": (250, 250), "NOISY_MAPS": 5, "NOISY_COUNT": 10}
    for name, value in small.items():
        monkeypatch.setattr(simulated, name, value)
    simulated.simulate_sources(tmp_path / "data", world="visible")
    card = training.train("quick", root=tmp_path / "data", out=tmp_path / "run")
    assert (card["world"], card["protocol"], card["recipe"]["name"]) == ("visible", "audited", "quick")
    assert set(card["metrics"]) == {"val", "test"}
    assert {"rows", "mse", "r2", "r2_truth"} <= card["metrics"]["test"]["overall"].keys()
    assert [stage["images"] for stage in card["structure"]] == [16, 8]
    assert card["dense_layer"]["chosen"] in card["dense_layer"]["strength"]
    history = pd.read_csv(tmp_path / "run" / "history.csv")
    assert history.groupby("stage")["size"].unique().map(list).to_list() == [[50], [100]]
    assert json.loads((tmp_path / "run" / "indenter-audited.json").read_text())["sha256"] == card["sha256"]
    again = training.train("quick", root=tmp_path / "data", out=tmp_path / "run", resume=True)
    assert json.dumps(again["metrics"]) == json.dumps(card["metrics"])  # NaN is NaN


def test_a_summary_of_the_shipped_cards_says_how_they_were_trained():
    cards = {name: models.read_card(paths.MODELS / f"indenter-{name}.keras") for name in ("paper", "audited")}
    table = training.summary(cards)
    assert table.loc["structure, pictures", "audited"] == "96,000 at 50 px, 36,000 at 100 px"
    assert table.loc["hardness, rows"].tolist() == ["15,911", "1,693"]
