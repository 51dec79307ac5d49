// A picture and its changed copy: the controls change the copy, Python says where its boxes are.

import { element, heads } from "../frontend/elements.js";
import { linearScale, logScale } from "../frontend/numbers.js";
import { playground } from "../frontend/playground.js";
import { Gallery } from "./gallery.js";

function render(view) {
  return playground(view, "augment", ({ setup, page, lever, choice, root }) => {
    const gallery = new Gallery("The picture as it is, and as the model is fed", setup);
    const controls = {
      zoom: lever("zoom", "zoom", logScale(0.5, 2)),
      shift_x: lever("shift to the side", "shift_x", linearScale(-1, 1, 2)),
      shift_y: lever("shift down", "shift_y", linearScale(-1, 1, 2)),
      brightness: lever("brightness", "brightness", linearScale(0.5, 1.5, 2)),
      contrast: lever("contrast", "contrast", linearScale(0.5, 1.5, 2)),
      saturation: lever("saturation", "saturation", linearScale(0, 2, 2)),
    };
    const answers = [
      ["no", "no"],
      ["yes", "yes"],
    ];
    const turned = choice("flip", "flip", answers),
      follow = choice("boxes follow", "follow", answers);
    const table = element("tbody"),
      fit = element("p", { class: "tk-fit" });
    page.append(
      gallery.node,
      element(
        "div",
        { class: "tk-controls" },
        element("div", { class: "tk-menus" }, turned.node, follow.node),
        ...Object.values(controls).map((one) => one.node),
      ),
      element(
        "div",
        { class: "tk-wide" },
        fit,
        element(
          "table",
          { class: "tk-numbers-table" },
          element("thead", {}, heads("object", "x1 y1 x2 y2 in the file, px", "x1 y1 x2 y2 in the batch, px")),
          table,
        ),
      ),
    );
    const corners = (box) =>
      box ? box.map((one) => one.toFixed(1)).join("  ") : "left out: too little of it is in sight";
    return {
      show: ({ tiles, values, rows, fit: share, words, buffers }, fresh) => {
        gallery.show(tiles, buffers);
        gallery.tell(words);
        if (fresh) {
          for (const [name, one] of Object.entries(controls)) one.show(values[name]);
          turned.show(values.flip);
          follow.show(values.follow);
        }
        table.replaceChildren(
          ...rows.map(({ name, before, after }) =>
            element(
              "tr",
              {},
              element("th", { scope: "row" }, name),
              element("td", {}, corners(before)),
              element("td", {}, corners(after)),
            ),
          ),
        );
        const trouble = values.follow === "no" && share < 0.999 ? ": wrong labels, and nothing complains" : "";
        fit.textContent =
          share == null
            ? "no object is left in the frame"
            : `labels overlap their objects by ${Math.round(100 * share)} %${trouble}`;
        root.dataset.fit = share == null ? "" : share.toFixed(3);
        root.dataset.flip = values.flip;
        root.dataset.zoom = values.zoom;
      },
      close: () => gallery.close(),
    };
  });
}

export default { render };
