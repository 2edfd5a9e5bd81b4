from dataclasses import asdict

import numpy as np
import pytest

from enamel_lib.errors import InputError
from enamel_lib.simulate import simulator, texture

START = (texture.FOLDER / "start.yml").read_text()
WORDS, TINY = (START.replace("pitch: ", f"pitch: {value}  # ") for value in ("wide", "1.0e-9"))
BACK = START.replace("lean: ", "lean: 1.0e+9  # ")


def test_presets_ship_and_are_read_by_name():
    assert texture.REAL_MAP in texture.presets()
    assert 3 < texture.preset(texture.REAL_MAP).pitch < 8


def test_a_texture_survives_its_file(tmp_path):
    drawn = texture.draw(np.random.default_rng(0), 0.3)
    drawn.write(tmp_path / "own.yml", map="mine")
    again = asdict(texture.read(tmp_path / "own.yml")) | {"phase": drawn.phase}
    assert again == pytest.approx(asdict(drawn), rel=1e-3)


@pytest.mark.parametrize(
    "text", [None, "", "texture: 5", "texture: {pitch: 5}", "texture: {colour: red}", "{", WORDS, TINY, BACK]
)
def test_another_file_is_refused_in_one_line(tmp_path, text):
    file = tmp_path / "own.yml"
    if text is not None:
        file.write_text(text)
    with pytest.raises(InputError, match=r"own\.yml: is no texture"):
        texture.preset(str(file))


def test_depth_sets_the_kind_of_enamel_but_not_the_scatter_of_crystals():
    deep, shallow = ([texture.draw(np.random.default_rng(s), d) for s in range(60)] for d in (0.05, 0.95))

    def mean(textures, name):
        return np.mean([getattr(one, name) for one in textures])

    assert mean(deep, "pitch") < mean(shallow, "pitch")
    for name in ("decussation", "bend", "interrod", "seam"):
        assert mean(deep, name) > mean(shallow, name)
    assert mean(deep, "scatter") == pytest.approx(mean(shallow, "scatter"))


def test_of_a_preset_only_the_phase_is_drawn():
    sections = [simulator.section((60, 60), seed=seed, texture=texture.REAL_MAP) for seed in (1, 2)]
    first, second = (asdict(section.texture) for section in sections)
    assert first.pop("phase") != second.pop("phase")
    assert first == second == {k: v for k, v in asdict(texture.preset(texture.REAL_MAP)).items() if k != "phase"}
    again = simulator.section((60, 60), seed=1, texture=sections[0].texture)
    assert again.texture == sections[0].texture
