import numpy as np
import pytest
from scipy import ndimage

from enamel_lib.dense import labels
from enamel_lib.dense.code import CELL_UM
from enamel_lib.errors import DataError

TRUE = np.array([0.5, -0.3, 0.2])
LEVEL = np.log(4.0)
SIDE = 60


def structures(count, seed=0):
    """Smooth random fields of three numbers, the last the same all over a map."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        fields = ndimage.gaussian_filter(rng.standard_normal((SIDE, SIDE, 3)), (4, 4, 0), mode="wrap") * 3
        fields[..., 2] = rng.standard_normal()
        yield fields.astype(np.float32)


def hardness(structure):
    return np.exp(labels.felt(structure, labels.SUPPORT_UM) @ TRUE + LEVEL)


def with_indents(maps, each, noise=0.04, map_sd=0.0, seed=1):
    rng, found = np.random.default_rng(seed), labels.Labels()
    for structure in structures(maps):
        at = rng.integers(5, SIDE - 5, (each, 2))
        measured = hardness(structure)[at[:, 0], at[:, 1]] * np.exp(noise * rng.standard_normal(each))
        found.add_indents(structure, (at + 0.5) * CELL_UM, measured * np.exp(map_sd * rng.standard_normal()))
    return found


def test_indents_on_many_maps_give_weights_and_noise():
    found = labels.fit(with_indents(30, 60, noise=0.06, map_sd=0.1), np.ones(3))
    np.testing.assert_allclose(found.weights, TRUE, atol=0.05)
    assert found.noise == pytest.approx(0.06, rel=0.1)
    assert found.map_sd == pytest.approx(0.1, rel=0.4)


def test_indents_on_one_map_tell_nothing_of_what_is_the_same_all_over_it():
    found = labels.fit(with_indents(1, 200), np.ones(3))
    np.testing.assert_allclose(found.weights[:2], TRUE[:2], atol=0.03)
    assert abs(found.weights[2]) < 0.02


def test_areas_tell_of_what_differs_between_maps():
    rng, found = np.random.default_rng(2), with_indents(1, 200)
    halves = [(slice(0, SIDE // 2), slice(None)), (slice(SIDE // 2, None), slice(None))]
    for structure in structures(40, seed=3):
        said = np.array([hardness(structure)[half].mean() for half in halves])
        found.add_areas(structure, halves, said * np.exp(0.1 * rng.standard_normal()))
    fitted = labels.fit(found, np.ones(3))
    np.testing.assert_allclose(fitted.weights, TRUE, atol=0.06)
    assert fitted.area_map_sd == pytest.approx(0.1, rel=0.35)
    assert fitted.area_noise < 0.02


def test_labels_of_areas_that_know_only_their_map_do_not_silence_the_indents():
    """Taken for means over their tiles, labels from a map of a whole tooth said that nothing differs within a map."""
    rng, found = np.random.default_rng(10), with_indents(1, 94)
    quarters = [(rows, cols) for rows in (slice(0, 30), slice(30, None)) for cols in (slice(0, 30), slice(30, None))]
    for structure in structures(40, seed=11):
        said = np.full(4, hardness(structure).mean()) * np.exp(0.1 * rng.standard_normal())
        found.add_areas(structure, quarters, said.round(1))
    fitted = labels.fit(found, np.ones(3))
    np.testing.assert_allclose(fitted.weights, TRUE, atol=0.08)
    assert abs(fitted.area_share) < 0.1


def test_what_the_surroundings_share_is_a_mean_over_them_as_far_as_the_map_reaches():
    assert labels.around(np.full((20, 30), 2.0)) == pytest.approx(2.0)
    one = np.zeros((400, 400))
    one[:, :200] = 1
    found = labels.around(one)
    assert found[200, 0] > 0.9
    assert found[200, 399] < 0.1
    assert found[200, 199] == pytest.approx(0.5, abs=0.02)


def test_means_of_maps_give_the_level_and_spreads_the_size_of_the_weights():
    rng, found = np.random.default_rng(4), labels.Labels()
    for structure in structures(60, seed=5):
        at = rng.integers(0, SIDE, (25, 2))
        measured = hardness(structure)[at[:, 0], at[:, 1]] * np.exp(0.03 * rng.standard_normal(25))
        found.add_map(structure, measured.mean(), measured.std(ddof=1), 25)
    fitted = labels.fit(found, np.ones(3))
    assert fitted.weights[2] == pytest.approx(TRUE[2], abs=0.04)
    spread = np.std([np.log(fitted.hardness(each)).std() for each in structures(10, seed=6)])
    assert spread < 0.1
    for structure in structures(3, seed=7):
        predicted, true = np.log(fitted.hardness(structure)), np.log(hardness(structure))
        assert predicted.std() == pytest.approx(true.std(), rel=0.5)


def test_an_uncertain_place_does_not_weaken_the_weights():
    """Errors in the places blur what an indent seems to see; who says how large they are is not misled."""
    rng, sharp, told = np.random.default_rng(8), labels.Labels(), labels.Labels()
    sd = 0.8
    for structure in structures(10, seed=9):
        at = rng.uniform(3, SIDE * CELL_UM - 3, (300, 2))
        really = np.floor((at + sd * rng.standard_normal(at.shape)) / CELL_UM).astype(int).clip(0, SIDE - 1)
        measured = hardness(structure)[really[:, 0], really[:, 1]]
        sharp.add_indents(structure, at, measured)
        told.add_indents(structure, at, measured, place_sd_um=sd)
    errors = [np.abs(labels.fit(each, np.ones(3)).weights - TRUE).max() for each in (sharp, told)]
    assert errors[1] < 0.05 < errors[0]


def test_indents_beside_the_map_are_refused():
    with pytest.raises(DataError, match="1 of 2 indents lie outside"):
        labels.Labels().add_indents(next(structures(1)), np.array([[1.0, 1.0], [1.0, 99.0]]), np.array([4.0, 4.0]))
