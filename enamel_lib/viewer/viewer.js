// The viewer of a map of hardness: picture and hardness linked, by tiles of a pyramid. No build step, no dependency.
// In a notebook anywidget calls `render`, and Python answers; in a browser `open` is called, and a server answers.

const CIVIDIS = ["00224e", "1a386f", "434e6c", "61656f", "7d7c78", "9b9476", "bcae6c", "dec958", "fee838"]
  .map(hex => [0, 2, 4].map(at => parseInt(hex.slice(at, at + 2), 16)));
const KEEP = 400; // tiles, of half a megabyte each
const ZOOM = 1.4; // of one step
const CLICK = 4; // px; who moves farther drags

export default {
  render({ model, el }) {
    const waiting = new Map();
    let last = 0;
    const hear = (message, buffers) => {
      waiting.get(message.number)?.({ ...message.answer, buffers });
      waiting.delete(message.number);
    };
    model.on("msg:custom", hear);
    const ask = (what, asked) => new Promise(done => {
      waiting.set(++last, done);
      model.send({ number: last, what, asked });
    });
    const dropped = rows => { model.set("table", rows); model.save_changes(); };
    const end = show(el, model.get("about"), ask, model.get("table"), dropped);
    return () => { model.off("msg:custom", hear); end(); };
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
  show(el, about, ask, [], () => {});
}

function colour(share) {
  const at = Math.min(Math.max(share, 0), 1) * (CIVIDIS.length - 1), low = Math.min(Math.floor(at), CIVIDIS.length - 2);
  return CIVIDIS[low].map((value, n) => value + (CIVIDIS[low + 1][n] - value) * (at - low));
}

function show(el, about, ask, table, dropped) {
  const { shapes, tile: side, cell_um: cell } = about, [rows, cols] = shapes[0];
  el.classList.add("enamel");
  el.innerHTML = `<div class="bar">
    <button data-do="in" title="zoom in (+)">+</button><button data-do="out" title="zoom out (−)">−</button>
    <button data-do="fit" title="the whole map (0)">fit</button>
    <button data-do="line" aria-pressed="false" title="draw a line (l)">line</button>
    <label>colours from <input name="low" type="number" step="0.1"></label><canvas class="scale"></canvas>
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
  const tiles = new Map();
  let at = { row: rows / 2, col: cols / 2, zoom: 1 }, lining = false, line = null, keys = false, reading = null, frame = 0;

  const size = () => [views[0].clientWidth || 480, views[0].clientHeight || 360];
  const later = () => { frame ||= requestAnimationFrame(() => { frame = 0; draw(); }); };
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

  function tile(level, row, col) {
    const key = `${level}/${row}/${col}`;
    let one = tiles.get(key);
    if (one) { tiles.delete(key); tiles.set(key, one); return one; } // the last looked at is kept longest
    one = { height: Math.min(side, shapes[level][0] - row * side), width: Math.min(side, shapes[level][1] - col * side) };
    tiles.set(key, one);
    if (tiles.size > KEEP) tiles.delete(tiles.keys().next().value);
    ask("tile", { level, row, col }).then(({ buffers }) => {
      if (!buffers) { tiles.delete(key); return; }
      const [values, pixels] = buffers.map(each => each.buffer.slice(each.byteOffset, each.byteOffset + each.byteLength));
      one.values = new Float32Array(values);
      one.picture = canvasOf(new Uint8ClampedArray(pixels), one);
      later();
    });
    return one;
  }

  function canvasOf(rgba, { width, height }) {
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    canvas.getContext("2d").putImageData(new ImageData(rgba, width, height), 0, 0);
    return canvas;
  }

  function hardness(one) {
    const limits = `${low.value}:${high.value}`;
    if (one.limits !== limits) {
      const rgba = new Uint8ClampedArray(4 * one.values.length), from = +low.value, span = +high.value - from || 1e-9;
      one.values.forEach((value, n) => rgba.set(value === value ? [...colour((value - from) / span), 255]
        : [240, 240, 240, 255], 4 * n)); // NaN alone differs from itself
      one.hardness = canvasOf(rgba, one);
      one.limits = limits;
    }
    return one.hardness;
  }

  function draw() {
    const [width, height] = size(), ratio = window.devicePixelRatio || 1;
    const best = bounded(Math.floor(Math.log2(1 / (at.zoom * ratio))), shapes.length - 1);
    views.forEach((canvas, which) => {
      Object.assign(canvas, { width: width * ratio, height: height * ratio });
      const pen = canvas.getContext("2d");
      pen.scale(ratio, ratio);
      pen.imageSmoothingEnabled = at.zoom < 4;
      for (let level = shapes.length - 1; level >= best; level--) { // what is coarse stays until what is fine has come
        if (level > best && level < shapes.length - 1) continue;
        const step = side * 2 ** level, px = at.zoom * 2 ** level;
        const first = [at.row - height / 2 / at.zoom, at.col - width / 2 / at.zoom].map(x => Math.floor(x / step));
        const last = [at.row + height / 2 / at.zoom, at.col + width / 2 / at.zoom].map(x => Math.floor(x / step));
        for (let r = Math.max(first[0], 0); r <= last[0] && r * side < shapes[level][0]; r++)
          for (let c = Math.max(first[1], 0); c <= last[1] && c * side < shapes[level][1]; c++) {
            const one = tile(level, r, c);
            if (one.values) pen.drawImage(which ? hardness(one) : one.picture,
              (c * step - at.col) * at.zoom + width / 2, (r * step - at.row) * at.zoom + height / 2,
              one.width * px, one.height * px);
          }
      }
      mark(pen, width, height);
    });
    const scale = el.querySelector(".scale"), pen = scale.getContext("2d");
    for (let n = 0; n < scale.width; n++) {
      pen.fillStyle = `rgb(${colour(n / (scale.width - 1)).join()})`;
      pen.fillRect(n, 0, 1, scale.height);
    }
    el.dataset.level = best;
    el.dataset.ready = [...tiles.values()].every(one => one.values);
  }

  function mark(pen, width, height) {
    const on = (row, col) => [(col - at.col) * at.zoom + width / 2, (row - at.row) * at.zoom + height / 2];
    const drawn = trace => [["#000", 4], ["#fff", 1.5]].forEach(([ink, thick]) => { // to be seen on dark and bright
      Object.assign(pen, { strokeStyle: ink, lineWidth: thick, lineJoin: "round" });
      pen.beginPath(); trace(); pen.stroke();
    });
    const written = (text, x, y) => {
      Object.assign(pen, { strokeStyle: "#000", lineWidth: 3, fillStyle: "#fff", font: "12px system-ui, sans-serif" });
      pen.strokeText(text, x, y); pen.fillText(text, x, y);
    };
    table.forEach((one, n) => {
      const [x, y] = on(one.row + 0.5, one.col + 0.5);
      drawn(() => { pen.moveTo(x, y - 6); pen.lineTo(x + 5, y + 4); pen.lineTo(x - 5, y + 4); pen.closePath(); });
      written(n + 1, x + 8, y + 5);
    });
    pen.lineWidth = 2;
    if (line) {
      pen.strokeStyle = "#ff5a36";
      pen.beginPath(); pen.moveTo(...on(...line[0])); pen.lineTo(...on(...line[1])); pen.stroke();
    }
    if (keys) drawn(() => {
      pen.moveTo(width / 2 - 8, height / 2); pen.lineTo(width / 2 + 8, height / 2);
      pen.moveTo(width / 2, height / 2 - 8); pen.lineTo(width / 2, height / 2 + 8);
    });
    const nice = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000].filter(um => um / cell * at.zoom < width / 3).pop() || 1;
    drawn(() => { pen.moveTo(10, height - 12); pen.lineTo(10 + nice / cell * at.zoom, height - 12); });
    written(`${nice} µm`, 10, height - 20);
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
    table = [...table, { row, col, x_um: +((col + 0.5) * cell).toFixed(2), y_um: +((row + 0.5) * cell).toFixed(2), ...found }];
    tell();
  }

  function tell() {
    el.querySelector("tbody").replaceChildren(...table.map((one, n) => {
      const line = document.createElement("tr"), { low_gpa: a, high_gpa: b } = one;
      const cells = [n + 1, one.x_um.toFixed(2), one.y_um.toFixed(2), one.gpa == null ? "–" : one.gpa.toFixed(3),
        a == null ? "–" : `${a.toFixed(2)} to ${b.toFixed(2)}`];
      cells.forEach(text => { line.insertCell().textContent = text; });
      return line;
    }));
    dropped(table);
    later();
  }

  async function profile() {
    const { um, gpa } = await ask("profile", { start: line[0], end: line[1] }), canvas = el.querySelector(".profile");
    if (!um) return;
    canvas.style.display = "block";
    const width = canvas.width = canvas.clientWidth, height = canvas.height = canvas.clientHeight;
    const there = gpa.filter(value => value != null), top = Math.max(...there), bottom = Math.min(...there);
    const pen = canvas.getContext("2d"), x = n => 50 + um[n] / (um[um.length - 1] || 1) * (width - 60);
    const y = value => height - 24 - (value - bottom) / (top - bottom || 1) * (height - 36);
    pen.fillText(`${top.toFixed(2)} GPa`, 2, 14); pen.fillText(bottom.toFixed(2), 2, height - 24);
    pen.fillText("0", 50, height - 8); pen.fillText(`${um[um.length - 1].toFixed(1)} µm`, width - 55, height - 8);
    pen.beginPath();
    gpa.forEach((value, n) => { if (value != null) pen[n && gpa[n - 1] != null ? "lineTo" : "moveTo"](x(n), y(value)); });
    pen.stroke();
    canvas.dataset.points = um.length;
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

  const acts = { in: () => zoom(ZOOM), out: () => zoom(1 / ZOOM), fit, line: toggle, csv, clear: () => { table = []; line = null; tell(); } };
  el.querySelectorAll("[data-do]").forEach(button => { button.onclick = acts[button.dataset.do]; });
  [low, high].forEach(input => { input.oninput = later; });

  function enter() {
    if (!lining) return drop(at.row, at.col);
    if (line && line.open) { line = [line[0], [at.row, at.col]]; profile(); } else line = Object.assign([[at.row, at.col], [at.row, at.col]], { open: true });
    later();
  }
  const pressed = { "+": acts.in, "=": acts.in, "-": acts.out, 0: fit, l: toggle, Enter: enter, ArrowUp: () => move(-40, 0),
    ArrowDown: () => move(40, 0), ArrowLeft: () => move(0, -40), ArrowRight: () => move(0, 40) };
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
      else if (held.far) Object.assign(at, { row: bounded(held.row - down / at.zoom, rows), col: bounded(held.col - right / at.zoom, cols) });
      later();
    };
    view.onpointerup = event => {
      if (held && lining && held.far) profile();
      else if (held && !held.far) drop(...place(event));
      held = null;
    };
    view.onpointercancel = () => { held = null; };
    view.addEventListener("wheel", event => { event.preventDefault(); zoom(event.deltaY < 0 ? ZOOM : 1 / ZOOM, ...place(event)); },
      { passive: false });
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
  tell();
  return () => watch.disconnect();
}
