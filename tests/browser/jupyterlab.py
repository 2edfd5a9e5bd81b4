"""The notebooks as a reader meets them: JupyterLab in Chromium. `make browser` asks for these tests by name."""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from contextlib import suppress

import nbformat
import pytest
from playwright.sync_api import sync_playwright

from enamel_lib import paths
from enamel_lib.reproduce import notebooks

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
FLAGS += ["--disable-background-networking", "--disable-component-update"]
SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none", "scrollPastEnd": False},  # all cells drawn, in view or not
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
WIDTH = 1280  # px
PATIENCE = 600_000  # ms for all cells of 00; on two cores it takes less than a minute
RED = '.jp-OutputArea-output[data-mime-type="application/vnd.jupyter.stderr"]'  # errors, too
FINISHED = """() => {
    const prompts = [...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].map(prompt => prompt.textContent)
    return prompts.some(prompt => /\\d/.test(prompt)) && !prompts.includes('[*]:')
}"""
CUT_OFF = """async () => {
    const lines = []
    for (const code of document.querySelectorAll('.jp-CodeCell .cm-scroller')) {
        code.scrollIntoView()
        await new Promise(drawn => requestAnimationFrame(() => setTimeout(drawn, 50)))
        if (code.scrollWidth > code.clientWidth) lines.push(code.innerText)
    }
    return lines
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The notebooks without their outputs, so that what is seen was made now."""
    copies = tmp_path_factory.mktemp("lab") / "notebooks"
    for path in notebooks.discover():
        notebook = nbformat.read(path, as_version=4)
        for cell in notebook.cells:
            if cell.cell_type == "code":
                cell.update(outputs=[], execution_count=None)
        _write(notebook, copies / path.name)
    return copies


@pytest.fixture(scope="module")
def lab(folder):
    """JupyterLab on a free port of this machine; gives its address with `{}` for the notebook."""
    home, token = folder.parent, secrets.token_hex()
    for name, values in SETTINGS.items():
        _write(values, home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {"ip": "127.0.0.1", "port": port, "port_retries": 0, "root_dir": folder, "open_browser": False}
    command = [sys.executable, "-m", "jupyterlab", "--allow-root", f"--IdentityProvider.token={token}"]
    command += ["--LabApp.extension_manager=readonly", *(f"--ServerApp.{name}={v}" for name, v in options.items())]
    own = {f"JUPYTER_{kind}_DIR": str(home / kind) for kind in ("CONFIG", "DATA", "RUNTIME")}
    own |= {f"JUPYTERLAB_{kind}_DIR": str(home / kind.lower()) for kind in ("SETTINGS", "WORKSPACES")}
    own |= {"IPYTHONDIR": str(home / "ipython"), "ENAMEL_OUTPUT_ROOT": str(home)}
    silencers = {"TF_CPP_MIN_LOG_LEVEL", "MPLBACKEND"}  # of make and .ci/run; a reader has none
    environment = {name: value for name, value in os.environ.items() if name not in silencers} | own
    with (home / "log").open("w") as log, subprocess.Popen(command, env=environment, stdout=log, stderr=log) as server:
        for _ in range(600):  # a minute for its start
            with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/lab/tree/{{}}?token={token}&reset"
        server.terminate()


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """A window of Chromium; what it asks of other machines is refused, and an error."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("chromium"), executable_path="/usr/bin/chromium", args=FLAGS
        )
        elsewhere = []
        chromium.route(
            lambda url: not url.startswith(("http://127.0.0.1:", "data:", "blob:")),
            lambda route: (elsewhere.append(route.request.url), route.abort()),
        )
        chromium.set_default_timeout(120_000)  # ms; a busy machine takes its time to start a kernel
        yield chromium.new_page()
        chromium.close()
    assert elsewhere == []


@pytest.fixture
def show(lab, page):
    """Open a notebook in JupyterLab and wait for its kernel."""

    def opened(name):
        page.set_viewport_size({"width": WIDTH, "height": 900})
        page.goto(lab.format(name))
        page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
        return page

    return opened


def run_all(page):
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    page.wait_for_function(FINISHED, timeout=PATIENCE)


def faults(page, figures):
    """What is wrong with the notebook that ran, given the number of figures it should show."""
    red = [output.inner_text() for output in page.locator(RED).all()]
    shown = page.locator(".jp-OutputArea-output img").evaluate_all("all => all.filter(img => img.naturalWidth).length")
    return red + ([] if shown == figures else [f"{shown} figures, not {figures}"])


def figures_of(path):
    outputs = [output for cell in nbformat.read(path, as_version=4).cells for output in cell.get("outputs", [])]
    return sum("image/png" in output.get("data", {}) for output in outputs)


def _notebook(*sources):
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    return nbformat.v4.new_notebook(
        cells=cells, metadata={"kernelspec": {"display_name": "Python 3", "name": "python3"}}
    )


def _write(content, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def test_start_here_runs_and_leads_on(show):
    page = show("00-start-here.ipynb")
    run_all(page)
    height = page.locator(".jp-WindowedPanel-outer").evaluate("panel => panel.scrollHeight")
    page.set_viewport_size({"width": WIDTH, "height": height + 150})  # the whole notebook on one picture
    page.locator("h1").first.scroll_into_view_if_needed()
    page.screenshot(path=paths.BUILD / "browser" / "00-start-here.png")
    assert faults(page, figures_of(paths.NOTEBOOKS / "00-start-here.ipynb")) == []
    page.locator(".jp-RenderedMarkdown a[href*='05-hardness-map']").first.click()
    page.locator(".lm-TabBar-tab.lm-mod-current", has_text="05-hardness-map.ipynb").wait_for()


@pytest.mark.parametrize("notebook", notebooks.discover(), ids=lambda path: path.stem)
def test_no_line_of_code_is_cut_off(show, notebook):
    assert show(notebook.name).evaluate(CUT_OFF) == []


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("raise ValueError('as it should')", "ValueError: as it should"),
        ("import sys; print('red', file=sys.stderr)", "red"),
        ("1 + 1", "0 figures, not 1"),
    ],
    ids=["error", "stderr", "no figure"],
)
def test_what_goes_wrong_is_seen(show, folder, source, fault):
    _write(_notebook(source, "2 + 2"), folder / "wrong.ipynb")
    page = show("wrong.ipynb")
    run_all(page)
    assert any(fault in found for found in faults(page, figures=int("figures" in fault)))


def test_a_line_too_long_is_seen(show, folder):
    _write(_notebook("1" * 88, "1" * 130), folder / "wide.ipynb")
    assert show("wide.ipynb").evaluate(CUT_OFF) == ["1" * 130]
