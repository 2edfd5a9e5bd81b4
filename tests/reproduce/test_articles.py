"""What holds for every committed notebook: it reads as an article, and a reader can trust and rerun it."""

import ast
import json
import re

import nbformat
import pytest

from enamel_lib import paths
from enamel_lib.reproduce import notebooks, published
from tests.notebook_sizes import sizes

COMMITTED = sorted(paths.NOTEBOOKS.glob("*.ipynb"))
MACHINE_PATHS = ("/home/", "/root/", "/tmp/", "/Users/", "site-packages", str(paths.ROOT))
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
MEDIAN, LONGEST, WIDEST, FACTS = 6, 15, 88, 5  # lines of a code cell; characters that JupyterLab shows at 1280 px


def leaves(value):
    """Numbers and texts anywhere in nested mappings and lists."""
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from leaves(inner)
    if not isinstance(value, dict | list):
        yield value


def telling(value):
    """Whether nobody would type this number for a reason of their own, as 22730 or 4.42, unlike 250 or 3.5."""
    return (isinstance(value, int) and value > 2000) or (isinstance(value, float) and value > 0 and value % 0.5 > 0)


PAPERS = set(filter(telling, leaves(published())))


def test_which_numbers_are_the_papers():
    assert {22730, 2427, 3550797, 4.42, 0.94, 0.22, 3.065, 5.95} <= PAPERS
    assert not {0, 1, 2, 3.0, 3.5, 7, 200, 250, 256, 512, 2000} & PAPERS


@pytest.mark.parametrize("path", COMMITTED, ids=lambda path: path.stem)
class TestArticle:
    @pytest.fixture
    def cells(self, path):
        return nbformat.read(path, as_version=4).cells

    @pytest.fixture
    def code(self, cells):
        return [cell for cell in cells if cell.cell_type == "code"]

    @pytest.fixture
    def text(self, cells):
        return [cell.source for cell in cells if cell.cell_type == "markdown"]

    def test_opens_with_a_title_what_it_reads_and_writes_and_its_neighbours(self, path, cells):
        assert cells[0].cell_type == "markdown"
        opening = cells[0].source
        assert opening.startswith("# ")
        assert "*Reads*" in opening
        assert "*Writes*" in opening
        here = COMMITTED.index(path)
        neighbours = {other.name for other in (*COMMITTED[max(here - 1, 0) : here], *COMMITTED[here + 1 : here + 2])}
        assert neighbours <= set(LINK.findall(opening))

    def test_its_links_lead_somewhere(self, path, text):
        links = [link for source in text for link in LINK.findall(source)]
        assert [link for link in links if not (path.parent / link).exists()] == []

    def test_declares_parameters_and_says_what_they_mean(self, path, code):
        assert "parameters" in code[0].metadata.get("tags", [])
        assert next(iter(notebooks.declared_parameters(path).items())) == ("out", "figures")
        said = [line for line in code[0].source.splitlines() if "#" in line or line.startswith("seed = ")]
        assert said == [line for line in code[0].source.splitlines() if line.strip()]

    def test_shows_a_figure_early(self, path):
        assert sizes(path)["first figure"] <= 3

    def test_its_cells_are_small(self, path):
        measured = sizes(path)
        assert measured["median"] <= MEDIAN
        assert measured["longest"] <= LONGEST
        assert measured["widest line"] <= WIDEST
        assert measured["facts cell"] <= FACTS

    def test_defines_nothing(self, code):
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
        assert [cell.source for cell in code for node in ast.walk(parsed(cell)) if isinstance(node, kinds)] == []

    def test_types_no_number_of_the_paper(self, code):
        typed = {node.value for cell in code for node in ast.walk(parsed(cell)) if isinstance(node, ast.Constant)}
        assert {value for value in typed if isinstance(value, int | float)} & PAPERS == set()

    def test_every_figure_saved_is_shown(self, code):
        saved = "".join(cell.source for cell in code).count("save_figure(")
        assert sum(len(shown(cell, "image/png")) for cell in code) >= saved

    def test_a_finding_follows_every_figure(self, code):
        """At once, or after one cell that computes its numbers."""
        for index, cell in enumerate(code):
            findings = [text for after in code[index : index + 3] for text in shown(after, "text/markdown")]
            if shown(cell, "image/png"):
                assert any("**" in finding for finding in findings), f"no finding after the figure of: {cell.source}"

    def test_invites_to_try_something(self, text):
        assert any(source.startswith("> **Try it.**") for source in "\n\n".join(text).split("\n\n"))

    def test_ends_with_facts_that_nbval_compares_and_what_they_show(self, cells, code):
        assert code[-1].source.startswith("# NBVAL_CHECK_OUTPUT\n")
        assert "facts.write(out" in code[-1].source
        assert "".join(cell.source for cell in code).count(".write(out") == 1
        assert code[-1].outputs
        after = [cell.source for cell in cells[cells.index(code[-1]) + 1 :]]
        assert any(source.startswith("## What this shows, and does not") for source in after)

    def test_explains_as_much_as_it_computes(self, text, code):
        findings = [finding for cell in code for finding in shown(cell, "text/markdown")]
        assert len(text) + len(findings) >= 0.8 * len(code)

    def test_is_executed_in_order_without_errors_or_noise(self, code):
        assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
        outputs = [output for cell in code for output in cell.outputs]
        assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]

    def test_names_no_machine(self, path):
        content = json.loads(path.read_text(encoding="utf-8"))
        assert content["metadata"]["kernelspec"]["name"] == "python3"
        assert content["metadata"].keys() <= {"kernelspec", "language_info"}
        for cell in content["cells"]:
            for output in cell.get("outputs", []):
                for mime, shown_ in output.get("data", {"text": output.get("text", "")}).items():
                    text = "".join(shown_) if isinstance(shown_, list) else str(shown_)
                    assert mime.startswith("image/") or not [p for p in MACHINE_PATHS if p in text]


def parsed(cell):
    """Syntax tree of a code cell, magics left out."""
    return ast.parse("\n".join(line for line in cell.source.splitlines() if not line.startswith("%")))


def shown(cell, mime):
    """Outputs of a code cell of one kind."""
    return [output.data[mime] for output in cell.outputs if mime in output.get("data", {})]
