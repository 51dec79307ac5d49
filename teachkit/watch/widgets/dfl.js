// One edge and its bins: the edge's true place is dragged along the top, each predicted bin up and down.

import { Canvas } from "../frontend/canvas.js";
import { COLOURS, ON_PAPER } from "../frontend/colours.js";
import { onDrag } from "../frontend/controls.js";
import { drawLine, drawMarker, hatch } from "../frontend/drawing.js";
import { block, element, figure, note, numbersTable } from "../frontend/elements.js";
import { clamp, linearScale } from "../frontend/numbers.js";
import { playground } from "../frontend/playground.js";

const ROWS = { loss: "DFL", floor: "its floor", above: "above the floor", expected: "expected edge", off: "off by" };
const SHAPED = ["wide", "two", "peak"]; // shapes that have a k
const MOST = 0.999; // of the belief in one bin

// onPlace(strides) and onShares([share of each bin]) while the hand moves them.
class BinsStage {
  constructor({ bins, stride, low, high }, { onPlace, onShares }) {
    Object.assign(this, { bins, stride, low, high, onPlace, onShares });
    this.place = 0; // of the true edge, in strides
    this.expected = 0;
    this.target = [];
    this.shares = [];
    this.plot = { left: 0, right: 1, top: 0, bottom: 1 };
    this.focused = 0; // the bin that Tab goes to
    this.canvas = new Canvas("Target bins and predicted bins", (...sizes) => this.draw(...sizes));
    this.grip = this.makeGrip();
    this.columns = Array.from({ length: bins }, (_, bin) => this.makeColumn(bin));
    this.node = block("tk-stage", this.canvas.node, ...this.columns, this.grip);
  }
  show(changes) {
    Object.assign(this, changes);
    this.describe();
    this.canvas.paint();
  }

  x(value) {
    const { left, right } = this.plot;
    return left + ((right - left) * (value - this.low)) / (this.high - this.low);
  }
  y(share) {
    return this.plot.bottom - (this.plot.bottom - this.plot.top) * share;
  }
  // px of the canvas.
  pointer({ clientX, clientY }) {
    const { left, top, width, height } = this.canvas.node.getBoundingClientRect();
    return [((clientX - left) * this.canvas.width) / width, ((clientY - top) * this.canvas.height) / height];
  }

  makeGrip() {
    const grip = element("div", {
      class: "tk-place",
      role: "slider",
      tabindex: "0",
      "data-control": "grip",
      "aria-label": "True edge, in strides",
      "aria-valuemin": this.low,
      "aria-valuemax": this.high,
    });
    onDrag(grip, (event) => {
      const { left, right } = this.plot;
      this.movePlace(this.low + ((this.pointer(event)[0] - left) / (right - left)) * (this.high - this.low));
    });
    grip.addEventListener("keydown", (event) => {
      const steps = { ArrowLeft: -0.1, ArrowDown: -0.1, ArrowRight: 0.1, ArrowUp: 0.1, PageUp: 1, PageDown: -1 };
      const step = steps[event.key];
      const end = { Home: this.low, End: this.high }[event.key];
      if (step == null && end == null) return;
      event.preventDefault();
      this.movePlace(end ?? this.place + step * (event.shiftKey ? 10 : 1));
    });
    return grip;
  }
  movePlace(value) {
    this.show({ place: clamp(Number(value.toFixed(2)), this.low, this.high) });
    this.onPlace(this.place);
  }

  makeColumn(bin) {
    const column = element("div", {
      class: "tk-bin",
      role: "slider",
      tabindex: bin ? "-1" : "0",
      "data-control": `bin-${bin}`,
      "aria-label": `Predicted share of bin ${bin}`,
      "aria-valuemin": 0,
      "aria-valuemax": 1,
      "aria-orientation": "vertical",
    });
    onDrag(column, (event) => {
      const { top, bottom } = this.plot;
      this.moveShare(bin, (bottom - this.pointer(event)[1]) / (bottom - top));
    });
    column.addEventListener("focus", () => {
      this.columns[this.focused].tabIndex = -1;
      this.focused = bin;
      column.tabIndex = 0;
    });
    column.addEventListener("keydown", (event) => {
      const step = { ArrowDown: -0.05, ArrowUp: 0.05, PageUp: 0.25, PageDown: -0.25 }[event.key];
      const next = { ArrowLeft: bin - 1, ArrowRight: bin + 1, Home: 0, End: this.bins - 1 }[event.key];
      if (step == null && next == null) return;
      event.preventDefault();
      if (step != null) this.moveShare(bin, this.shares[bin] + step);
      else this.columns[clamp(next, 0, this.bins - 1)].focus({ preventScroll: true });
    });
    return column;
  }
  // The others keep their ratios and share the rest.
  moveShare(bin, value) {
    const share = clamp(value, 0, MOST);
    const rest = 1 - this.shares[bin];
    const other = (one) => (rest > 1e-4 ? (one * (1 - share)) / rest : (1 - share) / (this.bins - 1));
    this.show({ shares: this.shares.map((one, index) => (index === bin ? share : other(one))) });
    this.onShares(this.shares);
  }
  describe() {
    this.grip.setAttribute("aria-valuenow", this.place);
    this.grip.setAttribute("aria-valuetext", `${this.place.toFixed(2)} strides`);
    this.columns.forEach((column, bin) => column.setAttribute("aria-valuenow", (this.shares[bin] ?? 0).toFixed(3)));
  }

  draw(pen, width, height, size) {
    this.plot = { left: size * 3.7, right: width - size * 0.6, top: size * 3.2, bottom: height - size * 5 };
    const { left, right, bottom } = this.plot;
    pen.lineWidth = 1;
    pen.textBaseline = "middle";
    this.drawShares(pen, size);
    pen.textAlign = "center";
    pen.textBaseline = "alphabetic";
    this.drawBeyond(pen, this.low, 0, size);
    this.drawBeyond(pen, this.bins - 1, this.high, size);
    for (let bin = 0; bin < this.bins; bin += 1) this.drawBin(pen, bin, size);
    this.drawTrueEdge(pen, size);
    pen.fillStyle = COLOURS.blue; // what the detector would draw
    drawMarker(pen, "triangle", this.x(this.expected), bottom + size * 1.9, size * 0.45);
    const expected = `expected edge ${this.expected.toFixed(2)}`;
    this.write(pen, expected, this.x(this.expected), bottom + size * 3.15, ON_PAPER["told-ink"], size, 600);
    const words = `bin = distance from the anchor point, in strides of ${this.stride} px`;
    this.write(pen, words, (left + right) / 2, height - size * 0.4, ON_PAPER.ink, size, 400);
    this.layColumns(size);
  }
  drawShares(pen, size) {
    const { left, right } = this.plot;
    for (const share of [0, 0.25, 0.5, 0.75, 1]) {
      pen.strokeStyle = ON_PAPER.line;
      drawLine(pen, left, this.y(share), right, this.y(share));
      pen.textAlign = "right";
      pen.font = `${size}px system-ui, sans-serif`;
      pen.fillStyle = ON_PAPER.soft;
      pen.fillText(`${share * 100} %`, left - size * 0.3, this.y(share));
    }
  }
  // Past the first or the last bin.
  drawBeyond(pen, from, to, size) {
    const { top, bottom } = this.plot;
    const wide = this.x(1) - this.x(0);
    const side = from > 0 ? 1 : -1;
    pen.fillStyle = "rgba(27, 36, 48, 0.07)";
    pen.fillRect(this.x(from) + (from > 0 ? wide / 2 : 0), top, this.x(to) - this.x(from) - wide / 2, bottom - top);
    const middle = (this.x(from) + this.x(to)) / 2 + side * 0.25 * wide;
    this.write(pen, "no bin", middle, bottom + size * 1.15, ON_PAPER.soft, size * 0.9, 400);
  }
  drawBin(pen, bin, size) {
    const width = (this.x(1) - this.x(0)) * 0.38;
    const striped = hatch(pen, { marker: "square", colour: COLOURS.orange });
    this.drawBar(pen, this.x(bin) - width, width, this.target[bin] ?? 0, striped, COLOURS.orange);
    this.drawBar(pen, this.x(bin), width, this.shares[bin] ?? 0, COLOURS.blue, COLOURS.blue);
    this.write(pen, String(bin), this.x(bin), this.plot.bottom + size * 1.15, ON_PAPER.ink, size, 400);
  }
  drawBar(pen, left, width, share, fill, edge) {
    if (!share) return;
    const sides = [left, this.y(share), width, this.plot.bottom - this.y(share)];
    pen.fillStyle = fill;
    pen.fillRect(...sides);
    pen.strokeStyle = edge;
    pen.lineWidth = 1.5;
    pen.strokeRect(...sides);
  }
  // All the way up to its grip.
  drawTrueEdge(pen, size) {
    const at = this.x(this.place);
    pen.strokeStyle = COLOURS.orange;
    pen.lineWidth = 2.5;
    pen.setLineDash([7, 4]);
    drawLine(pen, at, size * 2.4, at, this.plot.bottom);
    pen.setLineDash([]);
    pen.fillStyle = COLOURS.orange;
    pen.beginPath();
    pen.roundRect(at - size * 0.55, size * 1.3, size * 1.1, size * 1.1, 4);
    pen.fill();
    pen.fillStyle = COLOURS.paper;
    for (const shift of [-0.2, 0.2]) pen.fillRect(at + shift * size - 1, size * 1.55, 2, size * 0.6);
    this.write(pen, `◂ true edge ${this.place.toFixed(2)} ▸`, at, size * 0.95, ON_PAPER["warn-ink"], size, 600);
  }
  write(pen, text, x, y, colour, size, weight) {
    pen.font = `${weight} ${size}px system-ui, sans-serif`;
    pen.fillStyle = colour;
    const half = pen.measureText(text).width / 2;
    pen.fillText(text, clamp(x, this.plot.left + half, this.plot.right - half), y);
  }
  // Only when the drawing's size has changed.
  layColumns(size) {
    const { left, right, top, bottom } = this.plot;
    const key = [left, right, top, bottom].join();
    if (key === this.laidOut) return;
    this.laidOut = key;
    const wide = this.x(1) - this.x(0);
    Object.assign(this.grip.style, { left: `${left}px`, width: `${right - left}px` });
    this.columns.forEach((column, bin) =>
      Object.assign(column.style, {
        left: `${this.x(bin) - wide * 0.48}px`,
        width: `${wide * 0.96}px`,
        top: `${top}px`,
        height: `${bottom - top + size * 1.3}px`,
      }),
    );
  }
}

const key = (name, text) => note(element("span", { class: `tk-key tk-key-${name}` }), text);

function sayOf({ clamping, above }) {
  if (clamping) return clamping;
  return above < 0.005
    ? "As good as it gets: the bins are the target, and the floor is all that is left."
    : "Between the ends: the two bins next to the edge share the target; the nearer one gets more.";
}

function build({ setup, page, set, settingSlider, settingMenu, root }) {
  const { bins, stride, low, high } = setup;
  const stage = new BinsStage(setup, { onPlace: (place) => set({ place }), onShares: (bars) => set({ bars }) });
  const onMove = (value) => stage.movePlace(value);
  const edge = settingSlider("True edge, strides", "place", linearScale(low, high, 2), { onMove });
  const shape = settingMenu("The detector believes", "shape", setup.shapes);
  const k = settingSlider("k, a bin", "k", linearScale(0, bins - 2, 0));
  const { cells, node: table } = numbersTable(ROWS);
  const verdict = element("p", { class: "tk-said" });
  const caption = ["How its belief is spread", key("target", "target"), key("predicted", "predicted: drag a bar")];
  page.append(
    figure("tk-edge", caption, stage.node),
    block("tk-controls", edge.node, shape.node, k.node, table),
    verdict,
  );
  const show = (numbers, fresh) => {
    const { values, target, expected, shares, off, loss } = numbers;
    stage.show({ target, expected, ...(fresh ? { shares, place: values.place } : {}) });
    if (fresh) {
      edge.show(values.place);
      shape.show(values.shape);
      k.show(values.k);
    }
    k.range.disabled = k.field.disabled = !SHAPED.includes(values.shape);
    for (const name of ["loss", "floor", "above"]) cells[name].textContent = numbers[name].toFixed(3);
    cells.expected.textContent = `${expected.toFixed(2)} strides`;
    cells.off.textContent = `${off < 0 ? "−" : "+"}${Math.abs(off * stride).toFixed(1)} px`;
    verdict.textContent = sayOf(numbers);
    verdict.dataset.beyond = numbers.beyond;
    Object.assign(root.dataset, { place: values.place, loss, shape: values.shape });
  };
  return { show, close: () => stage.canvas.close() };
}

export default { render: (view) => playground(view, "dfl", build) };
