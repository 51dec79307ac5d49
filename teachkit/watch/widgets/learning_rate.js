// Three rates side by side: a curve of each loss with a line for each rate, the boxes at each rate, the range test.

import { axes } from "../frontend/axes.js";
import { Canvas } from "../frontend/canvas.js";
import { Chart } from "../frontend/charts.js";
import { COLOURS, LOSSES, ON_PAPER } from "../frontend/colours.js";
import { button } from "../frontend/controls.js";
import { drawCurve, drawLine, drawMarker, swatch } from "../frontend/drawing.js";
import { block, element, figure, note } from "../frontend/elements.js";
import { formatted, logScale } from "../frontend/numbers.js";
import { Pictures } from "../frontend/pictures.js";
import { playground } from "../frontend/playground.js";

const LANES = {
  low: { colour: COLOURS.blue, dash: [3, 5], marker: "circle" },
  usual: { colour: COLOURS.green, dash: [], marker: "square" },
  high: { colour: COLOURS.orange, dash: [11, 5], marker: "triangle" },
};
const LANE_NAMES = Object.keys(LANES);
const LOSS_NAMES = Object.keys(LOSSES);

// The losses of a range test over the rate, and the three rates as upright lines.
class RangeTestChart {
  constructor(range) {
    this.range = range;
    this.test = { lr: [] };
    this.rates = {};
    this.canvas = new Canvas("Range test", (...sizes) => this.draw(...sizes));
    this.note = note();
    this.node = figure("tk-test", ["Range test of the middle run", this.note], this.canvas.node);
  }
  show(test, rates, testing) {
    const key = JSON.stringify([test.lr.length, test.suggested, rates, testing]);
    if (key === this.key) return;
    Object.assign(this, { key, test, rates });
    this.canvas.node.dataset.points = test.lr.length;
    this.note.textContent = verdict(test, testing);
    this.canvas.node.setAttribute("aria-label", `Range test: ${this.note.textContent}`);
    this.canvas.paint();
  }
  draw(pen, width, height, size) {
    const values = LOSS_NAMES.flatMap((name) => this.test[name] ?? []).filter((value) => value > 0);
    const range = values.length ? [Math.min(...values) / 1.3, Math.max(...values) * 1.3] : [0.1, 10];
    const plot = axes(pen, width, height, size, {
      across: { range: this.range, log: true, label: "learning rate" },
      up: { range, log: true, label: "loss" },
    });
    pen.save();
    pen.beginPath();
    pen.rect(plot.left, 0, plot.right - plot.left, plot.bottom);
    pen.clip();
    for (const [name, lane] of Object.entries(LANES)) this.drawRate(pen, this.rates[name], lane, plot, size);
    for (const [name, series] of Object.entries(LOSSES)) this.drawLoss(pen, this.test[name] ?? [], series, plot, size);
    pen.restore();
  }
  drawRate(pen, rate, { colour, dash, marker }, { x, top, bottom }, size) {
    if (!(rate > this.range[0] && rate < this.range[1])) return;
    pen.strokeStyle = pen.fillStyle = colour;
    pen.lineWidth = 2;
    pen.setLineDash(dash);
    drawLine(pen, x(rate), top, x(rate), bottom);
    drawMarker(pen, marker, x(rate), top, size * 0.35);
  }
  drawLoss(pen, values, { colour, dash, label }, { x, y, left }, size) {
    if (!values.length) return;
    pen.strokeStyle = pen.fillStyle = colour;
    pen.lineWidth = 2.5;
    pen.setLineDash(dash);
    drawCurve(pen, this.test.lr, values, x, y);
    pen.setLineDash([]);
    pen.font = `600 ${size}px system-ui, sans-serif`;
    pen.textAlign = "left";
    pen.textBaseline = "bottom";
    pen.fillStyle = ON_PAPER.ink;
    pen.fillText(label, left + size * 0.5, y(values[0]) - 3);
  }
  close() {
    this.canvas.close();
  }
}

function verdict({ lr, suggested, largest }, testing) {
  if (testing) return `at rate ${formatted(lr.at(-1))}`;
  if (suggested) return `losses turn at ${formatted(largest)}; a tenth is ${formatted(suggested)}`;
  return lr.length ? "no turn seen" : "the rate grows at each step";
}

// A chart for each loss, with a line for each rate.
function lossCharts() {
  const series = Object.fromEntries(Object.entries(LANES).map(([lane, one]) => [lane, { ...one, label: lane }]));
  const charts = LOSS_NAMES.map((name) => {
    const title = `${LOSSES[name].label} loss, unweighted`;
    const chart = new Chart({ title, kind: "lines", scale: "log", smooth: true, series });
    chart.node.classList.add("tk-panel");
    return chart;
  });
  const show = ({ step: steps, losses, values }, running) => {
    const step = Array.from({ length: steps }, (_, index) => index);
    const key = `${steps} ${values.factor} ${values.optimizer} ${values.schedule}`;
    LOSS_NAMES.forEach((name, index) => {
      const lanes = LANE_NAMES.map((lane) => [lane, step.map((at) => losses[name][lane][at] ?? null)]);
      const data = { step, ...Object.fromEntries(lanes) };
      charts[index].show({ data, ghosts: [], marks: [], cursor: null, last: Math.max(20, steps), key });
      if (!running) charts[index].describe();
    });
  };
  return { all: charts, show };
}

// The picture at one of the rates.
class LanePicture extends Pictures {
  constructor(lane, setup, buffers) {
    super(setup.classes, setup.image_size);
    this.lane = lane;
    this.rate = element("span");
    this.count = note();
    this.node.classList.add("tk-lane-picture");
    this.setCaption(swatch(LANES[lane]), this.rate, this.count);
    this.truth = [setup.truth];
    this.load(buffers);
  }
  showRate(rate, factor) {
    const times = `${this.lane === "low" ? "÷" : "×"} ${Number(factor.toPrecision(3))}`;
    this.rate.textContent = `${this.lane === "usual" ? "usual rate" : times}: ${formatted(rate)}`;
  }
  showDetections({ found, ended, f1 }) {
    this.show([found[this.lane]], null);
    this.count.textContent = `${ended[this.lane] ? "diverged, " : ""}F1 ${f1[this.lane].toFixed(2)}`;
    this.canvas.node.setAttribute("aria-label", `Boxes at the ${this.lane} rate: ${this.count.textContent}`);
  }
}

function runButtons(ask) {
  let running = false;
  const start = button("Start", () => ask(running ? "pause" : "start"), { "data-control": "start" });
  start.classList.add("tk-main");
  const step = button("One step", () => ask("step"), { "data-control": "step" });
  const test = button("Range test", () => ask("test"), { "data-control": "test" });
  const show = (state) => {
    running = state === "running" || state === "testing";
    start.textContent = running ? "Pause" : "Start";
    start.disabled = state === "over";
    step.disabled = running || state === "over";
    test.disabled = state === "testing";
  };
  return { node: block("tk-bar", start, step, test), show };
}

function build({ setup, buffers, page, set, settingSlider, settingMenu, root, ask }) {
  const charts = lossCharts();
  const pictures = LANE_NAMES.map((lane) => new LanePicture(lane, setup, buffers));
  const test = new RangeTestChart(setup.test_rates);
  const buttons = runButtons(ask);
  let usual = 0;
  const showRates = (factor, rates) => pictures.forEach((one) => one.showRate(rates[one.lane], factor));
  const onMove = (value) => {
    showRates(value, { low: usual / value, usual, high: usual * value });
    set({ factor: value });
  };
  const controls = {
    factor: settingSlider("Usual rate, divided and multiplied by", "factor", logScale(...setup.factors), { onMove }),
    optimizer: settingMenu("Optimizer", "optimizer", setup.optimizers),
    schedule: settingMenu("Schedule", "schedule", setup.schedules),
  };
  page.append(
    block("tk-lead", buttons.node, ...Object.values(controls).map((one) => one.node)),
    block("tk-row", ...charts.all.map((one) => one.node)),
    block("tk-row", ...pictures.map((one) => one.node), test.node),
  );
  const show = (now, fresh) => {
    const { state, values } = now;
    usual = now.rates.usual;
    buttons.show(state);
    if (fresh) {
      for (const [name, control] of Object.entries(controls)) control.show(values[name]);
      showRates(values.factor, now.lr);
    }
    if (now.refused) controls.factor.refuse();
    charts.show(now, state === "running" || state === "testing");
    for (const picture of pictures) picture.showDetections(now);
    test.show(now.test, now.rates, state === "testing");
    const { factor, optimizer, schedule } = values;
    Object.assign(root.dataset, { state, step: now.step, factor, optimizer, schedule, tested: now.test.lr.length });
  };
  return { show, close: () => [...charts.all, ...pictures, test].forEach((one) => one.close()) };
}

export default { render: (view) => playground(view, "rates", build) };
