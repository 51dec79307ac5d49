// One chart over recorded runs, with sliders that stop at certain numbers, menus, and a table of what they come to.

import { axes } from "../frontend/axes.js";
import { Canvas } from "../frontend/canvas.js";
import { COLOURS } from "../frontend/colours.js";
import { drawMarker, swatch } from "../frontend/drawing.js";
import { element } from "../frontend/elements.js";
import { playground } from "../frontend/playground.js";

class LineChart {
  constructor(setup) {
    this.setup = setup;
    this.lines = [];
    this.canvas = new Canvas(setup.title, (...place) => this.draw(...place));
    const legend = Object.values(setup.styles).map((style) =>
      element("span", { class: "tk-look" }, swatch(style), style.label),
    );
    this.node = element(
      "figure",
      { class: "tk-chart tk-panel" },
      element("figcaption", {}, setup.caption, element("span", { class: "tk-note tk-looks" }, ...legend)),
      this.canvas.node,
    );
  }
  show(lines, words) {
    this.lines = lines;
    this.canvas.node.dataset.points = lines.reduce((sum, line) => sum + line.points.length, 0);
    this.canvas.node.setAttribute("aria-label", `${this.setup.title} ${words}`);
    this.canvas.paint();
  }
  draw(pen, width, height, size) {
    const { x, y, left, right, top, bottom } = axes(pen, width, height, size, this.setup);
    for (const line of this.lines) {
      const style = this.setup.styles[line.style];
      pen.save();
      pen.beginPath();
      pen.rect(left - size / 2, top - size, right - left + size, bottom - top + 1.5 * size);
      pen.clip();
      pen.strokeStyle = pen.fillStyle = style.colour;
      pen.lineWidth = style.width;
      pen.setLineDash(style.dash);
      pen.beginPath();
      if (style.width) line.points.forEach(([across, up]) => pen.lineTo(x(across), y(up)));
      if (style.width) pen.stroke();
      if (style.marker)
        line.points.forEach(([across, up]) => drawMarker(pen, style.marker, x(across), y(up), size * 0.4));
      pen.restore();
      if (!line.note || !line.points.length) continue;
      const [across, up] = line.points.at(-1);
      pen.font = `600 ${size}px system-ui, sans-serif`;
      pen.fillStyle = COLOURS.ink;
      const outside = x(across) + pen.measureText(line.note).width + size > right;
      pen.textAlign = outside ? "right" : "left";
      pen.textBaseline = "bottom";
      pen.fillText(
        line.note,
        x(across) + (outside ? -0.6 : 0.6) * size,
        Math.max(top + size * 1.2, y(up) - size * 0.3),
      );
    }
  }
  close() {
    this.canvas.close();
  }
}

function render(view) {
  return playground(view, "recorded", ({ setup, page, lever, choice, root }) => {
    const chart = new LineChart(setup);
    const controls = {};
    for (const [name, label, numbers] of setup.sliders) {
      const last = numbers.length - 1;
      const scale = {
        toPlace: (value) => Math.max(0, numbers.indexOf(value)) / last,
        toValue: (place) => numbers[Math.round(place * last)],
      };
      controls[name] = lever(label, name, scale);
      controls[name].range.step = Math.floor(1e9 / last) / 1e6; // an arrow key goes to the next number, End to the last
    }
    for (const [name, label, choices] of setup.menus) controls[name] = choice(label, name, choices);
    const table = element("tbody");
    page.append(
      chart.node,
      element(
        "div",
        { class: "tk-controls" },
        ...Object.values(controls).map((one) => one.node),
        element("table", { class: "tk-numbers-table" }, table),
      ),
    );
    return {
      show: ({ lines, values, facts, words, refused }, fresh) => {
        chart.show(lines, words);
        if (fresh) for (const [name, one] of Object.entries(controls)) one.show(values[name]);
        if (refused) for (const one of Object.values(controls)) one.refuse?.();
        table.replaceChildren(
          ...facts.map(([name, text]) =>
            element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, text)),
          ),
        );
        root.dataset.values = JSON.stringify(values);
        root.dataset.told = words;
      },
      close: () => chart.close(),
    };
  });
}

export default { render };
