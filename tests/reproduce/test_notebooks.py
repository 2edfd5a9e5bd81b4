"""How notebooks are run; what holds for every committed one is in `test_articles`."""

import shutil

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from enamel_lib import paths
from enamel_lib.errors import InputError
from enamel_lib.reproduce import notebooks, report


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A folder with two small notebooks and two profiles."""
    monkeypatch.setattr(paths, "NOTEBOOKS", tmp_path / "notebooks")
    monkeypatch.setattr(paths, "FIGURES", tmp_path / "figures")
    monkeypatch.setattr(paths, "BUILD", tmp_path / "build")
    monkeypatch.setattr(notebooks, "PROFILES", tmp_path / "profiles")
    for number, code in (("01", "print(count)"), ("02", "1 / count")):
        cells = [
            new_markdown_cell("# Title"),
            new_code_cell("count = 3  # how many\nname = 'x'", metadata={"tags": ["parameters"]}),
            new_code_cell(f"import sys\nprint('noise', file=sys.stderr)\n{code}"),
            new_code_cell("'seen'"),
        ]
        (tmp_path / "notebooks").mkdir(exist_ok=True)
        nbformat.write(new_notebook(cells=cells), tmp_path / "notebooks" / f"{number}-small.ipynb")
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "default.yml").write_text("# nothing\n")
    (tmp_path / "profiles" / "quick.yml").write_text("every:\n  count: 0\n01-small:\n  name: tiny\n")
    return tmp_path


def test_a_plan_gives_every_notebook_its_parameters(desk):
    assert [(job.notebook.stem, job.parameters) for job in notebooks.plan("quick")] == [
        ("01-small", {"count": 0, "name": "tiny"}),
        ("02-small", {"count": 0}),
    ]
    assert [job.notebook.stem for job in notebooks.plan("quick", ["2"])] == ["02-small"]
    assert notebooks.plan("default")[0].parameters == {}


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        ("01-small: {wrong: 1}", "sets wrong in 01-small"),
        ("every: {wrong: 1}", "sets wrong in 01-small"),
        ("07-gone: {count: 1}", "07-gone"),
        ("01-small: 5", "valid dictionary"),
    ],
)
def test_an_undeclared_key_is_an_error_even_if_its_notebook_is_not_wanted(desk, profile, message):
    (desk / "profiles" / "quick.yml").write_text(profile)
    with pytest.raises(InputError, match=message):
        notebooks.plan("quick", ["02"])


def test_unknown_profiles_and_numbers_are_named(desk):
    with pytest.raises(InputError, match="default, quick"):
        notebooks.plan("huge")
    with pytest.raises(InputError, match="01, 02"):
        notebooks.plan("quick", ["9"])
    shutil.rmtree(desk / "notebooks")
    with pytest.raises(InputError, match=r"no notebook NN-name\.ipynb"):
        notebooks.discover()


@pytest.mark.parametrize("source", ["a = 1 + b", "a, b = 1, 2", "print(1)", "a = ", "a += 1"])
def test_parameters_must_be_literals(desk, source):
    cells = [new_code_cell(source, metadata={"tags": ["parameters"]})]
    path = desk / "notebooks" / "01-small.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    with pytest.raises(InputError, match="name = literal"):
        notebooks.declared_parameters(path)


def test_a_run_leaves_a_clean_copy_and_a_failure_is_reported(desk):
    good, bad = notebooks.plan("quick")
    seen = []
    record = notebooks.run(good, lambda: seen.append(1))
    assert record["status"] == "done"
    assert len(seen) == good.cells
    text = good.executed.read_text()
    assert '"papermill"' not in text
    assert '"name": "stderr"' not in text
    assert str(desk) not in text
    copy = nbformat.reads(text, as_version=4)
    assert copy.metadata.kernelspec.name == "python3"
    assert [cell.execution_count for cell in copy.cells if cell.cell_type == "code"] == [1, 2, 3, 4]
    assert copy.cells[3].outputs[0].text == "0\n"
    assert notebooks.run(bad)["status"].startswith("cell 3: ZeroDivisionError")


def test_a_widget_leaves_its_still_picture(tmp_path):
    """A saved copy has no kernel to ask, and JupyterLab and sites would show an error."""
    data = {"image/png": "iVBORw0KGgo=", notebooks.WIDGET: {"model_id": "1"}}
    cell = new_code_cell("viewer", outputs=[new_output("display_data", data)])
    nbformat.write(new_notebook(cells=[cell]), tmp_path / "a.ipynb")
    notebooks.sanitize(tmp_path / "a.ipynb")
    copy = nbformat.read(tmp_path / "a.ipynb", as_version=4)
    assert list(copy.cells[0].outputs[0].data) == ["image/png"]


def test_minutes_are_those_of_this_machine_or_else_of_the_committed_figures(desk):
    assert notebooks.earlier_minutes("quick") == {}
    report.write_manifest(
        desk / "figures" / "manifest.json", "default", {"01-small": {"minutes": 5}, "02": {"minutes": 1}}
    )
    report.write_manifest(desk / "build" / "default" / "manifest.json", "default", {"01-small": {"minutes": 3}})
    assert notebooks.earlier_minutes("default") == {"01-small": 3, "02": 1}
    assert notebooks.earlier_minutes("quick") == {}


@pytest.mark.parametrize("profile", ["quick", "default", "full"])
def test_shipped_profiles_set_only_what_is_declared(profile):
    assert notebooks.plan(profile)


def test_the_quick_profile_stays_in_build():
    assert notebooks.load_profile("quick")["every"]["out"].startswith("build/")
