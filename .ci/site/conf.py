"""The site (`make site`): the notebooks as they were run, the README and the pages about the data; nothing is executed.

The source folder is the checkout itself, so every link that works there works here. Everything a page needs lies beside
it, MathJax included: the site reads from a disk without a network.
"""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXECUTED = ROOT / "build" / "default"  # what `make figures` leaves

project = "The open virtual indenter"
html_title = project
html_theme = "sphinx_book_theme"
extensions = ["myst_nb", "sphinx-mathjax-offline"]
root_doc = "README"
include_patterns = ["*.md", "data/*.md", "notebooks/*.ipynb"]
exclude_patterns = [".*", "build", "data/raw", "data/processed"]
myst_enable_extensions = ["dollarmath", "amsmath", "html_image"]
myst_dmath_double_inline = True  # as Jupyter reads it
myst_heading_anchors = 3
nb_execution_mode = "off"
html_show_copyright = html_show_sphinx = html_copy_source = html_show_sourcelink = False
html_theme_options = {"use_download_button": False, "home_page_in_toc": True}
html_theme_options |= {"navbar_persistent": [], "footer_content_items": []}
html_static_path = html_css_files = ["site.css"]

NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9][0-9]-*.ipynb"))
OTHERS = [page.stem for page in sorted(ROOT.glob("*.md")) if page.stem != root_doc]  # the history of changes
CONTENTS = """
```{{toctree}}
:hidden:
:caption: Notebooks
{}
```
```{{toctree}}
:hidden:
:glob:
:caption: Background
data/*
{}
```
""".format("\n".join(f"{path.stem.replace('-', ' ')} <notebooks/{path.stem}>" for path in NOTEBOOKS), "\n".join(OTHERS))


def read_source(app, page: str, source: list[str]) -> None:
    """Put the executed copy of a notebook in its place, and the table of contents on the first page."""
    copy = EXECUTED / f"{Path(page).name}.ipynb"
    if page.startswith("notebooks/") and copy.exists():
        source[0] = copy.read_text(encoding="utf-8")
    elif page == root_doc:
        source[0] += CONTENTS


def setup(app) -> None:
    """Sphinx calls this once."""
    app.connect("source-read", read_source)
