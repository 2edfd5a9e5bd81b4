import keras
import numpy as np
import pytest

from enamel_lib.dense import blocks, code, indenter, labels, network, reading

FIT = labels.Fit(0.1 * np.random.default_rng(1).standard_normal(13), 1.4, 0.05, 0.02, 0.1, 0.1, 0.5)


@pytest.fixture(scope="module")
def model():
    """Weights that let far places matter, so that a window too small would show."""
    keras.utils.set_random_seed(0)
    made = indenter.with_hardness(network.build((4, 6, 6, 8, 8)), FIT)
    for variable in made.variables:
        variable.assign(variable + 0.02 * np.random.default_rng(0).random(variable.shape, "float32"))
    return made


@pytest.fixture(scope="module")
def rgb():
    return np.random.default_rng(0).integers(0, 256, (1500, 1730, 3), dtype=np.uint8)


def by_keras(model, rgb, size):
    """The definition, in one piece: mean over four flips of the picture, each padded below and to the right."""
    whole = code.encode(rgb, pixel_size_um=size).astype(np.float16).astype(np.float32)  # as blocks keep it
    total = 0
    rows, cols = (side // code.CELL_PX for side in whole.shape[:2])
    padding = [(0, -side % network.MULTIPLE) for side in whole.shape[:2]] + [(0, 0)]
    for down in (1, -1):
        for across in (1, -1):
            given = whole[::down, ::across] * (code.FLIPPED if down != across else 1)
            found = model(np.pad(given, padding)[None])
            total = total + np.stack([np.asarray(each)[0, :rows, :cols, 0] for each in found[:2]])[:, ::down, ::across]
    return total / 4


@pytest.mark.parametrize(("side", "size"), [(384, 0.06), (48, 0.06), (80, 0.073)])
def test_blocks_read_what_the_network_reads_in_the_whole_picture(model, rgb, monkeypatch, side, size):
    monkeypatch.setattr(blocks, "BLOCK_CELLS", side)
    picture = rgb[:900, :1130] if size == 0.073 else rgb
    grid, expected = code.Grid.over(picture.shape[:2], size), by_keras(model, picture, size)
    read, all_ = reading.reader(model, grid.cells), list(blocks.blocks(grid.cells))
    assert sum(np.ptp(block.rows) * np.ptp(block.cols) for block in all_) == np.prod(grid.cells)
    tolerance = 1e-4 if size == 0.06 else 1e-3  # resampling rounds otherwise
    for block in {all_[0], all_[len(all_) // 2 + 3 if side == 48 else 0], all_[-1]}:
        found = read(grid, code.reading(picture), block)
        for name, values in zip(("log_hardness", "log_level"), expected, strict=True):
            assert np.abs(found[name][..., 0] - values[block.place]).max() < tolerance * values.std()


def test_a_window_is_as_wide_as_the_receptive_field(model, rgb, monkeypatch):
    """A pixel changes readings as far as REACH_PX at most: what a block sees is enough, and little more."""
    grid = code.Grid.over(rgb.shape[:2], 0.06)
    changed = rgb.copy()
    changed[748:752] = 255 - rgb[748:752]
    one, other = (reading.read(model, each) for each in (rgb, changed))
    touched = np.flatnonzero((one["log_level"] != other["log_level"]).any(axis=(1, 2))) * code.CELL_PX
    assert 752 - blocks.REACH_PX <= touched[0] < 752 - 350
    assert 748 + 350 < touched[-1] < 748 + blocks.REACH_PX
    assert len(list(blocks.blocks(grid.cells))) == 2


def test_what_is_dark_is_read_once_and_not_otherwise(model, monkeypatch):
    """Blocks that see nothing are not computed again, and not a bit of them is another."""
    monkeypatch.setattr(blocks, "BLOCK_CELLS", 64)
    picture, computed = np.zeros((256, 5120, 3), np.uint8), []
    picture[:70, :90] = np.random.default_rng(0).integers(0, 256, (70, 90, 3))
    grid, plain = code.Grid.over(picture.shape[:2], 0.06), blocks.Reader._read
    monkeypatch.setattr(blocks.Reader, "_read", lambda *given: computed.append(1) or plain(*given))
    reader, kept = reading.reader(model, grid.cells), []
    for block in blocks.blocks(grid.cells):
        before = len(computed)
        found = reader(grid, code.reading(picture), block)
        if before == len(computed):
            kept.append((block, found))
    assert 3 < len(computed) < len(kept)
    for block, found in kept[::4]:
        reader._dark.clear()
        for name, values in reader(grid, code.reading(picture), block).items():
            np.testing.assert_array_equal(found[name], values)


def test_weights_that_change_are_read_anew(model, rgb):
    small = rgb[:128, :128]
    before = reading.read(model, small)["log_hardness"]
    bias = model.get_layer("log_hardness").bias
    bias.assign(bias + 1)
    try:
        np.testing.assert_allclose(reading.read(model, small)["log_hardness"], before + 1, atol=1e-5)
    finally:
        bias.assign(bias - 1)
