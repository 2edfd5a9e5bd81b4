"""Controls: what each takes away from a picture, and what it leaves."""

import numpy as np
import pandas as pd
import pytest

from enamel_lib import microstructure, pic
from enamel_lib.errors import InputError
from enamel_lib.evolve import controls
from enamel_lib.simulate import simulator


@pytest.fixture(scope="module")
def picture():
    return simulator.section((100, 100), seed=3).rgb


def colours(image):
    return sorted(map(tuple, image.reshape(-1, 3)))


def misorientation(image):
    return microstructure.lag_misorientation(pic.director(image), (1,))[0]


@pytest.mark.parametrize("make", controls.FIXED.values())
def test_averages_have_one_colour(make, picture):
    made = make(picture)
    assert made.shape == picture.shape
    assert made.dtype == np.uint8
    assert (made == made[0, 0]).all()


def test_the_published_average_leaves_the_palette_and_the_director_does_not():
    """Half red (phi -90) and half cyan (phi 0) make grey; their axes have no mean, so red with a little cyan is red."""
    image = np.zeros((10, 10, 3), np.uint8)
    image[:6], image[6:] = (255, 0, 0), (0, 255, 255)
    np.testing.assert_array_equal(controls.averaged(image)[0, 0], [153, 102, 102])
    np.testing.assert_array_equal(controls.averaged_director(image)[0, 0], [255, 0, 0])


def test_axes_are_averaged_without_their_heads():
    """phi of 80 and of -80 degrees are 20 apart and have 90 between them; the mean of the numbers would be 0."""
    image = np.empty((4, 4, 3), np.uint8)
    image[:2], image[2:] = pic.encode(pic.to_director(80.0, 0.0)), pic.encode(pic.to_director(-80.0, 0.0))
    phi, gamma = pic.decode(controls.averaged_director(image)[0, 0])
    assert abs(phi) == pytest.approx(90, abs=1)
    assert gamma == pytest.approx(0, abs=1)


@pytest.mark.parametrize("make", controls.RANDOM.values())
def test_a_seed_gives_one_picture(make, picture):
    assert make(picture, seed=1).dtype == np.uint8
    np.testing.assert_array_equal(make(picture, seed=1), make(picture, seed=1))
    assert (make(picture, seed=1) != make(picture, seed=2)).any()


def test_scrambling_keeps_the_company_of_rows_and_columns(picture):
    made = controls.scrambled(picture, seed=0)
    assert colours(made) == colours(picture)
    assert sorted(map(colours, made)) == sorted(map(colours, picture))
    assert sorted(map(colours, made.swapaxes(0, 1))) == sorted(map(colours, picture.swapaxes(0, 1)))
    assert misorientation(made) > 2 * misorientation(picture)


def test_shuffled_blocks_stay_whole(picture):
    made = controls.block_shuffled(picture, seed=0, block=20)
    assert colours(made) == colours(picture)
    blocks = {picture[i : i + 20, j : j + 20].tobytes() for i in range(0, 100, 20) for j in range(0, 100, 20)}
    assert {made[i : i + 20, j : j + 20].tobytes() for i in range(0, 100, 20) for j in range(0, 100, 20)} == blocks
    with pytest.raises(InputError, match="no whole blocks of 30 px"):
        controls.block_shuffled(picture, seed=0, block=30)


def test_random_phases_keep_spectra_within_and_between_channels():
    rng = np.random.default_rng(0)
    image = (128 + 20 * rng.standard_normal((64, 64, 3)) @ rng.random((3, 3))).clip(0, 255).astype(np.uint8)
    made = controls.phase_randomized(image, seed=1)
    before, after = (np.fft.rfft2(x.astype(float), axes=(0, 1)) for x in (image, made))
    for one, other in ((0, 0), (1, 1), (0, 2)):
        cross = [np.sum(x[..., one] * x[..., other].conj()) for x in (before, after)]
        assert cross[1] == pytest.approx(cross[0], rel=0.01)
    assert np.corrcoef(image[..., 0].ravel(), made[..., 0].ravel())[0, 1] < 0.2


def test_rotating_all_hues_keeps_misorientation_and_brightness(picture):
    made = controls.hue_rotated(picture, seed=4)
    np.testing.assert_allclose(made.max(axis=-1), picture.max(axis=-1), atol=1)
    bright = np.asarray(picture).max(axis=-1) > 100  # dark colours have coarse hues
    rotated, before = (pic.decode(x)[0] for x in (made, picture))
    angle = (rotated - before)[bright] % 180
    assert np.ptp((angle - np.median(angle) + 90) % 180) < 4
    assert misorientation(made) == pytest.approx(misorientation(picture), rel=0.02)


def test_readings_of_draws_and_what_they_say(picture):
    """A network that reads mean brightness sees no scramble; only misorientation, and the law by it, change."""
    pictures = np.stack([picture, picture[::-1] // 2])
    made = controls.draws(pictures, 3, seed=0)
    np.testing.assert_array_equal(made["scrambled"][1, 2], controls.scrambled(pictures[1], seed=2))
    readings = controls.readings(made, [3.0, 4.0], lambda tiles: tiles.mean(axis=(1, 2, 3)))
    assert readings["control"].value_counts().to_dict() == dict.fromkeys(controls.RANDOM, 6) | dict.fromkeys(
        ["evolved", *controls.FIXED], 2
    )
    summary = controls.summary(readings)
    assert summary.loc["evolved", "mean"].tolist() == pytest.approx(pictures.mean(axis=(1, 2, 3)))
    assert (summary["low"] <= summary["mean"]).all()
    changes = controls.left_over(controls.change(readings), seed=0)
    assert changes.index.tolist() == list(controls.RANDOM)
    scrambled = changes.loc["scrambled"]
    assert scrambled["network"] == pytest.approx(0, abs=1e-9)
    assert scrambled["misorientation"] > 2
    assert scrambled["left over"] == pytest.approx(-scrambled["law"])
    assert scrambled["low"] <= scrambled["left over"] <= scrambled["high"]


def test_scores_of_a_control_that_forgets_and_one_that_keeps():
    hardness = pd.DataFrame({"forgets": [4.0, 4.0, 4.0], "keeps": [3.5, 4.5, 5.5]}, index=[3.0, 4.0, 5.0])
    np.testing.assert_allclose(controls.scores(hardness), [[2 / 3, 0], [0.5, 1]], atol=1e-12)
