import keras
import numpy as np
import pytest
from keras import layers
from scipy import stats

from enamel_lib.errors import InputError
from enamel_lib.explain import methods, sanity_checks


def test_rank_correlation_is_spearmans():
    a, b = np.random.default_rng(0).random((2, 3, 5, 7))
    b[1] = np.exp(a[1])
    b[2] = 1
    found = sanity_checks.rank_correlation(a, b)
    assert found[0] == pytest.approx(stats.spearmanr(a[0].ravel(), b[0].ravel()).statistic)
    assert found[1] == pytest.approx(1)
    assert np.isnan(found[2])
    assert sanity_checks.rank_correlation(a, a[:1])[0] == pytest.approx(1)


def test_mean_interval_holds_the_mean():
    mean, low, high = sanity_checks.mean_interval(np.append(np.arange(20.0), np.nan))
    assert mean == pytest.approx(9.5)
    width = 2 * 1.96 * np.arange(20).std() / np.sqrt(20)
    assert high - low == pytest.approx(width, rel=0.15)
    with pytest.raises(InputError, match="two or more"):
        sanity_checks.mean_interval([1.0, np.nan])


def test_cascade_randomises_from_the_output_and_leaves_the_model_alone():
    model = keras.Sequential(
        [keras.Input((4, 4, 3)), layers.Conv2D(2, 3), layers.BatchNormalization(), layers.Flatten(), layers.Dense(1)]
    )
    convolution, norm, _, dense = model.layers
    norm.set_weights([np.full(2, value, np.float32) for value in (3, 1, 2, 5)])
    dense.set_weights([np.full((8, 1), 7, np.float32), np.ones(1, np.float32)])
    before = model.get_weights()
    seen = [
        (name, [np.array(weight) for weight in network.get_weights()])
        for name, network in sanity_checks.cascade(model, {"top": [dense], "rest": [convolution, norm]}, seed=1)
    ]
    assert [name for name, _ in seen] == ["top", "rest"]
    for kept, own in zip(seen[0][1][:6], before[:6], strict=True):
        np.testing.assert_array_equal(kept, own)
    kernel, bias = seen[0][1][6:]
    assert np.abs(kernel).max() <= np.sqrt(6 / 9)  # Glorot's bound for 8 inputs and 1 output
    assert bias == 0
    np.testing.assert_array_equal(seen[1][1][6], kernel)  # cascading: stays randomised
    assert [weight.mean() for weight in seen[1][1][2:6]] == [1, 0, 0, 1]  # gamma, beta, mean, variance
    assert not np.array_equal(seen[1][1][0], before[0])
    for own, again in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(own, again)


def test_a_linear_models_saliency_forgets_randomised_weights():
    model = keras.Sequential([keras.Input((20, 20, 3)), layers.Flatten(), layers.Dense(1)])
    tiles = np.random.default_rng(2).random((2, 20, 20, 3), np.float32)
    own = methods.saliency(model, tiles)
    for _, network in sanity_checks.cascade(model, {"dense": [model.layers[-1]]}):
        other = methods.saliency(network, tiles)
    assert np.abs(sanity_checks.rank_correlation(own, other)).max() < 0.2
    assert sanity_checks.rank_correlation(own, methods.saliency(model, tiles)) == pytest.approx(1)


@pytest.fixture(scope="module")
def scene():
    """Tiles of noise and a prediction that is the contrast of one corner cell."""
    tiles = np.random.default_rng(3).integers(0, 256, (4, 40, 30, 3)).astype(np.uint8)
    maps = np.zeros((4, 40, 30))
    maps[:, :10, :10] = 1
    return tiles, maps, lambda pictures: pictures[:, :10, :10].astype(float).std(axis=(1, 2, 3))


def test_deletion_and_insertion_find_the_cell_that_matters(scene):
    tiles, maps, predict = scene
    fractions = (1 / 12, 0.5)
    contrast = predict(tiles)
    deleted = sanity_checks.perturbed(predict, tiles, maps, fractions=fractions)
    inserted = sanity_checks.perturbed(predict, tiles, maps, insert=True, fractions=fractions)
    assert (deleted > 0.5 * contrast).all()
    assert (inserted == 0).all()
    wrong = sanity_checks.perturbed(predict, tiles, -maps, fractions=fractions)
    assert (wrong == 0).all()
    assert (sanity_checks.perturbed(predict, tiles, -maps, insert=True, fractions=fractions) > 0.5 * contrast).all()


def test_cells_are_deleted_in_the_stated_number(scene):
    tiles, _, _ = scene
    maps = sanity_checks.random_maps(tiles.shape[:3], seed=1)
    seen = []

    def predict(pictures):
        seen.append(pictures)
        return np.zeros(len(pictures))

    sanity_checks.perturbed(predict, tiles, maps, fractions=(0.25,))
    sanity_checks.perturbed(predict, tiles, maps, insert=True, fractions=(0.25,))
    changed = [(pictures != tiles).any(axis=-1) for pictures in (seen[1], seen[3])]
    cells = [sanity_checks.cell_means(mask.astype(float)) > 0.5 for mask in changed]
    assert cells[0].sum(axis=(1, 2)).tolist() == [3] * 4  # of 12
    assert cells[1].sum(axis=(1, 2)).tolist() == [9] * 4
    assert not np.array_equal(maps, sanity_checks.random_maps(tiles.shape[:3], seed=2))


def test_maps_must_fit_their_tiles(scene):
    tiles, maps, predict = scene
    with pytest.raises(InputError, match="multiples of 10"):
        sanity_checks.perturbed(predict, tiles[:, :35], maps[:, :35])
    with pytest.raises(InputError, match="fit"):
        sanity_checks.perturbed(predict, tiles, maps[:2])


def test_edges_are_where_brightness_changes():
    tile = np.zeros((1, 20, 20, 3), np.uint8)
    tile[:, :, 10:] = 200
    strength = sanity_checks.edges(tile)[0]
    assert strength[:, 9:11].min() > 0.2
    assert strength[:, :4].max() == pytest.approx(0, abs=1e-6)


def test_groups_exchange_their_maps_whole():
    rng = np.random.default_rng(0)
    bins, maps = rng.integers(0, 5, (6, 3, 4)), rng.random((6, 3, 4))
    groups = np.array(["a", "a", "a", "b", "b", "c"])
    members = [[0, 1, 2], [3, 4], [5]]
    found = sanity_checks.exchanged_sums(bins, maps, groups, 7, permutations=20, seed=4)
    order = np.random.default_rng(4)
    for sums in found:
        partner = np.empty(6, int)
        for own, other in zip(members, order.permutation(3), strict=True):
            partner[own] = [members[other][place % len(members[other])] for place in range(len(own))]
        np.testing.assert_allclose(sums, np.bincount(bins.ravel(), maps[partner].ravel(), minlength=7))
