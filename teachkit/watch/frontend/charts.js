// Curves over training steps, on one canvas each: lines or stacked areas, with marks, ghosts of earlier runs, a cursor.

import { logTicks, niceTicks } from "./axes.js";
import { Canvas } from "./canvas.js";
import { COLOURS, ON_PAPER } from "./colours.js";
import { drawCurve, drawLine, drawMarker, hatch } from "./drawing.js";
import { element, figure, note } from "./elements.js";
import { formatted } from "./numbers.js";
import { complete, limits, rowsToDraw, smoothed, stacked } from "./series.js";

// settings: {title, unit, kind: "lines" | "stack", scale: "linear" | "log", range: [low, high] or null, smooth, dots,
// words: marks have their words written, series: {name: {label, colour, dash, marker}}}
export class Chart {
  constructor(settings) {
    this.settings = settings;
    this.names = Object.keys(settings.series);
    this.prepared = new WeakMap(); // data → what is drawn of it; an earlier run is prepared once
    this.view = { data: this.prepare({ step: [] }), ghosts: [], marks: [], cursor: null, last: 10 };
    this.canvas = new Canvas(settings.title, (...sizes) => this.draw(...sizes));
    this.note = note();
    this.node = figure("", [element("span", {}, settings.title), this.note], this.canvas.node);
  }
  // view: {data, ghosts, marks, cursor, last, key}; nothing is drawn again while `key`, a text, stays the same.
  show(view) {
    if (view.key != null && view.key === this.view.key) return;
    this.view = { ...view, data: this.prepare(view.data), ghosts: view.ghosts.map((ghost) => this.prepare(ghost)) };
    this.canvas.node.dataset.points = view.data.step.length;
    this.canvas.paint();
  }
  // The rows that are drawn, however long the run: of stacked areas the same ones, of lines each line's own. → steps,
  // values and bold values by name, and `layers` of areas.
  prepare(data) {
    const done = this.prepared.get(data);
    if (done?.of === data.step.length) return done;
    const stack = this.settings.kind === "stack";
    const whole = stack ? complete(data, this.names) : data;
    const column = (name) => whole[name] ?? [];
    const shared = stack ? rowsToDraw(sums(this.names.map(column))) : null;
    const made = { of: data.step.length, newest: data.step.at(-1) ?? 0, steps: {}, values: {}, bold: {} };
    for (const name of this.names) {
      const values = column(name);
      const rows = stack ? shared : rowsToDraw(values);
      const drawn = (all) => (rows ? rows.map((row) => all[row]) : all);
      made.steps[name] = drawn(whole.step);
      made.values[name] = drawn(values);
      made.bold[name] = this.settings.smooth ? smoothed(values, rows) : made.values[name];
    }
    if (stack) made.layers = stacked(made.values, this.names);
    this.prepared.set(data, made);
    return made;
  }
  // For a screen reader that reaches the curve; called rarely, for changing a label is not free.
  describe() {
    const { series, title } = this.settings;
    const { values, newest: step } = this.view.data;
    const newest = Object.entries(series).map(([name, { label }]) => `${label} ${formatted(values[name].at(-1))}`);
    this.canvas.node.setAttribute("aria-label", `${title} at step ${step}: ${newest.join(", ")}`);
  }

  draw(pen, width, height, size) {
    const { data, ghosts, marks, cursor } = this.view;
    const plot = this.plot(pen, width, height, size);
    pen.font = `${size}px system-ui, sans-serif`;
    this.drawAxes(pen, plot);
    pen.save();
    pen.beginPath();
    pen.rect(plot.left, plot.top - 2, plot.right - plot.left + size / 2, plot.bottom - plot.top + 4);
    pen.clip();
    for (const ghost of ghosts) this.drawGhost(pen, ghost, plot);
    if (this.settings.kind === "stack") this.drawAreas(pen, data, plot);
    else this.drawLines(pen, data, plot);
    pen.restore();
    drawMarks(pen, marks, plot);
    if (cursor != null) drawCursor(pen, cursor, plot);
    this.drawEnds(pen, data, plot);
  }

  // Where the curves lie, px: x(step), y(value) and the four sides.
  plot(pen, width, height, size) {
    const { series, words, scale } = this.settings;
    const { data, ghosts } = this.view;
    const last = Math.max(this.view.last, 10);
    pen.font = `600 ${size}px system-ui, sans-serif`;
    const labels = this.names.length > 1 ? Object.values(series).map((one) => pen.measureText(one.label).width) : [0];
    const worded = words && height > 7.5 * size; // in a low chart the curve needs the marks' room
    const [left, right] = [size * 4, width - Math.max(...labels) - size * 1.2];
    const x = (step) => left + ((right - left) * step) / last;
    const placed = worded ? placeWords(pen, this.view.marks, { x, size, edge: width }) : [];
    const rows = Math.max(2, ...placed.map(({ row }) => row + 1)); // the curve gives way to a third row of words
    const [top, bottom] = [size * (worded ? 0.7 + 0.95 * rows : 1), height - size * 1.6];
    const [low, high] = limits(data, ghosts, this.names, this.settings);
    const log = scale === "log";
    const span = log ? Math.log(high / low) : high - low;
    const share = (value) => (log ? Math.log(value / low) : value - low) / span;
    const y = (value) => bottom - (bottom - top) * Math.min(1.02, Math.max(-0.02, share(value)));
    return { x, y, left, right, top, bottom, low, high, last, size, log, placed };
  }

  drawAxes(pen, { x, y, left, right, top, bottom, low, high, last, size, log }) {
    pen.strokeStyle = ON_PAPER.line;
    pen.fillStyle = ON_PAPER.soft;
    pen.lineWidth = 1;
    pen.setLineDash([]);
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    const room = Math.max(2, Math.floor((bottom - top) / (size * 2)));
    for (const tick of log ? logTicks(low, high, room) : niceTicks(low, high, room)) {
      drawLine(pen, left, y(tick), right, y(tick));
      const text = this.settings.unit === "%" ? `${Math.round(tick * 100)} %` : formatted(tick);
      pen.fillText(text, left - size * 0.4, y(tick));
    }
    pen.textAlign = "center";
    pen.textBaseline = "alphabetic";
    for (const tick of niceTicks(0, last, Math.max(2, Math.floor((right - left) / (size * 5))))) {
      pen.fillText(tick === 0 ? "step 0" : String(tick), x(tick), bottom + size * 1.25);
    }
  }

  drawLines(pen, data, { x, y, log, size }) {
    for (const [name, { colour, dash, marker }] of Object.entries(this.settings.series)) {
      const [steps, values] = [data.steps[name], data.values[name]];
      pen.strokeStyle = colour;
      pen.setLineDash([]);
      if (this.settings.smooth) {
        pen.lineWidth = 1;
        pen.globalAlpha = 0.4;
        drawCurve(pen, steps, values, x, y, log);
        pen.globalAlpha = 1;
      }
      pen.lineWidth = Math.max(2.5, size / 6);
      pen.setLineDash(dash);
      drawCurve(pen, steps, data.bold[name], x, y, log);
      if (!this.settings.dots) continue;
      pen.fillStyle = colour;
      values.forEach((value, index) => {
        if (value != null) drawMarker(pen, marker, x(steps[index]), y(value), size / 5);
      });
    }
    pen.setLineDash([]);
  }

  // Of stacked losses the total alone, of shares all borders.
  drawGhost(pen, data, { x, y, log }) {
    pen.strokeStyle = ON_PAPER.grey;
    pen.lineWidth = 1.5;
    pen.globalAlpha = 0.75;
    if (this.settings.kind === "stack") {
      const layers = Object.values(data.layers).slice(this.settings.range ? 0 : -1);
      for (const { top } of layers) drawCurve(pen, data.steps[this.names[0]], top, x, y, log);
    } else {
      for (const [name, { dash }] of Object.entries(this.settings.series)) {
        pen.setLineDash(dash);
        drawCurve(pen, data.steps[name], data.bold[name], x, y, log);
      }
    }
    pen.globalAlpha = 1;
    pen.setLineDash([]);
  }

  drawAreas(pen, data, { x, y }) {
    const steps = data.steps[this.names[0]];
    const across = steps.map(x);
    for (const [name, one] of Object.entries(this.settings.series)) {
      const { floor, top } = data.layers[name];
      pen.beginPath();
      across.forEach((at, row) => pen.lineTo(at, y(top[row])));
      for (let row = across.length - 1; row >= 0; row -= 1) pen.lineTo(across[row], y(floor[row]));
      pen.closePath();
      pen.globalAlpha = 0.3;
      pen.fillStyle = one.colour;
      pen.fill();
      pen.globalAlpha = 0.9;
      pen.fillStyle = hatch(pen, one);
      pen.fill();
      pen.globalAlpha = 1;
      pen.strokeStyle = one.colour;
      pen.lineWidth = 2;
      drawCurve(pen, steps, top, x, y, false);
    }
  }

  // Labels at the right end of each line, pushed apart where lines meet.
  drawEnds(pen, data, plot) {
    if (this.names.length < 2) return;
    const { right, size } = plot;
    const stack = this.settings.kind === "stack";
    const labels = this.ends(data, plot).sort((a, b) => a.at - b.at);
    pushApart(labels, plot.top + size * 0.4, plot.bottom, size * 1.15);
    pen.textAlign = "left";
    pen.textBaseline = "middle";
    for (const { one, at, from, end } of labels) {
      pen.fillStyle = one.colour;
      if (stack) pen.fillRect(right + size * 0.3, at - size * 0.4, size * 0.3, size * 0.8);
      else drawMarker(pen, one.marker, end, from, size / 3.2);
      pen.fillStyle = ON_PAPER.ink;
      pen.font = `600 ${size}px system-ui, sans-serif`;
      pen.fillText(one.label, right + size * 0.8, at);
    }
  }
  // Where each line ends, px: [{one: its series, at: its label, from: the line, end: its x}]; of areas the middle.
  ends(data, { x, y, log }) {
    const middle = ({ top, floor }) => top.map((value, index) => (value + floor[index]) / 2);
    return Object.entries(this.settings.series).flatMap(([name, one]) => {
      const values = data.layers ? middle(data.layers[name]) : data.bold[name];
      const index = values.findLastIndex((value) => value != null && (!log || value > 0));
      return index < 0 ? [] : [{ one, at: y(values[index]), from: y(values[index]), end: x(data.steps[name][index]) }];
    });
  }

  close() {
    this.canvas.close();
  }
}

function sums(columns) {
  return (columns[0] ?? []).map((_, row) => columns.reduce((sum, column) => sum + column[row], 0));
}

// First down from the highest place, then up again from the lowest.
function pushApart(labels, highest, lowest, gap) {
  labels.forEach((label, index) => {
    label.at = Math.max(label.at, highest, index ? labels[index - 1].at + gap : 0);
  });
  let floor = lowest;
  for (const label of [...labels].reverse()) {
    label.at = Math.min(label.at, floor);
    floor = label.at - gap;
  }
}

// Where the words of marks stand: [{mark, start, row}], start in px. Alarms come first and find a place, in a third row
// or beside their line, unless the same words stand already; of other marks the newest, in two rows. The rest keep only
// their line.
function placeWords(pen, marks, { x, size, edge }) {
  pen.font = wordFont(size);
  const placed = [],
    newest = [...marks].reverse();
  for (const mark of [...newest.filter((one) => one.alarm), ...newest.filter((one) => !one.alarm)]) {
    const width = pen.measureText(mark.label).width;
    const anywhere = mark.alarm && placed.every((one) => one.mark.label !== mark.label);
    const place = freePlace(placed, { width, at: x(mark.step), gap: size * 0.6, edge: edge - 1 }, anywhere);
    if (place) placed.push({ mark, end: place.start + width, ...place });
  }
  return placed;
}

// {start, row} nearest to `at` where nothing stands yet. anywhere: not only at the line itself.
function freePlace(placed, { width, at, gap, edge }, anywhere) {
  const natural = Math.max(0, Math.min(at, edge - width));
  const around = placed.flatMap(({ start, end }) => [start - gap - width, end + gap]);
  const starts = anywhere ? [natural, at - width, ...around] : [natural];
  const free = (start, row) =>
    start >= 0 &&
    start + width <= Math.max(edge, width) &&
    placed.every((one) => one.row !== row || start + width + gap <= one.start || one.end + gap <= start);
  return [0, 1, ...(anywhere ? [2] : [])]
    .flatMap((row) => starts.filter((start) => free(start, row)).map((start) => ({ start, row })))
    .sort((a, b) => Math.abs(a.start - natural) - Math.abs(b.start - natural) || a.row - b.row)[0];
}

const wordFont = (size) => `${size * 0.86}px system-ui, sans-serif`;

function drawMarks(pen, marks, { x, top, bottom, size, placed }) {
  const ink = (mark) => {
    pen.strokeStyle = pen.fillStyle = mark.alarm ? ON_PAPER["alarm-ink"] : ON_PAPER.ink;
    pen.globalAlpha = mark.pending ? 0.6 : 1;
  };
  for (const mark of marks) {
    const at = x(mark.step);
    ink(mark);
    pen.lineWidth = mark.alarm ? 2 : 1.2;
    pen.setLineDash(mark.pending ? [1, 3] : mark.alarm ? [] : [5, 4]);
    drawLine(pen, at, top - size * 0.2, at, bottom);
    drawMarker(pen, mark.alarm ? "triangle" : "circle", at, top - size * 0.2, size * (mark.alarm ? 0.32 : 0.22));
  }
  pen.font = wordFont(size);
  pen.textBaseline = "alphabetic";
  pen.textAlign = "left";
  for (const { mark, start, row } of placed) {
    ink(mark);
    pen.fillText(mark.label, start, top - size * (0.7 + 0.95 * row));
  }
  pen.globalAlpha = 1;
  pen.setLineDash([]);
}

function drawCursor(pen, step, { x, top, bottom, size }) {
  pen.strokeStyle = COLOURS.purple;
  pen.lineWidth = 3;
  drawLine(pen, x(step), top, x(step), bottom);
  pen.fillStyle = COLOURS.purple;
  drawMarker(pen, "triangle", x(step), bottom + size * 0.3, size * 0.45);
}
