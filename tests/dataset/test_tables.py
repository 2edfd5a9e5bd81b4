"""Tables as people have them: read right, saying what was recognised, or refused in one line."""

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from enamel_lib.dataset import sheets, tables
from enamel_lib.errors import DataError

COLUMNS = (
    tables.Column("map"),
    tables.Column("x_um", "um", needed=False),
    tables.Column("y_um", "um", needed=False),
    tables.Column("col", "px", ("column", "x (px)"), needed=False),
    tables.Column("hardness_gpa", "GPa", ("hardness", "H"), (0.1, 10), usual=(2, 7)),
)
PLAIN = "map,x_um,y_um,hardness_gpa\na,10.5,20,4.2\nb,11,21.25,3.9\n"


def read(tmp_path, content, name="indents.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return tables.read(path, COLUMNS)


def same(table):
    """The values of `PLAIN`."""
    rows = table.rows
    return rows["map"].tolist() == ["a", "b"] and rows[
        ["x_um", "y_um", "hardness_gpa"]
    ].to_numpy().ravel().tolist() == (pytest.approx([10.5, 20, 4.2, 11, 21.25, 3.9]))


def workbook(path, sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(path)


CELLS = [["map", "x (um)", "y (um)", "H (GPa)"], ["a", 10.5, 20, 4.2], ["b", 11, 21.25, 3.9]]


def test_a_plain_table_needs_no_word(tmp_path):
    table = read(tmp_path, PLAIN)
    assert same(table)
    assert table.said == ""
    assert table.where(table.rows.index[1]).endswith("indents.csv, line 3")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (PLAIN.replace(",", ";"), "semicolons"),
        (PLAIN.replace(",", "\t"), "tabs"),
        (PLAIN.replace(",", ";").replace(".", ","), "semicolons between columns; decimal commas"),
        (PLAIN.replace(",", "\t").replace(".", ","), "tabs between columns; decimal commas"),
        ('map,x_um,y_um,hardness_gpa\na,"10,5","20","4,2"\nb,"11","21,25","3,9"\n', "decimal commas"),
        ("sep=;\n" + PLAIN.replace(",", ";"), "semicolons"),
        (PLAIN.replace("\n", ",,\n"), ""),
        (PLAIN.replace("\n", "\r\n"), ""),
        (b"\xef\xbb\xbf" + PLAIN.encode(), ""),
        (PLAIN.encode("utf-16"), "UTF-16"),
        (PLAIN.encode("utf-16-le"), "UTF-16"),
        (PLAIN.encode("utf-16-be"), "UTF-16"),
        (PLAIN.replace("\n", ",depth (µm)\n", 1).encode("cp1252"), "cp1252"),
        (PLAIN.replace("x_um", "x [µm]").replace("y_um", "Y / μm").encode(), ""),
        (PLAIN.replace("hardness_gpa", "H (GPa)"), ""),
        (PLAIN.replace("hardness_gpa", "Hardness"), ""),
        (PLAIN.replace("hardness_gpa", "H (MPa)").replace("4.2", "4200").replace("3.9", "3.9e3"), "'H (MPa)' from MPa"),
        (PLAIN.replace("x_um", "x (nm)").replace("10.5", "10500").replace("b,11", "b,11000"), "'x (nm)' from nm to um"),
        (PLAIN.replace("x_um", "x in mm").replace("10.5", "0.0105").replace("b,11", "b,0.011"), "from mm to um"),
        (PLAIN.replace("\na,", "\n,um,um,GPa\na,"), "units are stated on line 2"),
        (PLAIN + "Mean,,,4.05\nStd. Dev.,,,0.2\n", "statistics from line 4 on left out"),
        ("Nanoindenter, v3\nuser: me\n\n" + PLAIN, "columns are named on line 4"),
    ],
)
def test_ways_of_writing_give_the_same_values(tmp_path, content, said):
    table = read(tmp_path, content)
    assert same(table)
    assert said in table.said
    assert bool(said) == bool(table.said)


@pytest.mark.parametrize("name", ["indents.xlsx", "indents.csv", "INDENTS.XLSX"])
def test_excel_is_read_whatever_its_name(tmp_path, name):
    workbook(tmp_path / name, {"notes": [["measured by", "me"]], "indents": CELLS})
    table = tables.read(tmp_path / name, COLUMNS)
    assert same(table)
    assert "Excel workbook" in table.said
    assert "'indents'" in table.said
    assert ("though named" in table.said) == (name == "indents.csv")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        ("map,x_um\na,1\n", "'hardness_gpa' is missing"),
        (PLAIN.splitlines()[0], "no rows"),
        (PLAIN.replace("x_um", "x"), "'x' states no unit; write x_um"),
        (PLAIN.replace("x_um", "x (inch)"), "unit 'inch'"),
        (PLAIN.replace("hardness_gpa", "H (HV)"), "unit 'hv'"),
        (PLAIN.replace("hardness_gpa", "hardness (GPa),H (GPa)"), "twice"),
        (PLAIN.replace("a,", ",", 1).replace("\nm,", "\nma,"), "'map' is empty|'map' is missing"),
        (PLAIN.replace("4.2", "4,2"), "line 2: more values than columns"),
        (PLAIN.replace(",", ";").replace("4.2", "4,2"), "with a comma .'4,2'. and with a point"),
        ('map,hardness (MPa)\na,"4,200"\n', "thousand or a decimal"),
        (PLAIN.replace("4.2", "4200"), "looks like MPa"),
        (PLAIN.replace("4.2", "0.42").replace("3.9", "0.39"), "a tenth of enamel's"),
        (PLAIN.replace("4.2", "nan"), "'nan' is not a number"),
        (PLAIN.replace("4.2", ""), "line 2"),
        (b"\xd0\xcf\x11\xe0" + bytes(600), r"old Excel workbook \(.xls\)"),
        (b"PK\x03\x04" + bytes(100), "damaged Excel"),
        (b"<!DOCTYPE html><html>", "web page"),
        (b"\x89PNG\r\n\x1a\n", "a picture"),
        (b"map,hardness\n\x81,4\n", "neither UTF-8 nor cp1252"),
        (b"\xff\xfe\x00", "not a table"),
    ],
)
def test_what_is_not_sure_is_refused_in_one_line(tmp_path, content, message):
    with pytest.raises(DataError, match=message) as error:
        read(tmp_path, content)
    assert "\n" not in str(error.value)
    assert "indents.csv" in str(error.value)


def test_soft_values_are_taken_where_brackets_state_the_unit(tmp_path):
    soft = PLAIN.replace("4.2", "0.42").replace("3.9", "0.39").replace("hardness_gpa", "hardness (GPa)")
    assert read(tmp_path, soft).rows["hardness_gpa"].tolist() == [0.42, 0.39]


def test_a_huge_workbook_and_a_folder_are_refused(tmp_path, monkeypatch):
    workbook(tmp_path / "indents.xlsx", {"indents": CELLS})
    monkeypatch.setattr(sheets, "MOST_BYTES", 5_000)
    with pytest.raises(DataError, match="larger"):
        tables.read(tmp_path / "indents.xlsx", COLUMNS)
    with pytest.raises(DataError, match="no such table"):
        tables.read(tmp_path, COLUMNS)


def test_tables_and_pictures_are_found_whatever_the_case(tmp_path):
    assert tables.find(tmp_path, "maps.csv") is None
    (tmp_path / "Maps.CSV").touch()
    assert tables.find(tmp_path, "maps.csv").name == "Maps.CSV"
    (tmp_path / "maps.xlsx").touch()
    with pytest.raises(DataError, match="keep one of the two"):
        tables.find(tmp_path, "maps.csv")
    (tmp_path / "0.PNG").touch()
    assert tables.find_file(tmp_path / "0.png").name == "0.PNG"


@settings(
    max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.binary(max_size=80)
    | st.text(max_size=80).map(lambda text: (PLAIN + text).encode("utf-8", "replace"))
    | st.tuples(st.integers(0, len(PLAIN)), st.sampled_from(';\t,.\n"0'), st.sampled_from(["utf-8", "utf-16"])).map(
        lambda cut: (PLAIN[: cut[0]] + cut[1] + PLAIN[cut[0] + 1 :]).encode(cut[2])
    )
)
def test_anything_is_read_within_limits_or_refused(tmp_path, content):
    try:
        table = read(tmp_path, content)
    except DataError:  # any other error fails the test
        return
    assert table.rows["hardness_gpa"].between(0.1, 10).all()
