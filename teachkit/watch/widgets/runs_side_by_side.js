// Several runs on the same axes. All curves are here from the start: the cursor follows the hand before Python answers.

import { axes } from "../frontend/axes.js";
import { Canvas } from "../frontend/canvas.js";
import { COLOURS, ON_PAPER } from "../frontend/colours.js";
import { menu } from "../frontend/controls.js";
import { drawCurve, drawLine, drawMarker, swatch } from "../frontend/drawing.js";
import { block, cell, element, headerRow, note, row } from "../frontend/elements.js";
import { formatted, linearScale } from "../frontend/numbers.js";
import { Pictures } from "../frontend/pictures.js";
import { playground } from "../frontend/playground.js";
import { smoothed } from "../frontend/series.js";

const RUN_STYLES = [
  { colour: COLOURS.blue, dash: [], marker: "circle" },
  { colour: COLOURS.orange, dash: [10, 5], marker: "square" },
  { colour: COLOURS.green, dash: [12, 4, 3, 4], marker: "triangle" },
  { colour: COLOURS.purple, dash: [2, 4], marker: "circle" },
  { colour: COLOURS.amber, dash: [16, 4, 3, 4, 3, 4], marker: "square" },
  { colour: COLOURS.sky, dash: [3, 8], marker: "triangle" },
];
const VALUES = ["training", "validation", "score", "lr"];

// One column of a part of the records ("steps", "validation", "scores"), a line for each run.
class RunsPanel {
  constructor(name, part, { log = false, dots = false, smooth = false } = {}) {
    Object.assign(this, { part, log, dots, smooth, column: null, runs: [], cursor: 0, last: 10 });
    this.title = element("figcaption", {}, name);
    this.canvas = new Canvas(name, (...sizes) => this.draw(...sizes));
    const attributes = { class: "tk-chart tk-panel", "data-panel": part };
    this.node = element("figure", attributes, this.title, this.canvas.node);
  }
  show(title, column, runs, cursor, last) {
    Object.assign(this, { column, runs, cursor, last });
    this.title.textContent = title;
    this.canvas.node.setAttribute("aria-label", `${title}: ${runs.length} runs`);
    this.canvas.paint();
  }
  isDrawn(value) {
    return value != null && (!this.log || value > 0);
  }
  draw(pen, width, height, size) {
    const curves = this.runs.map((run) => ({ step: run[this.part].step, values: run[this.part][this.column] ?? [] }));
    const all = curves.flatMap((one) => one.values).filter((value) => this.isDrawn(value));
    if (!all.length) {
      pen.fillStyle = ON_PAPER.soft;
      pen.font = `${size}px system-ui, sans-serif`;
      pen.fillText("not measured in these runs", size, height / 2);
      return;
    }
    const low = all.reduce((a, b) => Math.min(a, b));
    const high = all.reduce((a, b) => Math.max(a, b));
    const range = this.log ? [low / 1.2, Math.max(high * 1.2, low * 1.5)] : [0, Math.max(1, high)];
    const { x, y, top, bottom } = axes(pen, width, height, size, {
      across: { range: [0, Math.max(10, this.last)], label: "step" },
      up: { range, log: this.log },
    });
    pen.strokeStyle = COLOURS.purple;
    pen.lineWidth = 3;
    drawLine(pen, x(this.cursor), top, x(this.cursor), bottom);
    curves.forEach((curve, index) => this.drawRun(pen, curve, RUN_STYLES[index], x, y, size));
  }
  drawRun(pen, { step, values }, style, x, y, size) {
    const bold = [this.smooth ? smoothed(values) : values, 1, 2.5];
    pen.strokeStyle = pen.fillStyle = style.colour;
    for (const [line, alpha, thick] of this.smooth ? [[values, 0.3, 1], bold] : [bold]) {
      pen.globalAlpha = alpha;
      pen.lineWidth = thick;
      pen.setLineDash(alpha < 1 ? [] : style.dash);
      drawCurve(pen, step, line, x, y, this.log);
    }
    pen.globalAlpha = 1;
    const spread = Math.max(1, Math.ceil(values.length / 12));
    const isMarked = (at) => at % spread === spread - 1 || (this.dots && values.length < 13);
    values.forEach((value, at) => {
      if (this.isDrawn(value) && isMarked(at)) drawMarker(pen, style.marker, x(step[at]), y(value), size / 3.4);
    });
    pen.setLineDash([]);
  }
  close() {
    this.canvas.close();
  }
}

function runPanels({ runs, last, losses, scores }) {
  const panels = {
    steps: new RunsPanel("training", "steps", { log: true, smooth: true }),
    validation: new RunsPanel("validation", "validation", { log: true, dots: true }),
    scores: new RunsPanel("score", "scores", { dots: true }),
    lr: new RunsPanel("rate", "steps", { log: true }),
  };
  panels.lr.node.dataset.panel = "lr";
  const show = ({ step, loss, score }) => {
    const lossName = Object.fromEntries(losses)[loss];
    panels.steps.show(`Training: ${lossName}`, loss, runs, step, last);
    panels.validation.show(`Validation: ${lossName}`, loss, runs, step, last);
    panels.scores.show(`Validation: ${Object.fromEntries(scores)[score]}`, score, runs, step, last);
    panels.lr.show("Learning rate", "lr", runs, step, last);
  };
  return { all: Object.values(panels), show };
}

const runName = (run, index) => element("span", { class: "tk-run-name" }, swatch(RUN_STYLES[index]), run.name);

function runPictures(setup, buffers) {
  if (!setup.truth.length) return [];
  return setup.runs.map((run, index) => {
    const pictures = new Pictures(setup.classes, setup.image_size);
    pictures.truth = setup.truth;
    const words = run.boxes ? "solid: found · dashed: truth" : "no weights and no looks in this run";
    pictures.setCaption(runName(run, index), note(words));
    pictures.node.dataset.run = index;
    pictures.load(buffers);
    return pictures;
  });
}

const captionedTable = (caption, attributes, ...rows) =>
  element("table", { class: "tk-numbers-table", ...attributes }, element("caption", {}, caption), ...rows);

function valuesTable(runs) {
  const cells = runs.map(() => Object.fromEntries(VALUES.map((name) => [name, cell(name)])));
  const rows = runs.map((run, index) => {
    const one = row(runName(run, index), ...Object.values(cells[index]));
    one.dataset.run = index;
    return one;
  });
  const show = (values) =>
    values.forEach((numbers, index) => {
      for (const [name, value] of Object.entries(numbers)) {
        cells[index][name].textContent = formatted(value);
        cells[index][name].dataset.value = value ?? "";
      }
    });
  const header = headerRow("run", "training", "validation", "score", "rate");
  return { node: captionedTable("At this step", {}, header, ...rows), show };
}

function differencesTable(runs, differences) {
  const rows = differences.map(([name, ...values]) => row(name, ...values));
  const header = headerRow("", ...runs.map((run) => run.name));
  return captionedTable("Settings that differ", { "data-table": "differences" }, header, ...rows);
}

function build({ setup, buffers, page, set, settingSlider, root }) {
  const { runs, last } = setup;
  const panels = runPanels(setup);
  let now = { step: last, loss: "total", score: "map50" };
  const paint = () => {
    panels.show(now);
    Object.assign(root.dataset, now);
  };
  const change = (values) => {
    now = { ...now, ...values };
    paint();
    set(values);
  };
  const onMove = (value) => change({ step: value });
  const controls = {
    step: settingSlider("Step", "step", linearScale(0, last, 0), { onMove }),
    loss: menu("Loss", setup.losses, (value) => change({ loss: value }), "loss"),
    score: menu("Score", setup.scores, (value) => change({ score: value }), "score"),
  };
  const values = valuesTable(runs);
  const pictures = runPictures(setup, buffers);
  page.append(
    block("tk-run-controls", ...Object.values(controls).map((one) => one.node)),
    ...[...panels.all, ...pictures].map((one) => one.node),
    block("tk-tables", element("div", {}, values.node), element("div", {}, differencesTable(runs, setup.differences))),
  );
  const show = (numbers, fresh) => {
    if (fresh) {
      now = { ...numbers.values };
      for (const [name, control] of Object.entries(controls)) control.show(now[name]);
      paint();
    }
    values.show(numbers.rows);
    pictures.forEach((one, index) => {
      one.show(numbers.found[index], []);
      one.describe();
    });
  };
  return { show, close: () => [...panels.all, ...pictures].forEach((one) => one.close()) };
}

export default { render: (view) => playground(view, "runs", build) };
