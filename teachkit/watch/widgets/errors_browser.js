// A detector's errors by kind, on their pictures; curves and matrix at the threshold under the hand.

import { axes } from "../frontend/axes.js";
import { Canvas } from "../frontend/canvas.js";
import { COLOURS } from "../frontend/colours.js";
import { menu } from "../frontend/controls.js";
import { drawCurve, drawMarker, swatch } from "../frontend/drawing.js";
import { element } from "../frontend/elements.js";
import { linearScale, short } from "../frontend/numbers.js";
import { playground } from "../frontend/playground.js";
import { Gallery, pager, swatchOf } from "./gallery.js";

function render(view) {
  return playground(view, "errors", ({ setup, page, set, lever, choice, root }) => {
    const gallery = new Gallery("Pictures with the errors of the chosen kind", setup);
    const dashes = [[], [9, 4], [3, 3], [12, 4, 3, 4]],
      colours = [COLOURS.blue, COLOURS.orange, COLOURS.green, COLOURS.purple, COLOURS.amber, COLOURS.sky];
    const shapes = ["circle", "square", "triangle"];
    const lineOf = (place) => ({
      colour: colours[place % colours.length],
      dash: dashes[place % 4],
      marker: shapes[place % 3],
    });
    const threshold = lever("score threshold", "threshold", linearScale(0.01, 0.99, 3));
    const pairs = (names) => names.map((name) => [name, name]);
    const kind = choice("kind", "kind", pairs(setup.kinds));
    const cls = menu("class", pairs(["all classes", ...setup.classes]), (value) => set({ cls: value }), "class");
    const pages = pager("pictures", setup.page, set);
    let points = {};
    const counts = Object.fromEntries(Object.keys(setup.styles).map((name) => [name, element("b", {}, "–")]));
    const list = element(
      "ul",
      { class: "tk-counts" },
      ...Object.entries(setup.styles).map(([name, style]) =>
        element("li", {}, swatchOf(style), element("span", {}, name), counts[name]),
      ),
    );
    const curve = new Canvas("Precision against recall, a line for each class", (pen, width, height, size) => {
      const { x, y } = axes(pen, width, height, size, {
        across: { range: [0, 1], label: "recall" },
        up: { range: [0, 1], label: "precision" },
      });
      setup.classes.forEach((name, place) => {
        const { recall, precision } = setup.curves[name],
          look = lineOf(place);
        pen.strokeStyle = pen.fillStyle = look.colour;
        pen.lineWidth = 2.5;
        pen.setLineDash(look.dash);
        drawCurve(
          pen,
          recall,
          recall.map((one, spot) => (one == null ? null : precision[spot])),
          x,
          y,
        );
        const [r, p] = points[name] ?? [];
        if (r != null && p != null) drawMarker(pen, look.marker, x(r), y(p), size * 0.5);
      });
      pen.setLineDash([]);
    });
    const legend = element(
      "ul",
      { class: "tk-legend" },
      ...setup.classes.map((name, place) =>
        element(
          "li",
          {},
          swatch(lineOf(place)),
          element("span", {}, `${name}, AP50 ${setup.ap[name] == null ? "undefined" : setup.ap[name].toFixed(2)}`),
        ),
      ),
    );
    const cells = [...setup.classes, ""].map(() => [...setup.classes, ""].map(() => element("td")));
    const matrix = element(
      "table",
      { class: "tk-matrix" },
      element("caption", {}, "what is taken for what"),
      element(
        "thead",
        {},
        element(
          "tr",
          {},
          element("th", {}, "really is ↓"),
          ...[...setup.classes, "missed"].map((name) => element("th", { scope: "col" }, name)),
        ),
      ),
      element(
        "tbody",
        {},
        ...[...setup.classes, "nothing there"].map((name, row) =>
          element("tr", {}, element("th", { scope: "row" }, name), ...cells[row]),
        ),
      ),
    );
    page.append(
      gallery.node,
      element(
        "div",
        { class: "tk-browser-side" },
        threshold.node,
        element("div", { class: "tk-menus" }, kind.node, cls.node),
        list,
        pages.node,
      ),
      element(
        "div",
        { class: "tk-panel tk-chart" },
        element("figcaption", {}, "a point for each threshold, a mark at yours"),
        curve.node,
        legend,
      ),
      element("div", { class: "tk-tables" }, matrix),
    );
    return {
      show: (numbers, fresh) => {
        const { tiles, values, buffers } = numbers;
        points = numbers.points;
        gallery.show(tiles, buffers);
        gallery.tell(numbers.words);
        if (fresh) {
          threshold.show(values.threshold);
          kind.show(values.kind);
          cls.show(values.cls);
        }
        for (const [name, node] of Object.entries(counts)) node.textContent = numbers.counts[name];
        pages.show(numbers.shown_page, numbers.pictures);
        numbers.matrix.forEach((row, down) => {
          const sum = Math.max(
            1,
            row.reduce((total, one) => total + one, 0),
          );
          row.forEach((count, across) => {
            const cell = cells[down][across],
              corner = down === setup.classes.length && across === down;
            cell.textContent = corner ? "" : count;
            cell.dataset.right = down === across && !corner ? "yes" : "";
            cell.style.background = corner ? "" : `rgba(0, 114, 178, ${(0.4 * count) / sum})`;
          });
        });
        const marks = setup.classes.map((name) => `${name} ${short(points[name][1])} and ${short(points[name][0])}`);
        curve.node.setAttribute("aria-label", `Precision and recall: ${marks.join("; ")}`);
        curve.paint();
        Object.assign(root.dataset, {
          threshold: values.threshold,
          kind: values.kind,
          pictures: numbers.pictures,
          page: numbers.shown_page,
        });
      },
      close: () => {
        gallery.close();
        curve.close();
      },
    };
  });
}

export default { render };
