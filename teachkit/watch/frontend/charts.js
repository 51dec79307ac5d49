// Curves over training steps, on one canvas each: lines or stacked areas, with marks, ghosts of earlier runs, a cursor.

import { logTicks, niceTicks } from "./axes.js";
import { Canvas } from "./canvas.js";
import { COLOURS, LOSSES } from "./colours.js";
import { drawCurve, drawLine, drawMarker, hatch } from "./drawing.js";
import { element } from "./elements.js";
import { short } from "./numbers.js";

function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
}

// Mean over the last few points: the bold line. The raw line stays visible beneath it: no spike is smoothed away.
export function smoothed(values, span = 9) {
  let sum = 0,
    count = 0;
  return values.map((value, place) => {
    if (value != null) {
      sum += value;
      count += 1;
    }
    const leaving = values[place - span];
    if (place >= span && leaving != null) {
      sum -= leaving;
      count -= 1;
    }
    return value == null || !count ? null : sum / count;
  });
}

// settings: {title, unit, kind: "lines" | "stack", scale: "linear" | "log", range: [low, high] or null, smooth, series}
// series: {name: {label, colour, dash, marker}}; data: {step: […], name: […], …}
export class Chart {
  constructor(settings) {
    this.settings = settings;
    this.view = { data: { step: [] }, ghosts: [], marks: [], cursor: null, last: 10 };
    this.canvas = new Canvas(settings.title, (...place) => this.draw(...place));
    this.title = element("span", {}, settings.title);
    this.note = element("span", { class: "tk-note" });
    this.node = element(
      "figure",
      { class: "tk-chart" },
      element("figcaption", {}, this.title, this.note),
      this.canvas.node,
    );
  }
  // view: {data, ghosts, marks, cursor, last, news}; nothing is drawn again while `news`, a text, stays the same.
  show(view) {
    if (view.news != null && view.news === this.view.news) return;
    const stack = this.settings.kind === "stack";
    this.view = stack
      ? { ...view, data: this.complete(view.data), ghosts: view.ghosts.map((ghost) => this.complete(ghost)) }
      : view;
    this.canvas.node.dataset.points = view.data.step.length;
    this.canvas.paint();
  }
  tell() {
    // said by a screen reader on reaching the curve; set rarely, for changing it is not free
    const { series, title } = this.settings;
    const newest = Object.entries(series).map(([name, one]) => `${one.label} ${short(this.view.data[name]?.at(-1))}`);
    this.canvas.node.setAttribute(
      "aria-label",
      `${title} at step ${this.view.data.step.at(-1) ?? 0}: ${newest.join(", ")}`,
    );
  }
  names() {
    return Object.keys(this.settings.series);
  }
  bold(values) {
    return this.settings.smooth ? smoothed(values) : values;
  }

  // Where a share is undefined nothing can be stacked: such rows are left out.
  complete(data) {
    const rows = data.step
      .map((_, place) => place)
      .filter((place) => this.names().every((name) => data[name]?.[place] != null));
    if (rows.length === data.step.length) return data;
    return Object.fromEntries(["step", ...this.names()].map((name) => [name, rows.map((place) => data[name][place])]));
  }
  stacked(data) {
    const below = new Array(data.step.length).fill(0);
    const layers = {};
    for (const name of this.names()) {
      const floor = below.slice();
      (data[name] ?? []).forEach((value, place) => {
        below[place] += value ?? 0;
      });
      layers[name] = { floor, top: below.slice() };
    }
    return layers;
  }
  // The axis of stacked losses leaves out old spikes, or one of them would flatten everything else for good.
  limits(data, ghosts) {
    const { range, scale, kind, floor } = this.settings;
    if (range) return range;
    let low = Infinity,
      high = -Infinity;
    for (const run of [data, ...ghosts]) {
      const rows =
        kind === "stack" ? [Object.values(this.stacked(run)).at(-1).top] : this.names().map((name) => run[name] ?? []);
      for (const row of rows) {
        const values = row.filter((value) => value != null && (scale !== "log" || value > 0));
        low = values.reduce((least, value) => Math.min(least, value), low);
        const most =
          kind === "stack" ? Math.max(1.5 * quantile(values, 0.95), ...(run === data ? values.slice(-60) : [])) : null;
        high = values.reduce(
          (greatest, value) => Math.max(greatest, most == null ? value : Math.min(value, most)),
          high,
        );
      }
    }
    if (low > high) return scale === "log" ? [0.1, 10] : [0, 1];
    low = Math.max(low, floor ?? -Infinity);
    if (scale === "log") return high / low < 4 ? [low / 2, high * 2] : [low / 1.25, high * 1.25];
    return [Math.min(0, low), high > 0 ? high * 1.12 : 1];
  }

  draw(pen, width, height, size) {
    const { data, ghosts, marks, cursor, last } = this.view;
    pen.font = `600 ${size}px system-ui, sans-serif`;
    const words =
      this.names().length > 1
        ? Object.values(this.settings.series).map((one) => pen.measureText(one.label).width)
        : [0];
    const told = this.settings.words && height > 7.5 * size; // in a low chart the curve needs the marks' room
    const left = size * 4,
      right = width - Math.max(...words) - size * 1.2,
      top = size * (told ? 2.6 : 1),
      bottom = height - size * 1.6;
    const [low, high] = this.limits(data, ghosts);
    const log = this.settings.scale === "log";
    const x = (step) => left + ((right - left) * step) / Math.max(last, 10);
    const place = (value) => (log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low));
    const y = (value) => bottom - (bottom - top) * Math.min(1.02, Math.max(-0.02, place(value)));
    pen.font = `${size}px system-ui, sans-serif`;
    this.axes(pen, { x, y, left, right, top, bottom, low, high, last, size, log });
    pen.save();
    pen.beginPath();
    pen.rect(left, top - 2, right - left + size / 2, bottom - top + 4);
    pen.clip();
    for (const ghost of ghosts) this.ghost(pen, ghost, x, y, log);
    if (this.settings.kind === "stack") this.areas(pen, data, x, y);
    else this.lines(pen, data, x, y, log, size);
    pen.restore();
    this.marks(pen, marks, { x, top, bottom, size, edge: width, told });
    if (cursor != null) this.cursor(pen, x(cursor), top, bottom, size);
    this.ends(pen, data, { x, y, right, size, top, bottom, log });
  }

  axes(pen, { x, y, left, right, top, bottom, low, high, last, size, log }) {
    pen.strokeStyle = COLOURS.line;
    pen.fillStyle = COLOURS.soft;
    pen.lineWidth = 1;
    pen.setLineDash([]);
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    const room = Math.max(2, Math.floor((bottom - top) / (size * 2)));
    for (const tick of log ? logTicks(low, high, room) : niceTicks(low, high, room)) {
      drawLine(pen, left, y(tick), right, y(tick));
      const text = this.settings.unit === "%" ? `${Math.round(tick * 100)} %` : short(tick);
      pen.fillText(text, left - size * 0.4, y(tick));
    }
    pen.textAlign = "center";
    pen.textBaseline = "alphabetic";
    for (const tick of niceTicks(0, Math.max(last, 10), Math.max(2, Math.floor((right - left) / (size * 5))))) {
      const text = tick === 0 ? "step 0" : String(tick);
      pen.fillText(text, x(tick), bottom + size * 1.25);
    }
  }

  lines(pen, data, x, y, log, size) {
    for (const [name, one] of Object.entries(this.settings.series)) {
      const values = data[name] ?? [];
      pen.strokeStyle = one.colour;
      pen.setLineDash([]);
      if (this.settings.smooth) {
        pen.lineWidth = 1;
        pen.globalAlpha = 0.4;
        drawCurve(pen, data.step, values, x, y, log);
        pen.globalAlpha = 1;
      }
      pen.lineWidth = Math.max(2.5, size / 6);
      pen.setLineDash(one.dash);
      drawCurve(pen, data.step, this.bold(values), x, y, log);
      if (this.settings.dots) {
        pen.fillStyle = one.colour;
        values.forEach((value, place) => {
          if (value != null) drawMarker(pen, one.marker, x(data.step[place]), y(value), size / 5);
        });
      }
    }
    pen.setLineDash([]);
  }
  ghost(pen, data, x, y, log) {
    pen.strokeStyle = COLOURS.grey;
    pen.lineWidth = 1.5;
    pen.globalAlpha = 0.75;
    if (this.settings.kind === "stack") {
      for (const layer of Object.values(this.stacked(data)).slice(this.settings.range ? 0 : -1))
        drawCurve(pen, data.step, layer.top, x, y, log);
    } else {
      for (const [name, one] of Object.entries(this.settings.series)) {
        pen.setLineDash(one.dash);
        const values = data[name] ?? [];
        drawCurve(pen, data.step, this.bold(values), x, y, log);
      }
    }
    pen.globalAlpha = 1;
    pen.setLineDash([]);
  }
  areas(pen, data, x, y) {
    const layers = this.stacked(data);
    for (const [name, one] of Object.entries(this.settings.series)) {
      const { floor, top } = layers[name];
      if (!data.step.length) continue;
      pen.beginPath();
      data.step.forEach((step, place) => pen.lineTo(x(step), y(top[place])));
      for (let place = data.step.length - 1; place >= 0; place -= 1) pen.lineTo(x(data.step[place]), y(floor[place]));
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
      drawCurve(pen, data.step, top, x, y, false);
    }
  }

  // Labels at the right end of each line, pushed apart where lines meet.
  ends(pen, data, { x, y, right, size, top, bottom, log }) {
    if (this.names().length < 2 || !data.step.length) return;
    const layers = this.settings.kind === "stack" ? this.stacked(data) : null;
    const labels = [];
    for (const [name, one] of Object.entries(this.settings.series)) {
      const values = layers
        ? layers[name].top.map((value, place) => (value + layers[name].floor[place]) / 2)
        : this.bold(data[name] ?? []);
      const place = values.findLastIndex((value) => value != null && (!log || value > 0));
      if (place < 0) continue;
      labels.push({ one, at: y(values[place]), from: y(values[place]), end: x(data.step[place]) });
    }
    labels.sort((a, b) => a.at - b.at);
    const gap = size * 1.15;
    labels.forEach((label, place) => {
      label.at = Math.max(label.at, top + size * 0.4, place ? labels[place - 1].at + gap : 0);
    });
    for (let place = labels.length - 1, floor = bottom; place >= 0; place -= 1, floor = labels[place + 1].at - gap) {
      labels[place].at = Math.min(labels[place].at, floor);
    }
    pen.textAlign = "left";
    pen.textBaseline = "middle";
    for (const { one, at, from, end } of labels) {
      pen.fillStyle = one.colour;
      if (layers) pen.fillRect(right + size * 0.3, at - size * 0.4, size * 0.3, size * 0.8);
      else drawMarker(pen, one.marker, end, from, size / 3.2);
      pen.fillStyle = COLOURS.ink;
      pen.font = `600 ${size}px system-ui, sans-serif`;
      pen.fillText(one.label, right + size * 0.8, at);
    }
  }

  // Words newest first in two rows: where both are taken the older mark keeps only its line.
  marks(pen, marks, { x, top, bottom, size, edge, told }) {
    pen.font = `${size * 0.86}px system-ui, sans-serif`;
    pen.textBaseline = "alphabetic";
    pen.textAlign = "left";
    const free = [edge, edge];
    for (const mark of [...marks].reverse()) {
      const at = x(mark.step),
        width = pen.measureText(mark.label).width;
      pen.strokeStyle = pen.fillStyle = mark.alarm ? "#B00020" : COLOURS.ink;
      pen.globalAlpha = mark.pending ? 0.6 : 1;
      pen.lineWidth = mark.alarm ? 2 : 1.2;
      pen.setLineDash(mark.pending ? [1, 3] : mark.alarm ? [] : [5, 4]);
      drawLine(pen, at, top - size * 0.2, at, bottom);
      drawMarker(pen, mark.alarm ? "triangle" : "circle", at, top - size * 0.2, size * (mark.alarm ? 0.32 : 0.22));
      const start = Math.min(at, edge - 1 - width),
        row = free.findIndex((end) => start + width <= end);
      if (told && row >= 0) {
        pen.fillText(mark.label, start, top - size * (0.7 + 0.95 * row));
        free[row] = start - size * 0.6;
      }
      pen.globalAlpha = 1;
    }
    pen.setLineDash([]);
  }
  cursor(pen, at, top, bottom, size) {
    pen.strokeStyle = COLOURS.purple;
    pen.lineWidth = 3;
    drawLine(pen, at, top, at, bottom);
    pen.fillStyle = COLOURS.purple;
    drawMarker(pen, "triangle", at, bottom + size * 0.3, size * 0.45);
  }
  close() {
    this.canvas.close();
  }
}

// What the cockpit and a replay show of a run.
export const RUN_CHARTS = {
  raw: {
    title: "Losses, unweighted",
    kind: "lines",
    scale: "log",
    floor: 1e-3,
    smooth: true,
    words: true,
    series: LOSSES,
  },
  weighted: {
    title: "Weight × loss, stacked to the total",
    kind: "stack",
    scale: "linear",
    words: true,
    series: LOSSES,
  },
  share: { title: "Share of the gradient", kind: "stack", scale: "linear", unit: "%", range: [0, 1], series: LOSSES },
  lr: {
    title: "Learning rate",
    kind: "lines",
    scale: "log",
    words: true,
    series: { lr: { label: "rate", colour: COLOURS.purple, dash: [], marker: "circle" } },
  },
  map: {
    title: "Validation mAP",
    kind: "lines",
    scale: "linear",
    range: [0, 1],
    dots: true,
    series: {
      map50: { label: "mAP50", colour: COLOURS.blue, dash: [10, 5], marker: "square" },
      map: { label: "mAP", colour: COLOURS.ink, dash: [], marker: "circle" },
    },
  },
};
