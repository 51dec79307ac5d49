// A run that is over, to be played and scrubbed: all that it shows was written into the page, and is only drawn here.

import { Chart } from "../frontend/charts.js";
import { button } from "../frontend/controls.js";
import { block, element } from "../frontend/elements.js";
import { formatted } from "../frontend/numbers.js";
import { Pictures } from "../frontend/pictures.js";
import { RUN_CHARTS, weighted } from "../frontend/run_charts.js";
import { lastUntil, numbersAt, numbersSection } from "./numbers.js";
import { Player, transportBar } from "./player.js";

const MOST_JUMPS = 40;
const ENDS = {
  epochs: "all its epochs done",
  early_stop: "stopped early",
  until: "good enough",
  interrupted: "interrupted",
  diverged: "diverged",
};
const KEYS =
  "Keys: space plays, ← and → go a step, Page Up and Page Down a twentieth, Home and End to the ends. " +
  "Grey: the whole run.";

// The rows of a curve up to a step.
function until(curve, step) {
  const after = curve.step.findIndex((at) => at > step);
  const count = after < 0 ? curve.step.length : after;
  return Object.fromEntries(Object.entries(curve).map(([name, values]) => [name, values.slice(0, count)]));
}

// The curves of the run, the whole of each in grey behind it. What was not measured has no chart.
function replayCharts(run) {
  const { raw, lr, map, share } = RUN_CHARTS;
  const validation = { ...raw, title: "Losses on validation", smooth: false, dots: true };
  const all = [
    ["steps", raw, run.steps],
    ["weighted", RUN_CHARTS.weighted, weighted(run.steps)],
    ["lr", lr, run.steps],
    ["scores", map, run.scores],
    ["validation", validation, run.validation],
    ["shares", share, run.shares],
  ];
  const last = run.steps.step.at(-1);
  const measured = all.filter(([, , curve]) => curve === run.steps || curve.step.length);
  const charts = measured.map(([name, settings, curve]) => {
    const chart = new Chart(settings);
    chart.node.dataset.chart = name;
    return { chart, curve };
  });
  const show = (step) => {
    const marks = run.marks.filter((mark) => mark.step <= step);
    for (const { chart, curve } of charts) {
      chart.show({ data: until(curve, step), ghosts: [curve], marks, last, cursor: step });
    }
  };
  return { all: charts.map((one) => one.chart), show };
}

// What was detected at the newest look before the step at hand; null for a run without pictures.
function replayPictures(run, root) {
  if (!run.pictures.length) return null;
  const pictures = new Pictures(run.classes, run.image_size);
  const when = element("span", { class: "tk-note", "data-note": "look" });
  const decoded = (text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  pictures.truth = run.truth;
  pictures.node.querySelector("figcaption").append(when);
  pictures.load(run.pictures.map(decoded)).then(() => {
    root.dataset.loaded = run.pictures.length;
  });
  const showAt = (step) => {
    const [at, detections] = lastUntil(run.looks, step) ?? [null, run.pictures.map(() => [])];
    pictures.show(detections, null);
    when.textContent = at == null ? "nothing was looked for yet" : `as found at step ${at}`;
    root.dataset.look = at ?? "";
  };
  return { pictures, showAt };
}

// Buttons that go to the newest changes and incidents; null without any.
function jumpButtons(run, player) {
  if (!run.marks.length) return null;
  const jumps = run.marks.slice(-MOST_JUMPS).map(({ step, label }) => {
    const row = run.steps.step.findIndex((at) => at >= step);
    const jump = () => player.jump(row < 0 ? player.count - 1 : row);
    return button(`${step}: ${label}`, jump, { "data-jump": step });
  });
  const group = { class: "tk-jumps", role: "group", "aria-label": "Changes and incidents" };
  return element("div", group, element("strong", {}, "Go to"), ...jumps);
}

// How the run was made; null where nothing is known of it.
function settingsNote({ settings }) {
  const values = Object.entries(settings).map(
    ([name, value]) => `${name} ${Array.isArray(value) ? value.join(" ") : value}`,
  );
  if (!values.length) return null;
  const summary = element("summary", {}, "How this run was made");
  return element("details", {}, summary, element("p", {}, values.join(" · ")));
}

function replay(run, place) {
  const attributes = { role: "region", "aria-label": `Replay of ${run.title}`, tabindex: "-1" };
  const root = element("div", { class: "tk-root tk-replay", ...attributes });
  const { step: steps, total } = run.steps;
  const charts = replayCharts(run);
  const looks = replayPictures(run, root);
  const numbers = numbersSection();
  const drawings = [...(looks ? [looks.pictures] : []), ...charts.all];
  const live = element("div", { class: "tk-unseen", role: "status", "aria-live": "polite" });
  const when = element("output", { class: "tk-when" });
  let drawn = 0;
  let describedAt = 0;

  const show = () => {
    const { row, playing } = player;
    const step = steps[row];
    charts.show(step);
    numbers.show(numbersAt(run, row));
    looks?.showAt(step);
    when.textContent = `step ${step} of ${steps.at(-1)}`;
    bar.show();
    Object.assign(root.dataset, { step, place: row, state: playing ? "playing" : "paused", drawn: ++drawn });
    if (playing || performance.now() - describedAt < 500) return;
    describedAt = performance.now();
    for (const one of drawings) one.describe();
  };
  const onChange = () => {
    const { row, playing } = player;
    if (!playing) live.textContent = `step ${steps[row]}: total loss ${formatted(total[row])}`;
    show();
  };
  const player = new Player(steps.length, { onRow: show, onChange });
  const bar = transportBar(player, when);
  player.listenToKeys();

  numbers.node.append(...[jumpButtons(run, player), settingsNote(run)].filter(Boolean));
  const [first, second, ...others] = charts.all.map((one) => one.node);
  const middle = looks ? [looks.pictures.node] : [];
  const about = [`replay of ${steps.length} steps`, ENDS[run.end]].filter(Boolean).join(", ");
  root.append(
    block(
      "tk-page",
      element("header", {}, element("h2", {}, run.title), element("span", { class: "tk-sub" }, about)),
      bar.node,
      block("tk-replay-body", numbers.node, first, second, ...middle, ...others),
      element("footer", {}, KEYS),
      live,
    ),
  );
  place.append(root);
  show();
}

replay(JSON.parse(document.getElementById("run").textContent), document.getElementById("replay"));
