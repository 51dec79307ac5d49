// Several runs on the same axes. All curves are here from the start: the cursor follows the hand before Python answers.

import { axes } from "../frontend/axes.js";
import { Canvas } from "../frontend/canvas.js";
import { smoothed } from "../frontend/charts.js";
import { COLOURS } from "../frontend/colours.js";
import { menu } from "../frontend/controls.js";
import { drawCurve, drawLine, drawMarker, swatch } from "../frontend/drawing.js";
import { element, heads } from "../frontend/elements.js";
import { linearScale, short } from "../frontend/numbers.js";
import { Pictures } from "../frontend/pictures.js";
import { playground } from "../frontend/playground.js";

const RUN_STYLES = [
  { colour: COLOURS.blue, dash: [], marker: "circle" },
  { colour: COLOURS.orange, dash: [10, 5], marker: "square" },
  { colour: COLOURS.green, dash: [12, 4, 3, 4], marker: "triangle" },
  { colour: COLOURS.purple, dash: [2, 4], marker: "circle" },
  { colour: COLOURS.amber, dash: [16, 4, 3, 4, 3, 4], marker: "square" },
  { colour: COLOURS.sky, dash: [3, 8], marker: "triangle" },
];

class RunsPanel {
  constructor(name, part, { log = false, dots = false, smooth = false } = {}) {
    Object.assign(this, { part, log, dots, smooth, column: null, runs: [], cursor: 0, last: 10 });
    this.title = element("figcaption", {}, name);
    this.canvas = new Canvas(name, (...place) => this.draw(...place));
    this.node = element("figure", { class: "tk-chart tk-panel", "data-panel": part }, this.title, this.canvas.node);
  }
  show(title, column, runs, cursor, last) {
    Object.assign(this, { column, runs, cursor, last });
    this.title.textContent = title;
    this.canvas.node.setAttribute("aria-label", `${title}: ${runs.length} runs`);
    this.canvas.paint();
  }
  draw(pen, width, height, size) {
    const curves = this.runs.map((run) => ({ step: run[this.part].step, values: run[this.part][this.column] ?? [] }));
    const all = curves.flatMap((one) => one.values).filter((value) => value != null && (!this.log || value > 0));
    if (!all.length) {
      pen.fillStyle = COLOURS.soft;
      pen.font = `${size}px system-ui, sans-serif`;
      pen.fillText("not measured in these runs", size, height / 2);
      return;
    }
    const low = all.reduce((a, b) => Math.min(a, b)),
      high = all.reduce((a, b) => Math.max(a, b));
    const range = this.log ? [low / 1.2, Math.max(high * 1.2, low * 1.5)] : [0, Math.max(1, high)];
    const { x, y, top, bottom } = axes(pen, width, height, size, {
      across: { range: [0, Math.max(10, this.last)], label: "step" },
      up: { range, log: this.log },
    });
    pen.strokeStyle = COLOURS.purple;
    pen.lineWidth = 3;
    drawLine(pen, x(this.cursor), top, x(this.cursor), bottom);
    curves.forEach(({ step, values }, place) => {
      const style = RUN_STYLES[place],
        lines = this.smooth
          ? [
              [values, 0.3, 1],
              [smoothed(values), 1, 2.5],
            ]
          : [[values, 1, 2.5]];
      pen.strokeStyle = pen.fillStyle = style.colour;
      for (const [row, alpha, thick] of lines) {
        pen.globalAlpha = alpha;
        pen.lineWidth = thick;
        pen.setLineDash(alpha < 1 ? [] : style.dash);
        drawCurve(pen, step, row, x, y, this.log);
      }
      pen.globalAlpha = 1;
      const spread = Math.max(1, Math.ceil(values.length / 12));
      values.forEach((value, at) => {
        if (
          value != null &&
          (!this.log || value > 0) &&
          (at % spread === spread - 1 || (this.dots && values.length < 13))
        ) {
          drawMarker(pen, style.marker, x(step[at]), y(value), size / 3.4);
        }
      });
      pen.setLineDash([]);
    });
  }
  close() {
    this.canvas.close();
  }
}

function render(view) {
  return playground(view, "runs", ({ setup, buffers, page, set, lever, root }) => {
    const { runs, last } = setup;
    const panels = {
      steps: new RunsPanel("training", "steps", { log: true, smooth: true }),
      validation: new RunsPanel("validation", "validation", { log: true, dots: true }),
      scores: new RunsPanel("score", "scores", { dots: true }),
      lr: new RunsPanel("rate", "steps", { log: true }),
    };
    panels.lr.node.dataset.panel = "lr";
    let now = { step: last, loss: "total", score: "map50" };
    const paint = () => {
      const loss = Object.fromEntries(setup.losses)[now.loss],
        score = Object.fromEntries(setup.scores)[now.score];
      panels.steps.show(`Training: ${loss}`, now.loss, runs, now.step, last);
      panels.validation.show(`Validation: ${loss}`, now.loss, runs, now.step, last);
      panels.scores.show(`Validation: ${score}`, now.score, runs, now.step, last);
      panels.lr.show("Learning rate", "lr", runs, now.step, last);
      Object.assign(root.dataset, now);
    };
    const moved = (values) => {
      now = { ...now, ...values };
      paint();
      set(values);
    };
    const step = lever("Step", "step", linearScale(0, last, 0), { onMove: (value) => moved({ step: value }) });
    const loss = menu("Loss", setup.losses, (value) => moved({ loss: value }), "loss");
    const score = menu("Score", setup.scores, (value) => moved({ score: value }), "score");

    const named = (run, place) => element("span", { class: "tk-run-name" }, swatch(RUN_STYLES[place]), run.name);
    const cells = runs.map(() =>
      Object.fromEntries(
        ["training", "validation", "score", "lr"].map((name) => [name, element("td", { "data-number": name })]),
      ),
    );
    const values = element(
      "table",
      { class: "tk-numbers-table" },
      element("caption", {}, "At this step"),
      heads("run", "training", "validation", "score", "rate"),
      ...runs.map((run, place) =>
        element(
          "tr",
          { "data-run": place },
          element("th", { scope: "row" }, named(run, place)),
          ...Object.values(cells[place]),
        ),
      ),
    );
    const differ = element(
      "table",
      { class: "tk-numbers-table", "data-table": "differences" },
      element("caption", {}, "Settings that differ"),
      heads("", ...runs.map((run) => run.name)),
      ...setup.differences.map(([name, ...row]) =>
        element("tr", {}, element("th", { scope: "row" }, name), ...row.map((one) => element("td", {}, one))),
      ),
    );
    const pictures = setup.truth.length
      ? runs.map((run, place) => {
          const one = new Pictures(setup.classes, setup.image_size);
          one.truth = setup.truth;
          one.node
            .querySelector("figcaption")
            .replaceChildren(
              named(run, place),
              element(
                "span",
                { class: "tk-note" },
                run.boxes ? "solid: found · dashed: truth" : "no weights and no looks in this run",
              ),
            );
          one.node.dataset.run = place;
          one.load(buffers);
          return one;
        })
      : [];
    page.append(
      element("div", { class: "tk-run-controls" }, step.node, loss.node, score.node),
      ...Object.values(panels).map((one) => one.node),
      ...pictures.map((one) => one.node),
      element("div", { class: "tk-tables" }, element("div", {}, values), element("div", {}, differ)),
    );
    return {
      show: (numbers, fresh) => {
        if (fresh) {
          now = { ...numbers.values };
          step.show(now.step);
          loss.show(now.loss);
          score.show(now.score);
          paint();
        }
        numbers.rows.forEach((row, place) => {
          for (const [name, value] of Object.entries(row)) {
            cells[place][name].textContent = short(value);
            cells[place][name].dataset.value = value ?? "";
          }
        });
        pictures.forEach((one, place) => {
          one.show(numbers.found[place], []);
          one.tell();
        });
      },
      close: () => [...Object.values(panels), ...pictures].forEach((one) => one.close()),
    };
  });
}

export default { render };
