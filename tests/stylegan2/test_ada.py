"""Adaptive augmentation: changes of known outcome, how often they happen, and what moves their probability."""

import numpy as np
import pytest
from keras import ops

from enamel_lib.stylegan2 import ada

SIDE = 16


@pytest.fixture
def images():
    return np.random.default_rng(0).uniform(-1, 1, (6, SIDE, SIDE, 3)).astype(np.float32)


def changed(images, *changes):
    return ops.convert_to_numpy(ada.change(ops.convert_to_tensor(images), *changes))


def test_without_chance_nothing_changes(images):
    np.testing.assert_allclose(
        changed(images, *ada.draw_changes(np.random.default_rng(1), 6, SIDE, 0.0)), images, atol=1e-6
    )


def test_rows_columns_and_colours_are_changed_each_by_its_own(images):
    same, mirror, colours = (
        np.eye(SIDE, dtype=np.float32),
        np.eye(SIDE, dtype=np.float32)[::-1],
        np.eye(3, dtype=np.float32),
    )
    stack = lambda matrix: np.stack([matrix] * 6)  # noqa: E731
    np.testing.assert_allclose(changed(images, stack(mirror), stack(same), stack(colours)), images[:, ::-1], atol=1e-6)
    np.testing.assert_allclose(
        changed(images, stack(same), stack(mirror), stack(colours)), images[:, :, ::-1], atol=1e-6
    )
    turned = changed(images, stack(same), stack(same), stack(0.5 * colours[[2, 0, 1]]))
    np.testing.assert_allclose(turned, 0.5 * (images[..., [2, 0, 1]] + 1) - 1, atol=1e-6)


def test_every_row_is_a_mean_of_rows_of_the_picture():
    rows, columns, colours = ada.draw_changes(np.random.default_rng(2), 200, SIDE, 1.0)
    for weights in (rows, columns):
        assert weights.min() >= 0
        np.testing.assert_allclose(weights.sum(axis=2), 1, atol=1e-5)
        assert ((weights > 0).sum(axis=2) <= 2).all()
    grey = colours.sum(axis=2)  # a turn of hue leaves grey alone, a change of brightness does not
    np.testing.assert_allclose(grey, grey[:, :1].repeat(3, axis=1), atol=1e-5)
    assert 0.15 < np.log2(grey[:, 0]).std() < 0.25


def test_a_change_happens_as_often_as_asked():
    rows, _, colours = ada.draw_changes(np.random.default_rng(3), 4000, SIDE, 0.3)
    same = np.isclose(rows, np.eye(SIDE)).all(axis=(1, 2)).mean()
    assert same == pytest.approx((1 - 0.15) * 0.7 * 0.7, abs=0.03)  # half of the mirrors mirror nothing
    assert np.isclose(colours, np.eye(3), atol=1e-6).all(axis=(1, 2)).mean() == pytest.approx(0.7 * 0.7, abs=0.03)


def test_the_chance_follows_the_discriminator():
    assert ada.adjusted(0.2, 0.9, 0.6, 5000) == pytest.approx(0.21)
    assert ada.adjusted(0.2, 0.1, 0.6, 5000) == pytest.approx(0.19)
    assert ada.adjusted(0.0, 0.1, 0.6, 5000) == 0
    assert ada.adjusted(1.0, 0.9, 0.6, 5000) == 1
