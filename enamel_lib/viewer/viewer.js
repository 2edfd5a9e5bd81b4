// The viewer of a map of hardness: picture and hardness linked, by tiles of a pyramid. No build step, no dependency:
// `page.SCRIPT` is drawing.js and this, for a widget's code is one module.
// In a notebook anywidget calls `render`, and Python answers; in a browser `open` is called, and a server answers.

const ZOOM = 1.4; // of one step
const CLICK = 4; // px; who moves farther drags

export default {
  render({ model, el }) {
    const waiting = new Map();
    const hear = ({ number, answer }, buffers) => {
      waiting.get(number)?.(buffers?.length ? { buffers } : answer);
      waiting.delete(number);
    };
    const ask = (what, asked) => new Promise(done => {
      const number = Math.random(); // that no other view of the model has: each hears all answers
      waiting.set(number, done);
      model.send({ number, what, asked });
    });
    const shown = show(el, model.get("about"), ask, rows => { model.set("table", rows); model.save_changes(); });
    const changed = () => shown.fill(model.get("table"));
    model.on("msg:custom", hear);
    model.on("change:table", changed);
    changed();
    return () => {
      model.off("msg:custom", hear);
      model.off("change:table", changed);
      shown.end();
    };
  },
};

export async function open(el) {
  const about = await (await fetch("about")).json();
  const ask = async (what, asked) => {
    const query = new URLSearchParams();
    for (const [key, values] of Object.entries(asked)) [values].flat().forEach(value => query.append(key, value));
    const answer = await fetch(`${what}?${query}`);
    if (!answer.ok) return { error: answer.statusText };
    if (what !== "tile") return answer.json();
    const bytes = await answer.arrayBuffer(), half = bytes.byteLength / 2; // four bytes a cell, each
    return { buffers: [new DataView(bytes, 0, half), new DataView(bytes, half)] };
  };
  const shown = show(el, about, ask, rows => shown.fill(rows));
}

// Fills an element with the viewer; what is dropped or cleared goes to `keep`, and shows when `fill` is given it.
function show(el, about, ask, keep) {
  const { shapes, cell_um: cell } = about, [rows, cols] = shapes[0];
  el.classList.add("enamel");
  el.innerHTML = `<div class="bar">
    <button data-do="in" title="zoom in (+)">+</button><button data-do="out" title="zoom out (−)">−</button>
    <button data-do="fit" title="the whole map (0)">fit</button>
    <button data-do="line" aria-pressed="false" title="draw a line (l)">line</button>
    <label>colours from <input name="low" type="number" step="0.1"></label><span class="scale"></span>
    <label>to <input name="high" type="number" step="0.1"> GPa</label>
    <button data-do="csv">save CSV</button><button data-do="clear">clear</button></div>
    <div class="views"><canvas class="view" tabindex="0" aria-label="picture"></canvas>
    <canvas class="view" tabindex="0" aria-label="hardness"></canvas></div>
    <output aria-live="polite"></output><canvas class="profile"></canvas>
    <table><thead><tr><th>indent</th><th>x (µm)</th><th>y (µm)</th><th>H (GPa)</th><th>interval</th></tr></thead>
    <tbody></tbody></table>
    <div class="key">click: a virtual indent · drag or arrows: move · wheel or +, −: zoom · Enter: indent in the middle ·
    l: line on and off, then drag, or Enter at both ends · pale: no reading</div>`;
  const views = [...el.querySelectorAll(".view")], out = el.querySelector("output");
  const [low, high] = ["low", "high"].map(name => el.querySelector(`input[name=${name}]`));
  [low.value, high.value] = about.limits;
  el.querySelector(".scale").style.background = gradient();
  let table = [], at = { row: rows / 2, col: cols / 2, zoom: 1 };
  let lining = false, line = null, keys = false, reading = null, frame = 0;

  const size = () => [views[0].clientWidth || 480, views[0].clientHeight || 360];
  const later = () => { frame ||= requestAnimationFrame(() => { frame = 0; draw(); }); };
  const tiles = pyramid(about, ask, later);
  const place = event => {
    const box = event.target.getBoundingClientRect(), [width, height] = size();
    return [at.row + (event.clientY - box.top - height / 2) / at.zoom,
      at.col + (event.clientX - box.left - width / 2) / at.zoom];
  };
  const inside = (row, col) => row >= 0 && col >= 0 && row < rows && col < cols;
  const bounded = (value, most) => Math.min(Math.max(value, 0), most);

  function fit() {
    const [width, height] = size();
    at = { row: rows / 2, col: cols / 2, zoom: Math.min(width / cols, height / rows) };
    later();
  }

  function zoom(by, row = at.row, col = at.col) {
    const [width, height] = size(), least = Math.min(width / cols, height / rows) / 2;
    const to = Math.min(Math.max(at.zoom * by, least), 32);
    at = { row: row + (at.row - row) * at.zoom / to, col: col + (at.col - col) * at.zoom / to, zoom: to };
    later();
  }

  function move(down, right) {
    at.row = bounded(at.row + down / at.zoom, rows);
    at.col = bounded(at.col + right / at.zoom, cols);
    later();
  }

  function draw() {
    const view = size(), ratio = window.devicePixelRatio || 1, coarsest = shapes.length - 1;
    const best = bounded(Math.floor(Math.log2(1 / (at.zoom * ratio))), coarsest);
    views.forEach((canvas, which) => {
      [canvas.width, canvas.height] = view.map(side => side * ratio);
      const pen = canvas.getContext("2d");
      const image = which ? one => hardness(one, +low.value, +high.value) : one => one.picture;
      pen.scale(ratio, ratio);
      pen.imageSmoothingEnabled = at.zoom < 4;
      for (const level of new Set([coarsest, best])) // what is coarse stays until what is fine has come
        drawLevel(pen, view, at, about, level, tiles, image);
      mark(pen, view, at, cell, { table, line, keys });
    });
    el.dataset.level = best;
    el.dataset.ready = tiles.ready();
  }

  const said = ({ gpa, low_gpa, high_gpa }) => gpa == null ? "no reading"
    : `${gpa.toFixed(2)} GPa${low_gpa == null ? "" : ` (${low_gpa.toFixed(2)} to ${high_gpa.toFixed(2)})`}`;

  async function hover(row, col) { // one question at a time; the last place is asked for when the answer has come
    const busy = reading;
    reading = [row, col];
    if (busy) return;
    while (reading) {
      const [r, c] = reading;
      const found = inside(r, c) ? await ask("read", { row: Math.floor(r), col: Math.floor(c) }) : null;
      out.textContent = found ? `x ${(c * cell).toFixed(1)} µm, y ${(r * cell).toFixed(1)} µm: ${said(found)}` : "";
      if (reading[0] === r && reading[1] === c) reading = null;
    }
  }

  async function drop(row, col) {
    if (!inside(row, col)) return;
    [row, col] = [Math.floor(row), Math.floor(col)];
    const found = await ask("read", { row, col });
    if (found.error) return;
    const [x_um, y_um] = [col, row].map(n => +((n + 0.5) * cell).toFixed(2));
    keep([...table, { row, col, x_um, y_um, ...found }]);
  }

  function fill(dropped) {
    table = dropped;
    el.querySelector("tbody").replaceChildren(...table.map((one, n) => {
      const line = document.createElement("tr"), { low_gpa: a, high_gpa: b } = one;
      const cells = [n + 1, one.x_um.toFixed(2), one.y_um.toFixed(2), one.gpa == null ? "–" : one.gpa.toFixed(3),
        a == null ? "–" : `${a.toFixed(2)} to ${b.toFixed(2)}`];
      cells.forEach(text => { line.insertCell().textContent = text; });
      return line;
    }));
    later();
  }

  async function profile() {
    const found = await ask("profile", { start: line[0], end: line[1] });
    if (found.um) chart(el.querySelector(".profile"), found);
  }

  function toggle() {
    lining = !lining;
    line = null;
    el.querySelector("[data-do=line]").setAttribute("aria-pressed", lining);
    later();
  }

  function csv() {
    const names = ["row", "col", "x_um", "y_um", "gpa", "low_gpa", "high_gpa"];
    const text = [names.join(), ...table.map(one => names.map(name => one[name] ?? "").join())].join("\n") + "\n";
    const link = Object.assign(document.createElement("a"), { download: `${about.name}-indents.csv` });
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    link.click();
    URL.revokeObjectURL(link.href);
  }

  function clear() {
    line = null;
    keep([]);
    later();
  }

  const acts = { in: () => zoom(ZOOM), out: () => zoom(1 / ZOOM), fit, line: toggle, csv, clear };
  el.querySelectorAll("[data-do]").forEach(button => { button.onclick = acts[button.dataset.do]; });
  [low, high].forEach(input => { input.oninput = later; });

  function enter() {
    if (!lining) return drop(at.row, at.col);
    const here = [at.row, at.col];
    if (line?.open) { line = [line[0], here]; profile(); } else line = Object.assign([here, here], { open: true });
    later();
  }
  const pressed = { "+": acts.in, "=": acts.in, "-": acts.out, 0: fit, l: toggle, Enter: enter,
    ArrowUp: () => move(-40, 0), ArrowDown: () => move(40, 0), ArrowLeft: () => move(0, -40), ArrowRight: () => move(0, 40) };
  for (const view of views) {
    let held = null;
    view.onpointerdown = event => {
      view.setPointerCapture(event.pointerId);
      held = { x: event.clientX, y: event.clientY, row: at.row, col: at.col, far: false };
      keys = false;
      if (lining) line = [place(event), place(event)];
    };
    view.onpointermove = event => {
      const [row, col] = place(event);
      if (!held) return hover(row, col);
      const [right, down] = [event.clientX - held.x, event.clientY - held.y];
      held.far ||= Math.hypot(right, down) > CLICK;
      if (lining) line = [line[0], [row, col]];
      else if (held.far) {
        at.row = bounded(held.row - down / at.zoom, rows);
        at.col = bounded(held.col - right / at.zoom, cols);
      }
      later();
    };
    view.onpointerup = event => {
      if (held && lining && held.far) profile();
      else if (held && !held.far) drop(...place(event));
      held = null;
    };
    view.onpointercancel = () => { held = null; };
    view.addEventListener("wheel", event => {
      event.preventDefault();
      zoom(event.deltaY < 0 ? ZOOM : 1 / ZOOM, ...place(event));
    }, { passive: false });
    view.onkeydown = event => {
      if (!(event.key in pressed) || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      event.stopPropagation(); // or JupyterLab would take it for a shortcut
      keys = true;
      pressed[event.key]();
      hover(at.row, at.col);
    };
  }
  const watch = new ResizeObserver(later);
  watch.observe(views[0]);
  requestAnimationFrame(fit);
  return { fill, end: () => watch.disconnect() };
}
