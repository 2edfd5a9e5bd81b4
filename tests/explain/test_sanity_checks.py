import keras
import numpy as np
import pytest
from scipy import stats

from enamel_lib import indenter
from enamel_lib.errors import InputError
from enamel_lib.explain import filters, saliency, sanity_checks


def test_rank_correlation_is_spearmans():
    a, b = np.random.default_rng(0).random((2, 3, 5, 7))
    b[1] = np.exp(a[1])
    b[2] = 1
    found = sanity_checks.rank_correlation(a, b)
    assert found[0] == pytest.approx(stats.spearmanr(a[0].ravel(), b[0].ravel()).statistic)
    assert found[1] == pytest.approx(1)
    assert np.isnan(found[2])


def test_mean_interval_holds_the_mean():
    interval = sanity_checks.mean_interval(np.append(np.arange(20.0), np.nan))
    assert interval["mean"] == pytest.approx(9.5)
    width = 2 * 1.96 * np.arange(20).std() / np.sqrt(20)
    assert interval["high"] - interval["low"] == pytest.approx(width, rel=0.15)
    with pytest.raises(InputError, match="two or more"):
        sanity_checks.mean_interval([1.0, np.nan])


@pytest.fixture(scope="module")
def network():
    model = indenter.build_indenter(50)
    rng = np.random.default_rng(5)
    model.set_weights([weight + rng.normal(0, 0.01, weight.shape) for weight in model.get_weights()])
    return model


def test_cascade_randomises_from_the_output_and_leaves_the_model_alone(network):
    before = network.get_weights()
    groups = filters.layer_groups(network)
    changed = []
    for name, randomised in sanity_checks.cascade(network, seed=1):
        same = {
            layer.name: all(
                np.array_equal(own, other)
                for own, other in zip(layer.get_weights(), randomised.get_layer(layer.name).get_weights(), strict=True)
            )
            for layer in network.layers
            if layer.weights
        }
        changed += [layer.name for layer in groups[name]]
        assert {layer for layer, is_same in same.items() if not is_same} == set(changed)
    kernel, bias = randomised.layers[-1].get_weights()
    assert np.abs(kernel).max() <= np.sqrt(6 / (len(kernel) + 1))  # Glorot's bound for one output
    assert bias == 0
    norm = next(layer for layer in randomised.layers if isinstance(layer, keras.layers.BatchNormalization))
    assert [weight.mean() for weight in norm.get_weights()] == [1, 0, 0, 1]  # gamma, beta, mean, variance
    for own, again in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(own, again)


def test_the_four_tests_give_tables_and_a_verdict(network):
    tiles = np.random.default_rng(2).integers(0, 256, (3, 50, 50, 3)).astype(np.uint8)
    checks = sanity_checks.SanityChecks(network, {"here": tiles})
    cascade = checks.randomise_weights()
    assert cascade["kind"].unique().tolist() == ["|gradient|, here", "signed gradient, here"]
    assert list(checks.maps) == ["nothing", *filters.layer_groups(network)]
    last = cascade[cascade["kind"] == "|gradient|, here"].iloc[-1]
    assert checks.verdict.loc["forgets randomised weights, here", "mean"] == last["mean"]
    likeness = checks.change_labels(network, network)
    assert likeness.loc["network of the paper split", "here"] == pytest.approx(1)
    assert likeness.loc["all weights random", "here"] == pytest.approx(last["mean"])
    assert checks.verdict.loc["depends on the labels (paper split − null), here", "passes"] == "no"  # one network
    curves = checks.delete_and_insert(lambda pictures: pictures[:, :10, :10].astype(float).std(axis=(1, 2, 3)))
    assert curves.groupby("panel").size().to_dict() == {"deleted, here": 15, "inserted, here": 15}
    true = saliency(network, tiles)
    table = checks.compare_with_truth(tiles, true, few=2, samples=2, most_steps=32)
    pixels, counts = (table[table["scale"] == "pixels"].set_index("map")[name] for name in ("mean", "tiles"))
    assert pixels["|gradient|, as published"] == pytest.approx(1)
    assert pixels["|gradient| of another tile"] < 0.9
    assert counts.value_counts().to_dict() == {3: 5, 2: 2}
    passes = checks.verdict["passes"]
    assert passes["|gradient|, as published: follows the true sensitivity"] == "yes"  # the truth is itself
    assert passes["|gradient|, as published: nearer the truth than another tile's"] == "yes"


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
