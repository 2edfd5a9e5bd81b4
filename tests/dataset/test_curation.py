"""The united dataset: counts, splits without leakage, the audit, and augmentation."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from enamel_lib.dataset import curation
from enamel_lib.dataset.curation import TILE
from enamel_lib.dataset.sources import Source
from enamel_lib.errors import InputError


def make_source(name, maps, rows, cols, labels, label_sd=np.nan, folder="."):
    table = pd.DataFrame({"image": [f"{name}/{i}.png" for i in range(len(maps))], "source": name, "map_id": maps})
    table = table.assign(row=rows, col=cols, label=labels, label_sd=label_sd, truth=np.nan, truth_centre=np.nan)
    return Source(name, table, folder)


@pytest.fixture(scope="module")
def published():
    """Sources with the published counts, without pictures."""
    rng = np.random.default_rng(1)
    of_map = np.arange(2000) % 17
    regions = np.arange(333) // 9
    lattice = rng.choice(44 * 56, 94, replace=False)
    return {
        "accurate": make_source(
            "accurate", ["accurate"] * 94, lattice // 56 * 33, lattice % 56 * 33, rng.uniform(3, 6, 94)
        ),
        "estimated": make_source(
            "estimated",
            [f"e{m}" for m in regions],
            np.arange(333) % 3 * 200,
            np.arange(333) // 3 % 3 * 200,
            np.round(2.5 + regions / 10, 1),
        ),
        "noisy": make_source(
            "noisy",
            [f"n{m}" for m in of_map],
            rng.integers(0, 801, 2000),
            rng.integers(0, 801, 2000),
            2.3 + of_map * 0.27,
            0.4,
        ),
    }


@pytest.fixture(scope="module")
def table(published):
    return curation.united_table(published, seed=5)


def test_united_table_has_the_published_counts(table):
    assert table.source.value_counts().to_dict() == {"noisy": 10_000, "accurate": 9_400, "estimated": 3_330}
    assert len(table) == 22_730
    assert table.tile_id.nunique() == 2_427
    assert table.label.between(2, 7).all()


def test_only_noisy_labels_are_drawn_and_they_follow_their_maps(published, table):
    sure = table[table.source != "noisy"]
    assert (sure.label == sure.label_stated).all()
    drawn = table[table.source == "noisy"]
    assert drawn.label.nunique() == 10_000
    middle = drawn[drawn.map_id == "n8"]  # mean 4.46 GPa: no draw is ever out of range
    assert middle.label.mean() == pytest.approx(4.46, abs=0.06)
    assert middle.label.std() == pytest.approx(0.4, abs=0.05)
    pd.testing.assert_frame_equal(table, curation.united_table(published, seed=5))
    assert not table.label.equals(curation.united_table(published, seed=6).label)


def test_harder_material_widens_the_range_instead_of_redrawing_for_ever():
    label = curation._draw_within(np.array([8.0, 4.0]), np.array([0.0, 0.1]), np.random.default_rng(0))
    assert label[0] == 8.0


def test_paper_split_has_the_published_sizes_and_leaks(table):
    divided = curation.split(table, "paper", seed=0)
    assert divided.split.value_counts().to_dict() == {"train": 15_911, "val": 4_546, "test": 2_273}
    assert (divided.weight == 1).all()
    audit = curation.leakage_audit(divided)
    assert audit.loc["overall", "held_out"] == 6_819
    assert audit.loc["overall", "seen_share"] == pytest.approx(0.9964, abs=0.002)  # DOMAIN.md D1
    assert audit.loc["accurate", "seen_share"] == 1.0
    assert audit.loc["noisy", "seen_share"] == pytest.approx(0.992, abs=0.004)
    assert audit.loc["overall", "seen_px_share"] > 0.99
    pd.testing.assert_frame_equal(divided, curation.split(table, "paper", seed=0))
    assert not divided.split.equals(curation.split(table, "paper", seed=1).split)


@pytest.mark.parametrize("seed", range(3))
def test_audited_split_shares_nothing_and_keeps_proportions(table, seed):
    divided = curation.split(table, "audited", seed=seed)
    assert len(divided) == 2_427
    audit = curation.leakage_audit(divided)
    assert (audit.seen == 0).all()
    assert (audit.seen_px == 0).all()
    assert (audit.held_out > 0).all()
    for name, maps in {"estimated": (26, 7, 4), "noisy": (12, 3, 2)}.items():
        counts = divided[divided.source == name].groupby("split").map_id.nunique()
        assert (counts["train"], counts["val"], counts["test"]) == maps
    train = divided[divided.split == "train"]
    assert train.weight.mean() == pytest.approx(1)
    share = train.groupby("source").weight.sum() / len(train)
    assert share.to_dict() == pytest.approx({"accurate": 9400 / 22730, "estimated": 3330 / 22730, "noisy": 1e4 / 22730})
    assert (divided.weight[divided.split == "gap"] == 0).all()
    assert (divided.label == divided.label_stated).all()


def test_held_out_maps_span_the_labels(table):
    noisy = curation.split(table, "audited", seed=0).query("source == 'noisy'")
    held = noisy[noisy.split != "train"].groupby("map_id").label.mean().sort_values().to_numpy()
    assert np.diff(held).max() < 3.0
    assert held[0] < 3.5
    assert held[-1] > 5.4


def test_accurate_blocks_keep_one_window_clear(table):
    accurate = curation.split(table, "audited").query("source == 'accurate'")
    place = accurate.set_index("split")[["row", "col"]]
    for one, other in (("train", "val"), ("train", "test"), ("val", "test")):
        apart = np.abs(place.loc[[one]].to_numpy()[:, None] - place.loc[[other]].to_numpy()[None]).max(axis=-1)
        assert apart.min() >= 2 * TILE
    counts = accurate.split.value_counts()
    assert counts["train"] >= 40
    assert counts["val"] >= 8
    assert counts["test"] >= 4


def test_unplaced_tiles_of_one_map_go_to_train_and_unknown_protocol_is_refused():
    one = {name: make_source(name, [name] * 5, np.nan, np.nan, 4.0, 0.1) for name in ("accurate", "estimated", "noisy")}
    divided = curation.split(curation.united_table(one), "audited")
    assert (divided.split == "train").all()
    with pytest.raises(InputError, match="paper, audited"):
        curation.split(divided, "random")


def hand_table(rows):
    names = ["source", "map_id", "tile_id", "row", "col", "split"]
    return pd.DataFrame(rows, columns=names).astype({"row": float, "col": float})


def test_audit_by_hand():
    audit = curation.leakage_audit(
        hand_table(
            [
                ("accurate", "m", 0, 0, 0, "train"),
                ("accurate", "m", 1, 100, 0, "val"),  # its upper half is in train
                ("accurate", "m", 2, 0, 500, "test"),  # clear
                ("accurate", "m", 3, 300, 500, "gap"),
                ("noisy", "n", 4, 0, 0, "train"),
                ("noisy", "n", 4, 0, 0, "test"),  # the same tile twice
                ("noisy", "n", 4, 0, 0, "val"),
                ("estimated", "e", 5, np.nan, np.nan, "val"),
                ("estimated", "e", 6, np.nan, np.nan, "train"),  # no place: nothing known to be shared
            ]
        )
    )
    assert audit.loc["accurate", ["held_out", "seen", "held_out_px", "seen_px"]].tolist() == [2, 0, 80_000, 20_000]
    assert audit.loc["noisy", ["held_out", "seen", "held_out_px", "seen_px"]].tolist() == [2, 2, 40_000, 40_000]
    assert audit.loc["estimated", ["held_out", "seen", "held_out_px", "seen_px"]].tolist() == [1, 0, 40_000, 0]
    assert audit.loc["overall", "seen_share"] == pytest.approx(2 / 5)
    assert audit.loc["overall", "seen_px_share"] == pytest.approx(60_000 / 160_000)


def test_audit_sees_a_map_that_two_sources_share():
    audit = curation.leakage_audit(hand_table([("accurate", "m", 0, 0, 0, "train"), ("noisy", "m", 1, 0, 150, "test")]))
    assert audit.loc["noisy", "seen_px"] == 50 * 200


places = st.tuples(st.integers(0, 900), st.integers(0, 700), st.sampled_from(["train", "val", "test", "gap"]))


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.lists(places, min_size=1, max_size=12))
def test_audited_pixels_equal_a_raster(tiles):
    rows = [("accurate", "m", i, row, col, name) for i, (row, col, name) in enumerate(tiles)]
    raster = {name: np.zeros((1200, 1000), bool) for name in ("train", "held", "gap")}
    for row, col, name in tiles:
        key = "held" if name in ("val", "test") else name
        raster[key][row : row + TILE, col : col + TILE] = True
    audit = curation.leakage_audit(hand_table(rows)).loc["overall"]
    assert audit.held_out_px == raster["held"].sum()
    assert audit.seen_px == (raster["held"] & raster["train"]).sum()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data())
def test_audited_split_never_leaks(data):
    def draw(name):
        n = data.draw(st.integers(1, 25))
        maps = data.draw(st.lists(st.sampled_from([f"{name}{i}" for i in range(5)]), min_size=n, max_size=n))
        where = st.integers(0, 1500) | st.sampled_from([0, 199, 200, 201, 399, 400, 401])
        row, col = (data.draw(st.lists(where, min_size=n, max_size=n)) for _ in range(2))
        return make_source(name, maps, np.array(row, float), np.array(col, float), np.linspace(3, 5, n), 0.1)

    table = curation.united_table({name: draw(name) for name in ("accurate", "estimated", "noisy")})
    divided = curation.split(table, "audited", seed=data.draw(st.integers(0, 9)))
    audit = curation.leakage_audit(divided)
    assert audit.loc["overall", ["seen", "seen_px"]].tolist() == [0, 0]
    assert set(divided.split) <= {"train", "val", "test", "gap"}


def test_tiles_load_by_tile_id(tmp_path):
    source = make_source("accurate", ["m"] * 3, 0.0, 0.0, 4.0)
    (tmp_path / "accurate").mkdir()
    for i in range(3):
        Image.new("RGB", (TILE, TILE), (i, 0, 9)).save(tmp_path / f"accurate/{i}.png")
    table = pd.concat([source.table.assign(tile_id=np.arange(3))] * 2).iloc[::-1]
    tiles = curation.load_tiles(table, tmp_path)
    assert tiles.shape == (3, TILE, TILE, 3)
    assert tiles.dtype == np.uint8
    assert tiles[:, 5, 5, 0].tolist() == [0, 1, 2]
    with pytest.raises(InputError, match="load before filtering"):
        curation.load_tiles(table[table.tile_id > 0], tmp_path)


def test_label_noise_is_the_error_about_the_truth_and_unknown_without_one():
    table = pd.DataFrame({"source": ["a", "a", "b"], "label": [4.0, 5.0, 3.0], "truth": [3.5, 4.0, np.nan]})
    noise = curation.label_noise(table)
    assert noise.loc["a"].tolist() == pytest.approx([0.75, np.sqrt(0.125)])
    assert noise.loc["b"].isna().all()
