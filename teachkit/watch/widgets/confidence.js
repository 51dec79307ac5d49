// Three losses over the confidence, with the point that moves and its slope.

import { axes } from "../frontend/axes.js";
import { Canvas } from "../frontend/canvas.js";
import { COLOURS } from "../frontend/colours.js";
import { held } from "../frontend/controls.js";
import { drawCurve, drawLine, drawMarker, swatch } from "../frontend/drawing.js";
import { element, heads } from "../frontend/elements.js";
import { clamp, linearScale } from "../frontend/numbers.js";
import { playground } from "../frontend/playground.js";

const CLASS_LOSSES = {
  bce: { label: "BCE", colour: COLOURS.blue, dash: [], marker: "circle" },
  weighted: { label: "weight × BCE", colour: COLOURS.orange, dash: [10, 5], marker: "square" },
  focal: { label: "focal", colour: COLOURS.green, dash: [12, 4, 3, 4], marker: "triangle" },
};

function render(view) {
  return playground(view, "confidence", ({ setup, page, set, lever, root }) => {
    let now = null,
      score = 0.3,
      place = null;
    const between = (a, b, share) => a + (b - a) * share;
    const valueAt = (curve, at) => {
      // between two samples of the curve, until Python's own number is there
      const { scores } = setup,
        step = scores[1] - scores[0],
        spot = clamp((at - scores[0]) / step, 0, scores.length - 1.001);
      return between(curve[Math.floor(spot)], curve[Math.floor(spot) + 1], spot % 1);
    };
    const canvas = new Canvas("The class loss against the confidence", (pen, width, height, size) => {
      if (!now) return;
      place = axes(pen, width, height, size, {
        across: { range: [0, 1], label: "confidence (score)" },
        up: { range: [0, 5], label: "loss, nats" },
      });
      pen.save();
      pen.beginPath();
      pen.rect(place.left, place.top - 2, place.right - place.left, place.bottom - place.top + 4);
      pen.clip();
      pen.strokeStyle = COLOURS.grey;
      pen.setLineDash([3, 4]);
      drawLine(pen, place.x(score), place.top, place.x(score), place.bottom);
      for (const [name, one] of Object.entries(CLASS_LOSSES)) {
        const curve = now.curves[name];
        pen.strokeStyle = pen.fillStyle = one.colour;
        pen.lineWidth = Math.max(2.5, size / 6);
        pen.setLineDash(one.dash);
        drawCurve(pen, setup.scores, curve, place.x, place.y);
        drawMarker(pen, one.marker, place.x(score), place.y(valueAt(curve, score)), size * 0.5);
      }
      pen.restore();
    });
    const keys = Object.values(CLASS_LOSSES).map((one) => element("span", { class: "tk-key" }, swatch(one), one.label));
    const chart = element(
      "figure",
      { class: "tk-chart tk-panel" },
      element(
        "figcaption",
        {},
        "Loss",
        element("span", { class: "tk-note" }, "drag in it, or use the first slider"),
        ...keys,
      ),
      canvas.node,
    );
    const moved = (value) => {
      score = clamp(value, 0.001, 0.999);
      levers.score.show(score);
      canvas.paint();
      set({ score });
    };
    canvas.node.style.touchAction = "none";
    held(canvas.node, ({ offsetX }) => {
      if (place) moved(Number(((offsetX - place.left) / (place.right - place.left)).toFixed(3)));
    });

    const levers = {
      score: lever("Confidence", "score", linearScale(0.001, 0.999, 3), { onMove: moved }),
      target: lever("Target score", "target", linearScale(0, 1, 2)),
      weight: lever("Class weight", "weight", linearScale(0, 10, 1)),
      gamma: lever("Focal gamma", "gamma", linearScale(0, 5, 1)),
      alpha: lever("Focal alpha", "alpha", linearScale(0, 1, 2)),
      background: lever("Background points an object", "background", linearScale(0, 1000, 0)),
      background_score: lever("Their confidence", "background_score", linearScale(0.001, 0.999, 3)),
    };
    const cells = {};
    const rows = Object.entries(CLASS_LOSSES).map(([name, one]) =>
      element(
        "tr",
        {},
        element("th", { scope: "row" }, one.label),
        ...["loss", "slope", "background"].map(
          (what) => (cells[`${name}-${what}`] = element("td", { "data-number": `${name}-${what}` })),
        ),
      ),
    );
    const table = element(
      "table",
      { class: "tk-numbers-table" },
      element("thead", {}, heads("", "loss", "slope", "background's share")),
      element("tbody", {}, ...rows),
    );
    page.append(
      element("div", { class: "tk-column" }, chart, table),
      element("div", { class: "tk-controls" }, ...Object.values(levers).map((one) => one.node)),
    );
    return {
      show: (numbers, fresh) => {
        now = numbers;
        if (fresh) {
          score = numbers.values.score;
          for (const [name, one] of Object.entries(levers)) one.show(numbers.values[name]);
        }
        for (const name of Object.keys(CLASS_LOSSES)) {
          cells[`${name}-loss`].textContent = numbers.loss[name].toFixed(3);
          cells[`${name}-slope`].textContent = numbers.slope[name].toFixed(3).replace("-", "−");
          cells[`${name}-background`].textContent = `${Math.round(100 * numbers.background[name])} %`;
        }
        Object.assign(root.dataset, { score: numbers.values.score, bce: numbers.loss.bce, focal: numbers.loss.focal });
        canvas.node.setAttribute("aria-label", numbers.words);
        canvas.paint();
      },
      close: () => canvas.close(),
    };
  });
}

export default { render };
