// A box over a true one: dragged by its middle, resized by its edges and corners, moved and resized by keys. An arrow
// at each of its edges shows where a step goes.

import { COLOURS } from "./colours.js";
import { clamp, tenths } from "./numbers.js";

const CORNERS = [
  [0, 1],
  [2, 1],
  [0, 3],
  [2, 3],
]; // which sides of [x1, y1, x2, y2] meet
const FLAT = 1e-6; // a slope below it is none

export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  put(node, attributes);
  node.append(...children);
  return node;
}

function put(node, attributes) {
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
}

// Sides are px of the picture: size: [height, width]; truth: the true box; least: the smallest width and height.
// picture: a PNG file or nothing. onMove(box) while the hand moves it.
export class MovableBox {
  constructor({ size: [tall, wide], truth, least }, picture, onMove) {
    Object.assign(this, { tall, wide, least, onMove });
    this.box = [0, 0, 1, 1];
    this.slopes = [0, 0, 0, 0]; // of a loss for each side
    this.unit = 0.4; // px of the picture in one of the screen
    this.grabbed = null;
    this.address = picture ? URL.createObjectURL(new Blob([picture], { type: "image/png" })) : null;
    this.handle = this.makeHandle();
    this.arrows = Array.from({ length: 4 }, makeArrow);
    const attributes = { viewBox: `0 0 ${wide} ${tall}`, role: "group", "aria-label": "True box and predicted box" };
    this.node = svg("svg", attributes, ...this.background(), ...truthLines(truth), this.handle);
    this.node.append(...this.arrows.map((one) => one.node));
    this.node.style.aspectRatio = `${wide} / ${tall}`;
    this.resized = new ResizeObserver(() => {
      this.unit = wide / (this.node.clientWidth || wide);
      this.lay();
    });
    this.resized.observe(this.node);
  }
  background() {
    if (!this.address) return [];
    const attributes = { href: this.address, width: this.wide, height: this.tall, style: "image-rendering: pixelated" };
    return [svg("image", attributes)];
  }
  show(box, slopes = this.slopes) {
    Object.assign(this, { box, slopes });
    this.lay();
  }

  // The hit areas of edges and corners lie over the box and are wide enough for a finger.
  makeHandle() {
    const { paper, blue } = COLOURS;
    this.halo = svg("rect", { class: "tk-ring", fill: "rgba(0,114,178,.16)", stroke: paper, "stroke-width": 7 });
    this.frame = svg("rect", { fill: "none", stroke: blue, "stroke-width": 3 });
    this.grips = CORNERS.map(() => svg("rect", { fill: paper, stroke: blue, "stroke-width": 2 }));
    this.edges = [0, 1, 2, 3].map((edge) => {
      const style = `cursor: ${edge % 2 ? "ns" : "ew"}-resize`;
      return svg("line", { stroke: "transparent", "data-edges": edge, "stroke-width": 16, style });
    });
    this.corners = CORNERS.map(([x, y]) => {
      const style = `cursor: ${x < 2 === y < 2 ? "nwse" : "nesw"}-resize`;
      return svg("circle", { fill: "transparent", "data-edges": `${x}${y}`, style });
    });
    const attributes = {
      class: "tk-box",
      tabindex: "0",
      role: "group",
      "data-control": "box",
      "aria-roledescription": "movable box",
    };
    const parts = [this.halo, this.frame, ...this.grips, ...this.edges, ...this.corners];
    const handle = svg("g", attributes, ...parts);
    this.listenTo(handle);
    return handle;
  }
  listenTo(handle) {
    handle.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      event.preventDefault();
      handle.focus({ preventScroll: true });
      handle.setPointerCapture(event.pointerId);
      const edges = [...(event.target.dataset.edges ?? "")].map(Number);
      this.grabbed = { at: this.pointer(event), box: [...this.box], edges };
    });
    handle.addEventListener("pointermove", (event) => {
      if (!this.grabbed) return;
      const { at, box, edges } = this.grabbed;
      const [x, y] = this.pointer(event);
      const shift = [Math.round(x - at[0]), Math.round(y - at[1])];
      this.onMove(edges.length ? this.stretched(box, edges, ...shift) : this.moved(box, ...shift));
    });
    const release = () => {
      this.grabbed = null;
    };
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) handle.addEventListener(end, release);
    handle.addEventListener("keydown", (event) => {
      const shift = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (!shift) return;
      event.preventDefault();
      this.onMove(event.shiftKey ? this.stretched(this.box, [2, 3], ...shift) : this.moved(this.box, ...shift));
    });
  }
  // px of the picture.
  pointer({ clientX, clientY }) {
    const { left, top, width, height } = this.node.getBoundingClientRect();
    return [((clientX - left) * this.wide) / width, ((clientY - top) * this.tall) / height];
  }
  moved([x1, y1, x2, y2], right, down) {
    const dx = clamp(right, -x1, this.wide - x2);
    const dy = clamp(down, -y1, this.tall - y2);
    return [x1 + dx, y1 + dy, x2 + dx, y2 + dy];
  }
  stretched(from, edges, right, down) {
    const next = [...from];
    for (const edge of edges) {
      const [shift, most] = edge % 2 ? [down, this.tall] : [right, this.wide];
      const opposite = from[(edge + 2) % 4];
      const [low, high] = edge < 2 ? [0, opposite - this.least] : [opposite + this.least, most];
      next[edge] = clamp(from[edge] + shift, low, high);
    }
    return next;
  }

  lay() {
    const { box, unit } = this;
    const [x1, y1, x2, y2] = box;
    const sides = { x: x1, y: y1, width: x2 - x1, height: y2 - y1 };
    put(this.halo, sides);
    put(this.frame, sides);
    const reach = Math.min(13 * unit, Math.max(6 * unit, (x2 - x1) / 3, (y2 - y1) / 3));
    CORNERS.forEach(([across, down], corner) => {
      const [x, y] = [box[across], box[down]];
      put(this.grips[corner], { x: x - 4 * unit, y: y - 4 * unit, width: 8 * unit, height: 8 * unit });
      put(this.corners[corner], { cx: x, cy: y, r: reach });
    });
    this.edges.forEach((edge, side) => {
      const [ax, ay, bx, by] = side % 2 ? [x1, box[side], x2, box[side]] : [box[side], y1, box[side], y2];
      put(edge, { x1: ax, y1: ay, x2: bx, y2: by });
    });
    this.arrows.forEach((arrow, side) => this.layArrow(arrow, side));
    const place = `left ${tenths(x1)}, top ${tenths(y1)}, right ${tenths(x2)}, bottom ${tenths(y2)}`;
    const words = `Predicted box: ${place}. Arrow keys move it, with Shift they resize it`;
    this.handle.setAttribute("aria-label", words);
  }
  // Against the slope, for that is where a step goes; a ring where there is none. Long arrows are cut off.
  layArrow({ casing, shape }, side) {
    const [x1, y1, x2, y2] = this.box;
    const upright = side % 2;
    const [x, y] = upright ? [(x1 + x2) / 2, this.box[side]] : [this.box[side], (y1 + y2) / 2];
    const flat = Math.abs(this.slopes[side]) < FLAT;
    const length = clamp(-this.slopes[side] * 25 * this.wide, -this.wide / 4, this.wide / 4);
    const path = flat ? ringPath(x, y, 5 * this.unit) : arrowPath(x, y, length, upright, this.unit);
    put(casing, { d: path });
    put(shape, { d: path, fill: flat ? COLOURS.paper : COLOURS.orange, "stroke-width": flat ? 3 : 1 });
  }
  close() {
    this.resized.disconnect();
    if (this.address) URL.revokeObjectURL(this.address);
  }
}

// White below, dashed ink above.
function truthLines([x1, y1, x2, y2]) {
  const line = (stroke, width, dash) =>
    svg("rect", {
      class: "tk-truth",
      fill: "none",
      x: x1,
      y: y1,
      width: x2 - x1,
      height: y2 - y1,
      stroke,
      "stroke-width": width,
      "stroke-dasharray": dash,
    });
  return [line(COLOURS.paper, 5, "none"), line(COLOURS.ink, 2.5, "8 5")];
}

function makeArrow() {
  const { paper, orange } = COLOURS;
  const casing = svg("path", { fill: paper, stroke: paper, "stroke-width": 5, "stroke-linejoin": "round" });
  const shape = svg("path", { fill: orange, stroke: orange, "stroke-width": 1 });
  return { node: svg("g", { class: "tk-slope" }, casing, shape), casing, shape };
}

const ringPath = (x, y, r) => `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`;

function arrowPath(x, y, length, upright, unit) {
  const way = Math.sign(length);
  const tip = way * Math.max(Math.abs(length), 12 * unit);
  const neck = tip - way * 7 * unit * 1.4;
  const [shaft, head] = [2.2 * unit, 7 * unit];
  const points = [
    [0, -shaft],
    [neck, -shaft],
    [neck, -head],
    [tip, 0],
    [neck, head],
    [neck, shaft],
    [0, shaft],
  ];
  const corners = points.map(([a, b]) => (upright ? `${x + b} ${y + a}` : `${x + a} ${y + b}`));
  return `M${corners.join("L")}Z`;
}
