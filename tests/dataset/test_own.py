"""Maps and indents of one's own in their natural form: checked, cut at the training scale, audited."""

import numpy as np
import pandas as pd
import pytest
import tifffile
from PIL import Image

from enamel_lib import images, pictures, simulate
from enamel_lib.dataset import curation, instruments, own, sources
from enamel_lib.errors import DataError


@pytest.fixture
def root(tmp_path, monkeypatch):
    """Three maps: one indented, one with mean and sd, one with an estimated mean; pixels of 0.12, 0.06 and 0.06 um."""
    monkeypatch.setattr(own.paths, "PROCESSED", tmp_path / "processed")
    raw = tmp_path / "raw"
    (raw / "maps").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name, shape in {"a.PNG": (300, 500, 3), "b.png": (450, 420, 3), "c.png": (210, 220, 3)}.items():
        Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8)).save(raw / "maps" / name)
    (raw / "maps.csv").write_text(
        "map;image;pixel size [nm];mean_gpa;sd_gpa;n_indents\na;a.png;120;;;\nb;b.png;60;4,1;0,3;25\nc;c.png;60;3,5;;\n"
    )
    x, y = rng.uniform(8, 50, 80), rng.uniform(8, 28, 80)
    table = pd.DataFrame({"map": "a", "X (µm)": x, "Y (µm)": y, "H (MPa)": rng.uniform(3000, 5000, 80)})
    table.loc[0, ["X (µm)", "Y (µm)"]] = 2.0, 20.0
    table.round(3).to_csv(raw / "indents.CSV", index=False)
    return raw


def test_the_three_sources_in_their_natural_form(root):
    loaded = sources.load_sources(root)
    assert {name: len(source.table) for name, source in loaded.items()} == {
        "accurate": 79,
        "estimated": 1,
        "noisy": 9,
    }
    note = loaded["accurate"].note
    assert "semicolons" in note
    assert "a: scale 2: from 0.12 um per pixel to the 0.06 um" in note
    assert "a: 1 indents too near the edge" in note
    assert "b: scale" not in note
    noisy = loaded["noisy"].table
    assert set(zip(noisy.map_id, noisy.label, noisy.label_sd, strict=True)) == {("b", 4.1, 0.3)}
    assert loaded["estimated"].table.label.tolist() == [3.5]


def test_a_tile_shows_the_place_of_its_indent(root):
    given = pd.read_csv(root / "indents.CSV").iloc[5]
    row = sources.load_sources(root)["accurate"].table.iloc[4]
    assert row.label == pytest.approx(given["H (MPa)"] / 1000)
    centre = np.array([row.row, row.col]) + 100
    np.testing.assert_allclose(centre * 0.06, [given["Y (µm)"], given["X (µm)"]], atol=0.031)
    tile = curation.load_tiles(curation.united_table(sources.load_sources(root)), root)[4]
    whole = images.resize(np.asarray(Image.open(root / "maps/a.PNG")), 2)
    np.testing.assert_array_equal(tile, whole[int(row.row) :, int(row.col) :][:200, :200])


def test_one_indented_map_is_enough_and_the_audit_sees_overlap(root):
    (root / "maps.csv").write_text("map,image,pixel_size_um\na,a.png,0.12\n")
    loaded = sources.load_sources(root)
    assert list(loaded) == ["accurate"]
    united = curation.united_table(loaded)
    audited = curation.leakage_audit(curation.split(united, "audited"))
    assert audited.loc["overall", "seen"] == 0
    assert curation.leakage_audit(curation.split(united, "paper")).loc["overall", "seen_share"] > 0.9


def test_tiles_are_cut_once_and_anew_when_something_changed(root):
    first = own.cut_tiles(root)
    assert own.cut_tiles(root) == first
    (root / "indents.CSV").write_text("map,col,row,hardness_gpa\na,250,150,4.2\n")
    assert own.cut_tiles(root) != first
    assert sorted(path.name[:4] for path in first.parent.iterdir()) == ["own-", "own-"]


MAP = "map,image,pixel_size_um\na,a.png,0.12\n"


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("maps.csv", "map,image\na,a.png\n", "line 2: neither it nor a.png states"),
        ("maps.csv", "map,image,pixel size\na,a.png,60\n", "states no unit"),
        ("maps.csv", "map,image,pixel_size_um\na,a.png,250\n", "line 2.*0.005 to 2 um"),
        ("maps.csv", MAP + "A,b.png,0.06\n", "there twice"),
        ("maps.csv", MAP.replace("a.png", "z.png"), "line 2: no picture"),
        ("maps.csv", MAP.replace("a.png", "../a.png"), "leaves the data folder"),
        ("maps.csv", MAP.replace("0.12", "0.02"), "smaller than a window"),
        ("maps.csv", "map,image,pixel_size_um,sd_gpa\na,a.png,0.12,0.3\n", "without a mean"),
        ("indents.CSV", "map,x_um,y_um,hardness_gpa\nz,10,10,4\n", "'z' is not in maps.csv"),
        ("indents.CSV", "x_um,y_um,hardness_gpa\n10,10,4\n", "name no map"),
        ("indents.CSV", "map,x_um,hardness_gpa\na,10,4\n", "says not where"),
        ("indents.CSV", "map,x_um,y_um,hardness_gpa\na,10,10,4\na,70,10,4\n", "line 3: .* outside the picture"),
        ("indents.CSV", "map,x_um,y_um,hardness_gpa\na,10,-3,4\n", "line 2: .* outside the picture"),
        ("indents.CSV", "map,x_um,y_um,hardness_gpa\na,1,1,4\n", "no indent lies"),
        ("indents.CSV", "map,x_um,y_um,hardness_gpa\na,10,10,0.4\n", "a tenth of enamel's"),
        ("testdatakey_0425.csv", "sample,hardness,image_location\n", "keep one of the two layouts"),
    ],
)
def test_what_does_not_fit_is_refused_with_file_line_and_remedy(root, file, text, message):
    (root / file).write_text(text)
    with pytest.raises(DataError, match=message) as error:
        sources.load_sources(root)
    assert "\n" not in str(error.value)
    assert not list(root.parent.glob("processed/.partial-*"))


def test_a_pixel_size_is_that_of_the_file_where_the_table_states_none(root):
    pixels = np.asarray(Image.open(root / "maps/a.PNG"))
    tifffile.imwrite(root / "maps/a.tif", pixels, imagej=True, resolution=(1 / 0.12,) * 2, metadata={"unit": "um"})
    (root / "maps.csv").write_text("map,image,pixel_size_um\na,a.tif,\n")
    of_file = sources.load_sources(root)["accurate"]
    (root / "maps.csv").write_text(MAP)
    stated = sources.load_sources(root)["accurate"]
    pd.testing.assert_frame_equal(of_file.table[["row", "col", "label"]], stated.table[["row", "col", "label"]])
    assert "a: scale 2: from 0.12 um" in of_file.note


def test_nothing_is_cut_where_there_is_no_signal(root):
    pixels = np.array(Image.open(root / "maps/a.PNG"))
    pixels[:, 250:] = 0
    Image.fromarray(pixels).save(root / "maps/a.PNG")
    Image.fromarray(pixels[:, 60:]).save(root / "maps/b.png")
    whole = sources.load_sources(root)
    assert whole["accurate"].table["col"].max() <= 500 - 0.75 * 200
    assert "places without signal left out" in whole["accurate"].note
    assert set(whole["noisy"].table["map_id"]) == {"b"}
    assert (whole["noisy"].table["col"] == 0).all()


def test_files_as_instruments_write_them_are_read_back(tmp_path):
    section = simulate.section((150, 200), seed=1, depth=0.5, pixel_size_um=0.08)
    truth = instruments.write(tmp_path, section, count=40, off_um=(1.0, -2.0), seed=2)
    picture = pictures.read_picture(tmp_path / instruments.MAP)
    np.testing.assert_array_equal(picture.rgb, section.rgb)
    assert picture.pixel_size_um == pytest.approx(0.08)
    table = own.read_indents(tmp_path / instruments.INDENTS, 0.08)[""].table
    np.testing.assert_allclose(table["row"], truth["row"] + 1 / 0.08, atol=0.01)
    np.testing.assert_allclose(table["col"], truth["col"] - 2 / 0.08, atol=0.01)
    np.testing.assert_allclose(table["hardness"], truth["hardness"], atol=0.001)
    assert 0.05 < (truth["hardness"] - truth["true"]).std() < 0.6


def test_indents_that_name_no_map_are_of_the_one_that_is_asked_for(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("col,row,H (GPa),map\n1,2,4,a\n2,2,5,\n3,4,3,b\n")
    found = own.read_indents(path, 0.06, named="a")
    assert list(found) == ["a"]
    assert list(found["a"].table["hardness"]) == [4, 5]
    assert own.read_indents(tmp_path / "a.csv", 0.06, named="b")["b"].table["hardness"].tolist() == [5, 3]


def test_rows_without_a_hardness_and_repeated_places_are_said(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("col,row,H (GPa)\n1,2,4\n1,2,5\n3,4,nan\n5,6,\n7,8,3\n")
    (found,) = own.read_indents(path, 0.06).values()
    assert list(found.table["hardness"]) == [4, 5, 3]
    assert "2 rows without" in found.said
    assert "1 rows repeat a place" in found.said
    path.write_text("col,row,H\n1,2,1e300\n")
    with pytest.raises(DataError) as error:
        own.read_indents(path, 0.06)
    assert "MPa" not in str(error.value)
    path.write_text("col,row,H\u00e4rte (GPa)\n1,2,4\n", encoding="utf-8")
    with pytest.raises(DataError, match="name it hardness_gpa or hardness or H"):
        own.read_indents(path, 0.06)
