from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from enamel_lib.indenter import evaluation
from enamel_lib.inference import Predictor

ROWS = pd.DataFrame(
    {
        "tile_id": [0, 0, 1, 2],
        "source": ["noisy", "noisy", "noisy", "accurate"],
        "label": [3.0, 5.0, 4.0, 4.0],
        "label_sd": [1.0, 1.0, 0.5, np.nan],
        "weight": 1.0,
        "truth": [4.0, 4.0, 5.0, 4.5],
    }
)


def brightness(tiles):
    return tiles.mean(axis=(1, 2, 3), dtype=np.float32)


def test_each_tile_is_predicted_once():
    tiles = np.stack([np.full((4, 4, 3), value, np.uint8) for value in (4, 5, 6)])
    seen = []
    rows = evaluation.predicted(ROWS, tiles, lambda batch: seen.append(len(batch)) or brightness(batch))
    assert seen == [3]
    assert rows["predicted"].tolist() == [4, 4, 5, 6]


def test_scores_known_by_hand():
    scores = evaluation.scores(ROWS.assign(predicted=[4.0, 4.0, 5.0, 6.0]))
    assert scores.index.tolist() == ["accurate", "noisy", "overall"]
    assert scores.loc["noisy", "mse"] == pytest.approx(1.0)
    assert scores.loc["noisy", ["rows", "tiles"]].tolist() == [3, 2]
    assert scores.loc["noisy", "r2_truth"] == 1
    assert scores.loc["overall", "mse_truth"] == pytest.approx(1.5**2 / 3)


def test_real_data_have_no_truth_to_score():
    scores = evaluation.scores(ROWS.assign(predicted=4.0, truth=np.nan))
    assert "r2_truth" not in scores


def test_drawn_labels_set_a_floor():
    assert evaluation.best_possible_mse(ROWS) == pytest.approx((1 + 1 + 0.25) / 4)


def test_held_out_rows_are_those_of_the_protocol_and_of_so_many_tiles():
    rows = pd.concat([ROWS.assign(split="val"), ROWS.assign(split="test", tile_id=ROWS["tile_id"] + 3)])
    splits, predictors = dict.fromkeys(evaluation.HELD_OUT, rows), dict.fromkeys(evaluation.HELD_OUT, brightness)
    tiles = np.zeros((6, 4, 4, 3), np.uint8)
    held_out = evaluation.held_out(splits, tiles, predictors, most=9)
    assert set(held_out["paper"]["split"]) == {"test"}
    assert set(held_out["audited"]["split"]) == {"val", "test"}
    assert evaluation.held_out(splits, tiles, predictors, most=2)["audited"]["tile_id"].nunique() == 2


def test_the_mean_baseline_is_the_weighted_variance_of_the_training_labels():
    train = pd.DataFrame({"split": "train", "label": [3.0, 5.0], "weight": [3.0, 1.0]})
    table = pd.concat([train, train.assign(split="test", label=9.0)])
    assert evaluation.mean_baseline(table) == pytest.approx((3 * 0.5**2 + 1.5**2) / 4)


def test_r2_has_an_interval_if_there_are_groups_to_resample():
    rng = np.random.default_rng(0)
    target = rng.normal(4, 1, 60)
    score = evaluation.r2(target + rng.normal(0, 0.5, 60), target, np.arange(60))
    assert score["low"] < score["r2"] < score["high"] < 1
    assert score["r2"] == pytest.approx(0.75, abs=0.1)
    assert np.isnan(evaluation.r2(target, target, np.zeros(60))["low"])


def test_a_leak_shows_as_a_better_score_of_a_worse_network():
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"label": rng.normal(4, 1, 80), "weight": 1.0, "map_id": np.arange(80) // 4})
    new = pd.DataFrame({"truth": rng.normal(4, 1, 80)})
    noise = {"paper": (0.1, 0.8), "audited": (0.5, 0.5)}  # on its own test split, on new enamel
    tested = {n: rows.assign(predicted=rows["label"] + rng.normal(0, own, 80)) for n, (own, _) in noise.items()}
    unseen = {n: new.assign(predicted=new["truth"] + rng.normal(0, other, 80)) for n, (_, other) in noise.items()}
    table = evaluation.leakage(tested, unseen).pivot(index="scored", columns="split", values="r2")
    assert table.loc["own test split", "paper"] > table.loc["own test split", "audited"]
    assert table.loc["new enamel", "paper"] < table.loc["new enamel", "audited"]
    low, high = evaluation.gain(unseen["audited"], unseen["paper"])
    assert 0 < low < high


def test_a_map_that_reads_the_mean_follows_a_truth_that_is_the_mean():
    class Brightness(Predictor):
        size, batch_size = 20, 64

        def __init__(self):
            pass

        def _predict(self, batch):
            return brightness(batch)

    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 200, (40, 50, 3), dtype=np.uint8) + level for level in np.uint8([0, 50])]
    sections = [SimpleNamespace(rgb=picture, hardness=picture.mean(axis=-1)) for picture in pictures]
    table = evaluation.follow_truth(Brightness(), sections, stride=10)
    assert table.index.tolist() == [1, 2]
    np.testing.assert_allclose(table["read"], table["true"], rtol=1e-5)
    np.testing.assert_allclose(table["pearson"], 1, atol=1e-6)
    assert table["true"].diff()[2] > 40
    assert (table["sd"] > 0).all()
