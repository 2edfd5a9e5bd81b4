import json
from concurrent.futures import Future
from contextlib import contextmanager

import numpy as np
import pandas as pd
import pytest
import tifffile
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from enamel_lib import pictures
from enamel_lib.dense import large
from enamel_lib.errors import EngineError, InputError
from enamel_lib.inference import chunks, large_pictures, ome_zarr
from tests.dense.large_maps import SHAPE, hardness, in_memory, likeness_in_memory, written


class Here:
    """Does parts in this process, when they are asked for."""

    def submit(self, function, *given):
        future = Future()
        future.set_result(function(*given))
        return future


@pytest.fixture
def here(small_blocks, monkeypatch):
    """Small blocks, in this process."""
    monkeypatch.setattr(large, "_prepare_elsewhere", _prepare_here)

    @contextmanager
    def executor(scheduler=None, workers=None):
        yield Here(), 1

    monkeypatch.setattr(chunks, "executor", executor)


ELSEWHERE = large._prepare_elsewhere


def _prepare_here(model, store, grid, resume):
    (store / "work").mkdir(parents=True, exist_ok=True)
    large._reader.cache_clear()
    return large._prepare(model, store / "work", grid)


@settings(
    max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True, phases=[Phase.generate]
)
@given(
    chunk=st.tuples(st.integers(17, 310), st.integers(17, 430)),
    order=st.sampled_from(["cyx", "yxc"]),
    crop=st.tuples(st.integers(40, 300), st.integers(40, 420)),
    size=st.sampled_from([0.06, 0.06, 0.11]),
)
def test_no_tiling_of_a_file_changes_a_bit(here, model, rgb, tmp_path_factory, chunk, order, crop, size):
    folder = tmp_path_factory.mktemp("tiling")
    picture = rgb[: crop[0], : crop[1]]
    source = large_pictures.open_large(written(folder / "a.zarr", picture, chunk, order, size))
    assert source.shape == crop
    assert source.pixel_size_um == pytest.approx(size)
    facts = large.map_large(source, model, folder / "a-hardness", pixel_size_um=size)
    expected = in_memory(model, picture, size)
    np.testing.assert_array_equal(hardness(folder / "a-hardness"), expected)
    assert facts["cells_read"] == np.isfinite(expected).sum()
    assert facts["interval"]["relative_half_width"] == 0.2
    assert facts["mean_gpa"] == pytest.approx(np.nanmean(expected), abs=1e-3)
    assert facts["unlike"] == pytest.approx(likeness_in_memory(model, picture, size), abs=1.1e-3)  # both are rounded


@pytest.mark.parametrize("kind", ["tiles", "strips", "pyramid", "bigtiff"])
def test_tiff_of_any_kind_is_read_as_it_is(rgb, tmp_path, kind):
    path = tmp_path / "map.tif"
    about = {"photometric": "rgb", "resolution": (1e4 / 0.06, 1e4 / 0.06), "resolutionunit": "CENTIMETER"}
    with tifffile.TiffWriter(path, bigtiff=kind == "bigtiff") as tif:
        how = {"rowsperstrip": 7} if kind == "strips" else {"tile": (64, 80), "compression": "zlib"}
        tif.write(rgb, subifds=int(kind == "pyramid"), **how, **about)
        if kind == "pyramid":
            tif.write(rgb[::2, ::2], subfiletype=1, **how, **about)
    found = large_pictures.open_large(path)
    assert (found.shape, found.pixel_size_um) == (SHAPE, pytest.approx(0.06))
    expected = rgb * pictures.find_signal(rgb, path)[..., None]
    np.testing.assert_array_equal(found.read(slice(33, 251), slice(64, 400)), expected[33:251, 64:400])


def test_a_store_is_ome_zarr_with_its_pyramid_in_metres(here, model, rgb, tmp_path):
    source = large_pictures.open_large(written(tmp_path / "a.zarr", rgb, (100, 100), "cyx"))
    large.map_large(source, model, tmp_path / "a-hardness", pixel_size_um=0.06)
    store = tmp_path / "a-hardness.zarr"
    about = json.loads((store / "zarr.json").read_text())["attributes"]
    assert about["ome"]["version"] == "0.5"
    (image,) = about["ome"]["multiscales"]
    assert [axis["unit"] for axis in image["axes"]] == ["meter", "meter"]
    scales = [each["coordinateTransformations"][0]["scale"] for each in image["datasets"]]
    np.testing.assert_allclose(scales, [[0.24e-6 * 2**level] * 2 for level in range(3)])
    full, half = (ome_zarr.opened(store, str(level))[:] for level in (0, 1))
    assert half.shape == (38, 53)
    np.testing.assert_allclose(half[3, 4], np.nanmean(full[6:8, 8:10]), rtol=1e-6)
    np.testing.assert_allclose(half[37, 4], np.nanmean(full[74:, 8:10]), rtol=1e-6)
    mask = ome_zarr.opened(store, "labels/mask/0")[:]
    np.testing.assert_array_equal(mask == 1, np.isfinite(full))
    assert 0 < mask.mean() < 1
    ends = ome_zarr.opened(store, "interval/0")[:]
    np.testing.assert_allclose(ends, [full * np.exp(-0.2), full * np.exp(0.2)], rtol=1e-3)  # in 16 bits
    picture = ome_zarr.opened(store, "picture/0")[:, 20, 30]
    seen = rgb * pictures.find_signal(rgb, "a")[..., None]
    np.testing.assert_allclose(picture, seen[80:84, 120:124].mean(axis=(0, 1)), atol=1)
    assert not (store / "work").exists()


def test_a_damaged_chunk_is_named_and_left_out_and_the_rest_is_done(here, model, rgb, tmp_path):
    whole = written(tmp_path / "a.zarr", rgb, (60, 70), "cyx")
    source = large_pictures.open_large(whole)
    (whole / "0/c/0/2/3").write_bytes(b"damaged")
    facts = large.map_large(source, model, tmp_path / "a-hardness", pixel_size_um=0.06)
    assert facts["damaged"] == ["a.zarr, chunk at row 120, column 210"]
    assert facts["damaged_chunks"] == 1
    dark = rgb.copy()
    dark[120:180, 210:280] = 0
    found = hardness(tmp_path / "a-hardness")
    np.testing.assert_array_equal(found, in_memory(model, dark))
    assert np.isnan(found[31:44, 54:69]).all()


def test_a_run_that_ends_anywhere_goes_on_where_it_was(here, model, rgb, tmp_path, monkeypatch):
    source = large_pictures.open_large(written(tmp_path / "a.zarr", rgb, (100, 100), "cyx"))
    stem, calls = tmp_path / "a-hardness", []
    for name in ("read", "finish", "shrink"):
        whole = getattr(large, name)

        def counted(job, number, *more, whole=whole, name=name, **named):
            calls.append((name, number, *named.values()))
            if len(calls) % 7 == 0:
                raise KeyboardInterrupt
            return whole(job, number, *more, **named)

        monkeypatch.setattr(large, name, counted)
    for attempt in range(20):
        try:
            facts = large.map_large(source, model, stem, pixel_size_um=0.06, resume=attempt > 0)
            break
        except KeyboardInterrupt:
            pass
    assert attempt > 3
    assert len(calls) - len(set(calls)) == attempt  # only what was in flight was done again
    np.testing.assert_array_equal(hardness(stem), in_memory(model, rgb))
    assert facts["unlike"] == pytest.approx(likeness_in_memory(model, rgb), abs=1.1e-3)
    before = len(calls)
    large.map_large(source, model, stem, pixel_size_um=0.06, resume=True)
    assert len(calls) == before


def test_another_picture_is_not_gone_on_with(tmp_path):
    chunks.Journal(tmp_path / "journal", {"picture": "a"}, resume=False).add(("read", 0), [])
    with pytest.raises(InputError, match="another run"):
        chunks.Journal(tmp_path / "journal", {"picture": "b"}, resume=True)
    with (tmp_path / "journal").open("a") as file:
        file.write('["read", 1')  # killed while it wrote
    assert chunks.Journal(tmp_path / "journal", {"picture": "a"}, resume=True).results == {("read", 0): []}


def test_no_scheduler_is_said_in_one_line(monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(chunks, "PATIENCE_S", 1)
    with pytest.raises(EngineError, match="no Dask scheduler"), chunks.executor("tcp://127.0.0.1:1"):
        pass


def test_the_command_maps_a_folder_and_keeps_what_is_there(here, enamel, strict_model, rgb, tmp_path, monkeypatch):
    picture, out = written(tmp_path / "a.zarr", rgb, (100, 100), "cyx"), tmp_path / "out"
    (picture / "0/c/0/2/3").write_bytes(b"damaged")
    status, said, warned = enamel("map", picture, "--out", out, "--model", strict_model)
    assert (status, "1 damaged chunks" in said) == (0, True)
    assert "row 200, column 300: damaged, and left out" in warned
    assert warned.count("a.zarr: is unlike the enamel") == 1
    assert {path.name for path in out.iterdir()} == {f"a-hardness{end}" for end in (".zarr", ".csv", ".png", ".json")}
    table = pd.read_csv(out / "a-hardness.csv")
    assert (len(table), table["row"].iloc[0], table["col"].iloc[-1]) == (75 * 105, 1.5, 417.5)
    about = json.loads((out / "a-hardness.json").read_text())
    assert about["unlike"]["flagged"]
    assert about["interval"] is None
    assert not (out / "a-hardness.zarr" / "interval").exists()
    assert about["cells_read"] == table["hardness"].notna().sum()
    assert enamel("map", picture, "--out", out, "--model", strict_model)[0] == 2
    assert enamel("map", picture, "--out", out, "--model", strict_model, "--resume")[0] == 0
    status, _, warned = enamel("map", picture, "--out", out, "--model", strict_model, "--resume", "--pixel-size", 0.07)
    assert (status, "is of another run" in warned) == (2, True)
    monkeypatch.setattr(large, "_prepare_elsewhere", ELSEWHERE)
    status, _, warned = enamel("map", picture, "--out", out, "--model", "mistyped", "--force")
    assert (status, "mistyped" in warned) == (2, True)
    assert np.isfinite(hardness(out / "a-hardness")).any()
    status, _, warned = enamel("map", picture, "--out", tmp_path / "b", "--mask", "a.png")
    assert (status, "takes no --mask" in warned) == (2, True)
