import json

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from enamel_lib import dense, simulate
from enamel_lib.dense import likeness, reading
from enamel_lib.errors import ModelError

SHAPE = (320, 320)
NOISE = np.random.default_rng(0).integers(20, 256, (*SHAPE, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def distance():
    """How far the shipped model finds a picture from enamel."""
    model, known = dense.load(), likeness.of_card(dense.card(), "default")

    def judged(rgb, size=0.06):
        return known.judge(*likeness.summed(reading.read(model, rgb, pixel_size_um=size)))["distance"]

    return judged


@pytest.mark.parametrize("texture", ["prior", "real-map"])
def test_new_enamel_is_like_and_is_not_where_its_pixels_are_stated_half_as_large(distance, texture):
    rgb = simulate.section(SHAPE, seed=9_400_000, texture=texture).rgb
    assert 0.1 < distance(rgb) < 1
    assert distance(rgb, 0.03) > 1.2


def test_noise_and_blots_are_unlike(distance):
    blots = ndimage.gaussian_filter(NOISE.astype(float), (6, 6, 0))
    blots = np.uint8(np.clip(128 + 60 * (blots - blots.mean()) / blots.std(), 20, 255))
    assert min(distance(NOISE), distance(blots)) > 2


def test_a_map_of_no_enamel_is_flagged(enamel, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.fromarray(NOISE[:200, :200]).save("noise.png")
    code, _, complaint = enamel("map", "noise.png", "--pixel-size", "0.06", "--out", "maps")
    assert code == 0
    assert complaint.count("noise.png: is unlike the enamel") == 1
    told = json.loads((tmp_path / "maps" / "noise-hardness.json").read_text())["unlike"]
    assert told["flagged"]
    assert told["distance"] > 2


def test_a_card_may_tell_nothing_and_a_damaged_one_is_refused():
    card = dense.card()
    assert likeness.of_card({}, "mine") is None
    with pytest.raises(ModelError, match=r"card of mine: mean: List should have at least 13"):
        likeness.of_card({"likeness": card["likeness"] | {"mean": [1.0]}}, "mine")
