// A picture and its changed copy: the controls change the copy, Python says where its boxes are.

import { block, element, headerRow, row, table } from "../frontend/elements.js";
import { linearScale, logScale } from "../frontend/numbers.js";
import { playground } from "../frontend/playground.js";
import { Gallery } from "./gallery.js";

const YES_NO = [
  ["no", "no"],
  ["yes", "yes"],
];

function build({ setup, page, settingSlider, settingMenu, root }) {
  const gallery = new Gallery("The picture as it is, and as the model is fed", setup);
  const sliders = {
    zoom: settingSlider("zoom", "zoom", logScale(0.5, 2)),
    shift_x: settingSlider("shift to the side", "shift_x", linearScale(-1, 1, 2)),
    shift_y: settingSlider("shift down", "shift_y", linearScale(-1, 1, 2)),
    brightness: settingSlider("brightness", "brightness", linearScale(0.5, 1.5, 2)),
    contrast: settingSlider("contrast", "contrast", linearScale(0.5, 1.5, 2)),
    saturation: settingSlider("saturation", "saturation", linearScale(0, 2, 2)),
  };
  const flip = settingMenu("flip", "flip", YES_NO);
  const follow = settingMenu("boxes follow", "follow", YES_NO);
  const objects = element("tbody");
  const verdict = element("p", { class: "tk-fit" });
  page.append(
    gallery.node,
    block("tk-controls", block("tk-menus", flip.node, follow.node), ...Object.values(sliders).map((one) => one.node)),
    block(
      "tk-wide",
      verdict,
      table(headerRow("object", "x1 y1 x2 y2 in the file, px", "x1 y1 x2 y2 in the batch, px"), objects),
    ),
  );
  const show = ({ tiles, values, rows, fit, words, buffers }, fresh) => {
    gallery.show(tiles, buffers);
    gallery.describe(words);
    if (fresh) for (const [name, one] of Object.entries({ ...sliders, flip, follow })) one.show(values[name]);
    objects.replaceChildren(...rows.map(({ name, before, after }) => row(name, corners(before), corners(after))));
    verdict.textContent = fitAsText(fit, values.follow === "no");
    root.dataset.fit = fit == null ? "" : fit.toFixed(3);
    root.dataset.flip = values.flip;
    root.dataset.zoom = values.zoom;
  };
  return { show, close: () => gallery.close() };
}

const corners = (box) =>
  box ? box.map((side) => side.toFixed(1)).join("  ") : "left out: too little of it is in sight";

// fit: mean IoU of the labels with their objects, null without any.
function fitAsText(fit, left) {
  if (fit == null) return "no object is left in the frame";
  const trouble = left && fit < 0.999 ? ": wrong labels, and nothing complains" : "";
  return `labels overlap their objects by ${Math.round(100 * fit)} %${trouble}`;
}

export default { render: (view) => playground(view, "augment", build) };
