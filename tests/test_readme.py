"""The README tells the truth: files it names exist, numbers it states are the facts'."""

import json
import re

import pytest

from enamel_lib import paths

README = (paths.ROOT / "README.md").read_text(encoding="utf-8")
FACT = re.compile(r"(-?[\d.,]+\d)(?: ?%| GPa)?<!-- (\d\d): (.+?) -->")  # 0.94<!-- 02: r2 (audited) -->


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\((?!http)(.+?)\)", README))))
def test_what_it_links_to_is_there(target):
    assert (paths.ROOT / target).exists()


def test_it_names_every_notebook():
    assert [path.name for path in sorted(paths.NOTEBOOKS.glob("*.ipynb")) if path.name not in README] == []


@pytest.mark.parametrize(("shown", "number", "fact"), FACT.findall(README))
def test_its_numbers_are_the_facts(shown, number, fact):
    facts = json.loads((paths.FIGURES / "facts" / f"{number}.json").read_text(encoding="utf-8"))
    digits = len(shown.partition(".")[2])
    assert float(shown.replace(",", "")) == round(facts[fact]["value"], digits)


def test_every_number_that_claims_a_fact_is_checked():
    assert len(FACT.findall(README)) == len(re.findall(r"<!-- \d\d: ", README))
