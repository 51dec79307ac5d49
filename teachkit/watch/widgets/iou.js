// One box over the truth, what IoU, GIoU, DIoU and CIoU make of it, and their losses along a slide.

import { axes } from "../frontend/axes.js";
import { Canvas } from "../frontend/canvas.js";
import { COLOURS, ON_PAPER } from "../frontend/colours.js";
import { menu, onEntry, slider } from "../frontend/controls.js";
import { drawCurve, drawLine, drawMarker } from "../frontend/drawing.js";
import { block, cell, element, figure, headerRow, note, row, table, uniqueId } from "../frontend/elements.js";
import { MovableBox, svg } from "../frontend/movable_box.js";
import { clamp, tenths } from "../frontend/numbers.js";
import { playground } from "../frontend/playground.js";
import { Walk } from "../frontend/walk.js";

const LINES = {
  iou: { colour: COLOURS.orange, dash: [9, 5] },
  giou: { colour: COLOURS.green, dash: [12, 4, 3, 4] },
  diou: { colour: "#a8437f", dash: [2, 4] },
  ciou: { colour: COLOURS.blue, dash: [] },
};
// How far along each slide a box is, and the box that is so far along it.
const SLIDES = {
  across: {
    label: "left edge",
    read: ([x1]) => x1,
    write: ([x1, y1, x2, y2], value) => [value, y1, value + x2 - x1, y2],
  },
  down: {
    label: "top edge",
    read: ([, y1]) => y1,
    write: ([x1, y1, x2, y2], value) => [x1, value, x2, value + y2 - y1],
  },
  wide: {
    label: "width",
    read: ([x1, , x2]) => x2 - x1,
    write: ([x1, y1, x2, y2], value) => [(x1 + x2 - value) / 2, y1, (x1 + x2 + value) / 2, y2],
  },
};
const COLUMNS = ["value", "loss", "left", "top", "right", "bottom", "move →", "move ↓", "wider", "taller"];
const FLAT = 1e-6; // a slope below it is none
const asText = (box) => box.map(tenths).join(", ");
const signed = (slope) => (Math.abs(slope) < FLAT ? "0" : `${slope < 0 ? "−" : "+"}${Math.abs(slope).toFixed(4)}`);

// The four losses along the slide, with a mark where the box is.
class LossCurves {
  constructor(measures) {
    Object.assign(this, { losses: {}, range: [0, 1], slide: "across", measure: "ciou", at: 0 });
    this.canvas = new Canvas("The four losses along the slide", (...sizes) => this.draw(...sizes));
    const keys = Object.entries(measures).map(([name, words]) => {
      const { colour, dash } = LINES[name];
      const stroke = { stroke: colour, "stroke-width": 3, "stroke-dasharray": dash.join(" ") || "none" };
      const line = svg("line", { x1: 0, y1: 4, x2: 34, y2: 4, ...stroke });
      const drawing = svg("svg", { width: 34, height: 8, "aria-hidden": "true" }, line);
      return element("span", { class: "tk-note tk-line" }, drawing, ` ${words}`);
    });
    this.node = figure("tk-along", ["Losses along the slide", ...keys], this.canvas.node);
  }
  draw(pen, width, height, size) {
    const values = Object.values(this.losses).flat();
    const top = Math.max(...values, 0.1);
    const bottom = Math.min(...values, top - 0.1);
    const air = (top - bottom) * 0.08;
    const plot = axes(pen, width, height, size, {
      across: { range: this.range, label: `${SLIDES[this.slide].label} of the predicted box, px` },
      up: { range: [bottom - air, top + air], label: "loss" },
    });
    // the chosen one first and thick: where curves lie on each other the others still show on it
    const others = Object.keys(LINES).filter((name) => name !== this.measure);
    for (const name of [this.measure, ...others]) this.drawLoss(pen, name, plot);
    pen.globalAlpha = 1;
    pen.setLineDash([]);
    pen.strokeStyle = pen.fillStyle = ON_PAPER.ink;
    pen.lineWidth = 1.5;
    const here = plot.x(clamp(this.at, ...this.range));
    drawLine(pen, here, plot.top, here, plot.bottom);
    drawMarker(pen, "triangle", here, plot.bottom, size * 0.4);
  }
  drawLoss(pen, name, { x, y }) {
    const losses = this.losses[name] ?? [];
    const [first, last] = this.range;
    const stops = losses.map((_, index) => first + ((last - first) * index) / (losses.length - 1));
    const chosen = name === this.measure;
    pen.strokeStyle = LINES[name].colour;
    pen.lineWidth = chosen ? 6 : 2;
    pen.globalAlpha = chosen ? 0.6 : 1;
    pen.setLineDash(LINES[name].dash);
    drawCurve(pen, stops, losses, x, y);
  }
}

// Values, losses and slopes: a row for each measure.
function measuresTable(measures) {
  const names = Object.keys(measures);
  const cells = Object.fromEntries(names.map((name) => [name, COLUMNS.map((_, index) => cell(`${name}-${index}`))]));
  const rows = Object.fromEntries(names.map((name) => [name, row(measures[name], ...cells[name])]));
  const groups = element(
    "tr",
    {},
    element("th", {}),
    element("th", { colspan: 2 }, ""),
    element("th", { colspan: 4 }, "slope per px of each edge"),
    element("th", { colspan: 4 }, "slope per px of the whole box"),
  );
  const header = headerRow("measure", ...COLUMNS);
  header.firstChild.removeAttribute("scope");
  const node = table(groups, element("tbody", {}, ...Object.values(rows)));
  node.querySelector("thead").append(header);
  const show = (numbers, chosen) => {
    for (const name of names) {
      const { value, loss, slopes, move, grow } = numbers[name];
      const [valueCell, lossCell, ...slopeCells] = cells[name];
      rows[name].dataset.chosen = name === chosen;
      valueCell.textContent = value.toFixed(3).replace("-", "−");
      lossCell.textContent = loss.toFixed(3);
      [...slopes, ...move, ...grow].forEach((slope, index) => {
        slopeCells[index].textContent = signed(slope);
        slopeCells[index].dataset.flat = Math.abs(slope) < FLAT;
      });
    }
  };
  return { node, show };
}

// The box as text. current() → the box as it stands; onTyped(text) is checked by Python.
function boxField(current, onTyped) {
  const id = uniqueId();
  const field = element("input", { type: "text", class: "tk-field", spellcheck: "false", id, "data-control": "typed" });
  onEntry(field, () => asText(current()), onTyped);
  const show = () => {
    if (document.activeElement !== field) field.value = asText(current());
  };
  const label = element("label", { for: id }, "Predicted box: x1, y1, x2, y2");
  return { node: block("tk-typed", label, field), show };
}

// A menu of places for the box; it shows one only while the box is there. places: [[words, box], …].
function placesMenu(places, onPlace) {
  const choices = places.map(([words], index) => [String(index), words]);
  const choose = (index) => {
    if (index !== "") onPlace(places[Number(index)][1]);
  };
  const { node, show } = menu("Put the box", [["", "choose a place …"], ...choices], choose, "place");
  const select = node.querySelector("select");
  const keep = (box) => {
    const place = places[Number(select.value || -1)]?.[1];
    if (box.join() !== place?.join()) show("");
  };
  return { node, keep };
}

// Moves the box along the slide that `curves` shows.
function slideSlider(curves, onMove) {
  const scale = {
    toPlace: (value) => (value - curves.range[0]) / (curves.range[1] - curves.range[0]),
    toValue: (place) => tenths(curves.range[0] + place * (curves.range[1] - curves.range[0])),
  };
  const onTyped = (text) => {
    const value = Number(text.replace(",", "."));
    if (Number.isFinite(value)) onMove(clamp(value, ...curves.range));
  };
  return slider("along the slide, px", scale, { name: "along", onMove, onTyped });
}

// Each measure's numbers, and the overlap of the box with the truth.
const withOverlap = (numbers) =>
  Object.fromEntries(Object.entries(numbers).map(([name, one]) => [name, { ...one, overlap: numbers.iou.value }]));

function build({ setup, buffers, page, set, settingMenu, root }) {
  const moveTo = (next) => {
    const box = next.map(tenths);
    stage.show(box);
    set({ predicted: box });
    follow();
  };
  const stage = new MovableBox(setup, buffers?.[0], moveTo);
  const walk = new Walk(setup, LINES, (values) => {
    stage.show(values.predicted);
    set(values);
    follow();
  });
  stage.node.insertBefore(walk.layer, stage.handle);
  const curves = new LossCurves(setup.measures);
  const measures = Object.entries(setup.measures).map(([name, words]) => [name, `${words} loss`]);
  const measure = settingMenu("Arrows show the slope of", "measure", measures);
  const places = placesMenu(setup.places, moveTo);
  const typed = boxField(
    () => stage.box,
    (predicted) => set({ predicted }),
  );
  const slide = settingMenu("Slide", "slide", setup.slides);
  const along = slideSlider(curves, (value) => moveTo(SLIDES[curves.slide].write(stage.box, value)));
  const numbersOf = measuresTable(setup.measures);
  const verdict = element("p", { class: "tk-said" });
  const follow = () => {
    root.dataset.box = stage.box.map(tenths).join(" ");
    curves.at = SLIDES[curves.slide].read(stage.box);
    typed.show();
    along.show(tenths(curves.at));
    curves.canvas.paint();
  };
  const caption = note("dashed: truth · arrow: where a step goes · ring: slope 0");
  page.append(
    element(
      "figure",
      { class: "tk-stage" },
      element("figcaption", {}, "Drag the box, its edges, its corners", caption),
      stage.node,
    ),
    block("tk-controls", measure.node, places.node, typed.node, slide.node, along.node, walk.node),
    curves.node,
    block("tk-wide", numbersOf.node),
    verdict,
  );
  const show = ({ values, measures: numbers, chart, range, said }, fresh) => {
    const chosen = numbers[values.measure];
    Object.assign(curves, { losses: chart, range, slide: values.slide, measure: values.measure });
    measure.show(values.measure);
    slide.show(values.slide);
    if (fresh) places.keep(values.predicted);
    stage.show(fresh ? values.predicted : stage.box, chosen.slopes);
    follow();
    numbersOf.show(numbers, values.measure);
    verdict.textContent = said;
    if (fresh) walk.take({ values, measures: withOverlap(numbers) });
    verdict.dataset.flat = chosen.move.every((one) => Math.abs(one) < FLAT);
    const predicted = values.predicted.map(tenths).join(" ");
    Object.assign(root.dataset, { predicted, measure: values.measure, slide: values.slide, loss: chosen.loss });
  };
  const close = () => {
    walk.close();
    stage.close();
    curves.canvas.close();
  };
  return { show, close };
}

export default { render: (view) => playground(view, "iou", build) };
