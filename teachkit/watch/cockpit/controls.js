// The cockpit's controls: what trains how, the run itself, and its time.

import { COLOURS, LOSSES } from "../frontend/colours.js";
import { button, menu, slider } from "../frontend/controls.js";
import { swatch } from "../frontend/drawing.js";
import { block, element, uniqueId } from "../frontend/elements.js";
import { logScale, weightScale } from "../frontend/numbers.js";
import { project } from "../frontend/projector.js";

const PRESETS_HINT = "Presets of the rate and the weights: the last five leave the rate as it is";
const PROJECTOR_HINT = "Large pictures, three numbers and one curve: P changes over";
const RATE = { colour: COLOURS.purple, dash: [], marker: "circle" };

const group = (classes, label, ...children) =>
  element("div", { class: classes, role: "group", "aria-label": label }, ...children);

// The learning rate, the weights, schedule, optimizer and presets.
export function trainingControls(setup, ask) {
  const setRate = (lr) => ask("set", { values: { lr } });
  const rate = { onMove: setRate, onTyped: setRate, name: "lr", swatch: swatch(RATE) };
  const sliders = { lr: slider("Learning rate", logScale(...setup.rates), rate) };
  for (const [name, series] of Object.entries(LOSSES)) {
    const label = `${series.label[0].toUpperCase()}${series.label.slice(1)} weight`;
    const setWeight = (weight) => ask("set", { values: { [name]: weight } });
    const weight = { onMove: setWeight, onTyped: setWeight, name, swatch: swatch(series) };
    sliders[name] = slider(label, weightScale(setup.weights[name]), weight);
  }
  const menus = {
    schedule: menu("Schedule", setup.schedules, (schedule) => ask("set", { values: { schedule } })),
    optimizer: menu("Optimizer", setup.optimizers, (name) => ask("optimizer", { name })),
  };
  const presets = setup.presets.map(([name, hint]) =>
    button(name, () => ask("preset", { name }), { title: hint, "data-preset": name }),
  );
  const node = block(
    "tk-controls",
    group("tk-sliders", "Learning rate and loss weights", ...Object.values(sliders).map((one) => one.node)),
    block("tk-menus", menus.schedule.node, menus.optimizer.node),
    group("tk-presets", PRESETS_HINT, ...presets),
  );
  // asked: controls whose value is not in force yet.
  const show = (values, asked = []) => {
    for (const [name, one] of Object.entries({ ...sliders, ...menus })) {
      one.show(values[name]);
      one.node.classList.toggle("tk-asked", asked.includes(name));
    }
    for (const one of presets) one.setAttribute("aria-pressed", one.dataset.preset === values.preset);
  };
  const refuse = () => Object.values(sliders).forEach((one) => one.refuse());
  return { node, show, refuse };
}

// Start or Pause, and what else is done with a run. root: what fills the screen.
export function runButtons(root, ask) {
  let running = false;
  const toggle = () => ask(running ? "pause" : "start");
  const start = button("Start", toggle, { class: "tk-button tk-main", "data-control": "start" });
  const fill = () => (document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen());
  const replayHint = "Writes this run as one page that plays in any browser";
  const node = group(
    "tk-bar",
    "Run",
    start,
    button("One step", () => ask("step"), { "data-control": "step" }),
    button("Reset", () => ask("reset"), { "data-control": "reset" }),
    button("Save replay", () => ask("export"), { title: replayHint, "data-control": "export" }),
    button("Projector", () => project(root), { title: PROJECTOR_HINT, "data-control": "projector" }),
    button("Full screen", fill, { title: "Escape leaves it", "data-control": "screen" }),
  );
  const show = (state) => {
    running = state === "running";
    start.textContent = running ? "Pause" : "Start";
  };
  return { node, show };
}

// A slider over the steps so far: it looks back, and trains on from there.
export function timeTravel(ask) {
  const id = uniqueId();
  const range = element("input", { id, type: "range", min: 0, max: 0, step: 1, value: 0, "data-control": "time" });
  const text = element("output", { class: "tk-when", for: id }, "step 0");
  let newest = 0;
  let isBack = false;
  const update = () => {
    text.textContent = isBack ? `step ${range.value} of ${newest}` : `now: step ${newest}`;
    range.setAttribute("aria-valuetext", text.textContent);
    back.disabled = branch.disabled = newest === 0;
  };
  const go = (kind) => () => {
    ask(kind, { step: Number(range.value) });
    isBack = false;
    range.value = newest;
    update();
  };
  const back = button("Back to here", go("rewind"), { title: "Forget what came later and train on from this step" });
  const branch = button("Branch here", go("branch"), {
    title: "Train on from this step and keep the old curves in grey",
  });
  range.addEventListener("input", () => {
    isBack = Number(range.value) < newest;
    update();
    ask("peek", { step: isBack ? Number(range.value) : null });
  });
  const show = (step) => {
    newest = step;
    range.max = step;
    if (isBack) isBack = Number(range.value) < newest;
    else range.value = step;
    update();
  };
  update();
  const label = element("label", { for: id }, "Time travel");
  const cursor = () => (isBack ? Number(range.value) : null);
  return { node: group("tk-time", "Time travel", label, range, text, back, branch), cursor, show };
}
