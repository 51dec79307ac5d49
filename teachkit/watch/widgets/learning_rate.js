// Three rates side by side: a curve of each loss with a line for each rate, the boxes at each rate, the range test.

import { axes } from "../frontend/axes.js";
import { Canvas } from "../frontend/canvas.js";
import { Chart } from "../frontend/charts.js";
import { COLOURS, LOSSES } from "../frontend/colours.js";
import { button } from "../frontend/controls.js";
import { drawCurve, drawLine, drawMarker, swatch } from "../frontend/drawing.js";
import { element } from "../frontend/elements.js";
import { logScale, short } from "../frontend/numbers.js";
import { Pictures } from "../frontend/pictures.js";
import { playground } from "../frontend/playground.js";

const LANES = {
  low: { colour: COLOURS.blue, dash: [3, 5], marker: "circle" },
  usual: { colour: COLOURS.green, dash: [], marker: "square" },
  high: { colour: COLOURS.orange, dash: [11, 5], marker: "triangle" },
};
const LOSS_NAMES = Object.keys(LOSSES);
const times = (factor) => String(Number(factor.toPrecision(3)));

// The losses of a range test over the rate, and the three rates as upright lines.
class TestChart {
  constructor(range) {
    this.range = range;
    this.view = { test: { lr: [] }, rates: {} };
    this.canvas = new Canvas("Range test", (...place) => this.draw(...place));
    this.note = element("span", { class: "tk-note" });
    this.node = element(
      "figure",
      { class: "tk-chart tk-test" },
      element("figcaption", {}, "Range test of the middle run", this.note),
      this.canvas.node,
    );
  }
  show(test, rates, testing) {
    const news = JSON.stringify([test.lr.length, test.suggested, rates, testing]);
    if (news === this.news) return;
    this.news = news;
    this.view = { test, rates };
    this.canvas.node.dataset.points = test.lr.length;
    this.note.textContent = testing
      ? `at rate ${short(test.lr.at(-1))}`
      : test.suggested
        ? `losses turn at ${short(test.largest)}; a tenth is ${short(test.suggested)}`
        : test.lr.length
          ? "no turn seen"
          : "the rate grows at each step";
    this.canvas.node.setAttribute("aria-label", `Range test: ${this.note.textContent}`);
    this.canvas.paint();
  }
  draw(pen, width, height, size) {
    const { test, rates } = this.view;
    const values = LOSS_NAMES.flatMap((name) => test[name] ?? []).filter((value) => value > 0);
    const up = {
      range: values.length ? [Math.min(...values) / 1.3, Math.max(...values) * 1.3] : [0.1, 10],
      log: true,
      label: "loss",
    };
    const { x, y, left, right, top, bottom } = axes(pen, width, height, size, {
      across: { range: this.range, log: true, label: "learning rate" },
      up,
    });
    pen.save();
    pen.beginPath();
    pen.rect(left, 0, right - left, bottom);
    pen.clip();
    for (const [name, one] of Object.entries(LANES)) {
      if (!(rates[name] > this.range[0] && rates[name] < this.range[1])) continue;
      pen.strokeStyle = pen.fillStyle = one.colour;
      pen.lineWidth = 2;
      pen.setLineDash(one.dash);
      drawLine(pen, x(rates[name]), top, x(rates[name]), bottom);
      drawMarker(pen, one.marker, x(rates[name]), top, size * 0.35);
    }
    for (const [name, one] of Object.entries(LOSSES)) {
      const points = test[name] ?? [];
      if (!points.length) continue;
      pen.strokeStyle = pen.fillStyle = one.colour;
      pen.lineWidth = 2.5;
      pen.setLineDash(one.dash);
      drawCurve(pen, test.lr, points, x, y);
      pen.setLineDash([]);
      pen.font = `600 ${size}px system-ui, sans-serif`;
      pen.textAlign = "left";
      pen.textBaseline = "bottom";
      pen.fillStyle = COLOURS.ink;
      pen.fillText(one.label, left + size * 0.5, y(points[0]) - 3);
    }
    pen.restore();
  }
  close() {
    this.canvas.close();
  }
}

function build({ setup, buffers, page, set, lever, choice, root, ask }) {
  const charts = LOSS_NAMES.map(
    (name) =>
      new Chart({
        title: `${LOSSES[name].label} loss, unweighted`,
        kind: "lines",
        scale: "log",
        smooth: true,
        series: Object.fromEntries(Object.entries(LANES).map(([lane, one]) => [lane, { ...one, label: lane }])),
      }),
  );
  charts.forEach((chart) => chart.node.classList.add("tk-panel"));
  const pictures = Object.values(LANES).map((one) => {
    const picture = new Pictures(setup.classes, setup.image_size);
    picture.node.classList.add("tk-lane-picture");
    picture.caption = element("span");
    picture.count = element("span", { class: "tk-note" });
    picture.node.querySelector("figcaption").replaceChildren(swatch(one), picture.caption, picture.count);
    picture.truth = [setup.truth];
    picture.load(buffers);
    return picture;
  });
  const test = new TestChart(setup.test_rates);
  let running = false;
  const start = button("Start", () => ask(running ? "pause" : "start"), { "data-control": "start" });
  start.classList.add("tk-main");
  const step = button("One step", () => ask("step"), { "data-control": "step" });
  const probe = button("Range test", () => ask("test"), { "data-control": "test" });
  const captions = (factor, lr) =>
    Object.keys(LANES).forEach((lane, place) => {
      const name = lane === "usual" ? "usual rate" : `${lane === "low" ? "÷" : "×"} ${times(factor)}`;
      pictures[place].caption.textContent = `${name}: ${short(lr[lane])}`;
    });
  let usual = 0;
  const local = (factor) => captions(factor, { low: usual / factor, usual, high: usual * factor });
  const factor = lever("Usual rate, divided and multiplied by", "factor", logScale(...setup.factors), {
    onMove: (value) => {
      local(value);
      set({ factor: value });
    },
  });
  const optimizer = choice("Optimizer", "optimizer", setup.optimizers),
    schedule = choice("Schedule", "schedule", setup.schedules);
  page.append(
    element(
      "div",
      { class: "tk-lead" },
      element("div", { class: "tk-bar" }, start, step, probe),
      factor.node,
      optimizer.node,
      schedule.node,
    ),
    element("div", { class: "tk-row" }, ...charts.map((chart) => chart.node)),
    element("div", { class: "tk-row" }, ...pictures.map((picture) => picture.node), test.node),
  );

  return {
    show(now, fresh) {
      running = now.state === "running" || now.state === "testing";
      start.textContent = running ? "Pause" : "Start";
      start.disabled = now.state === "over";
      step.disabled = running || now.state === "over";
      probe.disabled = now.state === "testing";
      usual = now.rates.usual;
      if (fresh) {
        factor.show(now.values.factor);
        optimizer.show(now.values.optimizer);
        schedule.show(now.values.schedule);
        captions(now.values.factor, now.lr);
      }
      if (now.refused) factor.refuse();
      const steps = Array.from({ length: now.step }, (_, place) => place);
      LOSS_NAMES.forEach((name, place) => {
        const data = { step: steps };
        for (const lane of Object.keys(LANES)) data[lane] = steps.map((at) => now.losses[name][lane][at] ?? null);
        charts[place].show({
          data,
          ghosts: [],
          marks: [],
          cursor: null,
          last: Math.max(20, now.step),
          news: `${now.step} ${now.values.factor} ${now.values.optimizer} ${now.values.schedule}`,
        });
        if (!running) charts[place].tell();
      });
      Object.keys(LANES).forEach((lane, place) => {
        pictures[place].show([now.found[lane]], null);
        pictures[place].count.textContent =
          `${now.ended[lane] ? "diverged, " : ""}finds ${now.score[lane]} of ${now.objects}`;
        pictures[place].canvas.node.setAttribute(
          "aria-label",
          `Boxes at the ${lane} rate: ${pictures[place].count.textContent}`,
        );
      });
      test.show(now.test, now.rates, now.state === "testing");
      root.dataset.state = now.state;
      root.dataset.step = now.step;
      root.dataset.factor = now.values.factor;
      root.dataset.optimizer = now.values.optimizer;
      root.dataset.schedule = now.values.schedule;
      root.dataset.tested = now.test.lr.length;
    },
    close() {
      [...charts, ...pictures, test].forEach((one) => one.close());
    },
  };
}

export default { render: (view) => playground(view, "rates", build) };
