// The cockpit: controls on the left, what they do on the right. All numbers come from Python; here they are only drawn.

import { Chart } from "../frontend/charts.js";
import { connect } from "../frontend/connection.js";
import { button } from "../frontend/controls.js";
import { block, element, guardKeys } from "../frontend/elements.js";
import { formatted } from "../frontend/numbers.js";
import { Pictures } from "../frontend/pictures.js";
import { largeNumbers, project } from "../frontend/projector.js";
import { RUN_CHARTS } from "../frontend/run_charts.js";
import { runButtons, timeTravel, trainingControls } from "./controls.js";
import { Curves, roomFor } from "./curves.js";

const STATES = {
  ready: "● Ready",
  running: "▶ Running",
  pausing: "… Pausing",
  paused: "❚❚ Paused",
  rescued: "▲ Stopped to rescue",
  failed: "✕ Error",
  gone: "✕ Ended",
};
// Curves that a control changes at once; the others are drawn a frame later: a hand is answered sooner.
const AT_ONCE = ["lr", "raw", "weighted"];

// The line below the header: what happens, and a button that rescues a run which went wrong.
function messageLine(ask) {
  const words = element("span", {});
  const rescue = button("", () => ask("rescue"), { class: "tk-button tk-rescue", hidden: true });
  const live = element("div", { class: "tk-unseen", "aria-live": "polite", role: "status" });
  const waiting = element("span", { class: "tk-waiting", hidden: true });
  const node = block("tk-message", words, waiting, rescue);
  const show = (text, tone) => {
    node.dataset.tone = tone;
    if (words.textContent !== text) words.textContent = live.textContent = text;
  };
  const offer = (text) => {
    rescue.hidden = !text;
    if (text) rescue.textContent = text;
  };
  // What was asked for and is not in force yet.
  const wait = (commands) => {
    waiting.textContent = commands.length ? `waiting: ${commands.join(" · ")}` : "";
    waiting.hidden = !commands.length;
  };
  return { node, live, show, offer, wait };
}

// The charts of a run, its earlier runs in grey.
class RunCharts {
  constructor() {
    this.curves = new Curves({});
    this.ghosts = [];
    this.marks = [];
    this.age = 0; // grows whenever the curves start afresh
    this.frame = 0;
    this.charts = Object.fromEntries(Object.entries(RUN_CHARTS).map(([name, settings]) => [name, new Chart(settings)]));
    for (const [name, chart] of Object.entries(this.charts)) chart.node.dataset.chart = name;
  }
  get all() {
    return Object.values(this.charts);
  }
  take(frame) {
    if (frame.whole) {
      this.curves = new Curves(frame);
      this.ghosts = frame.ghosts.map((ghost) => new Curves(ghost));
      this.age += 1;
    } else this.curves.add(frame);
    this.marks = frame.marks ?? this.marks;
    this.charts.share.note.textContent = anglesAsText(frame.angles);
    this.charts.lr.note.textContent = `now ${formatted(frame.controls.lr)}`;
  }
  // cursor: the step that time travel looks at, or null.
  paint(cursor) {
    const last = roomFor(Math.max(10, this.curves.last(), ...this.ghosts.map((ghost) => ghost.last())));
    const marks = JSON.stringify(this.marks);
    const show = (name) => {
      const data = this.curves.of(name);
      const ghosts = this.ghosts.map((ghost) => ghost.of(name));
      const key = [this.age, data.step.length, data.step.at(-1), last, ghosts.length, cursor, marks].join();
      this.charts[name].show({ data, ghosts, marks: this.marks, last, cursor, key });
    };
    AT_ONCE.forEach(show);
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => {
      Object.keys(this.charts)
        .filter((name) => !AT_ONCE.includes(name))
        .forEach(show);
    });
  }
  close() {
    cancelAnimationFrame(this.frame);
    for (const chart of this.all) chart.close();
  }
}

// The angles between the gradients of box, class and DFL loss, degrees: null where one of them is zero.
function anglesAsText(angles) {
  if (!angles?.some((angle) => angle != null)) return "";
  const pairs = ["box–class", "box–DFL", "class–DFL"];
  // word joiners and hard spaces: a line may break between two angles only
  const words = pairs.map((pair, index) => `${pair.replace("–", "–\u2060")}\u00a0${angles[index] ?? "–"}°`);
  return `angles: ${words.join(", ")}`;
}

// All that a view shows, in its page.
class View {
  constructor(root, page, setup, buffers, ask) {
    this.root = root;
    this.charts = new RunCharts();
    this.pictures = new Pictures(setup.classes, setup.image_size);
    this.pictures.truth = setup.truth;
    this.pictures.load(buffers);
    this.controls = trainingControls(setup, ask);
    this.buttons = runButtons(root, ask);
    this.time = timeTravel(ask);
    this.message = messageLine(ask);
    this.state = element("strong", { class: "tk-state" });
    this.numbers = element("span", { class: "tk-numbers" });
    this.acts = new Map((setup.acts ?? []).map(([key, name, question]) => [key, `${name}: ${question}`]));
    this.act = element("strong", { class: "tk-act" });
    this.large = largeNumbers();
    this.describedAt = 0;
    const title = element("h2", {}, setup.title);
    const drawings = [this.pictures, ...this.charts.all].map((one) => one.node);
    page.replaceChildren(
      element("header", {}, title, this.act, this.state, this.numbers, this.buttons.node),
      this.message.node,
      this.large.node,
      block("tk-body", this.controls.node, ...drawings),
      this.time.node,
      this.message.live,
    );
  }
  // settled: no request is on its way, so the controls may follow.
  show(frame, settled) {
    this.charts.take(frame);
    if (settled) this.controls.show(frame.controls, frame.asked);
    const waiting = frame.waiting ?? [];
    this.root.dataset.waiting = waiting.length;
    this.message.wait(waiting);
    const { steps, scores } = this.charts.curves;
    const map50 = scores.map50?.findLast((score) => score != null);
    this.large.show({ total: steps.total?.at(-1), lr: frame.controls.lr, map50 });
    if (frame.refused) this.controls.refuse();
    this.showStatus(frame.status);
    if (this.time.cursor() == null) this.pictures.show(frame.found, this.besides(frame));
    this.charts.paint(this.time.cursor());
    if (performance.now() - this.describedAt < 1000) return;
    this.describedAt = performance.now();
    for (const one of [this.pictures, ...this.charts.all]) one.describe();
  }
  // What the first future found at this step; nothing once it has ended.
  besides({ status, ghost_found }) {
    const ghost = this.charts.ghosts.at(-1);
    return ghost && status.step <= ghost.last() + 1 ? ghost_found : null;
  }
  showStatus({ state, step, epoch, speed, tone, message, rescue, act }) {
    Object.assign(this.root.dataset, { state, step });
    this.state.textContent = STATES[state] ?? state;
    this.buttons.show(state);
    this.act.textContent = this.acts.get(act) ?? "";
    const pace = speed ? ` · ${speed.toFixed(speed < 10 ? 1 : 0)}\u00a0steps/s` : "";
    this.numbers.textContent = `step ${step} · epoch ${epoch}${pace}`;
    this.message.show(message, tone);
    this.message.offer(rescue);
    this.time.show(step);
  }
  // What was detected at the step that time travel looks at.
  peek(detections) {
    this.pictures.show(detections, null);
    this.charts.paint(this.time.cursor());
  }
  close() {
    this.charts.close();
    this.pictures.close();
  }
}

// Keys of the speaker. In a lesson a key may be meant for a slider: only before a hall does one of them play an act.
function listenToKeys(root, view, ask) {
  const toggle = () => ask(root.dataset.state === "running" ? "pause" : "start");
  const does = { " ": toggle, b: () => ask("fork"), r: () => ask("rescue"), p: () => project(root) };
  root.addEventListener("keydown", (event) => {
    const { target } = event;
    const key = event.key.toLowerCase();
    const before = root.classList.contains("tk-projector") || "stage" in document.body.dataset;
    if (!view() || event.ctrlKey || event.metaKey || event.altKey || (!before && key !== "p")) return;
    if (target.matches("input[type=text], select") || (key === " " && target.matches("button"))) return;
    const asked = view().acts.has(key) ? () => ask("act", { key }) : Object.hasOwn(does, key) && does[key];
    if (!asked) return;
    event.preventDefault();
    if (!event.repeat) asked(); // a finger that rests on the key asks once
  });
}

export function render({ model, el }) {
  const attributes = { role: "region", "aria-label": "Training cockpit", tabindex: "-1" };
  const page = block("tk-page");
  const root = element("div", { class: "tk-root tk-cockpit", ...attributes }, page);
  guardKeys(root);
  el.append(root);
  if (new URLSearchParams(location.search).has("projector")) project(root);
  let view = null;
  let drawn = 0;
  let closed = false;
  const count = () => {
    root.dataset.drawn = ++drawn;
    root.dataset.ack = link.answered();
  };
  // Set-up, frames and looks back come to each view of a cockpit: those before its own set-up are for another one.
  const answers = {
    setup: (setup, buffers) => {
      view ??= new View(root, page, setup, buffers, link.ask);
      if (setup.beats) link.beat();
    },
    gone: ({ words }) => {
      link.close();
      root.dataset.state = "gone";
      view?.message.show(words, "error");
    },
    peek: ({ found }) => {
      if (!view) return;
      view.peek(found);
      count();
    },
    frame: (frame) => {
      if (!view) return;
      view.show(frame, link.settled());
      count();
    },
  };
  const link = connect(model, answers, (silence) => view?.message.show(silence, "warn"));
  listenToKeys(root, () => view, link.ask);
  root.dataset.state = "waiting";
  link.ask("hello");
  return () => {
    if (closed) return;
    closed = true;
    link.close();
    view?.close();
    el.replaceChildren();
  };
}

export default { render };
