// Three losses over the confidence, with the point that moves and its slope.

import { axes } from "../frontend/axes.js";
import { Canvas } from "../frontend/canvas.js";
import { COLOURS, ON_PAPER } from "../frontend/colours.js";
import { onDrag } from "../frontend/controls.js";
import { drawCurve, drawLine, drawMarker, swatch } from "../frontend/drawing.js";
import { block, cell, element, figure, headerRow, note, row, table } from "../frontend/elements.js";
import { clamp, linearScale } from "../frontend/numbers.js";
import { playground } from "../frontend/playground.js";

const CLASS_LOSSES = {
  bce: { label: "BCE", colour: COLOURS.blue, dash: [], marker: "circle" },
  weighted: { label: "weight × BCE", colour: COLOURS.orange, dash: [10, 5], marker: "square" },
  focal: { label: "focal", colour: COLOURS.green, dash: [12, 4, 3, 4], marker: "triangle" },
};
const [LOWEST, HIGHEST] = [0.001, 0.999]; // confidence: at 0 and 1 a loss has no end

// onScore(score) while the pointer drags in it.
class LossChart {
  constructor(scores, onScore) {
    this.scores = scores;
    this.score = 0.3;
    this.curves = null;
    this.plot = null;
    this.canvas = new Canvas("The class loss against the confidence", (...sizes) => this.draw(...sizes));
    this.canvas.node.style.touchAction = "none";
    onDrag(this.canvas.node, ({ offsetX }) => {
      if (!this.plot) return;
      const { left, right } = this.plot;
      onScore(Number(((offsetX - left) / (right - left)).toFixed(3)));
    });
    const keys = Object.values(CLASS_LOSSES).map((one) => element("span", { class: "tk-key" }, swatch(one), one.label));
    const caption = ["Loss", note("drag in it, or use the first slider"), ...keys];
    this.node = figure("tk-panel", caption, this.canvas.node);
  }
  // Between two samples of the curve, until Python's own number is there.
  lossAt(curve, score) {
    const [first, second] = this.scores;
    const at = clamp((score - first) / (second - first), 0, this.scores.length - 1.001);
    const [below, above] = [curve[Math.floor(at)], curve[Math.floor(at) + 1]];
    return below + (above - below) * (at % 1);
  }
  draw(pen, width, height, size) {
    if (!this.curves) return;
    this.plot = axes(pen, width, height, size, {
      across: { range: [0, 1], label: "confidence (score)" },
      up: { range: [0, 5], label: "loss, nats" },
    });
    const { x, y, left, right, top, bottom } = this.plot;
    pen.save();
    pen.beginPath();
    pen.rect(left, top - 2, right - left, bottom - top + 4);
    pen.clip();
    pen.strokeStyle = ON_PAPER.grey;
    pen.setLineDash([3, 4]);
    drawLine(pen, x(this.score), top, x(this.score), bottom);
    for (const [name, { colour, dash, marker }] of Object.entries(CLASS_LOSSES)) {
      const curve = this.curves[name];
      pen.strokeStyle = pen.fillStyle = colour;
      pen.lineWidth = Math.max(2.5, size / 6);
      pen.setLineDash(dash);
      drawCurve(pen, this.scores, curve, x, y);
      drawMarker(pen, marker, x(this.score), y(this.lossAt(curve, this.score)), size * 0.5);
    }
    pen.restore();
  }
}

function lossTable() {
  const names = Object.keys(CLASS_LOSSES);
  const cells = Object.fromEntries(
    names
      .flatMap((name) => ["loss", "slope", "background"].map((column) => `${name}-${column}`))
      .map((name) => [name, cell(name)]),
  );
  const rowOf = (name) =>
    row(CLASS_LOSSES[name].label, cells[`${name}-loss`], cells[`${name}-slope`], cells[`${name}-background`]);
  const header = headerRow("", "loss", "slope", "background's share");
  const show = ({ loss, slope, background }) => {
    for (const name of names) {
      cells[`${name}-loss`].textContent = loss[name].toFixed(3);
      cells[`${name}-slope`].textContent = slope[name].toFixed(3).replace("-", "−");
      cells[`${name}-background`].textContent = `${Math.round(100 * background[name])} %`;
    }
  };
  return { node: table(header, element("tbody", {}, ...names.map(rowOf))), show };
}

function build({ setup, page, set, settingSlider, root }) {
  const moveTo = (value) => {
    chart.score = clamp(value, LOWEST, HIGHEST);
    sliders.score.show(chart.score);
    chart.canvas.paint();
    set({ score: chart.score });
  };
  const chart = new LossChart(setup.scores, moveTo);
  const sliders = {
    score: settingSlider("Confidence", "score", linearScale(LOWEST, HIGHEST, 3), { onMove: moveTo }),
    target: settingSlider("Target score", "target", linearScale(0, 1, 2)),
    weight: settingSlider("Class weight", "weight", linearScale(0, 10, 1)),
    gamma: settingSlider("Focal gamma", "gamma", linearScale(0, 5, 1)),
    alpha: settingSlider("Focal alpha", "alpha", linearScale(0, 1, 2)),
    background: settingSlider("Background points for each object", "background", linearScale(0, 1000, 0)),
    background_score: settingSlider("Their confidence", "background_score", linearScale(LOWEST, HIGHEST, 3)),
  };
  const losses = lossTable();
  page.append(
    block("tk-column", chart.node, losses.node),
    block("tk-controls", ...Object.values(sliders).map((one) => one.node)),
  );
  const show = (numbers, fresh) => {
    const { values, curves, loss, words } = numbers;
    if (fresh) {
      chart.score = values.score;
      for (const [name, one] of Object.entries(sliders)) one.show(values[name]);
    }
    chart.curves = curves;
    chart.canvas.node.setAttribute("aria-label", words);
    chart.canvas.paint();
    losses.show(numbers);
    Object.assign(root.dataset, { score: values.score, bce: loss.bce, focal: loss.focal });
  };
  return { show, close: () => chart.canvas.close() };
}

export default { render: (view) => playground(view, "confidence", build) };
