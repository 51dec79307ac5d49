// What every widget's front end is made of: elements, labelled controls, the key guard, one connection to Python.
// Text only ever enters the page as text (textContent, fillText), so that markup in a class name stays text.

// Okabe & Ito's palette: tells apart under every common colour blindness. Nothing is told by colour alone.
const COLOURS = {
  blue: "#0072B2", orange: "#D55E00", green: "#009E73", purple: "#CC79A7", sky: "#56B4E9", amber: "#E69F00",
  yellow: "#F0E442", ink: "#1b2430", grey: "#6b7785", soft: "#55606e", line: "#d5dbe3", paper: "#ffffff",
};
const LOSSES = {
  box: { label: "box", colour: COLOURS.blue, dash: [], marker: "circle" },
  cls: { label: "class", colour: COLOURS.orange, dash: [10, 5], marker: "square" },
  dfl: { label: "DFL", colour: COLOURS.green, dash: [12, 4, 3, 4], marker: "triangle" },
};
const CLASS_COLOURS = [COLOURS.amber, COLOURS.sky, COLOURS.yellow, COLOURS.purple, COLOURS.green, COLOURS.orange];

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") node.className = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

// Three significant digits; "10⁻⁵" style only where zeros could no longer be counted from the last row.
function short(number) {
  if (number == null || !Number.isFinite(number)) return "–";
  if (number === 0) return "0";
  const size = Math.abs(number);
  if (size < 1e-4 || size >= 1e5) return number.toExponential(1).replace("e+", "e").replace(".0e", "e");
  return String(Number(number.toPrecision(3)));
}

// With focus inside a widget the keys "d d" would delete the notebook's cell: keys stay inside,
// but for those that move on (Tab), get out (Escape) or belong to the browser (Ctrl, Cmd).
function guardKeys(root) {
  root.setAttribute("data-lm-suppress-shortcuts", "true");
  const guard = (event) => {
    if (event.key === "Tab" || event.key === "Escape" || event.ctrlKey || event.metaKey) return;
    event.stopPropagation();
  };
  for (const kind of ["keydown", "keypress", "keyup"]) root.addEventListener(kind, guard);
}

// Makes the ids that tie a label to its control, and a choice to its group, unique on the page. Each widget brings this
// file along anew, so a count from 0 would give two widgets the same ids.
let controlsMade = Math.floor(Math.random() * 2 ** 40);

function button(text, onclick, attributes = {}) {
  return element("button", { type: "button", class: "tk-button", onclick, ...attributes }, text);
}

// A labelled menu. choices: [[value, text], …]; onChoice(value).
function menu(label, choices, onChoice, name) {
  const id = `tk-${++controlsMade}`;
  const options = choices.map(([value, text]) => element("option", { value }, text));
  const select = element("select", { id, onchange: () => onChoice(select.value), "data-control": name }, ...options);
  const node = element("div", { class: "tk-menu" }, element("label", { for: id }, label), select);
  return { node, show: (value) => { if (value != null && select.value !== value) select.value = value; } };
}

// A slider with a field beside it for an exact number. scale: {toPlace(value) → 0…1, toValue(place)}.
// onMove(value) comes at most once a frame, however fast the hand is; onTyped(text) is checked by Python.
function slider(label, scale, { onMove, onTyped, swatch, name }) {
  const id = `tk-${++controlsMade}`;
  const range = element("input", { id, type: "range", min: 0, max: 1000, step: 1, "data-control": name });
  const field = element("input", { type: "text", class: "tk-field", inputmode: "decimal", spellcheck: "false",
    "aria-label": `${label}, exact value`, "data-control": `${name}-field` });
  const node = element("div", { class: "tk-slider" },
    element("label", { for: id }, swatch ?? null, label), range, field);
  let value = null, sent = null;
  // At once, then at most once a frame: the hand is not kept waiting, and a fast one does not flood Python.
  const pass = () => {
    if (sent === value) { sent = null; return; }
    onMove(sent = value);
    requestAnimationFrame(pass);
  };
  const show = (newest) => {
    if (newest == null || newest === value) return;
    value = newest;
    if (document.activeElement !== field) field.value = short(value);
    range.value = Math.round(1000 * Math.min(1, Math.max(0, scale.toPlace(value))));
    range.setAttribute("aria-valuetext", short(value));
    node.dataset.value = value;
  };
  range.addEventListener("input", () => {
    const moved = scale.toValue(range.value / 1000);
    value = moved;
    field.value = short(moved);
    range.setAttribute("aria-valuetext", short(moved));
    node.dataset.value = moved;
    if (sent === null) pass();
  });
  const typed = () => { if (field.value !== short(value)) onTyped(field.value); };
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") typed();
    if (event.key === "Escape") field.value = short(value);
  });
  field.addEventListener("blur", () => { typed(); field.value = short(value); });
  const refuse = () => { field.value = short(value); };
  return { node, range, field, show, refuse };
}

// The first row of a table.
const heads = (...names) => element("tr", {}, ...names.map((name) => element("th", { scope: "col" }, name)));

// A table of one number a row. rows: name → words; → its node, and the cell of each name.
function numbersTable(rows) {
  const cells = Object.fromEntries(Object.keys(rows).map((name) => [name, element("td", { "data-number": name })]));
  const body = Object.entries(rows).map(([name, words]) => element("tr", {}, element("th", { scope: "row" }, words), cells[name]));
  return { cells, node: element("table", { class: "tk-numbers-table" }, element("tbody", {}, ...body)) };
}

// move(event) for mouse, pen and finger alike, from pressing to letting go.
function held(node, move) {
  node.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    node.focus({ preventScroll: true });
    node.setPointerCapture(event.pointerId);
    event.preventDefault();
    move(event);
  });
  node.addEventListener("pointermove", (event) => { if (node.hasPointerCapture(event.pointerId)) move(event); });
}

const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

const linearScale = (low, high, digits) => ({
  toPlace: (value) => (value - low) / (high - low || 1),
  toValue: (place) => Number((low + (high - low) * place).toFixed(digits)),
});

const logScale = (low, high) => ({
  toPlace: (value) => Math.log(value / low) / Math.log(high / low),
  toValue: (place) => Number((low * (high / low) ** place).toPrecision(3)),
});

// 0 at the left, the default in the middle, eleven times the default at the right.
const weightScale = (usual) => ({
  toPlace: (value) => Math.log10(1 + (9 * value) / usual) / 2,
  toValue: (place) => (Math.abs(place - 0.5) < 0.006 ? usual : Number(((usual * (100 ** place - 1)) / 9).toPrecision(3))),
});

// A small drawing of a series' line, so that a control and its curve are matched by more than colour. width 0: no line;
// casing: [colour, px] of a line beneath it.
function swatch({ colour, dash, marker, width = 2.5, casing }) {
  const canvas = element("canvas", { class: "tk-swatch", width: 56, height: 20, "aria-hidden": "true" });
  const pen = canvas.getContext("2d");
  if (casing) {
    [pen.strokeStyle, pen.lineWidth] = casing;
    drawLine(pen, 2, 10, 54, 10);
  }
  pen.strokeStyle = pen.fillStyle = colour;
  pen.lineWidth = width + 1.5;
  pen.setLineDash(dash);
  if (width) drawLine(pen, 2, 10, 54, 10);
  if (marker) drawMarker(pen, marker, 28, 10, 7);
  return canvas;
}

function drawLine(pen, x1, y1, x2, y2) {
  pen.beginPath();
  pen.moveTo(x1, y1);
  pen.lineTo(x2, y2);
  pen.stroke();
}

// A box on a dark line of its own, so that it stands out on any picture. sides: x, y, width, height px.
function drawBox(pen, sides, { colour, dash, thick, casing }) {
  for (const [stroke, width, pattern] of [[casing.colour, thick + casing.more, []], [colour, thick, dash]]) {
    pen.strokeStyle = stroke;
    pen.lineWidth = width;
    pen.setLineDash(pattern);
    pen.strokeRect(...sides);
  }
  pen.setLineDash([]);
}

// How `count` pictures of wide × tall fill a place best: their scale, in columns and rows. gaps: px across and down;
// caption: px above each.
function bestGrid(count, [tall, wide], [width, height], [across, down], caption = 0) {
  let best = { scale: 0, columns: 1, rows: 1 };
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const scale = Math.min((width - across * (columns - 1)) / columns / wide, (height - rows * caption - down * (rows - 1)) / rows / tall);
    if (scale > best.scale) best = { scale, columns, rows };
  }
  return best;
}

function drawMarker(pen, marker, x, y, size) {
  pen.setLineDash([]);
  pen.beginPath();
  if (marker === "square") pen.rect(x - size * 0.85, y - size * 0.85, size * 1.7, size * 1.7);
  else if (marker === "triangle") {
    pen.moveTo(x, y - size);
    pen.lineTo(x + size, y + size * 0.8);
    pen.lineTo(x - size, y + size * 0.8);
    pen.closePath();
  } else pen.arc(x, y, size, 0, 7);
  pen.fill();
}

// One canvas that follows its place's size and the screen's pixels. draw(pen, width, height, font size px).
class Canvas {
  constructor(label, draw) {
    this.node = element("canvas", { class: "tk-canvas", role: "img", "aria-label": label });
    this.draw = draw;
    this.width = this.height = this.size = 0;
    this.resized = new ResizeObserver(() => { this.measure(); this.paint(); });
    this.resized.observe(this.node);
  }
  // Asked for only when the place has changed: the browser would lay out the whole notebook for each answer.
  measure() {
    this.width = this.node.clientWidth;
    this.height = this.node.clientHeight;
    this.size = parseFloat(getComputedStyle(this.node).fontSize);
    const ratio = window.devicePixelRatio || 1;
    this.node.width = Math.round(this.width * ratio);
    this.node.height = Math.round(this.height * ratio);
  }
  paint() {
    const { width, height } = this;
    if (!width || !height) return; // scrolled away or in a hidden tab
    const ratio = this.node.width / width;
    const pen = this.node.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    this.draw(pen, width, height, this.size);
  }
  close() {
    this.resized.disconnect();
  }
}

// The one connection to Python: kinds of message in, numbered requests out.
// `answered` tells when Python has seen everything asked so far, so that an old frame cannot push a slider back.
// tell(words) is called where it stays silent: a restarted kernel knows this widget no more, and nothing else says so.
const PATIENCE = 5000; // ms
const SILENCE = "The kernel does not answer: it is busy, or was restarted. If this stays, run the cell again, or load the page anew.";
function connect(model, answers, tell) {
  let asked = 0, answered = 0, open = true, waiting = null;
  const settled = () => answered >= asked;
  const wait = () => { waiting ??= setTimeout(() => { waiting = null; tell(SILENCE); }, PATIENCE); };
  const rest = () => { clearTimeout(waiting); waiting = null; };
  const listen = (message, buffers) => {
    if (message.ack != null) answered = message.ack;
    rest();
    if (!settled()) wait();
    answers[message.kind]?.(message, buffers);
  };
  model.on("msg:custom", listen);
  return {
    ask: (kind, content = {}) => {
      if (!open) return;
      wait();
      try {
        model.send({ kind, ask: ++asked, ...content });
      } catch { tell(SILENCE); } // JupyterLab refuses where it knows of the restart
    },
    settled,
    answered: () => answered,
    close: () => { open = false; rest(); model.off("msg:custom", listen); },
  };
}
