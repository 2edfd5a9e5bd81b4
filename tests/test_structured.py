"""Structured files: read, or refused in one line; never hung, unfolded or half believed."""

import contextlib
import io
import json
import os
import time
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enamel_lib import checkpoints
from enamel_lib.errors import EnamelError, InputError, ModelError
from enamel_lib.indenter import recipe as indenter_recipe
from enamel_lib.stylegan2 import recipe as generator_recipe

BOMBS = {
    "recursive.yml": "&a [*a]",
    "unfolds.yml": "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi")),  # noqa: B905
    "deep.yml": "[" * 5000,
    "deep_map.yml": "{a: " * 5000,
    "many.yml": "a: &a x\nb: [" + "*a, " * 5000 + "]",
    "large.yml": "#" * 100_000,
    "number.yml": "stages: [{size: " + "9" * 5000 + ", images: 1}]",
    "date.yml": "stages: [{size: 2000-99-99, images: 1}]",
    "tag.yml": "!!python/object/apply:os.system [true]",
}


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.parametrize("recipe", [indenter_recipe, generator_recipe])
def test_yaml_that_unfolds_or_runs_is_refused_at_once(tmp_path, name, recipe):
    (tmp_path / name).write_text(BOMBS[name])
    began = time.monotonic()
    with pytest.raises(InputError) as error:
        recipe.load_recipe(tmp_path / name)
    assert time.monotonic() - began < 5
    assert "\n" not in str(error.value)


def test_a_few_aliases_are_read(tmp_path):
    (tmp_path / "mine.yml").write_text("batch_size: &b 8\nstages: [{size: 50, images: 9, validation_tiles: *b}]")
    assert indenter_recipe.load_recipe(tmp_path / "mine.yml")["stages"][0]["validation_tiles"] == 8


def test_only_regular_files_are_read(tmp_path):
    for name in ("pipe.yml", "pipe.npz"):
        os.mkfifo(tmp_path / name)
    with pytest.raises(InputError, match="no regular file"):
        indenter_recipe.load_recipe(tmp_path / "pipe.yml")
    with pytest.raises(ModelError, match="no regular file"):
        checkpoints.read_checkpoint(tmp_path / "pipe.npz")


def test_arrays_larger_than_their_file_take_no_memory(tmp_path):
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<f8", "fortran_order": False, "shape": (1 << 40,)})
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w") as archive:
        archive.writestr("about.npy", head.getvalue())
    with pytest.raises(ModelError, match="claims an array"):
        checkpoints.read_checkpoint(tmp_path / "bomb.npz")
    with zipfile.ZipFile(tmp_path / "bomb.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("about.npy", bytes(1 << 28))
    with pytest.raises(ModelError, match="more than it can"):
        checkpoints.read_checkpoint(tmp_path / "bomb.npz")


@pytest.mark.parametrize("about", ["[]", "1", "[" * 100_000, "{", '{"a": ' * 5000, "NaN", ""])
def test_an_about_that_is_no_table_is_refused(tmp_path, about):
    np.savez(tmp_path / "x.npz", about=np.array(about))
    with pytest.raises(ModelError):
        checkpoints.read_checkpoint(tmp_path / "x.npz")


def test_arrays_of_objects_are_not_unpickled(tmp_path):
    np.savez(tmp_path / "x.npz", about=np.array("{}"), a=np.array([os.system], object))
    with pytest.raises(ModelError):
        checkpoints.read_checkpoint(tmp_path / "x.npz")


plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=9,
)
keys = st.sampled_from(["size", "images", "resolution", "kimg", "batch_size", "learning_rate", "name", "x"])


@settings(deadline=5000, max_examples=150, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(keys | st.just("stages"), plain | st.lists(st.dictionaries(keys, plain), max_size=3)))
def test_whatever_a_recipe_holds_it_is_sound_or_refused(given):
    for load in (indenter_recipe.load_recipe, generator_recipe.load_recipe):
        with contextlib.suppress(EnamelError):
            assert load(given)["stages"]


@settings(deadline=5000, max_examples=50)
@given(st.dictionaries(st.text("abc", min_size=1), st.lists(st.integers(0, 9))), st.dictionaries(st.text(), st.text()))
def test_checkpoints_come_back_as_they_went(tmp_path_factory, lists, about):
    path = tmp_path_factory.getbasetemp() / "round.npz"
    checkpoints.write_checkpoint(path, about, {name: [np.array(each) for each in lists[name]] for name in lists})
    assert checkpoints.read_checkpoint(path)[0] == json.loads(json.dumps(about))
