// What the viewer draws: tiles of a map's pyramid, marks on them, a profile. The first part of `page.SCRIPT`.

const CIVIDIS = ["00224e", "1a386f", "434e6c", "61656f", "7d7c78", "9b9476", "bcae6c", "dec958", "fee838"]
  .map(hex => [0, 2, 4].map(at => parseInt(hex.slice(at, at + 2), 16)));
const PALE = [240, 240, 240]; // where there is no reading
const KEEP = 400; // tiles, of half a megabyte each
const BARS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000]; // um

function colour(share) {
  const at = Math.min(Math.max(share, 0), 1) * (CIVIDIS.length - 1), low = Math.min(Math.floor(at), CIVIDIS.length - 2);
  return CIVIDIS[low].map((value, n) => value + (CIVIDIS[low + 1][n] - value) * (at - low));
}

const gradient = () => `linear-gradient(to right, ${CIVIDIS.map(rgb => `rgb(${rgb})`)})`;

function canvasOf(rgba, { width, height }) {
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  canvas.getContext("2d").putImageData(new ImageData(rgba, width, height), 0, 0);
  return canvas;
}

// Gives tiles by level, row and column: asked for when first looked at, without `values` until `come` is called.
function pyramid({ shapes, tile: side }, ask, come) {
  const tiles = new Map();
  function get(level, row, col) {
    const key = `${level}/${row}/${col}`;
    let one = tiles.get(key);
    if (one) { tiles.delete(key); tiles.set(key, one); return one; } // the last looked at is kept longest
    const [height, width] = [row, col].map((n, axis) => Math.min(side, shapes[level][axis] - n * side));
    one = { height, width };
    tiles.set(key, one);
    if (tiles.size > KEEP) tiles.delete(tiles.keys().next().value);
    ask("tile", { level, row, col }).then(({ buffers }) => {
      if (!buffers) { tiles.delete(key); return; }
      const [values, pixels] = buffers.map(({ buffer, byteOffset: at, byteLength: bytes }) => buffer.slice(at, at + bytes));
      one.values = new Float32Array(values);
      one.picture = canvasOf(new Uint8ClampedArray(pixels), one);
      come();
    });
    return one;
  }
  return { get, ready: () => [...tiles.values()].every(one => one.values) };
}

function hardness(one, low, high) {
  const limits = `${low}:${high}`, span = high - low || 1e-9;
  if (one.limits !== limits) {
    const rgba = new Uint8ClampedArray(4 * one.values.length).fill(255);
    one.values.forEach((value, n) => rgba.set(isNaN(value) ? PALE : colour((value - low) / span), 4 * n));
    Object.assign(one, { limits, hardness: canvasOf(rgba, one) });
  }
  return one.hardness;
}

// Draws the tiles of a level that are seen in a view of some size, with `at` in its middle.
function drawLevel(pen, [width, height], { row, col, zoom }, { shapes, tile: side }, level, tiles, imageOf) {
  const step = side * 2 ** level, px = zoom * 2 ** level;
  const first = [row - height / 2 / zoom, col - width / 2 / zoom].map(x => Math.max(Math.floor(x / step), 0));
  const last = [row + height / 2 / zoom, col + width / 2 / zoom].map(x => Math.floor(x / step));
  for (let r = first[0]; r <= last[0] && r * side < shapes[level][0]; r++)
    for (let c = first[1]; c <= last[1] && c * side < shapes[level][1]; c++) {
      const one = tiles.get(level, r, c);
      const left = (c * step - col) * zoom + width / 2, top = (r * step - row) * zoom + height / 2;
      if (one.values) pen.drawImage(imageOf(one), left, top, one.width * px, one.height * px);
    }
}

// Draws indents, the line, the cross of whom keys move, and a bar of um.
function mark(pen, [width, height], at, cell, { table, line, keys }) {
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
  const nice = BARS.filter(um => um / cell * at.zoom < width / 3).pop() || 1;
  drawn(() => { pen.moveTo(10, height - 12); pen.lineTo(10 + nice / cell * at.zoom, height - 12); });
  written(`${nice} µm`, 10, height - 20);
}

// Draws the hardness along a line.
function chart(canvas, { um, gpa }) {
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
