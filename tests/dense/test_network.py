import itertools
import json
from dataclasses import replace

import keras
import numpy as np
import pandas as pd
import pytest

from enamel_lib import checkpoints, models, pic, simulate
from enamel_lib.dense import (
    code,
    indenter,
    labels,
    learning,
    likeness,
    network,
    reading,
    sources,
    structure,
    training,
    worth,
)
from enamel_lib.errors import InputError, ModelError
from enamel_lib.simulate import law

SMALL = (4, 6, 6, 8, 8)
FIT = labels.Fit(0.1 * np.random.default_rng(1).standard_normal(13), 1.4, 0.05, 0.02, 0.1, 0.1, 0.5)


@pytest.fixture(scope="module")
def small():
    keras.utils.set_random_seed(0)
    model = network.build(SMALL)
    for variable in model.variables:  # the first weights would make flips matter little
        variable.assign(variable + 0.02 * np.random.default_rng(0).random(variable.shape, "float32"))
    return model


@pytest.fixture(scope="module")
def indenter_(small):
    return indenter.with_hardness(small, FIT)


@pytest.fixture(scope="module")
def rgb():
    return simulate.section((96, 132), seed=2, texture="real-map").rgb


def test_the_network_gives_structure_in_every_cell(small):
    local, wide = small.predict_on_batch(np.zeros((2, 64, 128, 6), np.float32))
    assert local.shape == (2, 16, 32, len(structure.LOCAL))
    assert wide.shape == (2, 16, 32, len(structure.WIDE))
    assert network.MULTIPLE == 64


@pytest.mark.parametrize("size", [0.06, 0.15])
@pytest.mark.parametrize("axis", [0, 1])
def test_the_map_of_a_flipped_picture_is_the_flipped_map(indenter_, rgb, size, axis):
    """A flipped picture has phi negated (DOMAIN.md A); without the mean over flips this fails."""
    phi, gamma = pic.decode(rgb)
    phi = np.where(phi == -90, 89.0, phi)  # has no negative among the colours
    plain = pic.encode(pic.to_director(phi, gamma))
    turned = np.flip(pic.encode(pic.to_director(-phi, gamma)), axis)
    one, other = (indenter.hardness_map(indenter_, each, pixel_size_um=size).hardness for each in (plain, turned))
    np.testing.assert_allclose(np.flip(other, axis), one, rtol=0.02)
    assert one.std() > 0


def test_a_map_has_a_reading_every_quarter_of_a_micrometre_in_places_of_the_picture(indenter_, rgb):
    mapped = indenter.hardness_map(indenter_, rgb)
    assert mapped.hardness.shape == (24, 33)
    np.testing.assert_allclose(mapped.rows[[0, -1]], [2, 94])
    np.testing.assert_allclose(mapped.cols[:2], [2, 6])
    coarse = indenter.hardness_map(indenter_, rgb, pixel_size_um=0.24)
    assert coarse.hardness.shape == (96, 132)
    np.testing.assert_allclose(coarse.rows[:2], [0.5, 1.5])


def test_no_signal_no_reading(indenter_, rgb):
    dark = rgb.copy()
    dark[:, :48] = 0
    mapped = indenter.hardness_map(indenter_, dark).hardness
    assert np.isnan(mapped[:, :11]).all()
    assert np.isfinite(mapped[:, 13:]).all()
    signal = np.ones(rgb.shape[:2], bool)
    signal[:, :48] = False
    np.testing.assert_array_equal(indenter.hardness_map(indenter_, rgb, signal=signal).hardness, mapped)


def test_hardness_is_the_exponential_of_what_was_fitted(small, indenter_, rgb):
    found = FIT.hardness(reading.structure(small, rgb))
    np.testing.assert_allclose(indenter.hardness_map(indenter_, rgb).hardness, found, rtol=1e-4)


def test_a_picture_too_large_for_the_memory_is_refused(indenter_, rgb, monkeypatch):
    monkeypatch.setattr(reading, "MOST_PX", 1000)
    with pytest.raises(InputError, match="OME-Zarr"):
        indenter.hardness_map(indenter_, rgb)


def test_a_network_survives_its_file_and_others_are_refused(indenter_, small, tmp_path, rgb):
    models.save(indenter_, tmp_path / "dense.keras", {"name": "dense"})
    again = indenter.load(tmp_path / "dense.keras")
    np.testing.assert_array_equal(
        indenter.hardness_map(again, rgb).hardness, indenter.hardness_map(indenter_, rgb).hardness
    )
    models.save(small, tmp_path / "structure.keras", {})
    with pytest.raises(ModelError, match="no dense indenter"):
        indenter.load(tmp_path / "structure.keras")
    with pytest.raises(ModelError, match="no model"):
        indenter.load("dense-none")


def test_structure_of_cells_is_the_mean_of_the_true_fields():
    section = simulate.section((40, 48), seed=4)
    found = dict(zip(structure.LOCAL, np.moveaxis(structure.of_cells(section), -1, 0), strict=True))
    at = np.s_[8:12, 20:24]
    assert found["head"][2, 5] == pytest.approx((section.region[at] == law.HEAD).mean())
    turned = section.misorientation[at] / structure.MISORIENTATION_DEG
    assert found["misorientation_squared"][2, 5] == pytest.approx((turned**2).mean(), rel=1e-4)
    assert sum(found[name] for name in law.REGION_NAMES) == pytest.approx(1)


def test_sections_are_of_their_seed_and_seen_at_several_scales():
    one, other = (structure.simulate(20, seed=1, side=64) for _ in range(2))
    for a, b in zip(one.pictures, other.pictures, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(one.pixel_size_um, other.pixel_size_um)
    assert one.pixel_size_um.min() == 0.03
    assert 0.06 < one.pixel_size_um.max() <= code.PIXEL_SIZES_UM[1]
    assert one.trained == 19
    for number in range(20):
        code_, local, wide = one.example(number, training.WHOLE)
        assert (code_.shape, local.shape, wide.shape) == ((64, 64, 6), (16, 16, 7), (16, 16, 6))


def test_a_crop_is_a_part_of_the_section():
    sections = structure.simulate(2, seed=1, side=128)
    crop = (slice(8, 24), slice(4, 20))
    for part, whole in zip(sections.example(0, crop), sections.example(0, training.WHOLE), strict=True):
        step = part.shape[0] // 16
        np.testing.assert_array_equal(part, whole[8 * step : 24 * step, 4 * step : 20 * step])


TINY = {"sections": 4, "side_px": 64, "images": 12, "batch_size": 2, "checkpoint_every": 2, "name": "tiny"}


def test_a_run_resumed_is_one_that_was_not_broken(tmp_path, monkeypatch):
    shallow = (4, 6)  # levels take TensorFlow longer to compile than to train
    monkeypatch.setattr(network, "FILTERS", shallow)
    monkeypatch.setattr(network.build, "__defaults__", (shallow,))
    whole, facts = training.train_structure(TINY, out=tmp_path / "whole")
    assert facts["steps"] == 6

    class Killed(Exception):
        pass

    def kill(done, total):
        if done == 5:
            raise Killed

    with pytest.raises(Killed):
        training.train_structure(TINY, out=tmp_path / "broken", progress=kill)
    with pytest.raises(InputError, match="holds a run already"):
        training.train_structure(TINY, out=tmp_path / "broken")
    with pytest.raises(ModelError, match="another seed"):
        training.train_structure(TINY, out=tmp_path / "broken", seed=1, resume=True)
    again, _ = training.train_structure(TINY, out=tmp_path / "broken", resume=True)
    for a, b in zip(checkpoints.values_of(whole.variables), checkpoints.values_of(again.variables), strict=True):
        np.testing.assert_array_equal(a, b)


def test_some_batches_end_in_the_dark_as_pictures_do_that_are_padded(tmp_path, monkeypatch):
    monkeypatch.setattr(network.build, "__defaults__", ((4, 6),))
    recipe = checkpoints.read_recipe(TINY, training.Recipe, recipes=training.RECIPES)
    run = training._Run(recipe, 0, tmp_path, resume=False, anew=False)
    margins = []
    for step in range(12):
        (codes, (local, _)) = run.batch(step)
        for axis in (1, 2):
            lit = codes[..., 0].any(axis=tuple({0, 1, 2} - {axis}))
            margins.append(np.count_nonzero(~lit))
            assert lit[: len(lit) - margins[-1]].all()
        assert local.shape[1:3] == (16, 16)
    assert 0 in margins
    assert 4 <= max(margins) < network.MULTIPLE
    assert all(margin % code.CELL_PX == 0 for margin in margins)


def test_training_ends_in_indenters_with_cards(tmp_path, monkeypatch):
    monkeypatch.setattr(network.build, "__defaults__", (SMALL,))
    monkeypatch.setattr(sources, "LABELS", {"paper": (sources.indented, few), "grids": (sources.indented, few)})
    monkeypatch.setattr(worth, "worth_of_labels", lambda network, known, seed: pd.DataFrame({"kind": [*known]}))
    edge = pd.DataFrame(
        {"kind": "tilt", "values": "1 to 2°", "contrast": 0.3, "distance": [-1, 0, 1, 2], "share": [0, 0.05, 0.95, 1]}
    )
    monkeypatch.setattr(learning.resolution, "edge_spread", lambda model: edge)
    monkeypatch.setattr(learning, "SURE", {"coverage": 0.5, "sections": 2})
    monkeypatch.setattr(learning, "SURE_SHAPE", (64, 64))
    eight = structure.simulate(8, seed=1, side=64)
    monkeypatch.setattr(learning.likeness, "simulate", lambda count, seed: eight)
    cards = learning.train(TINY, out=tmp_path)
    card = json.loads((tmp_path / "dense-paper.json").read_text())
    assert card["labels"]["indented"] == {"indents": 94, "areas": 0, "maps": 1}
    assert card["labels"]["few"] == {"indents": 0, "areas": 18, "maps": 2}
    assert set(card["fit"]["weights"]) == {*structure.LOCAL, *structure.WIDE}
    assert cards["paper"]["sha256"] == models.sha256(tmp_path / "dense-paper.keras")
    assert card["resolution"][0]["kind"] == "tilt"
    assert likeness.of_card(card, "dense-paper").sections == 8
    assert 0 < card["interval"]["relative_half_width"] < 2
    assert len(pd.read_csv(tmp_path / learning.WORTH)) == 2
    assert pd.read_csv(tmp_path / learning.EDGES)["model"].unique().tolist() == ["dense-paper", "dense-grids"]


def few(seed):
    """Two maps of the estimated source."""
    yield from itertools.islice(sources.estimated(seed), 2)


def test_what_labels_are_worth_is_told_of_sets_that_grow(small, monkeypatch):
    for name, value in {"SHAPE": (64, 64), "COUNT": 2, "INDENTS": (3, 6), "GRIDS": (1,)}.items():
        monkeypatch.setattr(worth, name, value)
    many = next(iter(sources.grids(maps=1, side=4)))
    monkeypatch.setattr(sources, "indented", lambda seed, count=6: iter([many]))
    known = {"indented": sources.gather(small, [many]), "few": sources.gather(small, few(0))}
    known |= {"grids": sources.gather(small, [many])}
    sets = (Named("indented"), few)
    monkeypatch.setattr(sources, "LABELS", {"paper": sets, "grids": (*sets, Named("grids"))})
    table = worth.worth_of_labels(small, known).set_index("kind")
    assert table.loc["dense-grids", "indents"] == 32
    assert table.loc["indents of one map", "indents"].tolist() == [3, 6]
    assert table.loc["paper without few", "areas"] == 0
    assert table["point r"].abs().max() <= 1
    assert table.index[-1] == "the truth"


class Named:
    """A source by its name alone."""

    def __init__(self, name):
        self.__name__ = name


def test_a_source_is_what_the_paper_had():
    (one,) = sources.indented(seed=3)
    assert one.places_um.shape == (94, 2)
    assert 2 < one.hardness.mean() < 7
    lattice = (one.places_um - 6) / 2
    np.testing.assert_allclose(lattice, np.rint(lattice), atol=1e-6)
    few = replace(one, places_um=one.places_um[:3])
    assert few.places_um.max() < 125
    assert pytest.approx(0.24) == code.CELL_UM
