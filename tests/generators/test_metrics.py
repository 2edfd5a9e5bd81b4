import numpy as np
import pytest

from enamel_lib import images, pic
from enamel_lib.generators import metrics
from enamel_lib.generators.metrics import Sample


def plain(phi, gamma, count=3, side=16):
    """Pictures of one orientation."""
    colour = pic.encode(pic.to_director(np.array(phi, float), np.array(gamma, float)))
    return np.broadcast_to(colour, (count, side, side, 3)).copy()


def sample(pictures):
    """Pictures whose features do not matter."""
    return Sample(pictures, np.zeros((len(pictures), 1)))


@pytest.fixture
def noise():
    return np.random.default_rng(0).integers(0, 256, (6, 32, 32, 3), dtype=np.uint8)


def test_parallel_axes_correlate_and_stripes_do_so_by_their_period():
    np.testing.assert_allclose(sample(plain(20, 40)).correlation, 1, atol=1e-6)
    stripes = plain(0, 0)
    stripes[:, ::2] = plain(-90, 0)[:, ::2]
    # down the rows, axes are at right angles at odd lags (P2 = -1/2) and parallel at even ones; along them parallel
    np.testing.assert_allclose(sample(stripes).correlation[:2], [0.25, 1], atol=1e-3)


def test_lags_end_at_a_quarter_of_the_side(noise):
    assert sample(noise).lags == (1, 2, 4, 8)


@pytest.mark.parametrize(
    ("one", "other", "angle"),
    [
        ((7.5, 7.5), (7.5, 7.5), 0),
        ((7.5, 7.5), (37.5, 7.5), 29.7),
        ((-82.5, 7.5), (82.5, 7.5), 14.9),
        ((7.5, 7.5), (7.5, 82.5), 75),
    ],
)
def test_orientations_are_as_far_apart_as_their_axes(one, other, angle):
    assert metrics.orientation_distance(plain(*one), plain(*other)) == pytest.approx(angle, abs=0.2)


def test_half_of_the_picture_costs_half_the_angle():
    half = plain(7.5, 7.5)
    half[:, :8] = plain(37.5, 7.5)[:, :8]
    whole = metrics.orientation_distance(plain(7.5, 7.5), plain(37.5, 7.5))
    assert metrics.orientation_distance(plain(7.5, 7.5), half) == pytest.approx(whole / 2)


def test_misorientations_are_counted_up():
    shares = sample(plain(0, 0)).misorientation
    assert (shares[0], shares[1], shares[-1]) == (0, 1, 1)
    stripes = plain(0, 0)
    stripes[:, ::2] = plain(30, 0)[:, ::2]
    shares = sample(stripes).misorientation
    at = {angle: share for angle, share in zip(metrics.ANGLES, shares, strict=True)}
    assert (at[29], at[31]) == (pytest.approx(0.5), 1)


def test_mmd_is_unbiased_and_sees_a_shift():
    rng = np.random.default_rng(0)
    same = [metrics.mmd(*rng.standard_normal((2, 40, 5))) for _ in range(60)]
    assert abs(np.mean(same)) < 3 * np.std(same) / np.sqrt(len(same))
    assert min(same) < 0
    assert metrics.mmd(rng.standard_normal((40, 5)) + 1, rng.standard_normal((40, 5))) > max(same)


def test_precision_and_recall_tell_too_few_kinds_from_wrong_ones():
    rng = np.random.default_rng(0)
    real = np.concatenate([rng.standard_normal((30, 2)), rng.standard_normal((30, 2)) + 50])
    one_kind = rng.standard_normal((30, 2)) * 0.5
    precision, recall = metrics.precision_recall(one_kind, real)
    assert precision.mean() > 0.9
    assert recall.mean() <= 0.5
    assert not np.any(np.concatenate(metrics.precision_recall(one_kind + 500, real)))
    assert np.all(metrics.precision_recall(real, real))


def test_a_mirrored_copy_is_found_out(noise):
    copy = noise[2:3, :, ::-1][..., [0, 2, 1]]
    place, distance = metrics.nearest(copy, noise)
    assert place[0] == 2
    assert distance[0] == pytest.approx(0, abs=1)
    apart = np.arange(6)[None] == 2
    place, distance = metrics.nearest(copy, noise, apart=apart)
    assert place[0] != 2
    assert distance[0] > 5


def test_a_sample_equals_itself(noise):
    features = np.random.default_rng(1).standard_normal((6, 4))
    found = metrics.compare(Sample(noise, features), Sample(noise, features))
    for name, value in found.items():
        wanted = {"precision": 1, "recall": 1, "mmd": value}.get(name, 0)
        assert value == pytest.approx(wanted, abs=1e-6, nan_ok=True), name


def test_truncation_is_told_with_its_uncertainty(noise):
    rng = np.random.default_rng(2)
    real = Sample(noise, rng.standard_normal((40, 4)))
    made = {psi: Sample(noise, psi * rng.standard_normal((40, 4))) for psi in (0.1, 1.0)}
    table = metrics.truncation(made, real, {psi: psi * rng.standard_normal(40) for psi in made})
    assert ((table["low"] <= table["value"]) & (table["value"] <= table["high"])).all()
    spread = table[table["measure"] == "spread"].set_index("psi")
    assert spread.loc[1.0, "value"] == pytest.approx(np.sqrt(4), rel=0.2)
    assert spread.loc[0.1, "high"] < spread.loc[1.0, "low"]


def test_variance_is_shared_by_rows_and_columns():
    rows, columns = np.array([[0.0], [2.0], [4.0]]), np.array([[0.0, 1.0, 2.0]])
    shares = metrics.variance_shares(rows + columns)
    assert shares == pytest.approx({"rows": 0.8, "columns": 0.2, "neither": 0})


def test_features_are_what_the_last_layer_sees():
    from enamel_lib.indenter import network

    model = network.build_indenter(40)
    tiles = np.random.default_rng(0).integers(0, 256, (3, 40, 40, 3), dtype=np.uint8)
    features = network.penultimate_features(model, tiles)
    assert features.shape == (3, 256)
    kernel, bias = model.layers[-1].get_weights()
    predicted = model.predict_on_batch(tiles.astype(np.float32) / 255)
    np.testing.assert_allclose(features @ kernel + bias, predicted, atol=1e-4)  # one cell is left of 40 px


def test_enlarging_keeps_plain_colours():
    assert (images.resize_all(plain(20, 30), 40) == plain(20, 30, side=40)).all()
