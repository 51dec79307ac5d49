// Update rules on a surface of two weights: the start is put down by hand, the paths follow.

import { axes } from "../frontend/axes.js";
import { Canvas } from "../frontend/canvas.js";
import { COLOURS } from "../frontend/colours.js";
import { button, held } from "../frontend/controls.js";
import { drawCurve, drawMarker, swatch } from "../frontend/drawing.js";
import { element } from "../frontend/elements.js";
import { clamp, linearScale, logScale, short } from "../frontend/numbers.js";
import { playground } from "../frontend/playground.js";

function render(view) {
  return playground(view, "optimizer", ({ setup, buffers, page, set, lever, choice, root }) => {
    const series = {
      sgd: { colour: COLOURS.blue, dash: [], marker: "circle" },
      momentum: { colour: COLOURS.orange, dash: [10, 5], marker: "square" },
      adam: { colour: COLOURS.green, dash: [12, 4, 3, 4], marker: "triangle" },
      uncorrected: { colour: COLOURS.purple, dash: [3, 4], marker: "circle" },
      adamw: { colour: "#000000", dash: [16, 5, 4, 5], marker: "square" },
    };
    const surfaces = Object.fromEntries(
      setup.surfaces.map(([name, words, x, y, minima]) => [name, { words, x, y, minima, picture: null }]),
    );
    setup.surfaces.forEach(([name], place) => {
      createImageBitmap(new Blob([buffers[place]], { type: "image/png" })).then((picture) => {
        surfaces[name].picture = picture;
        canvas.paint();
      });
    });
    const hidden = new Set();
    const now = { x: 0, y: 0, surface: setup.surfaces[0][0], rules: {} };
    let plot = { x: () => 0, y: () => 0, left: 0, right: 1, top: 0, bottom: 1 };

    const canvas = new Canvas("Paths of the update rules", (pen, width, height, size) => {
      const surface = surfaces[now.surface];
      plot = axes(pen, width, height, size, {
        across: { range: surface.x, label: "weight 1" },
        up: { range: surface.y, label: "weight 2" },
      });
      const { x, y, left, right, top, bottom } = plot;
      pen.save();
      pen.beginPath();
      pen.rect(left, top, right - left, bottom - top);
      pen.clip();
      if (surface.picture) pen.drawImage(surface.picture, left, top, right - left, bottom - top);
      pen.textAlign = "center";
      pen.textBaseline = "middle";
      pen.fillStyle = COLOURS.ink;
      pen.font = `700 ${size * 1.7}px system-ui, sans-serif`;
      for (const [a, b] of surface.minima) pen.fillText("★", x(a), y(b));
      const ends = [];
      for (const [name] of setup.rules) {
        const rule = now.rules[name];
        if (!rule || hidden.has(name)) continue;
        const points = rule.points,
          style = series[name];
        pen.strokeStyle = pen.fillStyle = style.colour;
        pen.lineWidth = 2.6;
        pen.setLineDash(style.dash);
        drawCurve(
          pen,
          points.map(([a]) => a),
          points.map(([, b]) => b),
          x,
          y,
        );
        for (let place = 10; place < points.length; place += 10)
          drawMarker(pen, style.marker, x(points[place][0]), y(points[place][1]), size * 0.26);
        const [a, b] = points.at(-1);
        ends.push([name, clamp(x(a), left + size, right - size), clamp(y(b), top + size, bottom - size)]);
      }
      pen.setLineDash([]);
      pen.font = `700 ${size * 0.95}px system-ui, sans-serif`;
      const taken = []; // letters at the ends step aside for one another
      for (const [name, a, b] of ends) {
        let at = [a, b];
        for (
          let turn = 0;
          turn < 12 && taken.some(([c, d]) => Math.hypot(c - at[0], d - at[1]) < size * 1.5);
          turn += 1
        ) {
          at = [a + size * 1.7 * Math.cos(turn * 1.05), b + size * 1.7 * Math.sin(turn * 1.05)];
        }
        at = [clamp(at[0], left + size, right - size), clamp(at[1], top + size, bottom - size)];
        taken.push(at);
        pen.fillStyle = "#fff";
        pen.strokeStyle = series[name].colour;
        pen.lineWidth = 2;
        pen.beginPath();
        pen.arc(at[0], at[1], size * 0.72, 0, 7);
        pen.fill();
        pen.stroke();
        pen.fillStyle = COLOURS.ink;
        pen.fillText(setup.rules.find(([one]) => one === name)[2], at[0], at[1] + 1);
      }
      pen.restore();
      pen.fillStyle = "#fff"; // the start, over everything else
      pen.strokeStyle = COLOURS.ink;
      pen.lineWidth = 3;
      const [a, b] = [clamp(x(now.x), left, right), clamp(y(now.y), top, bottom)];
      pen.beginPath();
      pen.arc(a, b, size * 0.62, 0, 7);
      pen.fill();
      pen.stroke();
      pen.font = `600 ${size}px system-ui, sans-serif`;
      pen.fillStyle = COLOURS.ink;
      pen.textAlign = a > (left + right) / 2 ? "right" : "left";
      pen.fillText("start", a + (a > (left + right) / 2 ? -1 : 1) * size, b - size * (b > top + 2 * size ? 1 : -1));
      lay();
    });

    const grip = element("div", {
      class: "tk-start",
      role: "slider",
      tabindex: "0",
      "data-control": "start",
      "aria-label": "Start of the paths: arrow keys move it",
      "aria-valuemin": -setup.farthest,
      "aria-valuemax": setup.farthest,
    });
    let laid = "";
    function lay() {
      const key = [plot.left, plot.top, plot.right, plot.bottom].join();
      if (key === laid) return;
      laid = key;
      Object.assign(grip.style, {
        left: `${plot.left}px`,
        top: `${plot.top}px`,
        width: `${plot.right - plot.left}px`,
        height: `${plot.bottom - plot.top}px`,
      });
    }
    const told = () => {
      grip.setAttribute("aria-valuenow", now.x);
      grip.setAttribute("aria-valuetext", `weight 1 ${short(now.x)}, weight 2 ${short(now.y)}`);
    };
    const put = (x, y) => {
      const { x: across, y: up } = surfaces[now.surface];
      now.x = Number(clamp(x, ...across).toFixed(3));
      now.y = Number(clamp(y, ...up).toFixed(3));
      told();
      canvas.paint();
      set({ x: now.x, y: now.y });
    };
    held(grip, (event) => {
      const box = grip.getBoundingClientRect(),
        { x, y } = surfaces[now.surface];
      put(
        x[0] + ((event.clientX - box.left) / box.width) * (x[1] - x[0]),
        y[1] - ((event.clientY - box.top) / box.height) * (y[1] - y[0]),
      );
    });
    grip.addEventListener("keydown", (event) => {
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
      if (!way) return;
      event.preventDefault();
      const step = event.shiftKey ? 0.5 : 0.1;
      put(now.x + way[0] * step, now.y + way[1] * step);
    });

    // Toward 1, where it counts: .9, .99, .999 stand at equal distances.
    const towardOne = (decades, digits) => ({
      toPlace: (value) => -Math.log10(1 - value) / decades,
      toValue: (place) => Number((1 - 10 ** (-place * decades)).toFixed(digits)),
    });
    const levers = {
      lr: lever("learning rate", "lr", logScale(0.001, 1)),
      momentum: lever("momentum", "momentum", towardOne(2, 3)),
      beta1: lever("Adam's β₁", "beta1", towardOne(2, 3)),
      beta2: lever("Adam's β₂", "beta2", towardOne(4, 4)),
      decay: lever("AdamW's decay", "decay", linearScale(0, 1, 2)),
      steps: lever("steps", "steps", linearScale(1, setup.most_steps, 0)),
    };
    const surface = choice(
      "Surface",
      "surface",
      setup.surfaces.map(([name, words]) => [name, words]),
    );

    const cells = {};
    const rows = setup.rules.map(([name, words, letter]) => {
      cells[name] = {
        first: element("td", { "data-number": `${name}-first` }),
        loss: element("td", { "data-number": `${name}-loss` }),
      };
      const toggle = button(
        `${letter}  ${words}`,
        () => {
          if (hidden.has(name)) hidden.delete(name);
          else hidden.add(name);
          toggle.setAttribute("aria-pressed", !hidden.has(name));
          canvas.paint();
        },
        { "aria-pressed": "true", "data-control": `rule-${name}`, title: "Show or hide this path" },
      );
      return element(
        "tr",
        {},
        element("th", { scope: "row" }, swatch(series[name]), toggle),
        cells[name].first,
        cells[name].loss,
      );
    });
    const ended = element("th", { scope: "col" });
    const table = element(
      "table",
      { class: "tk-numbers-table" },
      element(
        "thead",
        {},
        element(
          "tr",
          {},
          element("th", { scope: "col" }, "rule"),
          element("th", { scope: "col" }, "first step"),
          ended,
        ),
      ),
      element("tbody", {}, ...rows),
    );
    page.append(
      element(
        "figure",
        { class: "tk-chart tk-plane" },
        element(
          "figcaption",
          {},
          "Where each rule walks",
          element("span", { class: "tk-note" }, "drag the start · darker is lower · ★ lowest · a mark every 10 steps"),
        ),
        element("div", { class: "tk-stage" }, canvas.node, grip),
      ),
      element("div", { class: "tk-controls" }, surface.node, ...Object.values(levers).map((one) => one.node)),
      element("div", { class: "tk-table" }, table),
    );

    return {
      show: (numbers, fresh) => {
        now.rules = numbers.rules;
        if (fresh) {
          Object.assign(now, { x: numbers.values.x, y: numbers.values.y, surface: numbers.values.surface });
          surface.show(now.surface);
          for (const [name, one] of Object.entries(levers)) one.show(numbers.values[name]);
        }
        ended.textContent = `loss after ${numbers.values.steps}`;
        for (const [name, rule] of Object.entries(numbers.rules)) {
          cells[name].first.textContent = short(rule.first);
          cells[name].loss.textContent = rule.diverged ? `gone at step ${rule.diverged}` : short(rule.loss);
          root.dataset[name] = rule.diverged ? "diverged" : rule.loss;
        }
        Object.assign(root.dataset, {
          surface: numbers.values.surface,
          x: numbers.values.x,
          y: numbers.values.y,
          lr: numbers.values.lr,
        });
        told();
        canvas.paint();
      },
      close: () => canvas.close(),
    };
  });
}

export default { render };
