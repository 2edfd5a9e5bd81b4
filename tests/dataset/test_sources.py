"""Sources: what the simulation writes, and what the reader accepts and refuses."""

import json
import types

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from enamel_lib import paths
from enamel_lib.dataset import simulated as sim
from enamel_lib.dataset import sources
from enamel_lib.errors import DataError, InputError
from enamel_lib.simulate import simulator

ACCURATE, ESTIMATED, NOISY = sim.ACCURATE_CSV, sim.ESTIMATED_CSV, sim.NOISY_CSV


def fake_section(shape, *, pixel_size_um, seed, world, depth):
    """Stand-in for `simulate.section`: random fields whose hardness is a ramp of 3 to 6 GPa down the map."""
    rng = np.random.default_rng(seed)
    director = rng.standard_normal((*shape, 3)).astype(np.float32)
    return types.SimpleNamespace(
        rgb=rng.integers(0, 256, (*shape, 3), dtype=np.uint8),
        director=director / np.linalg.norm(director, axis=-1, keepdims=True),
        hardness=np.broadcast_to(np.linspace(3, 6, shape[0], dtype=np.float32)[:, None], shape),
        depth=np.full(shape, depth, np.float32),
        region=rng.integers(0, 4, shape, dtype=np.uint8),
        misorientation=rng.uniform(0, 30, shape).astype(np.float32),
        pixel_size_um=pixel_size_um,
        texture=types.SimpleNamespace(pitch=5.5),
    )


@pytest.fixture(scope="module")
def small_simulation():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sim.simulator, "section", fake_section)
        small = {"ACCURATE_SHAPE": (500, 600), "ACCURATE_COUNT": 20, "ESTIMATED_MAPS": 3, "ESTIMATED_TILES": 2}
        small |= {"NOISY_SHAPE": (300, 300), "NOISY_MAPS": 3, "NOISY_COUNT": 10}
        for name, value in small.items():
            patch.setattr(sim, name, value)
        yield


@pytest.fixture(scope="module")
def root(small_simulation, tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulated") / "data"
    sim.simulate_sources(folder, seed=3)
    return folder


@pytest.fixture
def user_root(tmp_path):
    """Smallest data of a user: two accurate tiles, one estimated, two crops of one map; no places, no truth."""
    tile = Image.fromarray(np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8))
    for name in ("a/1.png", "a/2.png", "e/2.5_01.png", f"{sim.NOISY_IMAGES}/0.png", f"{sim.NOISY_IMAGES}/1.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        tile.save(tmp_path / name)
    (tmp_path / ACCURATE).write_text("sample,hardness,image_location\n1,4.1,./a/1.png\n2,4.2,a\\2.png\n")
    (tmp_path / ESTIMATED).write_text("sample,hardness,image_location\n1,2.5,./e/2.5_01.png\n")
    (tmp_path / NOISY).write_text("H (GPa),H error\n4.0,0.5\n")
    return tmp_path


def test_simulated_files_have_the_authors_layout(root):
    accurate, estimated = pd.read_csv(root / ACCURATE), pd.read_csv(root / ESTIMATED)
    assert list(accurate) == list(estimated) == ["sample", "hardness", "image_location"]
    assert accurate.image_location[0] == "./Sliced/images/HIC_01.png"
    assert estimated.image_location.str.fullmatch(r"\./testdata_0425/images/\d\.\d_\d\d\.png").all()
    named = estimated.image_location.str.extract(r"/(\d\.\d)_")[0].astype(float)
    np.testing.assert_array_equal(named, estimated.hardness)
    assert {"H (GPa)", "H error"} <= set(pd.read_csv(root / NOISY))
    assert len(list((root / "Augmented_Images_StdSize_PNG").glob("*.png"))) == 10


def test_simulated_sources_load_with_place_truth_and_labels_in_range(root):
    loaded = sources.load_sources(root)
    assert {name: len(source.table) for name, source in loaded.items()} == {
        "accurate": 20,
        "estimated": 12,
        "noisy": 10,
    }
    assert loaded["noisy"].table.map_id.tolist() == [f"noisy-{i % 3:02d}" for i in range(10)]
    assert loaded["estimated"].table.map_id.nunique() == 3
    for source in loaded.values():
        assert source.note == ""
        assert source.table.label.between(2, 7).all()
        assert source.table[["row", "col", "truth", "truth_centre"]].notna().all(axis=None)
        assert list(source.table) == sources.COLUMNS


@pytest.mark.usefixtures("small_simulation")
def test_the_indented_map_is_the_one_that_the_tiles_were_cut_from(root):
    whole = sim.indented_map(root)
    tile = sources.load_sources(root)["accurate"].table.iloc[7]
    row, col = int(tile.row), int(tile.col)
    np.testing.assert_array_equal(whole[row : row + 200, col : col + 200], Image.open(root / tile.image))


def test_truth_is_that_of_the_window(root):
    truth = sources.load_truth(root).set_index("image").loc["Augmented_Images_StdSize_PNG/0.png"]
    ramp = np.linspace(3, 6, 300)[int(truth.row) :]
    assert truth.truth == pytest.approx(ramp[:200].mean(), abs=1e-4)
    assert truth.truth_centre == pytest.approx(ramp[100], abs=1e-4)
    assert truth[["hidden_interrod", "hidden_head", "hidden_tail", "hidden_sheath"]].sum() == pytest.approx(1, abs=1e-4)
    assert truth.hidden_dyad_xx + truth.hidden_dyad_yy + truth.hidden_dyad_zz == pytest.approx(1, abs=1e-4)
    assert truth.hidden_cos2 == pytest.approx(1 / 3, abs=0.01)  # random directors
    assert not [name for name in truth.index if name.startswith("hidden") and "depth" in name]


def test_indent_noise_has_its_standard_deviation():
    section = fake_section((50, 50), pixel_size_um=0.06, seed=0, world="visible", depth=0.5)
    sites = np.full((200_000, 2), 10)
    noise = sim.indent(section, sites, np.random.default_rng(0)) - section.hardness[10, 10]
    assert noise.std() == pytest.approx(0.20, abs=0.01)
    assert abs(noise.mean()) < 0.002


def test_simulation_is_deterministic_and_its_hash_covers_tables_and_images(root, small_simulation, tmp_path):
    steps = []
    sim.simulate_sources(tmp_path / "again", seed=3, progress=lambda done, total: steps.append((done, total)))
    assert steps == [(i, 7) for i in range(1, 8)]
    assert sim.data_hash(tmp_path / "again") == sim.data_hash(root)
    manifest = json.loads((root / sim.MANIFEST).read_text())
    assert manifest["sha256"] == sim.data_hash(root)
    (tmp_path / "again" / NOISY).write_text("H (GPa),H error\n4.0,0.5\n")
    assert sim.data_hash(tmp_path / "again") != sim.data_hash(root)


def test_simulation_is_complete_or_absent_and_overwrites_nothing(small_simulation, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(sim, "_noisy", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            sim.simulate_sources(tmp_path / "data")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    with pytest.raises(InputError, match="not empty"):
        sim.simulate_sources(tmp_path / "mine")


@pytest.mark.parametrize(("world", "expected"), [("visible", 0.5), ("confounded", 0.9)])
def test_depth_map_knows_depth_where_depth_matters(world, expected):
    section = fake_section((200, 200), pixel_size_um=0.06, seed=0, world=world, depth=0.9)
    assert sim._from_depth_map(section, 0, 0, world) == pytest.approx(float(sim.law.depth_only(expected)))


def test_default_root_prefers_the_users_files(user_root, tmp_path, monkeypatch):
    monkeypatch.setattr(sources.paths, "RAW", user_root)
    assert sources.default_root() == user_root
    monkeypatch.setattr(sources.paths, "RAW", tmp_path / "none")
    monkeypatch.setattr(sources, "SIMULATED", tmp_path / "simulated")
    made = []
    monkeypatch.setattr(sources, "simulate_sources", lambda folder, **_: made.append(folder))
    assert sources.default_root() == tmp_path / "simulated"
    assert made == [tmp_path / "simulated"]


@pytest.mark.parametrize("manifest", [None, "{", "{}", '{"simulator": 0}'])
def test_data_of_an_older_simulator_are_made_anew(manifest, small_simulation, tmp_path, monkeypatch):
    monkeypatch.setattr(sources.paths, "RAW", tmp_path / "none")
    monkeypatch.setattr(sources, "SIMULATED", tmp_path / "simulated")
    old = tmp_path / "simulated" / "old.png"
    old.parent.mkdir()
    old.touch()
    if manifest:
        (old.parent / sim.MANIFEST).write_text(manifest)
    made = json.loads((sources.default_root() / sim.MANIFEST).read_text())
    assert made["simulator"] == simulator.VERSION
    assert not old.exists()
    before = (tmp_path / "simulated").stat().st_ctime_ns
    assert sources.default_root().stat().st_ctime_ns == before


def test_two_that_simulate_at_once_share_what_the_first_made(tmp_path, monkeypatch):
    monkeypatch.setattr(sources.paths, "RAW", tmp_path / "none")
    monkeypatch.setattr(sources, "SIMULATED", tmp_path / "simulated")

    def slower(root, **_):
        with paths.atomic_folder(root):
            root.mkdir()
            about = {"simulator": simulator.VERSION, "seed": 0, "world": "null"}
            (root / sim.MANIFEST).write_text(json.dumps(about))  # the other one is done

    def no_space(root, **_):
        raise OSError("No space left on device")

    monkeypatch.setattr(sources, "simulate_sources", no_space)
    with pytest.raises(OSError, match="No space"):
        sources.default_root()
    monkeypatch.setattr(sources, "simulate_sources", slower)
    assert sources.default_root() == tmp_path / "simulated"
    assert [path.name for path in tmp_path.iterdir()] == ["simulated"]


def test_user_files_load_without_places(user_root, capsys):
    loaded = sources.load_sources(user_root)
    assert loaded["accurate"].table.image.tolist() == ["a/1.png", "a/2.png"]
    assert loaded["estimated"].table.map_id.tolist() == ["e/2.5_01"]
    assert loaded["noisy"].table.label_sd.tolist() == [0.5, 0.5]
    assert "positions.csv" in loaded["accurate"].note
    assert loaded["accurate"].table[["row", "col", "truth"]].isna().all(axis=None)
    with pytest.raises(DataError, match="only simulated data"):
        sources.load_truth(user_root)
    assert sources.load_truth_if_there(user_root) is None
    assert capsys.readouterr().out.count("\n") == 1


def test_positions_of_the_user_are_taken(user_root):
    (user_root / "positions.csv").write_text("image,map_id,row,col\n./a/2.png,tooth,10,300\n")
    table = sources.load_sources(user_root)["accurate"].table
    assert table.map_id.tolist() == ["accurate", "tooth"]
    assert table.loc[1, ["row", "col"]].tolist() == [10, 300]


HEAD = "sample,hardness,image_location\n"
ONE = HEAD + "1,4.1,a/1.png\n"


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        (ACCURATE, "sample,image_location\n1,a/1.png\n", "'hardness' is missing"),
        (NOISY, "H (GPa)\n4.0\n", "'H error' is missing"),
        (ACCURATE, "", "empty"),
        (ACCURATE, HEAD, "no rows"),
        (ACCURATE, "hardness,hardness,image_location\n4,4,a/1.png\n", "twice"),
        (ACCURATE, ONE + "2,soft,a/2.png\n", r"line 3, 'hardness': 'soft' is not a number"),
        (ACCURATE, ONE + "2,,a/2.png\n", "line 3.*not a number"),
        (ACCURATE, ONE + "\n2,nan,a/2.png\n", "line 4.*'nan' is not a number"),
        (ACCURATE, ONE + "2,inf,a/2.png\n", "line 3.*'inf' is not a number"),
        (ACCURATE, ONE + "2,-4.2,a/2.png\n", "line 3.*0.1 to 10 GPa"),
        (ACCURATE, ONE + "2,4200,a/2.png\n", "line 3.*0.1 to 10 GPa"),
        (ACCURATE, ONE + "2,4,2,a/2.png\n", "line 3: more values than columns.*decimals with a point"),
        (NOISY, "H (GPa),H error\n4.0,-0.5\n", "line 2, 'H error'"),
        (ACCURATE, ONE + "2,4.2,a/1.png\n", "line 3.*on line 2 already"),
        (ACCURATE, ONE + "2,4.2,./a//1.png\n", "line 3.*on line 2 already"),
        (ACCURATE, ONE + "2,4.2,e/2.5_01.png\n", "two sources"),
        (ACCURATE, ONE + "2,4.2,a/9.png\n", "line 3.*does not exist"),
        (ACCURATE, ONE + "2,4.2,\n", "line 3.*'image_location' is empty"),
        (ACCURATE, ONE + "2,4.2,/etc/hostname\n", "line 3.*leaves the data folder"),
        (ACCURATE, ONE + "2,4.2,a/../../x.png\n", "line 3.*leaves the data folder"),
        (ACCURATE, ONE + "2,4.2,C:\\tiles\\x.png\n", "line 3.*leaves the data folder"),
        (ACCURATE, ONE + f"2,4.2,{ESTIMATED}\n", "not a picture"),
        ("positions.csv", "image,map_id,row,col\na/7.png,m,0,0\n", "line 2: a/7.png has no label"),
        ("positions.csv", "image,map_id,row,col\na/1.png,m,-3,0\n", "line 2, 'row'"),
        ("positions.csv", "image,map_id,row,col\na/1.png,,3,0\n", "line 2: 'map_id' is empty"),
    ],
)
def test_bad_tables_are_refused_with_file_line_and_reason(user_root, file, text, message):
    (user_root / file).write_text(text)
    with pytest.raises(DataError, match=message) as error:
        sources.load_sources(user_root)
    assert "\n" not in str(error.value)


def test_missing_table_crop_and_damaged_or_wrong_tiles_are_refused(user_root):
    tile = user_root / "a/1.png"
    whole = tile.read_bytes()
    tile.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="damaged or cut short"):
        sources.load_sources(user_root)
    Image.new("RGB", (256, 256)).save(tile)
    with pytest.raises(DataError, match=r"256 x 256 px, not 200 x 200; crop or resample"):
        sources.load_sources(user_root)
    tile.write_bytes(whole)
    (user_root / sim.NOISY_IMAGES / "1.png").rename(user_root / sim.NOISY_IMAGES / "2.png")
    with pytest.raises(DataError, match=r"2\.png: 2 crops are numbered 0\.png to 1\.png"):
        sources.load_sources(user_root)
    for crop in (user_root / sim.NOISY_IMAGES).glob("*.png"):
        crop.unlink()
    with pytest.raises(DataError, match="no crops"):
        sources.load_sources(user_root)
    (user_root / NOISY).unlink()
    with pytest.raises(DataError, match="no such table"):
        sources.load_sources(user_root)


def test_tables_and_tiles_are_found_and_said_as_people_have_them(user_root, monkeypatch):
    """Upper-case names, semicolons with decimal commas, units in the header: once refused, or passed over."""
    (user_root / ACCURATE).unlink()
    text = "sample;hardness (MPa);image_location\n1;4100,5;./a/1.png\n2;4200;a\\2.png\n"
    (user_root / ACCURATE.replace(".csv", ".CSV")).write_text(text)
    (user_root / "a/1.png").rename(user_root / "a/1.PNG")
    for crop in (user_root / sim.NOISY_IMAGES).glob("*.png"):
        crop.rename(crop.with_suffix(".PNG"))
    monkeypatch.setattr(sources.paths, "RAW", user_root)
    assert sources.default_root() == user_root
    loaded = sources.load_sources(user_root)
    assert loaded["accurate"].table.label.tolist() == pytest.approx([4.1005, 4.2])
    assert loaded["accurate"].table.image.tolist() == ["a/1.PNG", "a/2.png"]
    assert "semicolons between columns; decimal commas; 'hardness (MPa)' from MPa to GPa" in loaded["accurate"].note
    assert loaded["noisy"].table.image.tolist() == [f"{sim.NOISY_IMAGES}/{i}.PNG" for i in range(2)]


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: (ONE + "2," + text).encode("utf-8", "replace")))
def test_any_table_loads_or_is_refused(user_root, content):
    (user_root / ACCURATE).write_bytes(content)
    try:
        table = sources.load_sources(user_root)["accurate"].table
    except DataError:  # any other error fails the test
        return
    assert table.label.between(*sources.LABEL_LIMITS_GPA).all()
    assert table.image.is_unique


def test_simulated_data_are_told_from_the_users(root, user_root):
    assert sources.is_simulated(root)
    assert not sources.is_simulated(user_root)
