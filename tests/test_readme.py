"""The README tells the truth: files it names exist, numbers it states are the facts'."""

import json
import re
from decimal import Decimal

import pytest
import typer

from enamel_lib import paths
from enamel_lib.cli import app
from enamel_lib.reproduce import published

README = (paths.ROOT / "README.md").read_text(encoding="utf-8")
PAPER = re.compile(r"([\d.,]+\d)<!-- paper: (\w+) (\w+) -->")  # 0.94<!-- paper: indenter r2 -->
MINUTES = re.compile(r"\[(\d\d-[\w-]+)\]\(notebooks/.+?\) \| ?([\d.]*) \|")
FACT = re.compile(r"(-?[\d.,]*\d)(?: ?%| GPa)?<!-- (\d\d): (.+?) -->")  # 0.94<!-- 02: r2 (audited) -->


@pytest.mark.parametrize("target", sorted(set(re.findall(r'(?:\]\(|<img src=")(?!http)(.+?)[)"]', README))))
def test_what_it_links_to_is_there(target):
    assert (paths.ROOT / target).exists()


def test_it_names_every_notebook():
    assert [path.name for path in sorted(paths.NOTEBOOKS.glob("*.ipynb")) if path.name not in README] == []


@pytest.mark.parametrize(("shown", "number", "fact"), FACT.findall(README))
def test_its_numbers_are_the_facts(shown, number, fact):
    facts = json.loads((paths.FIGURES / "facts" / f"{number}.json").read_text(encoding="utf-8"))
    value, shown = Decimal(str(facts[fact]["value"])), Decimal(shown.replace(",", ""))
    # A fact is rounded already: one that lies in the middle of two shorter numbers has to be shown whole.
    last_digit = Decimal(1).scaleb(shown.as_tuple().exponent)
    assert value == shown or abs(value - shown) < last_digit / 2


@pytest.mark.parametrize(("shown", "chapter", "name"), PAPER.findall(README))
def test_its_numbers_of_the_paper_are_the_papers(shown, chapter, name):
    assert float(shown.replace(",", "")) == published()[chapter][name]


def test_every_number_that_claims_a_fact_is_checked():
    claimed = re.findall(r"<!-- (?:\d\d|paper): ", README)
    assert len(FACT.findall(README)) + len(PAPER.findall(README)) == len(claimed) > 0


def test_its_minutes_are_those_of_the_run_that_made_the_figures():
    manifest = json.loads((paths.FIGURES / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["profile"] == "default"
    assert dict(MINUTES.findall(README)) == {
        stem: f"{record['minutes']:.1f}" for stem, record in manifest["notebooks"].items()
    }
    assert f"default profile: {manifest['minutes']:.0f} minutes" in README


def test_it_shows_every_command_and_names_every_target():
    commands = typer.main.get_command(app.app).commands
    assert [name for name in commands if f"`enamel {name}" not in README] == []
    targets = re.findall(r"^([a-z]\w*):.*##", (paths.ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    assert [name for name in targets if f"`{name}`" not in README and f"`make {name}`" not in README] == []


def test_the_address_of_the_repository_stands_in_one_place():
    assert README.count("ADDRESS-OF-THIS-REPOSITORY") == 1
