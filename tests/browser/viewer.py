"""The viewer of large maps in Chromium: the page of `enamel view`, the widget in JupyterLab, and in a bare page.

The bare page has only what the contract of anywidget's modules names, which all hosts of widgets share. `make browser`.
"""

import base64
import threading

import pytest

from enamel_lib import paths
from enamel_lib.viewer import MapViewer
from enamel_lib.viewer import page as pages
from tests.browser.jupyterlab import _notebook, _write, lab, page, run_all, show  # noqa: F401 (fixtures)
from tests.viewer import stores

WIDTH = 1280  # px
BARE = "http://127.0.0.1:9/"
HOST = """async ({ esm, css, state }) => {
  document.head.append(Object.assign(document.createElement("style"), { textContent: css }));
  const heard = [];
  const tell = (name, ...given) => heard.filter(([of]) => of === name).forEach(([, hear]) => hear(...given));
  const all = {
    get: name => state[name],
    set: (name, value) => { state[name] = value; tell(`change:${name}`); },
    save_changes: () => window.saved(state.table),
    on: (name, hear) => heard.push([name, hear]),
    off: (name, hear) => heard.splice(heard.findIndex(one => one[0] === name && one[1] === hear), 1),
    send: async message => {
      for (let number = 0; number < 500; number++) // what other views asked, in other tabs too, is answered to all
        tell("msg:custom", { number, answer: { gpa: 99, um: [] } }, []);
      const [content, parts] = await window.asked(message);
      tell("msg:custom", content, parts.map(part => {
        const bytes = Uint8Array.from(atob(part), one => one.charCodeAt(0));
        return new DataView(bytes.buffer, 8); // buffers are parts of a message
      }));
    },
  };
  const refuse = name => { throw Error(`a model has no ${String(name)}`); };
  const model = new Proxy(all, { get: (of, name) => of[name] ?? refuse(name) });
  const { default: widget } = await import(URL.createObjectURL(new Blob([esm], { type: "text/javascript" })));
  window.host = { model, heard, ends: [] };
  for (const el of document.querySelectorAll("div")) host.ends.push(await widget.render({ model, el }));
}"""


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


def test_the_widget_where_there_is_only_the_contract_of_anywidget(store, page, monkeypatch):  # noqa: F811
    """Two views of one model, in a page without Jupyter; Python is asked, and hears of the table, as by a kernel."""
    viewer, sent = MapViewer(store), []
    monkeypatch.setattr(viewer, "send", lambda content, buffers: sent.append((content, buffers)))

    def asked(message):
        viewer._answer(viewer, message, [])
        content, parts = sent.pop()
        return content, [base64.b64encode(b"ahead of" + part).decode() for part in parts]

    bare, wrong = page.context.new_page(), []
    bare.on("pageerror", lambda error: wrong.append(error))
    bare.on("request", lambda request: wrong.append(request.url) if request.url.startswith("http") else None)
    bare.route(BARE, lambda route: route.fulfill(content_type="text/html", body="<div id=one></div><div id=two></div>"))
    bare.expose_function("asked", asked)
    bare.expose_function("saved", lambda table: viewer.set_state({"table": table}))
    bare.set_viewport_size({"width": WIDTH, "height": 1300})
    bare.goto(BARE)
    state = {"about": viewer.about, "table": viewer.table}
    bare.evaluate(HOST, {"esm": viewer._esm, "css": viewer._css, "state": state})
    one, two = bare.locator("#one"), bare.locator("#two")
    touch(one)
    assert two.locator("tbody tr").count() == 2
    bare.screenshot(path=paths.BUILD / "browser" / "viewer-bare.png")
    before = bare.evaluate("host.heard.length")
    bare.evaluate("host.ends[0](); document.getElementById('one').remove()")
    assert bare.evaluate("host.heard.length") == before / 2
    two.get_by_label("picture", exact=True).press("Enter")
    two.locator("tbody tr").nth(2).wait_for()
    assert viewer.indents()["gpa"].round(2).tolist()[::2] == [3.45, 3.45]
    assert list(viewer.table[0]) == ["row", "col", "x_um", "y_um", "gpa", "low_gpa", "high_gpa"]
    bare.evaluate("host.model.set('table', [])")  # as when Python sets it
    assert two.locator("tbody tr").count() == 0
    assert wrong == [BARE]
    bare.close()
