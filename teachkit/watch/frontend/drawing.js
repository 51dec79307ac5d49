// Strokes on a canvas: lines, markers, boxes and hatched areas, and where pictures lie side by side.

import { element } from "./elements.js";

export function drawLine(pen, x1, y1, x2, y2) {
  pen.beginPath();
  pen.moveTo(x1, y1);
  pen.lineTo(x2, y2);
  pen.stroke();
}

const COLUMN = 3; // px: points that share a column are drawn as their extremes, so that a long run costs no more

// The pen is lifted over what is missing: a NaN leaves a gap.
export function drawCurve(pen, steps, values, x, y, log) {
  let up = true; // the pen
  let empty = true; // the column
  let column, lowX, low, highX, high;
  const finish = () => {
    if (empty) return;
    const [first, second] = lowX <= highX ? [lowX, highX] : [highX, lowX];
    if (up) pen.moveTo(first, lowX <= highX ? low : high);
    else pen.lineTo(first, lowX <= highX ? low : high);
    if (low !== high) pen.lineTo(second, lowX <= highX ? high : low);
    up = false;
    empty = true;
  };
  pen.beginPath();
  values.forEach((value, place) => {
    if (value == null || (log && value <= 0)) {
      finish();
      up = true;
      return;
    }
    const across = x(steps[place]);
    const height = y(value);
    const at = Math.floor(across / COLUMN);
    if (at !== column) finish();
    if (empty) {
      [column, lowX, low, highX, high, empty] = [at, across, height, across, height, false];
    } else if (height < low) [lowX, low] = [across, height];
    else if (height > high) [highX, high] = [across, height];
  });
  finish();
  pen.stroke();
}

// Of each marker with straight sides, in units of its size.
const around = (count, radius) =>
  [...Array(count).keys()].map((one) => {
    const [angle, far] = [(2 * Math.PI * one) / count, radius(one)];
    return [far * Math.sin(angle), -far * Math.cos(angle)];
  });
const CORNERS = {
  star: around(10, (one) => (one % 2 ? 0.55 : 1.3)),
  diamond: around(4, () => 1.2),
  cross: [-1, 1].flatMap((way) =>
    [
      [-0.5, -1.1],
      [0, -0.6],
      [0.5, -1.1],
      [1.1, -0.5],
      [0.6, 0],
      [1.1, 0.5],
    ].map((pair) => pair.map((one) => -way * one)),
  ),
};

export function drawMarker(pen, marker, x, y, size) {
  pen.setLineDash([]);
  pen.beginPath();
  if (marker === "square") pen.rect(x - size * 0.85, y - size * 0.85, size * 1.7, size * 1.7);
  else if (marker === "triangle") {
    pen.moveTo(x, y - size);
    pen.lineTo(x + size, y + size * 0.8);
    pen.lineTo(x - size, y + size * 0.8);
    pen.closePath();
  } else if (marker in CORNERS) {
    for (const [across, down] of CORNERS[marker]) pen.lineTo(x + size * across, y + size * down);
    pen.closePath();
  } else pen.arc(x, y, size, 0, 7);
  pen.fill();
}

// A box on a dark line of its own, so that it stands out on any picture. sides: x, y, width, height px.
export function drawBox(pen, sides, { colour, dash, thick, casing }) {
  for (const [stroke, width, pattern] of [
    [casing.colour, thick + casing.more, []],
    [colour, thick, dash],
  ]) {
    pen.strokeStyle = stroke;
    pen.lineWidth = width;
    pen.setLineDash(pattern);
    pen.strokeRect(...sides);
  }
  pen.setLineDash([]);
}

// A second cue for areas: plain, slanted, dotted.
const hatches = new Map();

export function hatch(pen, series) {
  if (hatches.has(series.marker + series.colour)) return hatches.get(series.marker + series.colour);
  const tile = element("canvas", { width: 10, height: 10 });
  const brush = tile.getContext("2d");
  brush.strokeStyle = brush.fillStyle = series.colour;
  brush.lineWidth = 1.6;
  if (series.marker === "square") {
    for (const shift of [-10, 0, 10]) {
      brush.moveTo(shift, 10);
      brush.lineTo(shift + 10, 0);
    }
    brush.stroke();
  } else if (series.marker === "triangle") {
    brush.fillRect(1, 1, 2.4, 2.4);
    brush.fillRect(6, 6, 2.4, 2.4);
  }
  const pattern = pen.createPattern(tile, "repeat");
  hatches.set(series.marker + series.colour, pattern);
  return pattern;
}

// A small drawing of a series' line, so that a control and its curve are matched by more than colour. width 0: no line;
// casing: [colour, px] of a line beneath it; edge: colour around the marker.
export function swatch({ colour, dash, marker, width = 2.5, casing, edge }) {
  const canvas = element("canvas", { class: "tk-swatch", width: 56, height: 20, "aria-hidden": "true" });
  const pen = canvas.getContext("2d");
  if (casing?.[1]) {
    [pen.strokeStyle, pen.lineWidth] = casing;
    drawLine(pen, 2, 10, 54, 10);
  }
  pen.strokeStyle = pen.fillStyle = colour;
  pen.lineWidth = width + 1.5;
  pen.setLineDash(dash);
  if (width) drawLine(pen, 2, 10, 54, 10);
  if (marker && edge) {
    pen.fillStyle = edge;
    drawMarker(pen, marker, 28, 10, 8.5);
    pen.fillStyle = colour;
  }
  if (marker) drawMarker(pen, marker, 28, 10, 7);
  return canvas;
}

// How `count` pictures of wide × tall fill a place best: their scale, in columns and rows. gaps: px across and down;
// caption: px above each.
export function bestGrid(count, [tall, wide], [width, height], [across, down], caption = 0) {
  let best = { scale: 0, columns: 1, rows: 1 };
  for (let columns = 1; columns <= count; columns += 1) {
    const rows = Math.ceil(count / columns);
    const scale = Math.min(
      (width - across * (columns - 1)) / columns / wide,
      (height - rows * caption - down * (rows - 1)) / rows / tall,
    );
    if (scale > best.scale) best = { scale, columns, rows };
  }
  return best;
}
