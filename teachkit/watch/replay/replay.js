// A run that is over, to be played and scrubbed: all that it shows was written into the page, and is only drawn here.

import { Chart, RUN_CHARTS } from "../frontend/charts.js";
import { button, menu } from "../frontend/controls.js";
import { element, heads } from "../frontend/elements.js";
import { short } from "../frontend/numbers.js";
import { Pictures } from "../frontend/pictures.js";

const replayFrames = 12; // a second, while it plays
const KEYS =
  "Keys: space plays, ← and → go a step, Page Up and Page Down a twentieth, Home and End to the ends. " +
  "Grey: the whole run.";
const PACES = [
  ["10", "10 s"],
  ["30", "30 s"],
  ["60", "60 s"],
]; // for the whole run

function decoded(text) {
  const bytes = atob(text);
  return Uint8Array.from(bytes, (one) => one.charCodeAt(0));
}

// The rows of a curve up to a step, and, where it is thin, nothing in between.
function until(curve, step) {
  let count = 0;
  while (count < curve.step.length && curve.step[count] <= step) count += 1;
  return Object.fromEntries(Object.entries(curve).map(([name, values]) => [name, values.slice(0, count)]));
}

function lastBefore(rows, step) {
  // rows: [[step, …], …] in order
  return rows.filter(([at]) => at <= step).at(-1) ?? null;
}

function replayCharts(run) {
  const { raw, weighted, lr, map, share } = RUN_CHARTS;
  const charts = {
    steps: new Chart(raw),
    weighted: new Chart(weighted),
    lr: new Chart(lr),
    scores: new Chart(map),
    validation: new Chart({ ...raw, title: "Losses on validation", smooth: false, dots: true }),
    shares: new Chart(share),
  };
  for (const name of ["scores", "validation", "shares"]) {
    if (!run[name].step.length) {
      charts[name].close();
      delete charts[name];
    }
  }
  return charts;
}

function weightedCurve(run) {
  const times = (name) =>
    run.steps[name].map((loss, place) => {
      const weight = run.steps[`w_${name}`][place];
      return loss == null || weight == null ? null : loss * weight;
    });
  return { step: run.steps.step, box: times("box"), cls: times("cls"), dfl: times("dfl") };
}

// The numbers of the step at hand, as the log has them; `value` in full for whoever reads the page by program.
function nowTable() {
  const cells = {};
  const cell = (name, span) => (cells[name] = element("td", { "data-number": name, ...(span ? { colspan: 3 } : {}) }));
  const row = (title, ...names) =>
    element("tr", {}, element("th", { scope: "row" }, title), ...names.map((name) => cell(name)));
  const wide = (title, name) => element("tr", {}, element("th", { scope: "row" }, title), cell(name, true));
  const node = element(
    "section",
    { class: "tk-now", "aria-label": "Numbers of this step" },
    element("h3", {}, "Numbers of this step"),
    element(
      "table",
      {},
      heads("", "box", "class", "DFL"),
      row("loss", "box", "cls", "dfl"),
      row("weight", "w_box", "w_cls", "w_dfl"),
      wide("total", "total"),
      wide("learning rate", "lr"),
      wide("schedule", "schedule"),
      wide("optimizer", "optimizer"),
      wide("mAP50", "map50"),
      wide("mAP", "map"),
    ),
  );
  const show = (values) => {
    for (const [name, value] of Object.entries(values)) {
      cells[name].textContent = typeof value === "string" ? value : short(value);
      cells[name].dataset.value = value ?? "";
    }
  };
  return { node, show };
}

function replay(run, place) {
  const root = element("div", {
    class: "tk-root tk-replay",
    role: "region",
    "aria-label": `Replay of ${run.title}`,
    tabindex: "-1",
  });
  const count = run.steps.step.length,
    last = run.steps.step.at(-1);
  const charts = replayCharts(run),
    whole = { ...run, weighted: weightedCurve(run), lr: run.steps };
  const table = nowTable();
  const pictures = run.pictures.length ? new Pictures(run.classes, run.image_size) : null;
  let at = 0,
    playing = null,
    began = 0,
    from = 0,
    drawn = 0,
    told = 0;

  const live = element("div", { class: "tk-unseen", role: "status", "aria-live": "polite" });
  const when = element("output", { class: "tk-when" });
  const range = element("input", {
    type: "range",
    min: 0,
    max: count - 1,
    step: 1,
    value: 0,
    "aria-label": "Step of the run",
    "data-control": "time",
  });
  const start = button("Play", () => (playing ? pause() : play()), {
    class: "tk-button tk-main",
    "data-control": "play",
  });
  let seconds = 10;
  const pace = menu("whole run in", PACES, (value) => {
    seconds = Number(value);
    began = performance.now();
    from = at;
  });

  const values = () => {
    const scores = run.scores,
      step = run.steps.step[at];
    const scored = scores.step.filter((one) => one <= step).length - 1;
    const [, schedule, optimizer] = lastBefore(run.menus, step) ?? [0, "–", "–"];
    return {
      ...Object.fromEntries(
        ["box", "cls", "dfl", "w_box", "w_cls", "w_dfl", "total", "lr"].map((name) => [name, run.steps[name][at]]),
      ),
      schedule,
      optimizer,
      map50: scored < 0 ? null : scores.map50[scored],
      map: scored < 0 ? null : scores.map[scored],
    };
  };
  const show = () => {
    const step = run.steps.step[at],
      marks = run.marks.filter((mark) => mark.step <= step);
    for (const [name, chart] of Object.entries(charts)) {
      chart.show({ data: until(whole[name], step), ghosts: [whole[name]], marks, last, cursor: step });
    }
    table.show(values());
    if (pictures) {
      const look = lastBefore(run.looks, step);
      pictures.show(look?.[1] ?? run.pictures.map(() => []), null);
      pictures.note.textContent = look ? `as found at step ${look[0]}` : "nothing was looked for yet";
      root.dataset.look = look?.[0] ?? "";
    }
    when.textContent = `step ${step} of ${last}`;
    range.value = at;
    range.setAttribute("aria-valuetext", when.textContent);
    Object.assign(root.dataset, { step, place: at, state: playing ? "playing" : "paused", drawn: ++drawn });
    if (!playing && performance.now() - told > 500) {
      told = performance.now();
      [pictures, ...Object.values(charts)].forEach((one) => one?.tell());
    }
  };
  const go = (wanted) => {
    at = Math.min(count - 1, Math.max(0, wanted));
    show();
  };
  const play = () => {
    if (at >= count - 1) at = 0;
    began = performance.now();
    from = at;
    playing = setInterval(() => {
      go(from + Math.round(((performance.now() - began) / 1000 / seconds) * count));
      if (at >= count - 1) pause();
    }, 1000 / replayFrames);
    start.textContent = "Pause";
    show();
  };
  const pause = () => {
    clearInterval(playing);
    playing = null;
    start.textContent = "Play";
    live.textContent = `step ${run.steps.step[at]}: total loss ${short(run.steps.total[at])}`;
    show();
  };
  range.addEventListener("input", () => {
    if (playing) pause();
    go(Number(range.value));
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target instanceof HTMLSelectElement) return;
    const onButton = event.target instanceof HTMLButtonElement || event.target.tagName === "SUMMARY";
    const keys = {
      ArrowRight: () => go(at + 1),
      ArrowLeft: () => go(at - 1),
      Home: () => go(0),
      End: () => go(count - 1),
      PageDown: () => go(at + Math.ceil(count / 20)),
      PageUp: () => go(at - Math.ceil(count / 20)),
    };
    if (event.key === " " && !onButton) {
      event.preventDefault();
      if (playing) pause();
      else play();
    } else if (keys[event.key]) {
      event.preventDefault();
      if (playing) pause();
      keys[event.key]();
    }
  });

  const jumps = run.marks.slice(-40).map((mark) =>
    button(
      `${mark.step}: ${mark.label}`,
      () => {
        if (playing) pause();
        const there = run.steps.step.findIndex((step) => step >= mark.step);
        go(there < 0 ? count - 1 : there);
      },
      { "data-jump": mark.step },
    ),
  );
  const toldSettings = Object.entries(run.settings)
    .map(([name, value]) => `${name} ${Array.isArray(value) ? value.join(" ") : value}`)
    .join(" · ");
  const ended = {
    epochs: "all its epochs done",
    early_stop: "stopped early",
    until: "good enough",
    interrupted: "interrupted",
    diverged: "diverged",
  }[run.end];
  if (jumps.length) {
    table.node.append(
      element(
        "div",
        { class: "tk-jumps", role: "group", "aria-label": "Changes and incidents" },
        element("strong", {}, "Go to"),
        ...jumps,
      ),
    );
  }
  if (toldSettings) {
    table.node.append(
      element("details", {}, element("summary", {}, "How this run was made"), element("p", {}, toldSettings)),
    );
  }
  const body = element("div", { class: "tk-replay-body" }, table.node);
  for (const [name, chart] of Object.entries(charts)) {
    chart.node.dataset.chart = name;
    body.append(chart.node);
    if (name === "weighted" && pictures) body.append(pictures.node);
  }
  const page = element(
    "div",
    { class: "tk-page" },
    element(
      "header",
      {},
      element("h2", {}, run.title),
      element("span", { class: "tk-sub" }, [`replay of ${count} steps`, ended].filter(Boolean).join(", ")),
    ),
    element("div", { class: "tk-transport", role: "group", "aria-label": "Play" }, start, range, when, pace.node),
    body,
    element("footer", {}, KEYS),
    live,
  );
  root.append(page);
  place.append(root);
  if (pictures) {
    pictures.truth = run.truth;
    pictures.note = element("span", { class: "tk-note", "data-note": "look" });
    pictures.node.querySelector("figcaption").append(pictures.note);
    pictures.load(run.pictures.map(decoded)).then(() => {
      root.dataset.loaded = run.pictures.length;
    });
  }
  show();
}

replay(JSON.parse(document.getElementById("run").textContent), document.getElementById("replay"));
