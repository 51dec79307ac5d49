// One chart over recorded runs, with sliders that stop at certain numbers, menus, and a table of what they come to.

import { axes } from "../frontend/axes.js";
import { Canvas } from "../frontend/canvas.js";
import { ON_PAPER } from "../frontend/colours.js";
import { stopsSlider } from "../frontend/controls.js";
import { drawMarker, swatch } from "../frontend/drawing.js";
import { block, element, figure, row, table } from "../frontend/elements.js";
import { playground } from "../frontend/playground.js";

export class LineChart {
  constructor(setup) {
    this.setup = setup;
    this.lines = [];
    this.canvas = new Canvas(setup.title, (...sizes) => this.draw(...sizes));
    const legend = Object.values(setup.styles).map((style) =>
      element("span", { class: "tk-look" }, swatch(style), style.label),
    );
    const caption = [setup.caption, element("span", { class: "tk-note tk-looks" }, ...legend)];
    this.node = figure("tk-panel", caption, this.canvas.node);
  }
  show(lines, words) {
    this.lines = lines;
    this.canvas.node.dataset.points = lines.flatMap((line) => line.points).length;
    this.canvas.node.setAttribute("aria-label", `${this.setup.title} ${words}`);
    this.canvas.paint();
  }
  draw(pen, width, height, size) {
    const plot = axes(pen, width, height, size, this.setup);
    for (const line of this.lines) {
      drawLineOf(pen, line.points, this.setup.styles[line.style], plot, size);
      if (line.note && line.points.length) drawNote(pen, line.note, line.points.at(-1), plot, size);
    }
  }
  close() {
    this.canvas.close();
  }
}

function drawLineOf(pen, points, style, { x, y, left, right, top, bottom }, size) {
  pen.save();
  pen.beginPath();
  pen.rect(left - size / 2, top - size, right - left + size, bottom - top + 1.5 * size);
  pen.clip();
  pen.strokeStyle = pen.fillStyle = style.colour;
  if (style.width) {
    pen.lineWidth = style.width;
    pen.setLineDash(style.dash);
    pen.beginPath();
    for (const [across, up] of points) pen.lineTo(x(across), y(up));
    pen.stroke();
  }
  if (style.marker) for (const [across, up] of points) drawMarker(pen, style.marker, x(across), y(up), size * 0.4);
  pen.restore();
}

// Beside the last point, at its left where the right has no room.
function drawNote(pen, text, [across, up], { x, y, right, top }, size) {
  pen.font = `600 ${size}px system-ui, sans-serif`;
  pen.fillStyle = ON_PAPER.ink;
  const outside = x(across) + pen.measureText(text).width + size > right;
  pen.textAlign = outside ? "right" : "left";
  pen.textBaseline = "bottom";
  pen.fillText(text, x(across) + (outside ? -0.6 : 0.6) * size, Math.max(top + size * 1.2, y(up) - size * 0.3));
}

function build({ setup, page, settingSlider, settingMenu, root }) {
  const chart = new LineChart(setup);
  const controls = {};
  for (const [name, ...more] of setup.sliders) controls[name] = stopsSlider(settingSlider, name, ...more);
  for (const [name, label, choices] of setup.menus) controls[name] = settingMenu(label, name, choices);
  const rows = element("tbody");
  page.append(chart.node, block("tk-controls", ...Object.values(controls).map((one) => one.node), table(null, rows)));
  const show = ({ lines, values, facts, words, refused }, fresh) => {
    chart.show(lines, words);
    if (fresh) for (const [name, one] of Object.entries(controls)) one.show(values[name]);
    if (refused) for (const one of Object.values(controls)) one.refuse?.();
    rows.replaceChildren(...facts.map(([name, text]) => row(name, text)));
    root.dataset.values = JSON.stringify(values);
    root.dataset.told = words;
  };
  return { show, close: () => chart.close() };
}

export default { render: (view) => playground(view, "recorded", build) };
