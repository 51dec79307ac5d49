// Three weights over a frozen batch: what is wrong, what is added up, who pulls; each in a panel of its own.

import { Canvas } from "../frontend/canvas.js";
import { COLOURS, LOSSES } from "../frontend/colours.js";
import { button } from "../frontend/controls.js";
import { hatch, swatch } from "../frontend/drawing.js";
import { element, heads } from "../frontend/elements.js";
import { short, weightScale } from "../frontend/numbers.js";
import { playground } from "../frontend/playground.js";

function render(view) {
  return playground(view, "weights", ({ setup, page, set, lever, choice, root }) => {
    const names = Object.keys(LOSSES);
    let now = null;

    // One row each: from, to in the units of `most`; text stands behind the bar, or inside where there is no room.
    const bars = (pen, width, height, size, rows, most) => {
      const left = size * 4,
        right = width - size * 4.6,
        tall = Math.min(size * 2.4, height / rows.length - size * 0.5);
      const x = (value) => left + ((right - left) * value) / most;
      pen.textBaseline = "middle";
      rows.forEach((row, place) => {
        const middle = (height / rows.length) * (place + 0.5);
        pen.font = `600 ${size}px system-ui, sans-serif`;
        pen.textAlign = "right";
        pen.fillStyle = COLOURS.ink;
        pen.fillText(row.label, left - size * 0.5, middle);
        const from = x(row.from ?? 0),
          wide = Math.max(0, x(row.to) - from);
        if (row.style) {
          pen.globalAlpha = 0.35;
          pen.fillStyle = row.style.colour;
          pen.fillRect(from, middle - tall / 2, wide, tall);
          pen.globalAlpha = 1;
          pen.fillStyle = hatch(pen, row.style);
          pen.fillRect(from, middle - tall / 2, wide, tall);
          pen.strokeStyle = row.style.colour;
        } else {
          pen.fillStyle = pen.strokeStyle = COLOURS.grey;
          pen.fillRect(from, middle - tall / 2, wide, tall);
        }
        pen.lineWidth = 2;
        pen.strokeRect(from, middle - tall / 2, wide, tall);
        pen.textAlign = "left";
        pen.fillStyle = COLOURS.ink;
        pen.fillText(row.text, x(row.to) + size * 0.4, middle);
      });
    };
    const panel = (title, note, draw) => {
      const canvas = new Canvas(title, (pen, width, height, size) => {
        if (now) draw(pen, width, height, size);
      });
      const words = element("span", { class: "tk-note" }, note);
      return {
        canvas,
        words,
        node: element(
          "figure",
          { class: "tk-chart tk-panel" },
          element("figcaption", {}, element("span", {}, title), words),
          canvas.node,
        ),
      };
    };

    const raw = panel(
      "Raw losses",
      "what the detector gets wrong: no weight moves them",
      (pen, width, height, size) => {
        const most = Math.max(...names.map((name) => now.raw[name]), 1e-6);
        bars(
          pen,
          width,
          height,
          size,
          names.map((name) => ({
            label: LOSSES[name].label,
            style: LOSSES[name],
            to: now.raw[name],
            text: now.raw[name].toFixed(3),
          })),
          most,
        );
      },
    );
    const weighted = panel(
      "Weighted and added up",
      "weight × loss, end to end: the total",
      (pen, width, height, size) => {
        let from = 0;
        const rows = names.map((name) => {
          const row = {
            label: LOSSES[name].label,
            style: LOSSES[name],
            from,
            to: from + now.weighted[name],
            text: short(now.weighted[name]),
          };
          from = row.to;
          return row;
        });
        bars(
          pen,
          width,
          height,
          size,
          [...rows, { label: "total", to: now.total, text: short(now.total) }],
          Math.max(now.total, 1e-9),
        );
      },
    );
    const share = panel(
      "Share of the gradient",
      "who pulls at the weights that all share",
      (pen, width, height, size) => {
        const room = height - size * 6;
        bars(
          pen,
          width,
          room,
          size,
          names.map((name) => ({
            label: LOSSES[name].label,
            style: LOSSES[name],
            to: now.share[name] ?? 0,
            text: now.share[name] == null ? "–" : `${Math.round(100 * now.share[name])} %`,
          })),
          1,
        );
        now.angles.forEach(([a, b, degrees], place) => {
          // two arrows from one point, as far apart as the gradients
          const middle = (width * (place + 0.5)) / 3,
            floor = height - size * 2.2,
            long = size * 2.1;
          pen.strokeStyle = pen.fillStyle = COLOURS.ink;
          pen.lineWidth = 2.4;
          const arrow = (angle) => {
            const [x, y] = [middle + long * Math.cos(angle), floor - long * Math.sin(angle)];
            pen.beginPath();
            pen.moveTo(middle, floor);
            pen.lineTo(x, y);
            for (const turn of [2.6, -2.6]) {
              pen.moveTo(x, y);
              pen.lineTo(x + size * 0.5 * Math.cos(angle + turn), y - size * 0.5 * Math.sin(angle + turn));
            }
            pen.stroke();
          };
          if (degrees != null) {
            arrow(0);
            arrow((degrees * Math.PI) / 180);
          }
          pen.font = `${size}px system-ui, sans-serif`;
          pen.textBaseline = "alphabetic";
          pen.textAlign = "right"; // beside the arrows, where none of them can point
          pen.fillText(degrees == null ? "–" : `${Math.round(degrees)}°`, middle - size * 0.5, floor + size * 0.2);
          pen.textAlign = "center";
          pen.fillText(`${a} – ${b}`, middle, height - size * 0.6);
        });
      },
    );
    const panels = [raw, weighted, share];

    const sliders = Object.fromEntries(
      names.map((name) => [
        name,
        lever(`${LOSSES[name].label} weight`, name, weightScale(setup.usual[name]), { swatch: swatch(LOSSES[name]) }),
      ]),
    );
    const times = (factor) =>
      set(Object.fromEntries(names.map((name) => [name, Number((now.values[name] * factor).toPrecision(6))])));
    const model = choice(
      "Detector",
      "model",
      setup.models.map((name) => [name, name]),
    );
    const columns = { raw: "raw", weighted: "weighted", of_loss: "of the total", share: "of the gradient" };
    const cells = {};
    const table = element(
      "table",
      { class: "tk-numbers-table" },
      element("thead", {}, heads("loss", ...Object.values(columns))),
      element(
        "tbody",
        {},
        ...names.map((name) =>
          element(
            "tr",
            {},
            element("th", { scope: "row" }, LOSSES[name].label),
            ...Object.keys(columns).map(
              (column) => (cells[`${name}-${column}`] = element("td", { "data-number": `${name}-${column}` })),
            ),
          ),
        ),
      ),
    );
    const said = element("p", { class: "tk-said" });
    page.append(
      element(
        "div",
        { class: "tk-weights-row" },
        ...names.map((name) => sliders[name].node),
        element(
          "div",
          { class: "tk-weights-buttons" },
          button("all × 10", () => times(10), { "data-control": "up" }),
          button("all ÷ 10", () => times(0.1), { "data-control": "down" }),
        ),
      ),
      ...panels.map((one) => one.node),
      element(
        "div",
        { class: "tk-weights-foot" },
        element("div", { class: "tk-weights-model" }, model.node),
        element("div", { class: "tk-weights-table" }, table),
        said,
      ),
    );

    const percent = (value) => (value == null ? "–" : `${Math.round(100 * value)} %`);
    return {
      show: (numbers, fresh) => {
        now = numbers;
        if (fresh) {
          for (const name of names) sliders[name].show(numbers.values[name]);
          model.show(numbers.values.model);
        }
        for (const name of names) {
          cells[`${name}-raw`].textContent = numbers.raw[name].toFixed(3);
          cells[`${name}-weighted`].textContent = short(numbers.weighted[name]);
          cells[`${name}-of_loss`].textContent = percent(numbers.of_loss[name]);
          cells[`${name}-share`].textContent = percent(numbers.share[name]);
          root.dataset[name] = numbers.values[name];
          root.dataset[`${name}Raw`] = numbers.raw[name];
        }
        said.textContent =
          `Total ${short(numbers.total)}; length of the whole gradient ${short(numbers.norm)}. ` +
          "Nothing has been learned: the same pictures, the same weights of the network.";
        Object.assign(root.dataset, {
          total: numbers.total,
          model: numbers.values.model,
          share: numbers.share.box ?? "",
        });
        for (const one of panels) one.canvas.paint();
      },
      close: () => panels.forEach((one) => one.canvas.close()),
    };
  });
}

export default { render };
