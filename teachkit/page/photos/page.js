// Your own pictures: a recorded detector looks at them, and a new one is trained on boxes that are drawn here. Nothing is sent.

import { button, menu } from "../../watch/frontend/controls.js";
import { element } from "../../watch/frontend/elements.js";
import { Pictures } from "../../watch/frontend/pictures.js";
import { open } from "../live/live.js";
import "../live/theme.js";
import { Finder } from "./found.js";
import { letterboxed, opened } from "./picture.js";
import { Boxes, CLASSES, drawOver, lesson } from "./teaching.js";

const HERE = document.currentScript.src,
  MOST = 20,
  SHOWN = 512; // px of the square that is looked at
const fetched = async (name, as) => {
  const answer = await fetch(new URL(name, HERE));
  if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
  return answer[as]();
};
const part = (name) => document.getElementById(name);
const pictures = [],
  finders = new Map(),
  loading = new Set(); // names of finders
let chosen = null,
  detector = "bccd",
  threshold = 0.25,
  label = 0,
  view = null,
  worker = null,
  close = null, // the cockpit's
  looking = false,
  lookAgain = false,
  teaching = false;
const names = () =>
  [...part("classes").querySelectorAll(".tk-field")].map((one, place) => one.value || `thing ${place + 1}`);
const tell = (words) => {
  part("told").textContent = words;
  delete part("told").dataset.broken;
};
const broken = (one) => {
  tell(`That did not work: ${one.message}`);
  part("told").dataset.broken = "true";
};

// One look after another, or an earlier one that takes longer would have the last word.
async function look() {
  lookAgain = true;
  if (looking) return;
  looking = true;
  while (lookAgain) {
    lookAgain = false;
    await lookOnce().catch(broken);
  }
  looking = false;
}
// Beside the looks, which another detector may serve meanwhile. What failed is asked for anew at the next look.
async function load(own) {
  if (loading.has(own)) return;
  loading.add(own);
  try {
    finders.set(own, await Finder.load(own, fetched));
    if (part("told").dataset.broken) tell("");
    look();
  } catch (one) {
    if (own !== detector) return;
    part("found").textContent = "";
    broken(one);
  } finally {
    loading.delete(own);
  }
}
function showNothing() {
  view?.close();
  view = null;
  part("stage").replaceChildren();
  delete part("stage").dataset.found;
  part("found").textContent = "Looking …";
}
// The chosen picture with what is found on it.
async function lookOnce() {
  const own = detector,
    using = finders.get(own),
    picture = chosen;
  if (!picture) return;
  if (!using) {
    showNothing();
    load(own);
    return;
  }
  picture.looks ??= {};
  picture.looks[own] ??= using.look(picture.bitmap);
  const found = using.above(picture.looks[own], threshold),
    scale = SHOWN / using.side,
    next = new Pictures(using.classes, [SHOWN, SHOWN]);
  next.truth = [picture.boxes.list.map((box) => box.slice(0, 4).map((one) => one * SHOWN))];
  next.setCaption("What is found", element("span", { class: "tk-note" }, " solid: found · dashed white: drawn by you"));
  await next.load([letterboxed(picture.bitmap, SHOWN)]);
  next.show([found.map((box) => [...box.slice(0, 4).map((one) => one * scale), ...box.slice(4)])]);
  view?.close();
  view = next;
  part("stage").replaceChildren(view.node);
  const counts = using.classes.map((name, place) => [name, found.filter((box) => box[4] === place).length]);
  const words = counts.filter(([, count]) => count).map(([name, count]) => `${count} × ${name}`);
  part("found").textContent = words.length ? `Found: ${words.join(", ")}.` : "Found: nothing above this threshold.";
  part("stage").dataset.found = found.length;
}
function showBoxes() {
  const within = part("boxes").contains(document.activeElement); // a button that goes
  const all = pictures.reduce((sum, one) => sum + one.boxes.list.length, 0);
  part("boxes").replaceChildren(...(chosen?.boxes.rows(names()) ?? []));
  if (within) part("typed").focus();
  part("train").disabled = !all || teaching;
  part("train").dataset.boxes = all;
  part("easel")
    .querySelectorAll(".tk-drawn")
    .forEach((one) => one.remove());
  for (const [x1, y1, x2, y2, own] of chosen?.boxes.list ?? []) {
    const drawn = element("div", { class: "tk-drawn", "data-name": names()[own] });
    const sides = { left: x1, top: y1, width: x2 - x1, height: y2 - y1 };
    for (const [side, share] of Object.entries(sides)) drawn.style[side] = `${100 * share}%`;
    part("easel").append(drawn);
  }
  look();
}
function choose(picture) {
  chosen = picture;
  for (const one of pictures) one.button.setAttribute("aria-pressed", one === picture);
  const canvas = letterboxed(picture.bitmap, SHOWN);
  part("easel").querySelector("canvas")?.remove();
  canvas.setAttribute("aria-hidden", "true");
  part("easel").prepend(canvas);
  part("work").hidden = false;
  showBoxes();
}
async function take(files) {
  const unread = [];
  let full = false;
  tell("");
  for (const file of [...files]) {
    full = pictures.length >= MOST;
    const bitmap = full ? null : await opened(file).catch(() => null);
    full ||= pictures.length >= MOST; // others may have come meanwhile
    if (full) bitmap?.close();
    else if (bitmap) add(file.name || `picture ${pictures.length + 1}`, bitmap);
    else unread.push(file.name);
    if (full) break;
  }
  const [what, verb] = unread.length > 1 ? ["no pictures", "are"] : ["no picture", "is"];
  const troubles = unread.length ? [`${unread.join(", ")} ${verb} ${what} that this browser can read.`] : [];
  if (full) troubles.push(`${MOST} pictures are the most that this page takes.`);
  tell(troubles.join(" "));
}
function add(name, bitmap) {
  const picture = { bitmap, boxes: new Boxes(showBoxes) };
  picture.button = button(name, () => choose(picture), { "data-picture": "" });
  pictures.push(picture);
  part("list").append(picture.button);
  choose(picture);
}
function remove() {
  const place = pictures.indexOf(chosen);
  pictures.splice(place, 1);
  chosen.button.remove();
  chosen.bitmap.close();
  chosen = null;
  const next = pictures[Math.min(place, pictures.length - 1)];
  if (next) choose(next);
  else {
    part("work").hidden = true;
    part("files").focus();
  }
  showBoxes();
}

async function train() {
  part("train").disabled = teaching = true;
  tell("");
  await teach().finally(() => {
    teaching = false;
    showBoxes();
  });
}
// A training that is there already runs on until all that the new one needs has arrived.
async function teach() {
  const begins = element("p", {}, "The training begins …");
  part("live").prepend(begins);
  try {
    const [facts, program, numbers, kernels] = await Promise.all([
      fetched("facts.json", "json"),
      fetched("training.json", "json"),
      fetched("training.bin", "arrayBuffer"),
      fetched("kernels.wasm", "arrayBuffer"),
    ]);
    const withBoxes = pictures.filter((one) => one.boxes.list.length);
    if (!withBoxes.length) throw new Error("no box is left to be learned");
    const parts = { program, numbers, kernels, ...(await lesson(withBoxes, names(), facts)) };
    close?.();
    worker?.terminate();
    part("live").replaceChildren(begins);
    worker = new Worker(new URL("worker.js", HERE));
    close = await open(worker, parts, part("live"), window, () => fetched("replay.html", "text"));
  } catch (one) {
    begins.remove();
    throw one;
  }
  part("live").scrollIntoView();
}

function begin() {
  const drop = part("drop");
  part("files").addEventListener("change", ({ target }) => {
    take(target.files).catch(broken);
    target.value = ""; // so that the same file can be chosen once more
  });
  part("remove").addEventListener("click", remove);
  for (const kind of ["dragover", "dragleave", "drop"])
    document.addEventListener(kind, (event) => {
      event.preventDefault(); // else the browser leaves the page for the picture
      drop.dataset.over = kind === "dragover";
      if (kind === "drop") take(event.dataTransfer.files).catch(broken);
    });
  const detectors = [
    ["bccd", "blood cells"],
    ["shapes", "the course's shapes"],
  ];
  const kind = menu("Look for", detectors, (value) => ((detector = value), look()), "detector");
  const least = part("threshold");
  least.addEventListener("input", () => {
    threshold = Number(least.value);
    part("least").textContent = threshold.toFixed(2);
    look();
  });
  part("finding").prepend(kind.node);
  const fields = Array.from({ length: CLASSES }, (_, place) => {
    const radio = element("input", {
      autocomplete: "off",
      type: "radio",
      name: "class",
      value: place,
      checked: place === 0,
      "aria-label": `Draw class ${place + 1}`,
    });
    radio.addEventListener("change", () => (label = place));
    const name = element("input", {
      autocomplete: "off",
      class: "tk-field",
      value: `thing ${place + 1}`,
      maxlength: 30,
      "aria-label": `Name of class ${place + 1}`,
    });
    name.addEventListener("input", showBoxes);
    return element("div", {}, radio, name);
  });
  part("classes").append(...fields);
  const typed = part("typed");
  typed.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    const sides = typed.value.split(/[\s,;%]+/).filter(Boolean);
    const wrong = chosen.boxes.add(sides.length === 4 ? sides.map((one) => Number(one) / 100) : [NaN], label);
    if (!wrong) typed.value = "";
    tell(wrong);
  });
  drawOver(
    part("easel"),
    () => chosen.boxes,
    () => label,
    tell,
  );
  part("train").addEventListener("click", () => train().catch(broken));
}
if (location.protocol === "file:")
  tell("This page needs a server: a browser lets no page of the disk read what it needs.");
else begin();
