import numpy as np
import pytest

from enamel_lib import pic
from enamel_lib.dataset import augmentation


class Fixed:
    """Generator whose zoom factors and flips are given."""

    def __init__(self, zoom, flips):
        self.draws = [np.array([zoom], float), np.where(np.array([flips]), 0.0, 0.9)]

    def uniform(self, *_, **__):
        return self.draws.pop(0)


@pytest.fixture
def tiles():
    rng = np.random.default_rng(0)
    director = rng.standard_normal((1, 64, 64, 3))
    return pic.encode(director / np.linalg.norm(director, axis=-1, keepdims=True))


@pytest.mark.parametrize("flips", [(False, False), (True, False), (False, True), (True, True)])
def test_flips_map_phi_to_minus_phi_exactly(tiles, flips):
    plain = augmentation.augment(tiles, Fixed((1, 1), flips))
    true = augmentation.augment(tiles, Fixed((1, 1), flips), orientation_true=True)
    moved = tiles[:, :: -1 if flips[0] else 1, :: -1 if flips[1] else 1]
    np.testing.assert_array_equal(plain, moved)  # as in Keras: pixels move, colours stay
    (phi, gamma), (phi_true, gamma_true) = pic.decode(moved), pic.decode(true)
    np.testing.assert_array_equal(gamma_true, gamma)
    coloured = np.ptp(moved.astype(int), axis=-1) > 0
    expected = -phi if flips[0] != flips[1] else phi
    difference = (phi_true - expected + 90) % 180 - 90  # phi is an axis: -90 and 90 are one
    np.testing.assert_allclose(difference[coloured], 0, atol=1e-9)


def test_zoom_stretches_the_middle():
    ramp = np.broadcast_to(np.linspace(0, 1, 101, dtype=np.float32)[None, :, None, None], (1, 101, 101, 3))
    zoomed = augmentation.augment(ramp, Fixed((0.5, 1.0), (False, False)))
    np.testing.assert_allclose(zoomed[0, :, 7, 0], np.linspace(0.25, 0.75, 101), atol=1e-6)
    across = augmentation.augment(ramp, Fixed((1.0, 0.5), (False, False)))
    np.testing.assert_allclose(across, ramp, atol=1e-6)


def test_orientation_true_invents_no_colour(tiles):
    batch = np.repeat(tiles, 8, axis=0)
    palette = {tuple(c) for c in tiles.reshape(-1, 3)} | {tuple(c[[0, 2, 1]]) for c in tiles.reshape(-1, 3)}
    out = augmentation.augment(batch, np.random.default_rng(0), orientation_true=True)
    assert {tuple(c) for c in out.reshape(-1, 3)} <= palette
    assert out.dtype == np.uint8


def test_augmentation_is_seeded_and_leaves_its_input(tiles):
    before = tiles.copy()
    once, again = (augmentation.augment(tiles, np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(once, again)
    np.testing.assert_array_equal(tiles, before)
    assert not np.array_equal(once, augmentation.augment(tiles, np.random.default_rng(5)))
    share = np.mean(
        [
            (augmentation.augment(np.arange(12.0).reshape(1, 2, 2, 3), np.random.default_rng(i))[0, 0, 0, 0] > 4)
            for i in range(400)
        ]
    )
    assert share == pytest.approx(0.5, abs=0.1)  # up-down flips
