"""Facts that the code cites are in the repository."""

import re

import pytest

from enamel_lib import paths

CITATION = re.compile(r"DOMAIN\.md\s+((?:[A-E]\d*)(?:(?:-|, | and )[A-E]\d+)*(?: and [A-E]\b)?)")
FACTS = (paths.DATA / "DOMAIN.md").read_text(encoding="utf-8")
ROWS = set(re.findall(r"^## ([A-E])\. ", FACTS, re.M)) | set(re.findall(r"^\| \*\*(D\d+)\*\* \|", FACTS, re.M))


def cited(text):
    """Sections and rows that a text cites; of a range, its ends."""
    rows = set()
    for citation in CITATION.findall(text):
        rows |= set(re.findall(r"[A-E]\d*", citation))
    return rows


@pytest.mark.parametrize("path", sorted(paths.PACKAGE.rglob("*.py")) + sorted((paths.ROOT / "tests").rglob("*.py")))
def test_every_citation_resolves(path):
    text = re.sub(r"\n\s*#? ?", " ", path.read_text(encoding="utf-8"))
    assert text.count("DOMAIN.md") == 0 or path == paths.ROOT / "tests/test_domain.py" or cited(text)
    assert cited(text) <= ROWS


def test_citations_are_read():
    assert cited("(DOMAIN.md D12-D15), DOMAIN.md A and B, and DOMAIN.md\nE)") == {"D12", "D15", "A", "B", "E"}
    assert {"A", "B", "D", "E", "D1", "D25"} <= ROWS
    assert "D8" not in ROWS
