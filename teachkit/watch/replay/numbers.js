// The numbers of the step at hand, as the log has them.

import { cell, element, headerRow, row } from "../frontend/elements.js";
import { formatted } from "../frontend/numbers.js";

const COLUMNS = ["box", "cls", "dfl", "w_box", "w_cls", "w_dfl", "total", "lr"];

// rows: [[step, …], …] in order → the last one that is not after the step, or null.
export const lastUntil = (rows, step) => rows.filter(([at]) => at <= step).at(-1) ?? null;

// All numbers at a row of the steps.
export function numbersAt(run, index) {
  const step = run.steps.step[index];
  const scored = run.scores.step.filter((one) => one <= step).length - 1;
  const score = (name) => (scored < 0 ? null : run.scores[name][scored]);
  const [, schedule, optimizer] = lastUntil(run.menus, step) ?? [0, "–", "–"];
  const columns = Object.fromEntries(COLUMNS.map((name) => [name, run.steps[name][index]]));
  return { ...columns, schedule, optimizer, map50: score("map50"), map: score("map") };
}

// A table of them; each cell has its number in full as `data-value`, for whoever reads the page by program.
export function numbersSection() {
  const cells = {};
  const make = (name, attributes) => (cells[name] = cell(name, attributes));
  const three = (title, ...names) => row(title, ...names.map((name) => make(name)));
  const wide = (title, name) => row(title, make(name, { colspan: 3 }));
  const numbers = element(
    "table",
    {},
    headerRow("", "box", "class", "DFL"),
    three("loss", "box", "cls", "dfl"),
    three("weight", "w_box", "w_cls", "w_dfl"),
    wide("total", "total"),
    wide("learning rate", "lr"),
    wide("schedule", "schedule"),
    wide("optimizer", "optimizer"),
    wide("mAP50", "map50"),
    wide("mAP", "map"),
  );
  const title = element("h3", {}, "Numbers of this step");
  const node = element("section", { class: "tk-now", "aria-label": "Numbers of this step" }, title, numbers);
  const show = (values) => {
    for (const [name, value] of Object.entries(values)) {
      cells[name].textContent = typeof value === "string" ? value : formatted(value);
      cells[name].dataset.value = value ?? "";
    }
  };
  return { node, show };
}
