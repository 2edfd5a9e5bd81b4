import keras
import numpy as np
import pandas as pd
import pytest
from keras import layers

from enamel_lib.errors import InputError
from enamel_lib.explain import filters
from enamel_lib.indenter import network as indenter


@pytest.fixture(scope="module")
def network():
    return indenter.build_indenter(25)


def test_groups_hold_every_weight_once(network):
    groups = filters.layer_groups(network)
    assert list(groups) == ["dense", "stage 4", "stage 3", "stage 2", "stage 1", "first convolution"]
    grouped = [layer.name for layers in groups.values() for layer in layers]
    assert sorted(grouped) == sorted(layer.name for layer in network.layers if layer.weights)
    channels = {"stage 1": 32, "stage 2": 64, "stage 3": 128, "stage 4": 256}
    for name, count in channels.items():
        assert {layer.output.shape[-1] for layer in groups[name]} == {count}
        blocks = indenter.BLOCKS[int(name[-1]) - 1]
        convolutions = [layer for layer in groups[name] if isinstance(layer, keras.layers.Conv2D)]
        assert len(convolutions) == 2 * blocks + (name != "stage 1")  # two a block, and the shortcut that shrinks


def test_stages_end_in_sums_of_their_width(network):
    names = filters.stage_layers(network)
    assert [network.get_layer(name).output.shape[-1] for name in names] == list(indenter.FILTERS)
    later = [layer.name for layer in network.layers]
    for name, after in zip(names, filters.stage_layers(network)[1:], strict=False):
        between = later[later.index(name) + 1 : later.index(after)]
        assert any(layer.startswith("add") for layer in between)


def picture(red, green, blue):
    return np.stack(np.broadcast_arrays(red, green, blue), axis=-1).astype(float)


def test_measures_of_known_pictures():
    side = 64
    wave = 0.5 + 0.3 * np.sin(2 * np.pi * 8 * np.arange(side) / side)[None, :] * np.ones((side, 1))
    slow = 0.5 + 0.3 * np.sin(2 * np.pi * 2 * np.arange(side) / side)[None, :] * np.ones((side, 1))
    half = np.tile(np.arange(side) < side // 2, (side, 1))
    pictures = {
        "grey wave": picture(wave, wave, wave),
        "slow wave": picture(slow, slow, slow),
        "red": picture(np.full((side, side), 0.9), 0.2, 0.4),
        "red and cyan": picture(np.where(half, 0.9, 0.1), np.where(half, 0.1, 0.9), np.where(half, 0.1, 0.9)),
        "flat grey": np.full((side, side, 3), 0.5),
    }
    measures = filters.measure(np.stack(list(pictures.values())), border=0).set_index(pd.Index(pictures))
    assert measures.loc["grey wave", "colour_share"] == pytest.approx(0, abs=1e-12)
    assert measures.loc["grey wave", "frequency"] == pytest.approx(8 / side, rel=0.02)
    assert measures.loc["slow wave", "frequency"] == pytest.approx(2 / side, rel=0.1)
    assert measures.loc["red", "colour_share"] == pytest.approx(1, abs=1e-9)  # its channels average to grey 0.5
    assert measures.loc["red", "colour_entropy"] == pytest.approx(0, abs=1e-9)
    assert measures.loc["red and cyan", "colour_entropy"] == pytest.approx(1)  # one bit: either of two hues
    assert not measures.loc["flat grey"].any()


def test_displayed_pictures_keep_their_colours_apart():
    pictures = np.random.default_rng(0).normal(7, 20, (2, 30, 30, 3)).astype(np.float32)
    pictures[0, ..., 0] += 10
    shown = filters.displayed(pictures)
    assert shown.mean(axis=(1, 2, 3)) == pytest.approx(0.5, abs=1e-3)
    assert shown.std(axis=(1, 2, 3)) == pytest.approx(0.15, rel=0.01)
    assert shown[0, ..., 0].mean() > shown[0, ..., 1].mean() + 0.05
    assert not np.isnan(filters.displayed(np.full((1, 4, 4, 3), 3.0))).any()


def test_trends_follow_the_stage():
    stage = np.repeat([1, 2, 3, 4], 16)
    noise = np.random.default_rng(0).normal(size=64)
    table = pd.DataFrame({"stage": stage, "colour_share": -stage, "colour_entropy": stage + noise, "frequency": noise})
    trends = filters.trends(pd.concat([table.assign(kind="one"), (-table).assign(kind="other")]))
    assert trends.loc[("colour_share", "one")].tolist() == pytest.approx([-1, -1, -1])
    low, high = trends.loc[("colour_entropy", "one"), ["low", "high"]]
    assert 0.3 < low < high < 1
    assert trends.loc[("frequency", "one"), "low"] < 0 < trends.loc[("frequency", "one"), "high"]
    np.testing.assert_allclose(trends.xs("one", level=1), trends.xs("other", level=1))  # both axes turned round


def test_every_stage_shows_the_same_filters_of_networks_of_one_build(network):
    other = indenter.build_indenter(25)
    pictures = filters.stage_pictures(network, count=3, side=40, steps=0, border=0)
    assert [stage.shape for stage in pictures] == [(3, 40, 40, 3)] * 4
    np.testing.assert_array_equal(pictures, filters.stage_pictures(other, count=3, side=40, steps=0, border=0))
    measures = filters.measure_stages({"one": pictures[:2], "two": pictures})
    assert measures.groupby(["kind", "stage"]).size().to_dict() == {
        ("one", 1): 3, ("one", 2): 3, ("two", 1): 3, ("two", 2): 3, ("two", 3): 3, ("two", 4): 3,
    }  # fmt: skip


@pytest.fixture(scope="module")
def convolution():
    model = keras.Sequential(
        [
            keras.Input((20, 20, 3)),
            layers.Conv2D(2, 3, padding="same", name="conv"),
            layers.Flatten(),
            layers.Dense(1),
        ]
    )
    kernel = np.zeros((3, 3, 3, 2), np.float32)
    kernel[1, 1, 0, 0] = 1
    kernel[1, 1, :, 1], kernel[1, 2, :, 1] = 1, -1
    model.get_layer("conv").set_weights([kernel, np.zeros(2, np.float32)])
    return model


class TestMaximizeFilters:
    """A layer of two known filters: brightness of red, and a difference of neighbours."""

    def test_climbs_by_the_stated_step_along_the_known_direction(self, convolution):
        start = filters.maximize_filters(convolution, "conv", [0], side=24, steps=0, border=0)
        end = filters.maximize_filters(convolution, "conv", [0], side=24, steps=3, rate=0.1, border=0)
        step = end - start
        assert np.sqrt(np.mean(step**2)) == pytest.approx(0.3, rel=1e-4)
        np.testing.assert_allclose(step[..., 0], 0.3 * np.sqrt(3), rtol=1e-4)  # red alone, everywhere
        np.testing.assert_allclose(step[..., 1:], 0, atol=1e-6)
        assert np.ptp(start, axis=-1).max() == 0  # static is grey

    def test_leaves_out_the_border(self, convolution):
        start, end = (
            filters.maximize_filters(convolution, "conv", [0], side=24, steps=steps, border=5) for steps in (0, 1)
        )
        moved = np.abs(end - start).max(axis=-1)[0] > 0
        assert moved[5:19, 5:19].all()
        assert moved.sum() == 14**2

    def test_is_seeded_and_batched(self, convolution):
        both = filters.maximize_filters(convolution, "conv", [1, 0], side=16, jitter=2, blur=0.5, seed=4)
        again = filters.maximize_filters(convolution, "conv", [1, 0], side=16, jitter=2, blur=0.5, seed=4)
        np.testing.assert_array_equal(both, again)
        assert both.shape == (2, 16, 16, 3)
        assert not np.array_equal(
            both, filters.maximize_filters(convolution, "conv", [1, 0], side=16, jitter=2, seed=5)
        )

    def test_a_filter_that_nothing_excites_stays_static(self, convolution):
        dead = keras.models.clone_model(convolution)
        dead.get_layer("conv").set_weights([np.zeros((3, 3, 3, 2), np.float32), np.zeros(2, np.float32)])
        start, end = (filters.maximize_filters(dead, "conv", [0], side=16, steps=steps) for steps in (0, 3))
        np.testing.assert_array_equal(start, end)

    def test_what_does_not_fit_is_refused(self, convolution):
        with pytest.raises(InputError, match="conv, flatten"):
            filters.maximize_filters(convolution, "missing", [0])
        with pytest.raises(InputError, match="0 to 1"):
            filters.maximize_filters(convolution, "conv", [2])
        with pytest.raises(InputError, match="enlarge"):
            filters.maximize_filters(convolution, "conv", [0], side=4, border=2)
