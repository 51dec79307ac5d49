// Update rules on a surface of two weights: the start is put down by hand, the paths follow.

import { axes } from "../frontend/axes.js";
import { Canvas } from "../frontend/canvas.js";
import { COLOURS } from "../frontend/colours.js";
import { button, onDrag } from "../frontend/controls.js";
import { drawCurve, drawMarker, swatch } from "../frontend/drawing.js";
import { block, cell, element, figure, headerRow, note, row, table } from "../frontend/elements.js";
import { clamp, formatted, linearScale, logScale } from "../frontend/numbers.js";
import { playground } from "../frontend/playground.js";

const RULE_STYLES = {
  sgd: { colour: COLOURS.blue, dash: [], marker: "circle" },
  momentum: { colour: COLOURS.orange, dash: [10, 5], marker: "square" },
  adam: { colour: COLOURS.green, dash: [12, 4, 3, 4], marker: "triangle" },
  uncorrected: { colour: COLOURS.purple, dash: [3, 4], marker: "circle" },
  adamw: { colour: "#000000", dash: [16, 5, 4, 5], marker: "square" },
};
const MARKED = 10; // steps from one mark on a path to the next

// The paths on the surface, with a grip on the start. onStart(x, y) while the start is moved.
class Plane {
  constructor({ surfaces, rules, farthest }, buffers, onStart) {
    this.surfaces = {};
    this.letters = Object.fromEntries(rules.map(([name, , letter]) => [name, letter]));
    this.hidden = new Set();
    this.start = [0, 0];
    this.surface = surfaces[0][0];
    this.paths = {}; // rule → [[weight 1, weight 2], …]
    this.onStart = onStart;
    this.canvas = new Canvas("Paths of the update rules", (...sizes) => this.draw(...sizes));
    surfaces.forEach(([name, , x, y, minima], index) => this.addSurface(name, { x, y, minima }, buffers[index]));
    this.grip = this.makeGrip(farthest);
    const caption = [
      "Where each rule walks",
      note("drag the start · darker is lower · ★ lowest · a mark every 10 steps"),
    ];
    this.node = figure("tk-plane", caption, block("tk-stage", this.canvas.node, this.grip));
  }
  addSurface(name, surface, buffer) {
    this.surfaces[name] = surface;
    createImageBitmap(new Blob([buffer], { type: "image/png" })).then((picture) => {
      surface.picture = picture;
      this.canvas.paint();
    });
  }
  show(surface, start, paths) {
    Object.assign(this, { surface, start, paths });
    this.describe();
    this.canvas.paint();
  }
  toggle(rule) {
    if (!this.hidden.delete(rule)) this.hidden.add(rule);
    this.canvas.paint();
    return !this.hidden.has(rule);
  }

  makeGrip(farthest) {
    const grip = element("div", {
      class: "tk-start",
      role: "slider",
      tabindex: "0",
      "data-control": "start",
      "aria-label": "Start of the paths: arrow keys move it",
      "aria-valuemin": -farthest,
      "aria-valuemax": farthest,
    });
    onDrag(grip, (event) => {
      const box = grip.getBoundingClientRect();
      const { x, y } = this.surfaces[this.surface];
      const [across, up] = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
      this.moveTo(x[0] + across * (x[1] - x[0]), y[1] - up * (y[1] - y[0]));
    });
    grip.addEventListener("keydown", (event) => {
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
      if (!way) return;
      event.preventDefault();
      const step = event.shiftKey ? 0.5 : 0.1;
      this.moveTo(this.start[0] + way[0] * step, this.start[1] + way[1] * step);
    });
    return grip;
  }
  moveTo(x, y) {
    const { x: across, y: up } = this.surfaces[this.surface];
    this.start = [Number(clamp(x, ...across).toFixed(3)), Number(clamp(y, ...up).toFixed(3))];
    this.describe();
    this.canvas.paint();
    this.onStart(...this.start);
  }
  describe() {
    const [x, y] = this.start;
    this.grip.setAttribute("aria-valuenow", x);
    this.grip.setAttribute("aria-valuetext", `weight 1 ${formatted(x)}, weight 2 ${formatted(y)}`);
  }

  draw(pen, width, height, size) {
    const surface = this.surfaces[this.surface];
    const plot = axes(pen, width, height, size, {
      across: { range: surface.x, label: "weight 1" },
      up: { range: surface.y, label: "weight 2" },
    });
    const { x, y, left, right, top, bottom } = plot;
    const shown = Object.entries(this.paths).filter(([name]) => !this.hidden.has(name));
    pen.save();
    pen.beginPath();
    pen.rect(left, top, right - left, bottom - top);
    pen.clip();
    if (surface.picture) pen.drawImage(surface.picture, left, top, right - left, bottom - top);
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.fillStyle = COLOURS.ink;
    pen.font = `700 ${size * 1.7}px system-ui, sans-serif`;
    for (const [a, b] of surface.minima) pen.fillText("★", x(a), y(b));
    for (const [name, points] of shown) drawPath(pen, points, RULE_STYLES[name], plot, size);
    this.drawLetters(pen, shown, plot, size);
    pen.restore();
    drawStart(pen, this.start, plot, size);
    this.layGrip(plot);
  }
  // A letter at the end of each path; letters step aside for one another.
  drawLetters(pen, paths, { x, y, left, right, top, bottom }, size) {
    const inside = ([a, b]) => [clamp(a, left + size, right - size), clamp(b, top + size, bottom - size)];
    const taken = [];
    const isTaken = ([a, b]) => taken.some(([c, d]) => Math.hypot(c - a, d - b) < size * 1.5);
    pen.setLineDash([]);
    pen.font = `700 ${size * 0.95}px system-ui, sans-serif`;
    for (const [name, points] of paths) {
      const [a, b] = inside([x(points.at(-1)[0]), y(points.at(-1)[1])]);
      let at = [a, b];
      for (let turn = 0; turn < 12 && isTaken(at); turn += 1) {
        at = [a + size * 1.7 * Math.cos(turn * 1.05), b + size * 1.7 * Math.sin(turn * 1.05)];
      }
      at = inside(at);
      taken.push(at);
      drawDisc(pen, at, size * 0.72, RULE_STYLES[name].colour, 2);
      pen.fillStyle = COLOURS.ink;
      pen.fillText(this.letters[name], at[0], at[1] + 1);
    }
  }
  // Only when the drawing's size has changed.
  layGrip({ left, top, right, bottom }) {
    const key = [left, top, right, bottom].join();
    if (key === this.laidOut) return;
    this.laidOut = key;
    const sides = { left, top, width: right - left, height: bottom - top };
    for (const [name, value] of Object.entries(sides)) this.grip.style[name] = `${value}px`;
  }
}

function drawPath(pen, points, { colour, dash, marker }, { x, y }, size) {
  pen.strokeStyle = pen.fillStyle = colour;
  pen.lineWidth = 2.6;
  pen.setLineDash(dash);
  drawCurve(
    pen,
    points.map(([a]) => a),
    points.map(([, b]) => b),
    x,
    y,
  );
  for (let step = MARKED; step < points.length; step += MARKED) {
    drawMarker(pen, marker, x(points[step][0]), y(points[step][1]), size * 0.26);
  }
}

function drawDisc(pen, [x, y], radius, colour, thick) {
  pen.fillStyle = "#fff";
  pen.strokeStyle = colour;
  pen.lineWidth = thick;
  pen.beginPath();
  pen.arc(x, y, radius, 0, 7);
  pen.fill();
  pen.stroke();
}

// Over everything else, its word on the side with more room.
function drawStart(pen, start, { x, y, left, right, top, bottom }, size) {
  const [a, b] = [clamp(x(start[0]), left, right), clamp(y(start[1]), top, bottom)];
  const leftward = a > (left + right) / 2;
  drawDisc(pen, [a, b], size * 0.62, COLOURS.ink, 3);
  pen.font = `600 ${size}px system-ui, sans-serif`;
  pen.fillStyle = COLOURS.ink;
  pen.textAlign = leftward ? "right" : "left";
  pen.fillText("start", a + (leftward ? -1 : 1) * size, b - size * (b > top + 2 * size ? 1 : -1));
}

// Toward 1, where it counts: .9, .99, .999 stand at equal distances.
const towardOne = (decades, digits) => ({
  toPlace: (value) => -Math.log10(1 - value) / decades,
  toValue: (place) => Number((1 - 10 ** (-place * decades)).toFixed(digits)),
});

// toggle(rule) → whether its path is shown now.
function rulesTable(rules, toggle) {
  const cells = Object.fromEntries(rules.map(([name]) => [name, [cell(`${name}-first`), cell(`${name}-loss`)]]));
  const switchOf = ([name, words, letter]) => {
    const press = () => one.setAttribute("aria-pressed", toggle(name));
    const attributes = { "aria-pressed": "true", "data-control": `rule-${name}`, title: "Show or hide this path" };
    const one = button(`${letter}  ${words}`, press, attributes);
    return one;
  };
  const rows = rules.map((rule) => {
    const line = row(swatch(RULE_STYLES[rule[0]]), ...cells[rule[0]]);
    line.firstChild.append(switchOf(rule));
    return line;
  });
  const header = headerRow("rule", "first step", "");
  const show = (results, steps) => {
    header.lastChild.textContent = `loss after ${steps}`;
    for (const [name, { first, loss, diverged }] of Object.entries(results)) {
      cells[name][0].textContent = formatted(first);
      cells[name][1].textContent = diverged ? `gone at step ${diverged}` : formatted(loss);
    }
  };
  return { node: table(header, element("tbody", {}, ...rows)), show };
}

function build({ setup, buffers, page, set, settingSlider, settingMenu, root }) {
  const plane = new Plane(setup, buffers, (x, y) => set({ x, y }));
  const sliders = {
    lr: settingSlider("learning rate", "lr", logScale(0.001, 1)),
    momentum: settingSlider("momentum", "momentum", towardOne(2, 3)),
    beta1: settingSlider("Adam's β₁", "beta1", towardOne(2, 3)),
    beta2: settingSlider("Adam's β₂", "beta2", towardOne(4, 4)),
    decay: settingSlider("AdamW's decay", "decay", linearScale(0, 1, 2)),
    steps: settingSlider("steps", "steps", linearScale(1, setup.most_steps, 0)),
  };
  const surface = settingMenu(
    "Surface",
    "surface",
    setup.surfaces.map(([name, words]) => [name, words]),
  );
  const rules = rulesTable(setup.rules, (name) => plane.toggle(name));
  page.append(
    plane.node,
    block("tk-controls", surface.node, ...Object.values(sliders).map((one) => one.node)),
    block("tk-table", rules.node),
  );
  const show = ({ values, rules: results }, fresh) => {
    if (fresh) {
      surface.show(values.surface);
      for (const [name, one] of Object.entries(sliders)) one.show(values[name]);
    }
    const [name, start] = fresh ? [values.surface, [values.x, values.y]] : [plane.surface, plane.start];
    plane.show(name, start, Object.fromEntries(setup.rules.map(([rule]) => [rule, results[rule].points])));
    rules.show(results, values.steps);
    for (const [rule, { loss, diverged }] of Object.entries(results)) {
      root.dataset[rule] = diverged ? "diverged" : loss;
    }
    Object.assign(root.dataset, { surface: values.surface, x: values.x, y: values.y, lr: values.lr });
  };
  return { show, close: () => plane.canvas.close() };
}

export default { render: (view) => playground(view, "optimizer", build) };
