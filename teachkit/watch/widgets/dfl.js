// One edge and its bins: the edge's true place is dragged along the top, each predicted bin up and down.

import { Canvas } from "../frontend/canvas.js";
import { COLOURS } from "../frontend/colours.js";
import { held } from "../frontend/controls.js";
import { drawLine, drawMarker, hatch } from "../frontend/drawing.js";
import { element, numbersTable } from "../frontend/elements.js";
import { clamp, linearScale } from "../frontend/numbers.js";
import { playground } from "../frontend/playground.js";

function render(view) {
  return playground(view, "dfl", ({ setup, page, set, lever, choice, root }) => {
    const { bins, stride, low, high } = setup;
    const now = { place: 0, target: [], shares: [], expected: 0, used: 0 };
    let left = 0,
      right = 1,
      top = 0,
      bottom = 1,
      column = 0;

    const x = (value) => left + ((right - left) * (value - low)) / (high - low);
    const y = (share) => bottom - (bottom - top) * share;
    const bar = (pen, value, share, style) => {
      const width = (x(1) - x(0)) * 0.38;
      if (!share) return;
      pen.fillStyle = style.fill;
      pen.fillRect(x(value) - (style.side < 0 ? width : 0), y(share), width, bottom - y(share));
      pen.strokeStyle = style.edge;
      pen.lineWidth = 1.5;
      pen.strokeRect(x(value) - (style.side < 0 ? width : 0), y(share), width, bottom - y(share));
    };
    const label = (pen, text, at, height, colour, size, bold = true) => {
      pen.font = `${bold ? 600 : 400} ${size}px system-ui, sans-serif`;
      pen.fillStyle = colour;
      const half = pen.measureText(text).width / 2;
      pen.fillText(text, clamp(at, left + half, right - half), height);
    };

    const canvas = new Canvas("Target bins and predicted bins", (pen, width, height, size) => {
      left = size * 3.7;
      right = width - size * 0.6;
      top = size * 3.2;
      bottom = height - size * 5;
      pen.lineWidth = 1;
      pen.textBaseline = "middle";
      for (const share of [0, 0.25, 0.5, 0.75, 1]) {
        pen.strokeStyle = COLOURS.line;
        drawLine(pen, left, y(share), right, y(share));
        pen.textAlign = "right";
        pen.font = `${size}px system-ui, sans-serif`;
        pen.fillStyle = COLOURS.soft;
        pen.fillText(`${share * 100} %`, left - size * 0.3, y(share));
      }
      pen.textAlign = "center";
      pen.textBaseline = "alphabetic";
      for (const [from, to] of [
        [low, 0],
        [bins - 1, high],
      ]) {
        // past the ends
        pen.fillStyle = "rgba(27, 36, 48, 0.07)";
        pen.fillRect(
          x(from) + (from > 0 ? (x(1) - x(0)) / 2 : 0),
          top,
          x(to) - x(from) - (x(1) - x(0)) / 2,
          bottom - top,
        );
        label(
          pen,
          "no bin",
          (x(from) + x(to)) / 2 + (from > 0 ? 0.25 : -0.25) * (x(1) - x(0)),
          bottom + size * 1.15,
          "#55606e",
          size * 0.9,
          false,
        );
      }
      for (let bin = 0; bin < bins; bin += 1) {
        bar(pen, bin, now.target[bin] ?? 0, {
          side: -1,
          fill: hatch(pen, { marker: "square", colour: COLOURS.orange }),
          edge: COLOURS.orange,
        });
        bar(pen, bin, now.shares[bin] ?? 0, { side: 1, fill: COLOURS.blue, edge: COLOURS.blue });
        label(pen, String(bin), x(bin), bottom + size * 1.15, COLOURS.ink, size, false);
      }
      pen.strokeStyle = COLOURS.orange; // the true edge, all the way up to its grip
      pen.lineWidth = 2.5;
      pen.setLineDash([7, 4]);
      drawLine(pen, x(now.place), size * 2.4, x(now.place), bottom);
      pen.setLineDash([]);
      pen.fillStyle = COLOURS.orange;
      pen.beginPath();
      pen.roundRect(x(now.place) - size * 0.55, size * 1.3, size * 1.1, size * 1.1, 4);
      pen.fill();
      pen.fillStyle = COLOURS.paper;
      for (const shift of [-0.2, 0.2]) pen.fillRect(x(now.place) + shift * size - 1, size * 1.55, 2, size * 0.6);
      label(pen, `◂ true edge ${now.place.toFixed(2)} ▸`, x(now.place), size * 0.95, "#9a4300", size);
      pen.fillStyle = COLOURS.blue; // what the detector would draw
      drawMarker(pen, "triangle", x(now.expected), bottom + size * 1.9, size * 0.45);
      label(pen, `expected edge ${now.expected.toFixed(2)}`, x(now.expected), bottom + size * 3.15, COLOURS.blue, size);
      label(
        pen,
        `bin = distance from the anchor point, in strides of ${stride} px`,
        (left + right) / 2,
        height - size * 0.4,
        COLOURS.ink,
        size,
        false,
      );
      layBins(size);
    });

    const inside = (event) => {
      const box = canvas.node.getBoundingClientRect();
      return [
        ((event.clientX - box.left) * canvas.width) / box.width,
        ((event.clientY - box.top) * canvas.height) / box.height,
      ];
    };

    const place = element("div", {
      class: "tk-place",
      role: "slider",
      tabindex: "0",
      "data-control": "grip",
      "aria-label": "True edge, in strides",
      "aria-valuemin": low,
      "aria-valuemax": high,
    });
    const movePlace = (value) => {
      now.place = clamp(Number(value.toFixed(2)), low, high);
      told();
      canvas.paint();
      set({ place: now.place });
    };
    held(place, (event) => movePlace(low + ((inside(event)[0] - left) / (right - left)) * (high - low)));
    place.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -0.1, ArrowDown: -0.1, ArrowRight: 0.1, ArrowUp: 0.1, PageUp: 1, PageDown: -1 }[
        event.key
      ];
      const end = { Home: low, End: high }[event.key];
      if (step == null && end == null) return;
      event.preventDefault();
      movePlace(end ?? now.place + step * (event.shiftKey ? 10 : 1));
    });

    const draw = (bin, share) => {
      // the others keep their ratios and share the rest
      const most = 0.999,
        wanted = clamp(share, 0, most),
        rest = 1 - now.shares[bin];
      now.shares = now.shares.map((one, other) =>
        other === bin ? wanted : rest > 1e-4 ? (one * (1 - wanted)) / rest : (1 - wanted) / (bins - 1),
      );
      told();
      canvas.paint();
      set({ bars: now.shares });
    };
    const columns = Array.from({ length: bins }, (_, bin) => {
      const node = element("div", {
        class: "tk-bin",
        role: "slider",
        tabindex: bin ? "-1" : "0",
        "data-control": `bin-${bin}`,
        "aria-label": `Predicted share of bin ${bin}`,
        "aria-valuemin": 0,
        "aria-valuemax": 1,
        "aria-orientation": "vertical",
      });
      held(node, (event) => draw(bin, (bottom - inside(event)[1]) / (bottom - top)));
      node.addEventListener("focus", () => {
        columns[column].tabIndex = -1;
        column = bin;
        node.tabIndex = 0;
      });
      node.addEventListener("keydown", (event) => {
        const step = { ArrowDown: -0.05, ArrowUp: 0.05, PageUp: 0.25, PageDown: -0.25 }[event.key];
        const next = { ArrowLeft: bin - 1, ArrowRight: bin + 1, Home: 0, End: bins - 1 }[event.key];
        if (step == null && next == null) return;
        event.preventDefault();
        if (step != null) draw(bin, now.shares[bin] + step);
        else columns[clamp(next, 0, bins - 1)].focus({ preventScroll: true });
      });
      return node;
    });
    let laid = "";
    function layBins(size) {
      // only when the drawing's size has changed
      const key = [left, right, top, bottom].join();
      if (key === laid) return;
      laid = key;
      const wide = x(1) - x(0);
      Object.assign(place.style, { left: `${left}px`, width: `${right - left}px` });
      columns.forEach((node, bin) =>
        Object.assign(node.style, {
          left: `${x(bin) - wide * 0.48}px`,
          width: `${wide * 0.96}px`,
          top: `${top}px`,
          height: `${bottom - top + size * 1.3}px`,
        }),
      );
    }
    function told() {
      place.setAttribute("aria-valuenow", now.place);
      place.setAttribute("aria-valuetext", `${now.place.toFixed(2)} strides`);
      columns.forEach((node, bin) => node.setAttribute("aria-valuenow", (now.shares[bin] ?? 0).toFixed(3)));
    }

    const edge = lever("True edge, strides", "place", linearScale(low, high, 2), { onMove: movePlace });
    const shape = choice("The detector believes", "shape", setup.shapes);
    const k = lever("k, a bin", "k", linearScale(0, bins - 2, 0));
    const table = numbersTable({
      loss: "DFL",
      floor: "its floor",
      above: "above the floor",
      expected: "expected edge",
      off: "off by",
    });
    const { cells } = table;
    const said = element("p", { class: "tk-said" });
    const key = (name, text) =>
      element("span", { class: "tk-note" }, element("span", { class: `tk-key tk-key-${name}` }), text);
    page.append(
      element(
        "figure",
        { class: "tk-chart tk-edge" },
        element(
          "figcaption",
          {},
          "How its belief is spread",
          key("target", "target"),
          key("predicted", "predicted: drag a bar"),
        ),
        element("div", { class: "tk-stage" }, canvas.node, ...columns, place),
      ),
      element("div", { class: "tk-controls" }, edge.node, shape.node, k.node, table.node),
      said,
    );

    return {
      show: (numbers, fresh) => {
        now.target = numbers.target;
        now.expected = numbers.expected;
        if (fresh) {
          now.shares = numbers.shares;
          now.place = numbers.values.place;
          edge.show(now.place);
          shape.show(numbers.values.shape);
          k.show(numbers.values.k);
        }
        k.range.disabled = k.field.disabled = !["wide", "two", "peak"].includes(numbers.values.shape);
        for (const name of ["loss", "floor", "above"]) cells[name].textContent = numbers[name].toFixed(3);
        cells.expected.textContent = `${numbers.expected.toFixed(2)} strides`;
        cells.off.textContent = `${numbers.off < 0 ? "−" : "+"}${Math.abs(numbers.off * stride).toFixed(1)} px`;
        said.textContent =
          numbers.clamping ||
          (numbers.above < 0.005
            ? "As good as it gets: the bins are the target, and the floor is all that is left."
            : "Between the ends: the two bins next to the edge share the target; the nearer one gets more.");
        said.dataset.beyond = numbers.beyond;
        Object.assign(root.dataset, { place: numbers.values.place, loss: numbers.loss, shape: numbers.values.shape });
        told();
        canvas.paint();
      },
      close: () => canvas.close(),
    };
  });
}

export default { render };
