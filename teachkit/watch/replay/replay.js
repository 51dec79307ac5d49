// A run that is over, to be played and scrubbed: all that it shows was written into the page, and is only drawn here.

import { Chart } from "../frontend/charts.js";
import { button } from "../frontend/controls.js";
import { block, element } from "../frontend/elements.js";
import { formatted } from "../frontend/numbers.js";
import { Pictures } from "../frontend/pictures.js";
import { Player, transportBar } from "../frontend/player.js";
import { largeNumbers, project } from "../frontend/projector.js";
import { RUN_CHARTS, weighted } from "../frontend/run_charts.js";
import { lastUntil, numbersAt, numbersSection } from "./numbers.js";

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

const curvesOf = (run) => ({ ...run, weighted: weighted(run.steps), lr: run.steps });

// The curves of the run, in grey behind them its first futures, or the whole of it. What was not measured has no chart.
function replayCharts(run) {
  const { raw, lr, map, share } = RUN_CHARTS;
  const validation = { ...raw, title: "Losses on validation", smooth: false, dots: true };
  const all = { steps: raw, weighted: RUN_CHARTS.weighted, lr, scores: map, validation, shares: share };
  const curves = curvesOf(run);
  const ghosts = run.ghosts?.length ? run.ghosts.map(curvesOf) : [curves];
  const last = Math.max(...[run, ...ghosts].map(({ steps }) => steps.step.at(-1) ?? 0));
  const measured = Object.entries(all).filter(([name]) => curves[name] === run.steps || curves[name].step.length);
  const charts = measured.map(([name, settings]) => {
    const chart = new Chart(settings);
    chart.node.dataset.chart = name;
    return { chart, curve: curves[name], behind: ghosts.flatMap((ghost) => ghost[name] ?? []) };
  });
  const show = (step) => {
    const marks = run.marks.filter((mark) => mark.step <= step);
    for (const { chart, curve, behind } of charts) {
      chart.show({ data: until(curve, step), ghosts: behind, marks, last, cursor: step });
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
    const ghost = run.ghosts?.at(-1);
    const goesOn = ghost && step <= ghost.steps.step.at(-1); // a future that has ended finds nothing any more
    pictures.show(detections, goesOn && lastUntil(ghost.looks, step)?.[1]);
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

// Buttons of the acts of which the run is one; null where it stands alone.
function actButtons(run, acts, choose) {
  if (acts.length < 2) return null;
  const group = { class: "tk-acts", role: "group", "aria-label": "Acts" };
  const buttons = acts.map(({ key, title }) =>
    button(`${key} · ${title}`, () => choose(key), { "aria-pressed": key === run.key, "data-act": key }),
  );
  return element("div", group, ...buttons);
}

// acts: those of which the run is one; choose(key) plays another. → what takes the replay away.
function replay(run, place, acts, choose) {
  const attributes = { role: "region", "aria-label": `Replay of ${run.title}`, tabindex: "-1" };
  const root = element("div", { class: "tk-root tk-replay", ...attributes });
  const { step: steps, total } = run.steps;
  const charts = replayCharts(run);
  const looks = replayPictures(run, root);
  const numbers = numbersSection();
  const large = largeNumbers();
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
    large.show(numbersAt(run, row));
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
  const first = steps.findIndex((step) => step >= (run.first ?? 0));
  const player = new Player(steps.length, { onRow: show, onChange, first });
  const bar = transportBar(player, when);
  const keys = Object.fromEntries(acts.length < 2 ? [] : acts.map(({ key }) => [key, () => choose(key)]));
  player.listenToKeys({ ...keys, p: () => project(root) });

  numbers.node.append(...[jumpButtons(run, player), settingsNote(run)].filter(Boolean));
  const [upper, lower, ...others] = charts.all.map((one) => one.node);
  const middle = looks ? [looks.pictures.node] : [];
  const about = [`replay of ${steps.length} steps`, ENDS[run.end]].filter(Boolean).join(", ");
  root.append(
    block(
      "tk-page",
      element(
        "header",
        {},
        element("h2", {}, [run.title, run.question].filter(Boolean).join(": ")),
        element("span", { class: "tk-sub" }, about),
      ),
      ...[actButtons(run, acts, choose)].filter(Boolean),
      large.node,
      bar.node,
      block("tk-replay-body", numbers.node, upper, lower, ...middle, ...others),
      element("footer", {}, KEYS),
      live,
    ),
  );
  place.append(root);
  show();
  const close = () => {
    player.close();
    for (const one of drawings) one.close();
    root.remove();
  };
  return { root, player, close };
}

// A run, or acts of which one is played at a time: by its key, or by its button.
function open(content, place) {
  const acts = content.acts ?? [content];
  let shown = null;
  const choose = (key) => {
    const large = shown?.root.classList.contains("tk-projector");
    shown?.close();
    const act = acts.find((one) => one.key === key);
    shown = replay(act, place, acts, choose);
    if (large) project(shown.root);
    if (content.acts) shown.player.play();
  };
  choose(acts[0].key);
}

open(JSON.parse(document.getElementById("run").textContent), document.getElementById("replay"));
