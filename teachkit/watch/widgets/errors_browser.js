// A detector's errors by kind, on their pictures; curves and matrix at the threshold under the hand.

import { axes } from "../frontend/axes.js";
import { Canvas } from "../frontend/canvas.js";
import { CASING, classStyles } from "../frontend/colours.js";
import { menu } from "../frontend/controls.js";
import { drawCurve, drawMarker, swatch } from "../frontend/drawing.js";
import { block, element, figure, headerRow, row } from "../frontend/elements.js";
import { formatted, linearScale } from "../frontend/numbers.js";
import { playground } from "../frontend/playground.js";
import { Gallery, pager, swatchOf } from "./gallery.js";

// The line of a class with its marker; width 0: the marker alone.
const classKey = (style, width) => swatch({ ...style, width, casing: [CASING, width && width + 3], edge: CASING });

// Precision against recall, a line for each class, and a mark at the threshold.
class PrecisionRecall {
  constructor({ classes, curves, ap }) {
    this.classes = classes;
    this.styles = classStyles(classes);
    this.curves = curves; // class → {recall, precision}
    this.points = {}; // class → [recall, precision]
    this.canvas = new Canvas("Precision against recall, a line for each class", (...sizes) => this.draw(...sizes));
    const apOf = (name) => (ap[name] == null ? "undefined" : ap[name].toFixed(2));
    const legend = classes.map((name, index) =>
      element("li", {}, classKey(this.styles[index], 2.5), element("span", {}, `${name}, AP50 ${apOf(name)}`)),
    );
    const caption = ["a point for each threshold, a mark at yours"];
    this.node = figure("tk-panel", caption, this.canvas.node, element("ul", { class: "tk-legend" }, ...legend));
  }
  show(points) {
    this.points = points;
    const marks = this.classes.map((name) => `${name} ${formatted(points[name][1])} and ${formatted(points[name][0])}`);
    this.canvas.node.setAttribute("aria-label", `Precision and recall: ${marks.join("; ")}`);
    this.canvas.paint();
  }
  draw(pen, width, height, size) {
    const { x, y } = axes(pen, width, height, size, {
      across: { range: [0, 1], label: "recall" },
      up: { range: [0, 1], label: "precision" },
    });
    this.classes.forEach((name, index) => {
      const { recall, precision } = this.curves[name];
      const { colour, dash, marker } = this.styles[index];
      const defined = recall.map((one, at) => (one == null ? null : precision[at]));
      const [r, p] = this.points[name] ?? [];
      for (const [stroke, wider] of [
        [CASING, 1.5],
        [colour, 0],
      ]) {
        pen.strokeStyle = pen.fillStyle = stroke;
        pen.lineWidth = 2.5 + wider;
        pen.setLineDash(dash);
        drawCurve(pen, recall, defined, x, y);
        if (r != null && p != null) drawMarker(pen, marker, x(r), y(p), size * 0.5 + wider);
      }
    });
    pen.setLineDash([]);
  }
}

// What is taken for what; the last row and column are for what is missed and for what is not there.
function confusionMatrix(classes) {
  const last = classes.length;
  const cells = [...classes, ""].map(() => [...classes, ""].map(() => element("td")));
  const styles = classStyles(classes);
  const named = (name, index) => element("span", { class: "tk-class" }, classKey(styles[index], 0), name);
  const header = headerRow("really is ↓", ...classes.map(named), "missed");
  header.firstChild.removeAttribute("scope");
  const rows = [...classes.map(named), "nothing there"].map((name, index) => row(name, ...cells[index]));
  const node = element(
    "table",
    { class: "tk-matrix" },
    element("caption", {}, "what is taken for what"),
    element("thead", {}, header),
    element("tbody", {}, ...rows),
  );
  const fill = (td, count, sum, right) => {
    td.textContent = count;
    td.dataset.right = right ? "yes" : "";
    td.style.background = `rgba(0, 114, 178, ${(0.4 * count) / sum})`;
  };
  const show = (matrix) =>
    matrix.forEach((counts, down) => {
      const sum = Math.max(
        1,
        counts.reduce((total, one) => total + one, 0),
      );
      counts.forEach((count, across) => {
        if (down < last || across < last) fill(cells[down][across], count, sum, down === across);
      });
    });
  return { node, show };
}

// How many errors of each kind there are, beside the line that outlines them.
function kindCounts(styles) {
  const counts = Object.fromEntries(Object.keys(styles).map((name) => [name, element("b", {}, "–")]));
  const rows = Object.entries(styles).map(([name, style]) =>
    element("li", {}, swatchOf(style), element("span", {}, name), counts[name]),
  );
  const show = (numbers) => {
    for (const [name, node] of Object.entries(counts)) node.textContent = numbers[name];
  };
  return { node: element("ul", { class: "tk-counts" }, ...rows), show };
}

function build({ setup, page, set, settingSlider, settingMenu, root }) {
  const gallery = new Gallery("Pictures with the errors of the chosen kind", setup);
  const pairs = (names) => names.map((name) => [name, name]);
  const threshold = settingSlider("score threshold", "threshold", linearScale(0.01, 0.99, 3));
  const kind = settingMenu("kind", "kind", pairs(setup.kinds));
  const cls = menu("class", pairs(["all classes", ...setup.classes]), (value) => set({ cls: value }), "class");
  const pages = pager("pictures", setup.page, set);
  const counts = kindCounts(setup.styles);
  const curves = new PrecisionRecall(setup);
  const matrix = confusionMatrix(setup.classes);
  page.append(
    gallery.node,
    block("tk-browser-side", threshold.node, block("tk-menus", kind.node, cls.node), counts.node, pages.node),
    curves.node,
    block("tk-tables", matrix.node),
  );
  const show = (numbers, fresh) => {
    const { tiles, values, buffers, pictures, shown_page } = numbers;
    gallery.show(tiles, buffers);
    gallery.describe(numbers.words);
    if (fresh) {
      threshold.show(values.threshold);
      kind.show(values.kind);
      cls.show(values.cls);
    }
    counts.show(numbers.counts);
    pages.show(shown_page, pictures);
    matrix.show(numbers.matrix);
    curves.show(numbers.points);
    Object.assign(root.dataset, { threshold: values.threshold, kind: values.kind, pictures, page: shown_page });
  };
  const close = () => {
    gallery.close();
    curves.canvas.close();
  };
  return { show, close };
}

export default { render: (view) => playground(view, "errors", build) };
