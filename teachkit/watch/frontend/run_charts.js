// What the cockpit and a replay show of a run.

import { COLOURS, LOSSES, ON_PAPER } from "./colours.js";

export const RUN_CHARTS = {
  raw: {
    title: "Losses, unweighted",
    kind: "lines",
    scale: "log",
    floor: 1e-3,
    smooth: true,
    words: true,
    series: LOSSES,
  },
  weighted: {
    title: "Weight × loss, stacked to the total",
    kind: "stack",
    scale: "linear",
    words: true,
    series: LOSSES,
  },
  share: { title: "Share of the gradient", kind: "stack", scale: "linear", unit: "%", range: [0, 1], series: LOSSES },
  lr: {
    title: "Learning rate",
    kind: "lines",
    scale: "log",
    words: true,
    series: { lr: { label: "rate", colour: COLOURS.purple, dash: [], marker: "circle" } },
  },
  map: {
    title: "Validation mAP",
    kind: "lines",
    scale: "linear",
    range: [0, 1],
    dots: true,
    series: {
      map50: { label: "mAP50", colour: COLOURS.blue, dash: [10, 5], marker: "square" },
      map: {
        label: "mAP",
        dash: [],
        marker: "circle",
        get colour() {
          return ON_PAPER.ink;
        },
      },
    },
  },
};

// Weight × loss at each step. steps: box, cls, dfl and their weights w_box, w_cls, w_dfl.
export function weighted(steps) {
  const product = (name) =>
    (steps[name] ?? []).map((loss, index) => {
      const weight = steps[`w_${name}`][index];
      return loss == null || weight == null ? null : loss * weight;
    });
  return { step: steps.step, box: product("box"), cls: product("cls"), dfl: product("dfl") };
}
