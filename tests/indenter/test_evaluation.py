import numpy as np
import pandas as pd
import pytest

from enamel_lib.indenter import evaluation

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
