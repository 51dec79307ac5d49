// The live page: the cockpit of the notebooks over a kernel of the page's own. The whole setting stands in the address.

import cockpit from "../../watch/cockpit/cockpit.js";

const SETTINGS = ["optimizer", "schedule", "lr", "box", "cls", "dfl"];

// What an address asks for: ?lr=0.7&optimizer=sgd&run=0&hide=time,presets. After # it is what was last set by hand.
export function asked(location) {
  const values = new URLSearchParams(location.search);
  for (const [name, value] of new URLSearchParams(location.hash.slice(1))) values.set(name, value);
  const settings = Object.fromEntries(
    SETTINGS.filter((name) => values.has(name)).map((name) => [name, values.get(name)]),
  );
  return { settings, start: values.get("run") !== "0", hide: (values.get("hide") ?? "").split(",").filter(Boolean) };
}

// What stands for the setting behind the # of the address: what is not as usual, or not as the rest of the address has it.
export function written(controls, facts, search = "") {
  const now = { ...controls, lr: controls.base }; // a schedule moves the rate itself at each step
  const usual = {
    ...facts.weights,
    schedule: "constant",
    optimizer: facts.optimizers[0][0],
    lr: facts.usual_rates[controls.optimizer],
  };
  const text = (value) => (typeof value === "number" ? Number(value.toPrecision(4)) : value);
  const before = new URLSearchParams(search);
  return SETTINGS.filter((name) => before.has(name) || now[name] !== usual[name])
    .map((name) => `${name}=${text(now[name])}`)
    .join("&");
}

// Controls by the name that they have in the page: of a slider its row, of a chart its figure.
function hidden(root, names) {
  const parts = {
    presets: ".tk-presets",
    time: ".tk-time",
    controls: ".tk-controls",
    pictures: ".tk-pictures",
    numbers: ".tk-numbers",
  };
  for (const name of names.filter((one) => /^[a-z_]+$/.test(one))) {
    const its = `[data-control="${name}"], [data-chart="${name}"], [data-control="${name}-field"]`;
    const found = root.querySelectorAll(Object.hasOwn(parts, name) ? parts[name] : its);
    for (const one of found) (one.closest(".tk-slider, .tk-menu") ?? one).hidden = true;
  }
}

// The other end of the cockpit's connection, as anywidget's model has it.
function modelOf(worker) {
  const listeners = new Set();
  worker.addEventListener("message", ({ data: { message, buffers } }) => {
    if (message) for (const listener of listeners) listener(message, buffers);
  });
  return { on: (_, listener) => listeners.add(listener), off: (_, listener) => listeners.delete(listener) };
}

// Whoever writes another setting into the address, or goes back to an earlier one, gets that run.
export const followAddress = () => addEventListener("hashchange", () => location.reload());

// A run as a file: the page of a replay, with the run in its place.
function save(template, content) {
  const data = JSON.stringify(content).replaceAll("<", "\\u003c");
  const file = new Blob([template.replace('"the run"', () => data)], { type: "text/html" });
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(file), download: "replay.html" });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

// parts: {program, numbers, kernels, facts, sheet} or promises of them; el: where the cockpit goes; replay(): the text of a
// replay's page, or a promise of it. → what closes the cockpit
export async function open(worker, parts, el, { location, history }, replay) {
  const broken = (words) => {
    el.replaceChildren(Object.assign(document.createElement("p"), { textContent: words, className: "broken" }));
  };
  worker.addEventListener("error", ({ message }) => broken(message ?? "The page cannot start: worker.js did not load"));
  const names = Object.keys(parts),
    values = await Promise.all(Object.values(parts));
  const given = Object.fromEntries(names.map((name, place) => [name, values[place]]));
  const { settings, start, hide } = asked(location),
    model = modelOf(worker);
  let address = null,
    waiting = null;
  const loading = el.firstElementChild;
  worker.addEventListener("message", ({ data }) => {
    if (data.broken) broken(data.broken);
    if (data.replay)
      Promise.resolve(replay())
        .then((template) => save(template, data.replay))
        .catch((one) => el.prepend(`The replay cannot be saved: ${one.message}`));
    if (data.message?.kind === "setup") {
      loading?.remove();
      queueMicrotask(() => hidden(el, hide));
    }
    if (data.message?.kind !== "frame") return;
    requestAnimationFrame(() => worker.postMessage({ kind: "drawn" }));
    const next = written(data.message.controls, given.facts, location.search);
    if (next === address) return;
    const first = address === null;
    address = next;
    clearTimeout(waiting); // browsers refuse an address that changes too often
    if (!first)
      waiting = setTimeout(() => history.replaceState(null, "", `${location.pathname}${location.search}#${next}`), 400);
  });
  // Its greeting, the first message, goes with all that the worker needs to answer it.
  const send = (message) =>
    worker.postMessage(message.kind === "hello" ? { ...message, open: { ...given, settings, start } } : message);
  return cockpit.render({ model: { ...model, send }, el });
}
