// Boxes drawn on pictures by hand or by numbers, and what the live page needs to train on them.

import { button } from "../../watch/frontend/controls.js";
import { element } from "../../watch/frontend/elements.js";
import { fileOf, letterboxed } from "./picture.js";

const LEAST = 0.04; // of the picture's side: a smaller box is a slip of the hand
const MOST_OBJECTS = 4, // in a picture: the graph has room for no more
  FEWEST = 32,
  COLUMNS = 19; // of the sheet of pictures
export const CLASSES = 4;

// The boxes of one picture, as shares of its square: [x1, y1, x2, y2, label].
export class Boxes {
  constructor(onChange) {
    Object.assign(this, { list: [], onChange });
  }
  // → what is wrong with the box, or ""
  add([x1, y1, x2, y2], label) {
    const box = [Math.min(x1, x2), Math.min(y1, y2), Math.max(x1, x2), Math.max(y1, y2)].map((one) =>
      Math.min(1, Math.max(0, one)),
    );
    if (!box.every(Number.isFinite)) return "A box is four numbers: left, top, right and bottom, in per cent.";
    if (box[2] - box[0] < LEAST || box[3] - box[1] < LEAST) return "That box is too small to be learned.";
    if (this.list.length >= MOST_OBJECTS) return `A picture has room for ${MOST_OBJECTS} boxes.`;
    this.list.push([...box, label]);
    this.onChange();
    return "";
  }
  remove(place) {
    this.list.splice(place, 1);
    this.onChange();
  }
  rows(names) {
    return this.list.map(([x1, y1, x2, y2, label], place) =>
      element(
        "li",
        {},
        `${names[label]}: ${[x1, y1, x2, y2].map((one) => Math.round(100 * one)).join(", ")} % `,
        button("Remove", () => this.remove(place), { "aria-label": `Remove box ${place + 1}, ${names[label]}` }),
      ),
    );
  }
}

// Drawing by pointer over a square element. label() → the class of a new box; told(words) of a refused one.
export function drawOver(el, boxes, label, told) {
  const ghost = el.appendChild(element("div", { class: "tk-ghost", hidden: true }));
  let from = null,
    own = null; // boxes of the picture that it began on
  const at = (event) => {
    const box = el.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };
  el.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    event.preventDefault();
    el.setPointerCapture(event.pointerId);
    [from, own] = [at(event), boxes()];
  });
  el.addEventListener("pointermove", (event) => {
    if (!from) return;
    const [x, y] = at(event);
    ghost.hidden = false;
    Object.assign(ghost.style, {
      left: `${100 * Math.min(x, from[0])}%`,
      top: `${100 * Math.min(y, from[1])}%`,
      width: `${100 * Math.abs(x - from[0])}%`,
      height: `${100 * Math.abs(y - from[1])}%`,
    });
  });
  const end = (event) => {
    ghost.hidden = true;
    if (from && event.type === "pointerup") told(own.add([...from, ...at(event)], label()));
    from = null;
  };
  el.addEventListener("pointerup", end);
  el.addEventListener("pointercancel", end);
}

// pictures: {bitmap, boxes} of each; → {facts, sheet} for the live page. Few pictures are shown several times in an epoch.
export async function lesson(pictures, classes, facts) {
  const { side } = facts,
    batch = 8,
    shown = Math.max(FEWEST, Math.ceil(pictures.length / batch) * batch);
  const truth = pictures.map(({ boxes }) =>
    boxes.list.map(([x1, y1, x2, y2, label]) => [...[x1, y1, x2, y2].map((one) => one * side), label]),
  );
  const order = [...Array.from({ length: shown }, (_, place) => place % pictures.length), ...pictures.keys()];
  const sheet = Object.assign(document.createElement("canvas"), {
    width: COLUMNS * side,
    height: Math.ceil(order.length / COLUMNS) * side,
  });
  const pen = sheet.getContext("2d"),
    small = pictures.map(({ bitmap }) => letterboxed(bitmap, side));
  order.forEach((picture, place) =>
    pen.drawImage(small[picture], (place % COLUMNS) * side, Math.floor(place / COLUMNS) * side),
  );
  const own = { title: "A detector learns your pictures", classes };
  own.train = order.slice(0, shown).map((picture) => truth[picture]);
  own.val = truth;
  return { facts: { ...facts, ...own }, sheet: await fileOf(sheet) };
}
