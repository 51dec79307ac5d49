// Ticks, and the axes of a drawing that is no run over its steps.

import { ON_PAPER } from "./colours.js";
import { drawLine } from "./drawing.js";
import { formatted } from "./numbers.js";

export function niceTicks(low, high, count) {
  const rough = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, power >= 10 ? 2.5 : 5, 5, 10]
    .map((factor) => factor * power)
    .find((candidate) => candidate >= rough);
  const ticks = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high + step * 1e-6; tick += step) {
    ticks.push(Number(tick.toPrecision(10)));
  }
  return ticks;
}

export function logTicks(low, high, room) {
  const decades = Math.log10(high / low);
  const within = decades < 1.3 ? [1, 2, 5] : [1];
  const every = Math.max(1, Math.ceil(decades / Math.max(3, room)));
  const ticks = [];
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power += 1) {
    if (power % every) continue;
    for (const factor of within) {
      const tick = Number(`${factor}e${power}`);
      if (tick >= low * 0.999 && tick <= high * 1.001) ticks.push(tick);
    }
  }
  return ticks;
}

// Axes on a canvas → {x(value), y(value), left, right, top, bottom} in px.
// across, up: {range: [low, high], log, label, ticks: [value, …], words: (tick) → text}
export function axes(pen, width, height, size, { across, up }) {
  const [left, right] = [size * 4.2, width - size];
  const [top, bottom] = [size * 1.1, height - size * 3];
  const share = ({ range: [low, high], log }, value) =>
    log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
  const x = (value) => left + (right - left) * share(across, value);
  const y = (value) => bottom - (bottom - top) * share(up, value);
  const ticksOf = ({ range, log, ticks }, room) =>
    ticks ?? (log ? logTicks(...range, room) : niceTicks(...range, room));
  pen.save();
  pen.font = `${size}px system-ui, sans-serif`;
  pen.lineWidth = 1;
  pen.strokeStyle = ON_PAPER.line;
  pen.fillStyle = ON_PAPER.soft;
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  for (const tick of ticksOf(up, Math.max(2, Math.floor((bottom - top) / (size * 2.4))))) {
    drawLine(pen, left, y(tick), right, y(tick));
    pen.fillText((up.words ?? formatted)(tick), left - size * 0.4, y(tick));
  }
  pen.textAlign = "center";
  pen.textBaseline = "alphabetic";
  for (const tick of ticksOf(across, Math.max(2, Math.floor((right - left) / (size * 5))))) {
    drawLine(pen, x(tick), top, x(tick), bottom);
    pen.fillText((across.words ?? formatted)(tick), x(tick), bottom + size * 1.2);
  }
  pen.fillStyle = ON_PAPER.ink;
  if (across.label) pen.fillText(across.label, (left + right) / 2, height - size * 0.4);
  if (up.label) {
    pen.translate(size, (top + bottom) / 2);
    pen.rotate(-Math.PI / 2);
    pen.fillText(up.label, 0, 0);
  }
  pen.restore();
  return { x, y, left, right, top, bottom };
}
