"""How notebooks are run, and what holds for every committed one."""

import json

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from enamel_lib import paths
from enamel_lib.errors import InputError
from enamel_lib.reproduce import notebooks

COMMITTED = sorted(paths.NOTEBOOKS.glob("*.ipynb"))
MACHINE_PATHS = ("/home/", "/root/", "/tmp/", "/Users/", "site-packages", str(paths.ROOT))


@pytest.fixture
def desk(tmp_path):
    """A folder with two small notebooks and two profiles."""
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


def plan(desk, profile="quick", numbers=None):
    return notebooks.plan(
        profile, numbers, notebooks=desk / "notebooks", profiles=desk / "profiles", build=desk / "build"
    )


def test_a_plan_gives_every_notebook_its_parameters(desk):
    assert [(job.notebook.stem, job.parameters) for job in plan(desk)] == [
        ("01-small", {"count": 0, "name": "tiny"}),
        ("02-small", {"count": 0}),
    ]
    assert [job.notebook.stem for job in plan(desk, numbers=["2"])] == ["02-small"]
    assert plan(desk, "default")[0].parameters == {}


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        ("01-small: {wrong: 1}", "sets wrong in 01-small"),
        ("every: {wrong: 1}", "sets wrong in 01-small"),
        ("07-gone: {count: 1}", "07-gone"),
        ("01-small: 5", "must map"),
    ],
)
def test_an_undeclared_key_is_an_error_even_if_its_notebook_is_not_wanted(desk, profile, message):
    (desk / "profiles" / "quick.yml").write_text(profile)
    with pytest.raises(InputError, match=message):
        plan(desk, numbers=["02"])


def test_unknown_profiles_and_numbers_are_named(desk):
    with pytest.raises(InputError, match="default, quick"):
        plan(desk, "huge")
    with pytest.raises(InputError, match="01, 02"):
        plan(desk, numbers=["09"])
    with pytest.raises(InputError, match="no notebook"):
        notebooks.discover(folder=desk / "profiles")


@pytest.mark.parametrize("source", ["a = 1 + b", "a, b = 1, 2", "print(1)", "a = ", "a += 1"])
def test_parameters_must_be_literals(desk, source):
    cells = [new_code_cell(source, metadata={"tags": ["parameters"]})]
    path = desk / "notebooks" / "01-small.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    with pytest.raises(InputError, match="name = literal"):
        notebooks.declared_parameters(path)


def test_a_run_leaves_a_clean_copy_and_a_failure_is_reported(desk):
    good, bad = plan(desk)
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


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
class TestCommitted:
    """A reader must be able to trust and rerun what is committed."""

    @pytest.fixture
    def cells(self, path):
        return nbformat.read(path, as_version=4).cells

    @pytest.fixture
    def code(self, cells):
        return [cell for cell in cells if cell.cell_type == "code"]

    def test_opens_with_a_title_and_declares_parameters(self, path, cells):
        assert cells[0].cell_type == "markdown"
        assert cells[0].source.startswith("# ")
        assert notebooks.declared_parameters(path)["out"] == "figures"

    def test_is_executed_in_order_without_errors_or_noise(self, code):
        assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
        outputs = [output for cell in code for output in cell.outputs]
        assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]

    def test_shows_its_figures(self, code):
        shown = [output for cell in code for output in cell.outputs if "image/png" in output.get("data", {})]
        saved = [line for cell in code for line in cell.source.splitlines() if "save_figure(" in line]
        assert len(shown) >= len(saved)

    def test_names_no_machine(self, path):
        content = json.loads(path.read_text(encoding="utf-8"))
        assert content["metadata"]["kernelspec"]["name"] == "python3"
        assert content["metadata"].keys() <= {"kernelspec", "language_info"}
        for cell in content["cells"]:
            for output in cell.get("outputs", []):
                for mime, shown in output.get("data", {"text": output.get("text", "")}).items():
                    text = "".join(shown) if isinstance(shown, list) else str(shown)
                    assert mime.startswith("image/") or not [p for p in MACHINE_PATHS if p in text]

    def test_reads_as_an_article(self, cells, code):
        markdown = [cell for cell in cells if cell.cell_type == "markdown"]
        assert len(markdown) >= 0.8 * len(code)
        for cell in code:
            assert not {"def", "class"} & {line.split(" ")[0] for line in cell.source.splitlines()}
            lines = [line for line in cell.source.splitlines() if line.strip()]
            assert len(lines) <= 20 or "write_facts(" in cell.source  # the table of facts may be long

    def test_ends_with_facts_that_nbval_compares(self, code):
        facts = [cell for cell in code if "write_facts(" in cell.source]
        assert len(facts) == 1
        assert "# NBVAL_CHECK_OUTPUT" in facts[0].source
        assert facts[0].outputs


@pytest.mark.skipif(not COMMITTED, reason="no notebook is committed yet")
@pytest.mark.parametrize("profile", ["quick", "default", "full"])
def test_shipped_profiles_set_only_what_is_declared(profile):
    assert notebooks.plan(profile)


def test_the_quick_profile_stays_in_build():
    assert notebooks.load_profile("quick")["every"]["out"].startswith("build/")
