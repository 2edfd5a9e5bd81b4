import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enamel_lib.errors import InputError
from enamel_lib.images import MIN_SIGNAL
from enamel_lib.inference import Predictor, hardness_map
from enamel_lib.inference.hardness_map import HardnessMap, raster
from enamel_lib.plots.style import new_figure

SIZE = 24


class Mean(Predictor):
    """A stand-in for the network: the mean of the window, weighted so that its parts tell apart."""

    size = SIZE
    weights = np.random.default_rng(0).random((SIZE, SIZE, 3)).astype(np.float32)

    def __init__(self, batch_size=64):
        self.batch_size = batch_size

    def _predict(self, batch):
        return np.tensordot(batch, self.weights, 3).astype(np.float32)


class Plain(Mean):
    """The unweighted mean of windows of the indenter's size."""

    size = 200

    def _predict(self, batch):
        return batch.mean(axis=(1, 2, 3), dtype=np.float32)


@pytest.fixture(scope="module")
def picture():
    return np.random.default_rng(1).integers(0, 256, (61, 90, 3), dtype=np.uint8)


def by_hand(picture, stride):
    view = np.lib.stride_tricks.sliding_window_view(picture, (SIZE, SIZE, 3))[::stride, ::stride, 0]
    return np.tensordot(view, Mean.weights, 3)


@pytest.mark.parametrize("stride", [1, 5, 1000])
@pytest.mark.parametrize("batch_size", [1, 7, 10_000])
def test_every_window_at_any_stride_and_batch(picture, stride, batch_size):
    made = raster(picture, Mean(batch_size), stride=stride)
    np.testing.assert_allclose(made.hardness, by_hand(picture, stride), rtol=1e-5)
    assert made.hardness.dtype == np.float32
    np.testing.assert_array_equal(made.rows, np.arange(0, 61 - SIZE + 1, stride) + SIZE / 2)
    np.testing.assert_array_equal(made.cols, np.arange(0, 90 - SIZE + 1, stride) + SIZE / 2)
    assert (made.image_shape, made.stride, made.window) == ((61, 90), stride, SIZE)


def test_windows_at_given_centres(picture):
    rows, cols = np.array([12.0, 13.6, 30.4]), np.array([20.2, 77.9])
    made = raster(picture, Mean(), centres=(rows, cols))
    np.testing.assert_array_equal(made.rows, [12, 14, 30])
    np.testing.assert_array_equal(made.cols, [20, 78])
    full = by_hand(picture, 1)
    np.testing.assert_allclose(made.hardness, full[np.ix_([0, 2, 18], [8, 66])], rtol=1e-5)
    with pytest.raises(InputError, match="leaves the picture"):
        raster(picture, Mean(), centres=(rows, cols + 1))


def test_progress_ends_at_the_total(picture):
    calls = []
    made = raster(picture, Mean(50), stride=3, progress=lambda *call: calls.append(call))
    assert calls[-1] == (made.hardness.size, made.hardness.size)
    assert [done for done, _ in calls] == sorted({done for done, _ in calls})


def test_memory_is_that_of_one_batch():
    picture = np.zeros((200, 300, 3), np.uint8)
    tracemalloc.start()
    raster(picture, Plain(4))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * 200 * 200 * 3 * 2 + 100_000  # all windows would be 12 MB


def test_refusals(picture):
    with pytest.raises(InputError, match="smaller than the window"):
        raster(picture[:10], Mean())
    with pytest.raises(InputError, match="stride"):
        raster(picture, Mean(), stride=0)


def test_full_has_a_border_of_nan_and_the_readings_inside(picture):
    made = raster(picture, Mean(), stride=1)
    full = made.full()
    assert full.shape == (61, 90)
    np.testing.assert_array_equal(full[12:50, 12:79], made.hardness)
    assert np.isfinite(full).sum() == made.hardness.size
    coarse = raster(picture, Mean(), stride=5)
    np.testing.assert_allclose(coarse.full()[12::5, 12::5][:8, :14], coarse.hardness, rtol=1e-6)


@settings(deadline=None)
@given(
    counts=st.tuples(st.integers(1, 6), st.integers(1, 6)),
    stride=st.integers(1, 9),
    slope=st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
)
def test_interpolation_is_exact_on_a_plane(counts, stride, slope):
    rows, cols = (np.arange(count) * float(stride) + 12 for count in counts)
    plane = (4 + slope[0] * rows[:, None] + slope[1] * cols).astype(np.float32)
    made = HardnessMap(plane, rows, cols, (100, 100), stride, 24)
    inside = np.linspace(rows[0], rows[-1], 5), np.linspace(cols[0], cols[-1], 7)
    expected = 4 + slope[0] * inside[0][:, None] + slope[1] * inside[1]
    np.testing.assert_allclose(made.at(*inside), expected, atol=1e-4)
    assert np.isnan(made.at([rows[0] - 0.01, rows[-1] + 0.01], cols)).all()


def test_frame_has_one_line_per_window(picture):
    made = raster(picture, Mean(), stride=5)
    frame = made.to_frame()
    assert list(frame.columns) == ["row", "col", "hardness"]
    pivoted = frame.pivot(index="row", columns="col", values="hardness")
    np.testing.assert_array_equal(pivoted.to_numpy(), made.hardness)
    np.testing.assert_array_equal(pivoted.index, made.rows - 0.5)


def test_a_map_of_cells_as_large_as_pixels_is_its_own_full_map():
    """It once read between the pixels' centres: the mean of two, and nothing in the first row and column."""
    hardness = np.random.default_rng(0).uniform(3, 6, (5, 7)).astype(np.float32)
    cells = HardnessMap(hardness, np.arange(5) + 0.5, np.arange(7) + 0.5, (5, 7), 1, 0)
    np.testing.assert_array_equal(cells.full(), hardness)


def test_a_table_counts_places_as_tables_of_indents_do():
    """From the centre of the first pixel; they once counted from the edge, half a pixel off."""
    cells = HardnessMap(np.float32([[3, 4]]), np.array([2.0]), np.array([2.0, 6.0]), (4, 8), 4, 0)
    assert cells.to_frame(0.5)[["row", "col"]].to_numpy().tolist() == [[0.5, 0.5], [0.5, 2.5]]


def spaced(values, rows, cols):
    """A map with these distances between its readings."""
    places = [np.arange(count) * step for count, step in zip(values.shape, (rows, cols), strict=True)]
    return HardnessMap(values, *places, (900, 900), rows, 24)


@pytest.mark.parametrize("spacing", [1.0, 1.926, 3.0])
def test_the_grid_shows_along_its_axis_only(spacing):
    noise = np.random.default_rng(2).normal(size=(200, 220))
    position = np.arange(200) * spacing
    with_grid = noise + 2 * np.cos(2 * np.pi * position / 8)[:, None]
    found = hardness_map.grid_artefact(spaced(with_grid, spacing, spacing))
    assert found["rows"] > 8
    assert 0.8 < found["cols"] < 1.5
    assert 0.8 < hardness_map.grid_artefact(spaced(noise, spacing, spacing))["rows"] < 1.5
    assert hardness_map.grid_artefact(spaced(with_grid, 1.3 * spacing, 2))["rows"] < 2  # a grid of 10.4 px


def test_a_grid_too_fine_to_see_is_not_measured():
    noise = np.random.default_rng(3).normal(size=(200, 12))
    found = hardness_map.grid_artefact(spaced(noise, 8, 1))
    assert np.isnan(found["rows"])  # period below two samples
    assert np.isnan(found["cols"])  # too few columns for a median


def test_the_truth_of_a_map_is_averaged_over_its_windows():
    rng = np.random.default_rng(5)
    image = rng.integers(0, 256, (230, 260, 3), dtype=np.uint8)
    mapped = hardness_map.raster(image, Plain(), stride=10)
    truth = image.mean(axis=-1)
    np.testing.assert_allclose(mapped.averaging(truth).hardness, mapped.hardness, rtol=1e-5)
    table = mapped.against_truth(truth)
    assert table.loc["window mean", "pearson"] == pytest.approx(1, abs=1e-6)
    assert abs(table.loc["window centre", "pearson"]) < 0.9
    odd = raster(image, Plain(), centres=(np.array([101, 113]), np.array([100, 130, 157])))
    np.testing.assert_allclose(odd.averaging(truth).hardness, odd.hardness, rtol=1e-5)


def test_every_so_manieth_reading(picture):
    made = raster(picture, Mean(), stride=2).every(3)
    np.testing.assert_allclose(made.hardness, by_hand(picture, 6), rtol=1e-5)
    np.testing.assert_array_equal(made.rows, raster(picture, Mean(), stride=6).rows)
    assert made.stride == 6


@pytest.mark.parametrize("stride", [1, 7, 1000])
@pytest.mark.parametrize("blank", [0, 30])
def test_a_map_is_saved_by_parts_as_it_is_as_a_whole(tmp_path, monkeypatch, stride, blank):
    monkeypatch.setattr(hardness_map, "ROWS", 13)
    picture = np.random.default_rng(2).integers(0, 256, (131, 90, 3), dtype=np.uint8)
    signal = np.arange(131)[:, None] >= np.full(90, blank)
    made = raster(picture, Mean(), stride=stride, signal=signal)
    if not np.isfinite(made.hardness).any():
        with pytest.raises(InputError, match="no reading"):
            made.save(tmp_path / "a", {}, new_figure(1))
        assert not list(tmp_path.iterdir())
        return
    about = made.save(tmp_path / "a", {"of": "a"}, new_figure(1))
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), made.full())
    read = np.isfinite(made.hardness)
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "a.csv"), made.to_frame(), check_dtype=False, atol=1e-4)
    assert (about["windows"], about["windows_read"]) == (read.size, read.sum())
    assert about["mean_gpa"] == pytest.approx(made.hardness[read].mean(dtype=float), rel=1e-6)
    assert about["sd_gpa"] == pytest.approx(made.hardness[read].std(dtype=float), rel=1e-4)


def test_windows_with_too_little_signal_are_not_read(picture):
    signal = np.random.default_rng(3).random((61, 90)) < np.linspace(0.5, 1.1, 90)
    made, whole = raster(picture, Mean(), signal=signal), raster(picture, Mean())
    share = np.lib.stride_tricks.sliding_window_view(signal, (SIZE, SIZE)).mean(axis=(2, 3))
    np.testing.assert_array_equal(np.isfinite(made.hardness), share >= MIN_SIGNAL)
    np.testing.assert_array_equal(made.hardness[share >= MIN_SIGNAL], whole.hardness[share >= MIN_SIGNAL])
    assert 0.1 < (share >= MIN_SIGNAL).mean() < 0.9
