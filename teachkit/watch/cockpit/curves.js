// The curves of a run as they grow.

import { weighted } from "../frontend/run_charts.js";

const PARTS = ["steps", "shares", "scores"];

// Frames bring only the rows that are new; a frame with `whole` starts afresh, as a new Curves.
export class Curves {
  constructor(rows) {
    for (const part of PARTS) this[part] = { step: [] };
    this.add(rows);
  }
  // rows: {steps, shares, scores}, each {step: […], name: […], …}.
  add(rows) {
    for (const part of PARTS) {
      for (const [name, values] of Object.entries(rows[part] ?? {})) (this[part][name] ??= []).push(...values);
    }
  }
  last() {
    return this.steps.step.at(-1) ?? 0;
  }
  // The data of one of RUN_CHARTS.
  of(chart) {
    if (chart === "weighted") return weighted(this.steps);
    return { raw: this.steps, lr: this.steps, share: this.shares, map: this.scores }[chart];
  }
}

// The step at the right end of the axes: it moves on now and then only, and the curves stand still between.
export function roomFor(step) {
  const grain = 10 ** Math.max(1, Math.floor(Math.log10(step))) / 4;
  return Math.ceil(step / grain) * grain;
}
