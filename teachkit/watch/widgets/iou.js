// One box over the truth: dragged by its middle, resized by its edges and corners, and moved by keys.

import { axes } from "../frontend/axes.js";
import { Canvas } from "../frontend/canvas.js";
import { COLOURS } from "../frontend/colours.js";
import { menu, slider } from "../frontend/controls.js";
import { drawCurve, drawLine, drawMarker } from "../frontend/drawing.js";
import { element, uniqueId } from "../frontend/elements.js";
import { clamp } from "../frontend/numbers.js";
import { playground } from "../frontend/playground.js";

function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

function render(view) {
  return playground(view, "iou", ({ setup, buffers, page, set, choice, root }) => {
    const [tall, wide] = setup.size,
      least = setup.least;
    const LINES = {
      iou: [COLOURS.orange, [9, 5]],
      giou: [COLOURS.green, [12, 4, 3, 4]],
      diou: ["#a8437f", [2, 4]],
      ciou: [COLOURS.blue, []],
    };
    const tidy = (value) => Math.round(value * 10) / 10;
    let box = [0, 0, 1, 1],
      slopes = [0, 0, 0, 0],
      chart = {},
      range = [0, 1],
      slide = "across",
      measure = "ciou",
      unit = 0.4;

    // The stage. The hit areas of edges and corners lie over the box and are wide enough for a finger.
    const truth = [0, 1].map((layer) =>
      svg("rect", {
        class: "tk-truth",
        fill: "none",
        x: setup.truth[0],
        y: setup.truth[1],
        width: setup.truth[2] - setup.truth[0],
        height: setup.truth[3] - setup.truth[1],
        stroke: layer ? COLOURS.ink : COLOURS.paper,
        "stroke-width": layer ? 2.5 : 5,
        "stroke-dasharray": layer ? "8 5" : "none",
      }),
    );
    const halo = svg("rect", {
      class: "tk-ring",
      fill: "rgba(0,114,178,.16)",
      stroke: COLOURS.paper,
      "stroke-width": 7,
    });
    const frame = svg("rect", { fill: "none", stroke: COLOURS.blue, "stroke-width": 3 });
    const grips = [
      [0, 1],
      [2, 1],
      [0, 3],
      [2, 3],
    ].map(() => svg("rect", { fill: COLOURS.paper, stroke: COLOURS.blue, "stroke-width": 2 }));
    const edges = [0, 1, 2, 3].map((edge) =>
      svg("line", {
        stroke: "transparent",
        "data-edges": edge,
        "stroke-width": 16,
        style: `cursor: ${edge % 2 ? "ns" : "ew"}-resize`,
      }),
    );
    const corners = [
      [0, 1],
      [2, 1],
      [0, 3],
      [2, 3],
    ].map(([x, y]) =>
      svg("circle", {
        fill: "transparent",
        "data-edges": `${x}${y}`,
        style: `cursor: ${x < 2 === y < 2 ? "nwse" : "nesw"}-resize`,
      }),
    );
    const handle = svg(
      "g",
      { class: "tk-box", tabindex: "0", role: "group", "data-control": "box", "aria-roledescription": "movable box" },
      halo,
      frame,
      ...grips,
      ...edges,
      ...corners,
    );
    const arrows = [0, 1, 2, 3].map(() => {
      const casing = svg("path", {
        fill: COLOURS.paper,
        stroke: COLOURS.paper,
        "stroke-width": 5,
        "stroke-linejoin": "round",
      });
      const shape = svg("path", { fill: COLOURS.orange, stroke: COLOURS.orange, "stroke-width": 1 });
      return { node: svg("g", { class: "tk-slope" }, casing, shape), casing, shape };
    });
    const scene = svg("svg", {
      viewBox: `0 0 ${wide} ${tall}`,
      role: "group",
      "aria-label": "True box and predicted box",
    });
    let address = null;
    if (buffers?.length) {
      address = URL.createObjectURL(new Blob([buffers[0]], { type: "image/png" }));
      scene.append(svg("image", { href: address, width: wide, height: tall, style: "image-rendering: pixelated" }));
    }
    scene.append(...truth, handle, ...arrows.map((one) => one.node));
    scene.style.aspectRatio = `${wide} / ${tall}`;
    const resized = new ResizeObserver(() => {
      unit = wide / (scene.clientWidth || wide);
      place();
    });
    resized.observe(scene);

    const put = (node, attributes) => {
      for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
    };
    function place() {
      const [x1, y1, x2, y2] = box,
        sides = { x: x1, y: y1, width: x2 - x1, height: y2 - y1 };
      put(halo, sides);
      put(frame, sides);
      [
        [x1, y1],
        [x2, y1],
        [x1, y2],
        [x2, y2],
      ].forEach(([x, y], corner) => {
        put(grips[corner], { x: x - 4 * unit, y: y - 4 * unit, width: 8 * unit, height: 8 * unit });
        put(corners[corner], {
          cx: x,
          cy: y,
          r: Math.min(13 * unit, Math.max(6 * unit, (x2 - x1) / 3, (y2 - y1) / 3)),
        });
      });
      [
        [x1, y1, x1, y2],
        [x1, y1, x2, y1],
        [x2, y1, x2, y2],
        [x1, y2, x2, y2],
      ].forEach(([ax, ay, bx, by], edge) => {
        put(edges[edge], { x1: ax, y1: ay, x2: bx, y2: by });
      });
      arrows.forEach((arrow, edge) => drawArrow(arrow, edge));
      handle.setAttribute(
        "aria-label",
        `Predicted box: left ${tidy(x1)}, top ${tidy(y1)}, right ${tidy(x2)}, bottom ${tidy(y2)}. ` +
          "Arrow keys move it, with Shift they resize it",
      );
    }
    // Against the slope, for that is where a step goes; a ring where there is none. Long arrows are cut off.
    function drawArrow({ casing, shape }, edge) {
      const [x1, y1, x2, y2] = box,
        upright = edge % 2;
      const x = upright ? (x1 + x2) / 2 : box[edge],
        y = upright ? box[edge] : (y1 + y2) / 2;
      const length = clamp(-slopes[edge] * 25 * wide, -wide / 4, wide / 4);
      let path;
      if (Math.abs(slopes[edge]) < 1e-6) {
        const r = 5 * unit;
        path = `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0`;
      } else {
        const way = Math.sign(length),
          shaft = 2.2 * unit,
          head = 7 * unit,
          far = way * Math.max(Math.abs(length), 12 * unit);
        const points = [
          [0, -shaft],
          [far - way * head * 1.4, -shaft],
          [far - way * head * 1.4, -head],
          [far, 0],
          [far - way * head * 1.4, head],
          [far - way * head * 1.4, shaft],
          [0, shaft],
        ];
        path = "M" + points.map(([a, b]) => (upright ? `${x + b} ${y + a}` : `${x + a} ${y + b}`)).join("L") + "Z";
      }
      put(casing, { d: path });
      put(shape, {
        d: path,
        fill: Math.abs(slopes[edge]) < 1e-6 ? COLOURS.paper : COLOURS.orange,
        "stroke-width": Math.abs(slopes[edge]) < 1e-6 ? 3 : 1,
      });
    }

    const along = () => ({ across: box[0], down: box[1], wide: box[2] - box[0] })[slide];
    const told = () => {
      root.dataset.box = box.map(tidy).join(" ");
      if (document.activeElement !== typed) typed.value = box.map(tidy).join(", ");
      way.show(tidy(along()));
      canvas.paint();
    };
    const moveTo = (next) => {
      box = next.map(tidy);
      place();
      set({ predicted: box });
      told();
    };
    const moved = ([x1, y1, x2, y2], dx, dy) => {
      dx = clamp(dx, -x1, wide - x2);
      dy = clamp(dy, -y1, tall - y2);
      return [x1 + dx, y1 + dy, x2 + dx, y2 + dy];
    };
    const stretched = (from, which, dx, dy) => {
      const next = [...from];
      for (const edge of which) {
        const shift = edge % 2 ? dy : dx,
          most = edge % 2 ? tall : wide,
          across = from[(edge + 2) % 4];
        next[edge] =
          edge < 2 ? clamp(from[edge] + shift, 0, across - least) : clamp(from[edge] + shift, across + least, most);
      }
      return next;
    };

    let grabbed = null;
    const where = (event) => {
      const seen = scene.getBoundingClientRect();
      return [((event.clientX - seen.left) * wide) / seen.width, ((event.clientY - seen.top) * tall) / seen.height];
    };
    handle.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      event.preventDefault();
      handle.focus({ preventScroll: true });
      handle.setPointerCapture(event.pointerId);
      grabbed = { at: where(event), box: [...box], edges: [...(event.target.dataset.edges ?? "")].map(Number) };
    });
    handle.addEventListener("pointermove", (event) => {
      if (!grabbed) return;
      const [x, y] = where(event),
        dx = Math.round(x - grabbed.at[0]),
        dy = Math.round(y - grabbed.at[1]);
      moveTo(grabbed.edges.length ? stretched(grabbed.box, grabbed.edges, dx, dy) : moved(grabbed.box, dx, dy));
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"])
      handle.addEventListener(end, () => {
        grabbed = null;
      });
    handle.addEventListener("keydown", (event) => {
      const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
      if (!way) return;
      event.preventDefault();
      moveTo(event.shiftKey ? stretched(box, [2, 3], ...way) : moved(box, ...way));
    });

    const canvas = new Canvas("The four losses along the slide", (pen, width, height, size) => {
      const losses = Object.values(chart).flat();
      const top = Math.max(...losses, 0.1),
        bottom = Math.min(...losses, top - 0.1),
        air = (top - bottom) * 0.08;
      const plot = axes(pen, width, height, size, {
        across: {
          range,
          label: `${{ across: "left edge", down: "top edge", wide: "width" }[slide]} of the predicted box, px`,
        },
        up: { range: [bottom - air, top + air], label: "loss" },
      });
      // the chosen one first and thick: where curves lie on each other the others still show on it
      const order = Object.keys(LINES).sort((a, b) => (b === measure) - (a === measure));
      for (const name of order) {
        const [colour, dash] = LINES[name];
        const values = chart[name] ?? [];
        pen.strokeStyle = colour;
        pen.lineWidth = name === measure ? 6 : 2;
        pen.globalAlpha = name === measure ? 0.6 : 1;
        pen.setLineDash(dash);
        drawCurve(
          pen,
          values.map((_, stop) => range[0] + ((range[1] - range[0]) * stop) / (values.length - 1)),
          values,
          plot.x,
          plot.y,
        );
      }
      pen.globalAlpha = 1;
      pen.setLineDash([]);
      pen.strokeStyle = COLOURS.ink;
      pen.lineWidth = 1.5;
      const here = plot.x(clamp(along(), ...range));
      drawLine(pen, here, plot.top, here, plot.bottom);
      pen.fillStyle = COLOURS.ink;
      drawMarker(pen, "triangle", here, plot.bottom, size * 0.4);
    });

    const typed = element("input", {
      type: "text",
      class: "tk-field",
      spellcheck: "false",
      id: uniqueId(),
      "data-control": "typed",
    });
    const send = () => {
      if (typed.value !== box.map(tidy).join(", ")) set({ predicted: typed.value });
    };
    typed.addEventListener("keydown", (event) => {
      if (event.key === "Enter") send();
      if (event.key === "Escape") typed.value = box.map(tidy).join(", ");
    });
    typed.addEventListener("blur", () => {
      send();
      typed.value = box.map(tidy).join(", ");
    });

    const chosen = choice(
      "Arrows show the slope of",
      "measure",
      Object.entries(setup.measures).map(([key, name]) => [key, `${name} loss`]),
    );
    const tries = menu(
      "Put the box",
      [["", "choose a place …"], ...setup.places.map(([name], at) => [String(at), name])],
      (at) => {
        if (at !== "") moveTo(setup.places[Number(at)][1]);
      },
      "place",
    );
    const ways = choice("Slide", "slide", setup.slides);
    const slideTo = (value) => {
      const [x1, y1, x2, y2] = box;
      if (slide === "across") moveTo([value, y1, value + x2 - x1, y2]);
      else if (slide === "down") moveTo([x1, value, x2, value + y2 - y1]);
      else moveTo([(x1 + x2 - value) / 2, y1, (x1 + x2 + value) / 2, y2]);
    };
    const way = slider(
      "along the slide, px",
      {
        toPlace: (value) => (value - range[0]) / (range[1] - range[0]),
        toValue: (at) => tidy(range[0] + at * (range[1] - range[0])),
      },
      {
        name: "along",
        onMove: slideTo,
        onTyped: (text) => {
          const value = Number(text.replace(",", "."));
          if (Number.isFinite(value)) slideTo(clamp(value, ...range));
        },
      },
    );

    const columns = ["value", "loss", "left", "top", "right", "bottom", "move →", "move ↓", "wider", "taller"];
    const rows = Object.fromEntries(
      Object.keys(setup.measures).map((key) => [
        key,
        columns.map((_, at) => element("td", { "data-number": `${key}-${at}` })),
      ]),
    );
    const lines = Object.fromEntries(
      Object.entries(setup.measures).map(([key, name]) => [
        key,
        element("tr", {}, element("th", { scope: "row" }, name), ...rows[key]),
      ]),
    );
    const table = element(
      "table",
      { class: "tk-numbers-table" },
      element(
        "thead",
        {},
        element(
          "tr",
          {},
          element("th", {}),
          element("th", { colspan: 2 }, ""),
          element("th", { colspan: 4 }, "slope per px of each edge"),
          element("th", { colspan: 4 }, "slope per px of the whole box"),
        ),
        element(
          "tr",
          {},
          element("th", {}, "measure"),
          ...columns.map((name) => element("th", { scope: "col" }, name)),
        ),
      ),
      element("tbody", {}, ...Object.values(lines)),
    );
    const said = element("p", { class: "tk-said" });
    const keys = Object.entries(setup.measures).map(([key, name]) => {
      const [colour, dash] = LINES[key];
      const line = svg(
        "svg",
        { width: 34, height: 8, "aria-hidden": "true" },
        svg("line", {
          x1: 0,
          y1: 4,
          x2: 34,
          y2: 4,
          stroke: colour,
          "stroke-width": 3,
          "stroke-dasharray": dash.join(" ") || "none",
        }),
      );
      return element("span", { class: "tk-note tk-line" }, line, ` ${name}`);
    });
    page.append(
      element(
        "figure",
        { class: "tk-stage" },
        element(
          "figcaption",
          {},
          "Drag the box, its edges, its corners",
          element("span", { class: "tk-note" }, "dashed: truth · arrow: where a step goes · ring: slope 0"),
        ),
        scene,
      ),
      element(
        "div",
        { class: "tk-controls" },
        chosen.node,
        tries.node,
        element(
          "div",
          { class: "tk-typed" },
          element("label", { for: typed.id }, "Predicted box: x1, y1, x2, y2"),
          typed,
        ),
        ways.node,
        way.node,
      ),
      element(
        "figure",
        { class: "tk-chart tk-along" },
        element("figcaption", {}, "Losses along the slide", ...keys),
        canvas.node,
      ),
      element("div", { class: "tk-wide" }, table),
      said,
    );

    const sign = (value) => (Math.abs(value) < 1e-6 ? "0" : `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(4)}`);
    return {
      show: (numbers, fresh) => {
        ({ chart, range } = numbers);
        measure = numbers.values.measure;
        slide = numbers.values.slide;
        slopes = numbers.measures[measure].slopes;
        if (fresh) box = numbers.values.predicted;
        chosen.show(measure);
        ways.show(slide);
        if (fresh && box.join() !== setup.places[Number(tries.node.querySelector("select").value || -1)]?.[1].join())
          tries.show("");
        place();
        told();
        for (const [key, cells] of Object.entries(rows)) {
          const { value, loss, slopes: each, move, grow } = numbers.measures[key];
          lines[key].dataset.chosen = key === measure;
          cells[0].textContent = value.toFixed(3).replace("-", "−");
          cells[1].textContent = loss.toFixed(3);
          [...each, ...move, ...grow].forEach((slope, at) => {
            cells[at + 2].textContent = sign(slope);
            cells[at + 2].dataset.flat = Math.abs(slope) < 1e-6;
          });
        }
        said.textContent = numbers.said;
        said.dataset.flat = numbers.measures[measure].move.every((one) => Math.abs(one) < 1e-6);
        Object.assign(root.dataset, {
          predicted: numbers.values.predicted.map(tidy).join(" "),
          measure,
          slide,
          loss: numbers.measures[measure].loss,
        });
      },
      close: () => {
        resized.disconnect();
        canvas.close();
        if (address) URL.revokeObjectURL(address);
      },
    };
  });
}

export default { render };
