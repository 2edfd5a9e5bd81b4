import numpy as np
import pandas as pd
import pytest
from scipy import ndimage, special

from enamel_lib.dense import axes, labels, left_out, measured, study, textures
from enamel_lib.errors import DataError, InputError, ModelError

PIXEL_UM = 2.0
MODEL = axes.AxisIndenter(
    labels.Fit(np.array([0.14, 0, 0, 0.02, 0.02, 0]), 1.1, *[0.05] * 5), 1.0, np.zeros((1, 2)), {}
)


def squares(hardness, size=8, count=5, seed=0):
    """Square grains with random c-axes, an indent in every pixel, and the hardness `(R, C)` of each."""
    rng = np.random.default_rng(seed)
    c = rng.standard_normal((count, count, 3))
    c = np.kron(c / np.linalg.norm(c, axis=-1, keepdims=True), np.ones((size, size, 1)))
    side = size * count
    row, col = np.divmod(np.arange(side**2), side)
    table = pd.DataFrame({"map": 0, "batch": 0, "hardness": hardness(c, rng).ravel()})
    table[["down_um", "across_um"]] = (np.stack([row, col], axis=1) + 0.5) * PIXEL_UM
    return axes.Indented((axes.AxisMap("squares", c, PIXEL_UM),), table, 1.0)


def by_grain(c, rng):
    """Hardness that is a grain's own and has nothing to do with its c-axis."""
    own = 3 + 0.4 * rng.standard_normal((c.shape[0] // 8, c.shape[1] // 8))
    return np.kron(own, np.ones((8, 8))) + 0.05 * rng.standard_normal(c.shape[:2])


@pytest.mark.parametrize("kind", left_out.KINDS[1:3])
def test_what_is_left_out_together_is_never_on_both_sides(kind):
    known = squares(by_grain)
    group = left_out.groups(known, kind)
    dealt = left_out.folds(group, 0)
    assert np.sum([left for _, left in dealt], axis=0).tolist() == [1] * len(group)
    for kept, left in dealt:
        assert not set(group[kept]) & set(group[left])
        assert (kept ^ left).all()


def test_random_rows_flatter_what_remembers_grains_and_whole_grains_do_not(monkeypatch):
    known = squares(by_grain)
    monkeypatch.setattr(left_out, "FOLDS", 3)
    rows, grains = (left_out.scores(known, left_out.predictions(known, kind)) for kind in ("rows", "grains"))
    assert rows["trees"] > 0.9
    assert grains["trees"] < 0.3
    assert grains["c-axis"] < 0.3
    assert grains["mean"] == pytest.approx(0, abs=0.2)
    assert rows["c-axis, grain known"] > 0.9 > rows["c-axis"]
    assert left_out.ceiling(known) > 0.9


def test_an_edge_of_known_width_is_measured_as_wide():
    """One straight boundary, blurred by 2 um: 10 to 90 % within 2.56 times as much."""
    side, sd = 40, 2.0
    c = np.zeros((side, side, 3))
    c[:, : side // 2, 2] = c[:, side // 2 :, 0] = 1
    place = (np.arange(side) + 0.5 - side / 2) * PIXEL_UM
    value = np.tile(4 - special.ndtr(place / sd), (side, 1)).ravel()
    known = squares(lambda c, rng: np.ones(c.shape[:2]), size=side, count=1)
    known = axes.Indented((axes.AxisMap("edge", c, PIXEL_UM),), known.table, 1.0)
    spread, rise = measured.edges(known, np.zeros((1, 2)), {"measured": value})
    assert rise.at["measured", "boundaries"] == 1
    assert rise.at["measured", "rise"] == pytest.approx(2.563 * sd, rel=0.1)
    assert spread["share"].iloc[[0, -1]].to_list() == pytest.approx([0, 1], abs=0.02)


def test_a_shift_of_the_indents_lowers_the_score():
    def law(c, rng):
        field = np.exp(MODEL.log_hardness(c))
        return ndimage.gaussian_filter(field, 0.5) + 0.05 * rng.standard_normal(field.shape)

    known = squares(law)
    found = measured.shifted(known, MODEL, [(0, 0), (2, 0), (0, -2)])["r2"]
    assert found[0] > max(found[1], found[2]) + 0.1


def test_the_least_texture_of_a_wanted_hardness():
    sphere, hardness = textures.directions(), np.exp(MODEL.log_hardness(textures.directions()))
    np.testing.assert_allclose(textures.declinations(sphere), 1, atol=0.1)
    for wanted in (2.7, hardness.mean(), 3.8):
        assert textures.reaching(MODEL, wanted) @ hardness == pytest.approx(wanted, abs=1e-6)
    np.testing.assert_allclose(textures.reaching(MODEL, hardness.mean()), 1 / len(sphere), rtol=1e-3)
    with pytest.raises(InputError, match="textures of this material reach"):
        textures.reaching(MODEL, 9.0)


def test_a_model_is_the_same_after_saving_and_another_is_refused(tmp_path):
    study.save(MODEL, tmp_path / "it.json", source="a test")
    again = study.load(tmp_path / "it.json")
    np.testing.assert_allclose(again.log_hardness(textures.directions()), MODEL.log_hardness(textures.directions()))
    other = (tmp_path / "it.json").read_text().replace('"2,0"', '"3,0"')
    (tmp_path / "it.json").write_text(other)
    with pytest.raises(ModelError, match="other harmonics"):
        study.load(tmp_path / "it.json")


def test_a_single_batch_is_not_left_out_and_a_single_grain_is_refused(tmp_path):
    known = squares(by_grain)
    assert left_out.folds(left_out.groups(known, "batches"), 0) == []
    assert measured.intervals_of_batches(known, MODEL).empty
    with pytest.raises(DataError, match="all 64 indents are on one grain"):
        study.study(squares(by_grain, count=1), tmp_path, "one")
