"""The pages `make site` has just made: it asks for these tests by name, after a build in which warnings are errors."""

from pathlib import Path
from urllib.parse import unquote, urldefrag

import nbformat
import pytest
from bs4 import BeautifulSoup

from enamel_lib import paths
from enamel_lib.reproduce import notebooks

SITE = paths.BUILD / "site"
PAGES = {
    page: BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser")
    for page in sorted(SITE.rglob("*.html"))
    if "_static" not in page.parts
}


def test_the_first_page_is_the_readme():
    assert PAGES[SITE / "index.html"].h1.text.startswith("The open virtual indenter")


@pytest.mark.parametrize("notebook", notebooks.discover(), ids=lambda path: path.stem)
def test_every_notebook_has_its_page_with_its_figures(notebook):
    executed = paths.BUILD / "default" / notebook.name
    cells = nbformat.read(executed if executed.exists() else notebook, as_version=4).cells
    outputs = [output for cell in cells for output in cell.get("outputs", [])]
    figures = PAGES[SITE / "notebooks" / f"{notebook.stem}.html"].select(".cell_output img")
    assert len(figures) == sum("image/png" in output.get("data", {}) for output in outputs) > 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(SITE)))
def test_what_a_page_refers_to_is_there(page):
    links = {tag["href"] for tag in PAGES[page].select("a[href]")}
    loaded = {tag.get("src") or tag.get("href") for tag in PAGES[page].select("[src], link[href]")}
    missing = [link for link in sorted(loaded | links) if not _is_there(link, page, outside=link not in loaded)]
    assert missing == []


def _is_there(link: str, page: Path, outside: bool) -> bool:
    """Tell whether a file of the site, with the anchor, is behind a link; only `outside` may one lead off the site."""
    if link.startswith(("https://", "http://", "mailto:")):
        return outside
    name, anchor = urldefrag(unquote(link))
    target = (page.parent / name.partition("?")[0]).resolve() if name else page
    inside = target.is_file() and target.is_relative_to(SITE)
    return inside and (not anchor or target not in PAGES or PAGES[target].find(id=anchor) is not None)


def test_no_page_tells_where_it_was_made():
    folders = [str(paths.ROOT), str(Path.home())]
    texts = [path for ending in ("html", "js") for path in SITE.rglob(f"*.{ending}") if "_static" not in path.parts]
    assert [path.name for path in texts if any(folder in path.read_text("utf-8") for folder in folders)] == []
