// A training that is looked on at. All that was seen is in the model's traits: it is played without asking Python,
// which is busy while the loop runs.

import { Chart } from "../frontend/charts.js";
import { COLOURS } from "../frontend/colours.js";
import { block, element, guardKeys, note } from "../frontend/elements.js";
import { Pictures } from "../frontend/pictures.js";
import { Player, transportBar } from "../frontend/player.js";
import { RUN_CHARTS } from "../frontend/run_charts.js";

const A_LOOK = 0.3; // s
const [LEAST, MOST] = [2, 12]; // s for the whole run
const SCORE = { label: "F1", colour: COLOURS.blue, dash: [], marker: "circle" };
const KEYS = "Play, or move the slider: with the mouse, or with ← and →.";

function render({ model, el }) {
  const setup = model.get("setup");
  const pictures = new Pictures(setup.classes, setup.image_size);
  const seenAt = note();
  pictures.truth = setup.truth;
  pictures.setCaption("Pictures of the exam", note("solid: found · dotted: a guess · dashed: truth"), seenAt);
  const losses = new Chart({ ...RUN_CHARTS.raw, title: "Losses of each batch" });
  const title = `F1 on ${setup.scored} pictures of the exam`;
  const scores = new Chart({ title, kind: "lines", scale: "linear", range: [0, 1], dots: true, series: { f1: SCORE } });
  const drawings = [pictures, losses, scores];
  const when = element("output", { class: "tk-when" });
  const told = element("span", { class: "tk-note tk-told", role: "status" });

  const show = () => {
    const looks = model.get("looks");
    const [step, found, guesses] = looks[player.row];
    const last = Math.max(looks.at(-1)[0], 10);
    const f1 = model.get("scores").f1[model.get("scores").step.indexOf(step)];
    losses.show({ data: model.get("losses"), ghosts: [], marks: [], last, cursor: step });
    scores.show({ data: model.get("scores"), ghosts: [], marks: [], last, cursor: step });
    pictures.show(found, guesses);
    seenAt.textContent = step ? `after batch ${step}` : "before the first batch";
    when.textContent = `batch ${step}: F1 ${f1 == null ? "–" : f1.toFixed(2)}`;
    told.textContent = model.get("told");
    bar.show();
    Object.assign(root.dataset, { step, looks: looks.length, f1, state: player.playing ? "playing" : "paused" });
    if (!player.playing) for (const one of drawings) one.describe();
  };
  const player = new Player(model.get("looks").length, { onRow: show, onChange: show });
  const bar = transportBar(player, when, []);
  // What is new is shown at once, unless the hand has gone back to something earlier.
  const take = () => {
    const atEnd = player.row >= player.count - 1 && !player.playing;
    player.count = model.get("looks").length;
    player.setPace(Math.min(MOST, Math.max(LEAST, A_LOOK * player.count)));
    if (atEnd) player.row = player.count - 1;
    show();
  };
  const tell = () => {
    told.textContent = model.get("told");
  };

  const name = "A training as it goes";
  const root = element("div", { class: "tk-root tk-monitor", role: "region", "aria-label": name, tabindex: "-1" });
  guardKeys(root);
  losses.node.dataset.chart = "losses";
  scores.node.dataset.chart = "scores";
  root.append(
    block(
      "tk-page",
      element("header", {}, element("h2", {}, name), told),
      block("tk-monitor-body", pictures.node, losses.node, scores.node),
      bar.node,
      element("footer", {}, KEYS),
    ),
  );
  el.append(root);
  const decoded = (text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
  pictures.load(setup.pictures.map(decoded));
  player.row = player.count - 1;
  take();
  model.on("change:looks", take);
  model.on("change:scores change:losses", show);
  model.on("change:told", tell);
  return () => {
    model.off("change:looks", take);
    model.off("change:scores change:losses", show);
    model.off("change:told", tell);
    player.close();
    for (const one of drawings) one.close();
    el.replaceChildren();
  };
}

export default { render };
