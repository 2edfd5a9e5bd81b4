"""The viewer of large maps in Chromium: the page of `enamel view`, and the widget in JupyterLab. For `make browser`."""

import threading

import pytest

from enamel_lib import paths
from enamel_lib.viewer import page as pages
from tests.browser.jupyterlab import _notebook, _write, lab, page, run_all, show  # noqa: F401 (fixtures)
from tests.viewer import stores

WIDTH = 1280  # px


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    path = tmp_path_factory.mktemp("map") / "tooth-hardness.zarr"
    stores.write(path)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory, store):
    """One notebook with the widget, for `lab`."""
    folder = tmp_path_factory.mktemp("lab") / "notebooks"
    show_it = f"from enamel_lib.viewer import MapViewer\nviewer = MapViewer({str(store)!r})\nviewer"
    _write(_notebook(show_it, "viewer.indents().round(3)"), folder / "viewer.ipynb")
    return folder


@pytest.fixture
def address(store):
    with pages.serve(store) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def ready(viewer):
    viewer.page.wait_for_function("el => el.dataset.ready === 'true'", arg=viewer.element_handle())


def touch(viewer):
    """Hover, click, zoom, keys, line and colours, as a reader would; everything is found in the viewer itself."""
    hardness, told, table = (
        viewer.get_by_label("hardness", exact=True),
        viewer.locator("output"),
        viewer.locator("tbody tr"),
    )
    ready(viewer)
    assert viewer.get_attribute("data-level") in ("0", "1")
    box = hardness.bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    viewer.page.mouse.move(*middle)
    told.get_by_text("3.45 GPa (3.12 to 3.81)").wait_for()  # the middle of 900 columns
    viewer.page.mouse.click(*middle)
    table.first.wait_for()
    assert table.first.locator("td").all_inner_texts()[3] == "3.450"
    for _ in range(3):
        viewer.page.mouse.wheel(0, -100)
    ready(viewer)
    assert viewer.get_attribute("data-level") == "0"
    hardness.press("ArrowRight")
    hardness.press("Enter")
    table.nth(1).wait_for()
    assert float(table.nth(1).locator("td").nth(3).inner_text()) > 3.45
    hardness.press("0")
    hardness.press("l")
    viewer.page.mouse.move(middle[0] - 100, middle[1])
    viewer.page.mouse.down()
    viewer.page.mouse.move(middle[0] + 100, middle[1] + 20, steps=4)
    viewer.page.mouse.up()
    profile = viewer.locator(".profile")
    profile.wait_for()
    assert int(profile.get_attribute("data-points")) > 100
    before = hardness.screenshot()
    viewer.locator("input[name=high]").fill("3.2")
    viewer.page.wait_for_timeout(300)
    assert hardness.screenshot() != before
    ready(viewer)


def test_the_page_of_enamel_view(address, page):  # noqa: F811
    page.set_viewport_size({"width": WIDTH, "height": 760})
    page.goto(address)
    touch(page.locator("#viewer"))
    with page.expect_download() as saved:
        page.get_by_role("button", name="save CSV").click()
    lines = saved.value.path().read_text().splitlines()
    assert lines[0] == "row,col,x_um,y_um,gpa,low_gpa,high_gpa"
    assert len(lines) == 3
    (paths.BUILD / "browser").mkdir(parents=True, exist_ok=True)
    page.screenshot(path=paths.BUILD / "browser" / "viewer.png")


def test_the_widget_in_jupyterlab(show):  # noqa: F811
    opened = show("viewer.ipynb")
    run_all(opened)
    viewer = opened.locator(".enamel").first
    viewer.wait_for()
    viewer.scroll_into_view_if_needed()
    touch(viewer)
    opened.locator(".jp-CodeCell").nth(1).click()
    opened.keyboard.press("Shift+Enter")
    opened.locator(".jp-OutputArea-output table.dataframe tbody tr").nth(
        1
    ).wait_for()  # what was clicked is a DataFrame
    opened.screenshot(path=paths.BUILD / "browser" / "viewer-jupyterlab.png")
