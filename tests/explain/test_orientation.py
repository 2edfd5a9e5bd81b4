import time

import numpy as np
import pytest

from enamel_lib import pic
from enamel_lib.errors import InputError
from enamel_lib.explain import orientation


def coloured(phi, gamma):
    return pic.encode(pic.to_director(np.asarray(phi, float), np.asarray(gamma, float)))


def test_angles_known_by_hand():
    """In the polarization plane along x: vertical in the image. The other two worked out with the 60-degree turn."""
    phi, theta = orientation.sample_angles(coloured([0, 90, 45], [0, 0, 30]))
    assert (abs(phi[0]), theta[0]) == pytest.approx((0, 90), abs=0.5)
    assert (abs(phi[1]), theta[1]) == pytest.approx((90, 30), abs=0.5)
    c = np.array([np.cos(np.pi / 6) * np.sqrt(0.5), np.cos(np.pi / 6) * np.sqrt(0.5), 0.5])
    turned = np.array([c[0], c[1] / 2 - c[2] * np.sqrt(0.75), c[1] * np.sqrt(0.75) + c[2] / 2])
    assert phi[2] == pytest.approx(np.degrees(np.arctan2(turned[1], turned[0])), abs=0.7)
    assert theta[2] == pytest.approx(np.degrees(np.arccos(turned[2])), abs=0.7)


def test_black_and_white_lie_where_the_paper_put_them():
    """DOMAIN.md D15: the published statistics do not mask them."""
    phi, theta = orientation.sample_angles(np.array([[0, 0, 0], [255, 255, 255]], np.uint8))
    assert np.abs(phi) == pytest.approx(90, abs=1e-3)
    assert phi[0] == pytest.approx(-90, abs=1e-3)
    assert theta == pytest.approx([60, 30], abs=1e-3)
    assert not orientation.shows_orientation(np.array([[0, 0, 0], [255, 255, 255], [9, 3, 3]], np.uint8)).any()
    assert orientation.shows_orientation(np.array([[255, 0, 0], [0, 40, 40]], np.uint8)).all()


def test_both_branches_are_the_two_candidates():
    rgb = coloured([20, -50], [40, 70])
    for sign in (1, -1):
        expected = pic.to_sample_frame(pic.director(rgb, sign))
        phi, theta = np.radians(orientation.sample_angles(rgb, sign=sign))
        found = np.stack([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)], -1)
        folded = found * [-1, -1, 1]  # phi and phi + 180 are one, as in the paper
        nearest = np.minimum(pic.misorientation(found, expected), pic.misorientation(folded, expected))
        assert nearest == pytest.approx(0, abs=1e-2)


def test_cells_of_looked_up_colours_are_those_of_every_pixel():
    tiles = np.random.default_rng(0).integers(0, 256, (2, 7, 9, 3)).astype(np.uint8)
    tiles[0, 0] = 0
    for sign in (1, -1):
        phi, theta = orientation.sample_angles(tiles, sign=sign)
        expected = np.minimum((phi + 90) // 1.5, 119) * 60 + np.minimum(theta // 1.5, 59)
        np.testing.assert_array_equal(orientation.cells(tiles, sign=sign, masked=False), expected)
        masked = orientation.cells(tiles, sign=sign)
        seen = orientation.shows_orientation(tiles)
        np.testing.assert_array_equal(masked[seen], expected[seen])
        assert (masked[~seen] == 7200).all()
    with pytest.raises(InputError, match="8-bit"):
        orientation.cells(tiles / 255)


def test_tables_count_every_pixel_once():
    rng = np.random.default_rng(1)
    numbers, saliency = rng.integers(0, 7201, (3, 20, 20)), rng.random((3, 20, 20))
    counts, sums = orientation.table(numbers, saliency)
    inside = numbers < 7200
    assert counts.sum() == inside.sum()
    assert sums.sum() == pytest.approx(saliency[inside].sum())
    assert sums.ravel()[numbers[0, 0, 0]] == pytest.approx(saliency[numbers == numbers[0, 0, 0]].sum())
    levels = np.linspace(0, 1, orientation.LEVELS + 1)
    for angle, statistics in orientation.published_statistics(numbers, saliency).items():
        pixels = orientation.marginal(counts, angle)
        assert statistics.share == pytest.approx(pixels / inside.sum())
        np.testing.assert_array_equal(statistics.density.sum(axis=0), pixels)
        np.testing.assert_array_equal(statistics.density.sum(axis=1), np.histogram(saliency[inside], levels)[0])
    with pytest.raises(InputError, match="fit"):
        orientation.table(numbers, saliency[1:])


def test_published_statistics_divide_by_the_bin_before_the_nearest_edge():
    """Bins of 1, 2 and 5 pixels: the halves of the middle bin are divided by 1 and by 2."""
    pixels = {0: 1, 2: 1, 3: 1, 5: 5, 119: 4}  # by half bin of phi
    numbers = np.repeat([60 * half + 3 for half in pixels], list(pixels.values())).reshape(1, 1, -1)
    scaled = orientation.published_statistics(numbers, np.ones(numbers.shape))["phi"].scaled
    value = {half: scaled[half] / scaled[2] for half in pixels}
    assert value == pytest.approx({0: 1 / 4, 2: 1 / 1, 3: 1 / 2, 5: 1 / 5, 119: 1 / 4})
    assert np.isnan(np.delete(scaled, list(value))).all()


def test_published_statistics_find_rare_salient_in_pure_noise_and_the_mean_does_not():
    """DOMAIN.md D12: saliency that knows nothing of orientation."""
    rng = np.random.default_rng(2)
    phi = np.clip(rng.normal(10, 20, (12, 60, 60)), -88, 88)
    numbers = orientation.cells(coloured(phi, np.full_like(phi, 30)))
    within = []
    for seed in range(6):
        noise = np.random.default_rng(seed).random(numbers.shape)
        assert orientation.published_statistics(numbers, noise)["phi"].rank_correlation < -0.9
        profile = orientation.profiles(numbers, noise, np.arange(12), permutations=60, seed=seed)["phi"]
        assert abs(profile.rank_correlation) < 0.6
        seen = profile.bins.dropna()
        within.append(seen["mean"].between(seen["low"], seen["high"]).mean())
        assert profile.bins["share"].sum() == pytest.approx(1)
    assert np.mean(within) == pytest.approx(0.95, abs=0.07)


def test_a_true_preference_for_the_rare_is_found():
    rng = np.random.default_rng(3)
    phi = np.clip(rng.normal(10, 20, (12, 60, 60)), -88, 88)
    numbers = orientation.cells(coloured(phi, np.full_like(phi, 30)))
    preference = rng.random(numbers.shape) + np.abs(phi - 10) / 20
    profile = orientation.profiles(numbers, preference, np.arange(12) // 2, permutations=40)["phi"]
    assert profile.rank_correlation < -0.8
    assert profile.rare_is_salient
    assert (
        orientation.profiles(numbers, -preference, np.arange(12) // 2, permutations=40)["phi"].rare_is_salient is False
    )


def test_frequency_is_one_without_texture():
    """Directors at random on the sphere, seen in the sample frame."""
    director = np.random.default_rng(4).normal(size=(4, 200, 200, 3))
    director /= np.linalg.norm(director, axis=-1, keepdims=True)
    theta = np.degrees(np.arccos(np.abs(director[..., 2])))
    phi = np.degrees(np.arctan(director[..., 1] / director[..., 0]))
    numbers = ((phi + 90) // 1.5 * 60 + np.minimum(theta // 1.5, 59)).astype(np.int32)
    for profile in orientation.profiles(numbers, np.ones(numbers.shape), np.arange(4), permutations=3).values():
        assert profile.bins.loc[profile.bins["share"] > 0.005, "frequency"].to_numpy() == pytest.approx(1, abs=0.15)
        assert np.isnan(profile.rank_correlation)  # constant saliency prefers nothing


def test_groups_exchange_their_maps_whole():
    rng = np.random.default_rng(0)
    bins, maps = rng.integers(0, 5, (6, 3, 4)), rng.random((6, 3, 4))
    groups = np.array(["a", "a", "a", "b", "b", "c"])
    members = [[0, 1, 2], [3, 4], [5]]
    found = orientation.exchanged_sums(bins, maps, groups, 7, permutations=20, seed=4)
    order = np.random.default_rng(4)
    for sums in found:
        partner = np.empty(6, int)
        for own, other in zip(members, order.permutation(3), strict=True):
            partner[own] = [members[other][place % len(members[other])] for place in range(len(own))]
        np.testing.assert_allclose(sums, np.bincount(bins.ravel(), maps[partner].ravel(), minlength=7))


def test_tiles_of_one_map_exchange_singly():
    rng = np.random.default_rng(1)
    bins, maps = rng.integers(0, 5, (6, 3, 4)), rng.random((6, 3, 4))
    one, each = (orientation.exchanged_sums(bins, maps, groups, 5) for groups in (np.zeros(6), np.arange(6)))
    np.testing.assert_array_equal(one, each)
    with pytest.raises(InputError, match="two or more"):
        orientation.exchanged_sums(bins[:1], maps[:1], np.zeros(1), 5)


def test_the_table_of_rank_correlations_names_every_case():
    tiles = coloured(np.random.default_rng(2).normal(0, 20, (6, 30, 30)), np.full((6, 30, 30), 30))
    noise = np.random.default_rng(3).random(tiles.shape[:3], np.float32)
    profiles = orientation.profiles_of_branches(tiles, noise, np.arange(6), permutations=9)
    published = orientation.published_statistics(orientation.cells(tiles, masked=False), noise)
    table = orientation.rank_correlations(profiles, {"noise": published})
    assert [name for name in table.index if name.startswith("phi")] == [
        "phi, as published, noise", "phi, corrected, branch +", "phi, corrected, branch −"
    ]  # fmt: skip
    assert table.loc["phi, as published, noise", "rank correlation"] < -0.9
    assert table.loc["theta, corrected, branch +", "rank correlation"] == profiles["+"]["theta"].rank_correlation
    assert (table.dropna()["band low"] <= table.dropna()["band high"]).all()


def test_normalisations():
    saliency = np.random.default_rng(5).random((3, 8, 8)) * np.array([1, 5, 0])[:, None, None]
    assert orientation.relative(saliency).mean(axis=(1, 2)) == pytest.approx([1, 1, 0])
    stretched = orientation.minmax(saliency)
    assert stretched.min() == 0
    assert stretched.max(axis=(1, 2)) == pytest.approx([1, 1, 0])


def test_a_million_pixels_take_a_thirteenth_of_thirty_seconds():
    """The issue's budget, 13 million pixels in 30 s, with all that a notebook asks of them."""
    director = np.random.default_rng(6).normal(size=(200, 200, 3))
    tile = pic.encode(director / np.linalg.norm(director, axis=-1, keepdims=True))
    tiles = np.stack([np.roll(tile, shift, axis=0) for shift in range(25)])
    saliency = np.random.default_rng(7).random((25, 200, 200), np.float32)
    start = time.process_time()
    for sign in (1, -1):
        numbers = orientation.cells(tiles, sign=sign)
        orientation.profiles(numbers, saliency, np.arange(25) // 3, permutations=5)
    orientation.published_statistics(orientation.cells(tiles, masked=False), saliency)
    assert time.process_time() - start < 30 * 25 / 333
