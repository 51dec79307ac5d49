// Three weights over a frozen batch: what is wrong, what is added up, who pulls; each in a panel of its own.

import { Canvas } from "../frontend/canvas.js";
import { LOSSES, ON_PAPER } from "../frontend/colours.js";
import { button } from "../frontend/controls.js";
import { hatch, swatch } from "../frontend/drawing.js";
import { block, cell, element, figure, headerRow, note, row, table } from "../frontend/elements.js";
import { formatted, weightScale } from "../frontend/numbers.js";
import { playground } from "../frontend/playground.js";

const NAMES = Object.keys(LOSSES);
const COLUMNS = { raw: "raw", weighted: "weighted", of_loss: "of the total", share: "of the gradient" };
const percent = (value) => (value == null ? "–" : `${Math.round(100 * value)} %`);

// A canvas with a title; draw(pen, width, height, size, numbers) once there are numbers.
class Panel {
  constructor(title, words, draw) {
    this.numbers = null;
    this.canvas = new Canvas(title, (...sizes) => {
      if (this.numbers) draw(...sizes, this.numbers);
    });
    this.node = figure("tk-panel", [element("span", {}, title), note(words)], this.canvas.node);
  }
  show(numbers) {
    this.numbers = numbers;
    this.canvas.paint();
  }
}

// rows: [{label, from, to, text, style}], from and to in units of which `most` fill the width; the text stands behind
// its bar.
function drawBars(pen, width, height, size, rows, most) {
  const [left, right] = [size * 4, width - size * 4.6];
  const thick = Math.min(size * 2.4, height / rows.length - size * 0.5);
  const x = (value) => left + ((right - left) * value) / most;
  pen.textBaseline = "middle";
  rows.forEach(({ label, from = 0, to, text, style }, index) => {
    const middle = (height / rows.length) * (index + 0.5);
    pen.font = `600 ${size}px system-ui, sans-serif`;
    pen.textAlign = "right";
    pen.fillStyle = ON_PAPER.ink;
    pen.fillText(label, left - size * 0.5, middle);
    drawBar(pen, [x(from), middle - thick / 2, Math.max(0, x(to) - x(from)), thick], style);
    pen.textAlign = "left";
    pen.fillStyle = ON_PAPER.ink;
    pen.fillText(text, x(to) + size * 0.4, middle);
  });
}

function drawBar(pen, sides, style) {
  pen.fillStyle = pen.strokeStyle = style ? style.colour : ON_PAPER.grey;
  pen.globalAlpha = style ? 0.35 : 1;
  pen.fillRect(...sides);
  pen.globalAlpha = 1;
  if (style) {
    pen.fillStyle = hatch(pen, style);
    pen.fillRect(...sides);
  }
  pen.lineWidth = 2;
  pen.strokeRect(...sides);
}

const bar = (name, to, text, from = 0) => ({ label: LOSSES[name].label, style: LOSSES[name], from, to, text });

function drawRaw(pen, width, height, size, { raw }) {
  const rows = NAMES.map((name) => bar(name, raw[name], raw[name].toFixed(3)));
  drawBars(pen, width, height, size, rows, Math.max(...NAMES.map((name) => raw[name]), 1e-6));
}

function drawWeighted(pen, width, height, size, { weighted, total }) {
  let end = 0;
  const rows = NAMES.map((name) => {
    const from = end;
    end += weighted[name];
    return bar(name, end, formatted(weighted[name]), from);
  });
  const sum = { label: "total", to: total, text: formatted(total) };
  drawBars(pen, width, height, size, [...rows, sum], Math.max(total, 1e-9));
}

function drawShare(pen, width, height, size, { share, angles }) {
  const rows = NAMES.map((name) => bar(name, share[name] ?? 0, percent(share[name])));
  drawBars(pen, width, height - size * 6, size, rows, 1);
  angles.forEach(([a, b, degrees], index) => {
    const middle = (width * (index + 0.5)) / 3;
    drawAngle(pen, degrees, middle, height - size * 2.2, size);
    pen.textAlign = "center";
    pen.fillText(`${a} – ${b}`, middle, height - size * 0.6, width / 3 - 4);
  });
}

// Two arrows from one point, as far apart as the gradients of two losses.
function drawAngle(pen, degrees, x, y, size) {
  pen.strokeStyle = pen.fillStyle = ON_PAPER.ink;
  pen.lineWidth = 2.4;
  if (degrees != null) {
    drawArrow(pen, x, y, 0, size);
    drawArrow(pen, x, y, (degrees * Math.PI) / 180, size);
  }
  pen.font = `${size}px system-ui, sans-serif`;
  pen.textBaseline = "alphabetic";
  pen.textAlign = "right"; // beside the arrows, where none of them can point
  pen.fillText(degrees == null ? "–" : `${Math.round(degrees)}°`, x - size * 0.5, y + size * 0.2);
}

function drawArrow(pen, x, y, angle, size) {
  const [tipX, tipY] = [x + size * 2.1 * Math.cos(angle), y - size * 2.1 * Math.sin(angle)];
  pen.beginPath();
  pen.moveTo(x, y);
  pen.lineTo(tipX, tipY);
  for (const turn of [2.6, -2.6]) {
    pen.moveTo(tipX, tipY);
    pen.lineTo(tipX + size * 0.5 * Math.cos(angle + turn), tipY - size * 0.5 * Math.sin(angle + turn));
  }
  pen.stroke();
}

function lossTable() {
  const columns = Object.keys(COLUMNS);
  const cells = Object.fromEntries(
    NAMES.map((name) => [name, Object.fromEntries(columns.map((column) => [column, cell(`${name}-${column}`)]))]),
  );
  const rows = NAMES.map((name) => row(LOSSES[name].label, ...Object.values(cells[name])));
  const show = ({ raw, weighted, of_loss, share }) => {
    for (const name of NAMES) {
      cells[name].raw.textContent = raw[name].toFixed(3);
      cells[name].weighted.textContent = formatted(weighted[name]);
      cells[name].of_loss.textContent = percent(of_loss[name]);
      cells[name].share.textContent = percent(share[name]);
    }
  };
  const node = table(headerRow("loss", ...Object.values(COLUMNS)), element("tbody", {}, ...rows));
  return { node, show };
}

function build({ setup, page, set, settingSlider, settingMenu, root }) {
  const panels = [
    new Panel("Raw losses", "what the detector gets wrong: no weight moves them", drawRaw),
    new Panel("Weighted and added up", "weight × loss, end to end: the total", drawWeighted),
    new Panel("Share of the gradient", "who pulls at the weights that all share", drawShare),
  ];
  const weightSlider = (name) =>
    settingSlider(`${LOSSES[name].label} weight`, name, weightScale(setup.usual[name]), {
      swatch: swatch(LOSSES[name]),
    });
  const sliders = Object.fromEntries(NAMES.map((name) => [name, weightSlider(name)]));
  let weights = {};
  const multiply = (factor) =>
    set(Object.fromEntries(NAMES.map((name) => [name, Number((weights[name] * factor).toPrecision(6))])));
  const model = settingMenu(
    "Detector",
    "model",
    setup.models.map((name) => [name, name]),
  );
  const losses = lossTable();
  const summary = element("p", { class: "tk-said" });
  const buttons = block(
    "tk-weights-buttons",
    button("all × 10", () => multiply(10), { "data-control": "up" }),
    button("all ÷ 10", () => multiply(0.1), { "data-control": "down" }),
  );
  page.append(
    block("tk-weights-row", ...NAMES.map((name) => sliders[name].node), buttons),
    ...panels.map((one) => one.node),
    block("tk-weights-foot", block("tk-weights-model", model.node), block("tk-weights-table", losses.node), summary),
  );
  const show = (numbers, fresh) => {
    const { values, raw, total, share, norm } = numbers;
    weights = values;
    if (fresh) {
      for (const name of NAMES) sliders[name].show(values[name]);
      model.show(values.model);
    }
    losses.show(numbers);
    summary.textContent =
      `Total ${formatted(total)}; length of the whole gradient ${formatted(norm)}. ` +
      "Nothing has been learned: the same pictures, the same weights of the network.";
    for (const name of NAMES) Object.assign(root.dataset, { [name]: values[name], [`${name}Raw`]: raw[name] });
    Object.assign(root.dataset, { total, model: values.model, share: share.box ?? "" });
    for (const one of panels) one.show(numbers);
  };
  return { show, close: () => panels.forEach((one) => one.canvas.close()) };
}

export default { render: (view) => playground(view, "weights", build) };
