// The cockpit: controls on the left, what they do on the right. All numbers come from Python; here they are only drawn.

import { Chart, RUN_CHARTS } from "../frontend/charts.js";
import { COLOURS, LOSSES } from "../frontend/colours.js";
import { connect } from "../frontend/connection.js";
import { button, menu, slider } from "../frontend/controls.js";
import { swatch } from "../frontend/drawing.js";
import { element, guardKeys, uniqueId } from "../frontend/elements.js";
import { logScale, short, weightScale } from "../frontend/numbers.js";
import { Pictures } from "../frontend/pictures.js";

const PRESETS_HINT = "Presets of the rate and the weights: the last four leave the rate as it is";

// The step at the right end of the axes: it moves on now and then only, and the curves stand still between.
function roomFor(step) {
  const grain = 10 ** Math.max(1, Math.floor(Math.log10(step))) / 4;
  return Math.ceil(step / grain) * grain;
}

// Curves as they grow: frames bring only what is new; a frame with `whole` starts afresh.
class Curves {
  constructor() {
    this.clear();
  }
  clear() {
    this.age = (this.age ?? 0) + 1;
    this.steps = { step: [] };
    this.shares = { step: [] };
    this.scores = { step: [] };
  }
  add(part, rows) {
    for (const [name, values] of Object.entries(rows ?? {})) (this[part][name] ??= []).push(...values);
  }
  take(frame) {
    for (const part of ["steps", "shares", "scores"]) this.add(part, frame[part]);
  }
  weighted() {
    const { step, box = [], cls = [], dfl = [], w_box = [], w_cls = [], w_dfl = [] } = this.steps;
    const times = (losses, weights) => losses.map((loss, place) => (loss == null ? null : loss * weights[place]));
    return { step, box: times(box, w_box), cls: times(cls, w_cls), dfl: times(dfl, w_dfl) };
  }
  for(name) {
    if (name === "weighted") return this.weighted();
    return { raw: this.steps, lr: this.steps, share: this.shares, map: this.scores }[name];
  }
}

function cockpitControls(setup, ask) {
  const rate = (text) => ask("set", { values: { lr: text } });
  const weight = (name) => (value) => ask("set", { values: { [name]: value } });
  const sliders = {
    lr: slider("Learning rate", logScale(...setup.rates), {
      onMove: rate,
      onTyped: rate,
      name: "lr",
      swatch: swatch({ colour: COLOURS.purple, dash: [], marker: "circle" }),
    }),
  };
  for (const [name, series] of Object.entries(LOSSES)) {
    sliders[name] = slider(
      `${series.label[0].toUpperCase()}${series.label.slice(1)} weight`,
      weightScale(setup.weights[name]),
      { onMove: weight(name), onTyped: weight(name), name, swatch: swatch(series) },
    );
  }
  const menus = {
    schedule: menu("Schedule", setup.schedules, (schedule) => ask("set", { values: { schedule } })),
    optimizer: menu("Optimizer", setup.optimizers, (optimizer) => ask("optimizer", { name: optimizer })),
  };
  const presets = element(
    "div",
    { class: "tk-presets", role: "group", "aria-label": PRESETS_HINT },
    ...setup.presets.map(([name, hint]) =>
      button(name, () => ask("preset", { name }), { title: hint, "data-preset": name }),
    ),
  );
  const node = element(
    "div",
    { class: "tk-controls" },
    element(
      "div",
      { class: "tk-sliders", role: "group", "aria-label": "Learning rate and loss weights" },
      ...Object.values(sliders).map((one) => one.node),
    ),
    element("div", { class: "tk-menus" }, menus.schedule.node, menus.optimizer.node),
    presets,
  );
  return {
    node,
    sliders,
    menus,
    show: (values) => {
      for (const [name, one] of Object.entries({ ...sliders, ...menus })) one.show(values[name]);
      presets
        .querySelectorAll("button")
        .forEach((one) => one.setAttribute("aria-pressed", one.dataset.preset === values.preset));
    },
  };
}

function cockpitTime(ask) {
  const id = uniqueId();
  const range = element("input", { id, type: "range", min: 0, max: 0, step: 1, value: 0, "data-control": "time" });
  const text = element("output", { class: "tk-when", for: id }, "step 0");
  let newest = 0,
    held = false;
  const show = () => {
    text.textContent = held ? `step ${range.value} of ${newest}` : `now: step ${newest}`;
    range.setAttribute("aria-valuetext", text.textContent);
    back.disabled = branch.disabled = newest === 0;
  };
  const release = () => {
    held = false;
    range.value = newest;
    show();
  };
  const go = (kind) => () => {
    ask(kind, { step: Number(range.value) });
    release();
  };
  const back = button("Back to here", go("rewind"), { title: "Forget what came later and train on from this step" });
  const branch = button("Branch here", go("branch"), {
    title: "Train on from this step and keep the old curves in grey",
  });
  range.addEventListener("input", () => {
    held = Number(range.value) < newest;
    show();
    ask("peek", { step: held ? Number(range.value) : null });
  });
  show();
  return {
    node: element(
      "div",
      { class: "tk-time", role: "group", "aria-label": "Time travel" },
      element("label", { for: id }, "Time travel"),
      range,
      text,
      back,
      branch,
    ),
    cursor: () => (held ? Number(range.value) : null),
    show: (step) => {
      newest = step;
      range.max = step;
      if (!held) range.value = step;
      else held = Number(range.value) < newest;
      show();
    },
    release,
  };
}

const STATES = {
  ready: "● Ready",
  running: "▶ Running",
  pausing: "… Pausing",
  paused: "❚❚ Paused",
  rescued: "▲ Stopped to rescue",
  failed: "✕ Error",
  closed: "Closed",
};

function render({ model, el }) {
  const root = element("div", {
    class: "tk-root tk-cockpit",
    role: "region",
    "aria-label": "Training cockpit",
    tabindex: "-1",
  });
  const page = element("div", { class: "tk-page" });
  guardKeys(root);
  root.append(page);
  el.append(root);
  const curves = new Curves();
  let charts = {},
    parts = null,
    pictures = null,
    ghosts = [],
    marks = [],
    closed = false,
    told = 0,
    drawn = 0;

  const build = (setup) => {
    Object.values(charts).forEach((chart) => chart.close());
    pictures?.close();
    charts = Object.fromEntries(Object.entries(RUN_CHARTS).map(([name, settings]) => [name, new Chart(settings)]));
    pictures = new Pictures(setup.classes, setup.image_size);
    const controls = cockpitControls(setup, link.ask),
      time = cockpitTime(link.ask);
    const start = button("Start", () => link.ask(root.dataset.state === "running" ? "pause" : "start"), {
      class: "tk-button tk-main",
      "data-control": "start",
    });
    const bar = element(
      "div",
      { class: "tk-bar", role: "group", "aria-label": "Run" },
      start,
      button("One step", () => link.ask("step"), { "data-control": "step" }),
      button("Reset", () => link.ask("reset"), { "data-control": "reset" }),
      button("Save replay", () => link.ask("export"), {
        title: "Writes this run as one page that plays in any browser",
        "data-control": "export",
      }),
      button("Full screen", () => (document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen()), {
        title: "Escape leaves it",
        "data-control": "screen",
      }),
    );
    const state = element("strong", { class: "tk-state" }),
      numbers = element("span", { class: "tk-numbers" });
    const words = element("span", {}),
      rescue = button("", () => link.ask("rescue"), { class: "tk-button tk-rescue", hidden: true });
    const message = element("div", { class: "tk-message" }, words, rescue);
    const live = element("div", { class: "tk-unseen", "aria-live": "polite", role: "status" });
    parts = { controls, time, start, state, numbers, words, rescue, message, live };
    page.replaceChildren(
      element("header", {}, element("h2", {}, setup.title), state, numbers, bar),
      message,
      element(
        "div",
        { class: "tk-body" },
        controls.node,
        pictures.node,
        ...Object.values(charts).map((chart) => chart.node),
      ),
      time.node,
      live,
    );
    for (const [name, chart] of Object.entries(charts)) chart.node.dataset.chart = name;
  };

  // First the curves that a lever changes at once, the others a frame later: a hand is answered sooner.
  const AT_ONCE = ["lr", "raw", "weighted"];
  let later = 0;
  const paint = () => {
    const newest = Math.max(10, curves.steps.step.at(-1) ?? 0, ...ghosts.map((ghost) => ghost.steps.step.at(-1) ?? 0));
    const last = roomFor(newest),
      cursor = parts.time.cursor(),
      drawn_marks = JSON.stringify(marks);
    const show = (name) => {
      const data = curves.for(name);
      const news = [curves.age, data.step.length, data.step.at(-1), last, ghosts.length, cursor, drawn_marks].join();
      charts[name].show({ data, ghosts: ghosts.map((ghost) => ghost.for(name)), marks, last, cursor, news });
    };
    AT_ONCE.forEach(show);
    cancelAnimationFrame(later);
    later = requestAnimationFrame(() => {
      if (closed) return;
      Object.keys(charts)
        .filter((name) => !AT_ONCE.includes(name))
        .forEach(show);
    });
    root.dataset.drawn = ++drawn;
    root.dataset.ack = link.answered();
  };

  const status = (now) => {
    if (root.dataset.state !== now.state) parts.state.textContent = STATES[now.state] ?? now.state;
    Object.assign(root.dataset, { state: now.state, step: now.step });
    parts.start.textContent = now.state === "running" ? "Pause" : "Start";
    const speed = now.speed ? ` · ${now.speed.toFixed(now.speed < 10 ? 1 : 0)}\u00a0steps/s` : "";
    parts.numbers.textContent = `step ${now.step} · epoch ${now.epoch}${speed}`;
    parts.message.dataset.tone = now.tone;
    if (parts.words.textContent !== now.message) {
      parts.words.textContent = parts.live.textContent = now.message;
    }
    parts.rescue.hidden = !now.rescue;
    if (now.rescue) parts.rescue.textContent = now.rescue;
    parts.time.show(now.step);
  };

  const link = connect(
    model,
    {
      setup: (setup, buffers) => {
        if (parts) return; // sent again for another view
        build(setup);
        pictures.truth = setup.truth;
        pictures.load(buffers);
      },
      peek: ({ found }) => {
        pictures?.show(found, null);
        if (parts) paint();
      },
      frame: (frame) => {
        if (!parts) return; // a frame for another view of the same cockpit, which has asked for its set-up earlier
        if (frame.whole) {
          curves.clear();
          ghosts = frame.ghosts.map((ghost) => {
            const one = new Curves();
            one.take(ghost);
            return one;
          });
        }
        curves.take(frame);
        marks = frame.marks ?? marks;
        if (link.settled()) parts.controls.show(frame.controls);
        if (frame.refused) Object.values(parts.controls.sliders).forEach((one) => one.refuse());
        status(frame.status);
        charts.share.note.textContent = anglesAsText(frame.angles);
        charts.lr.note.textContent = `now ${short(frame.controls.lr)}`;
        if (parts.time.cursor() == null) pictures.show(frame.found, frame.ghost_found);
        paint();
        if (performance.now() - told > 1000) {
          told = performance.now();
          [pictures, ...Object.values(charts)].forEach((one) => one.tell());
        }
      },
    },
    (silence) => {
      if (!parts) return;
      parts.words.textContent = parts.live.textContent = silence;
      parts.message.dataset.tone = "warn";
    },
  );
  root.dataset.state = "waiting";
  link.ask("hello");
  return () => {
    if (closed) return;
    closed = true;
    link.close();
    Object.values(charts).forEach((chart) => chart.close());
    pictures?.close();
    el.replaceChildren();
  };
}

// The angles between the gradients of box, class and DFL loss, degrees: null where one of them is zero.
function anglesAsText(angles) {
  if (!angles?.some((angle) => angle != null)) return "";
  const pairs = ["box–class", "box–DFL", "class–DFL"];
  // word joiners and hard spaces: a line may break between two angles only
  const words = pairs.map((pair, place) => `${pair.replace("–", "–\u2060")}\u00a0${angles[place] ?? "–"}°`);
  return `angles: ${words.join(", ")}`;
}

export default { render };
