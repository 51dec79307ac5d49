// Scenes with labels that four sliders make worse; Python makes the scenes.

import { block, element } from "../frontend/elements.js";
import { linearScale } from "../frontend/numbers.js";
import { playground } from "../frontend/playground.js";
import { Gallery } from "./gallery.js";

const FAULTS = ["loose_boxes", "missing_boxes", "wrong_labels", "imbalance"];

function build({ setup, page, settingSlider, root }) {
  const gallery = new Gallery("Scenes with their labels", setup);
  const sliders = Object.fromEntries(
    FAULTS.map((name) => [name, settingSlider(name.replace("_", " "), name, linearScale(0, 1, 2))]),
  );
  const summary = element("p", { class: "tk-told" });
  page.append(
    gallery.node,
    block("tk-controls", ...Object.values(sliders).map((one) => one.node)),
    block("tk-wide", summary),
  );
  const show = ({ tiles, values, count, words, buffers }, fresh) => {
    gallery.show(tiles, buffers);
    gallery.describe(words);
    if (fresh) for (const [name, one] of Object.entries(sliders)) one.show(values[name]);
    summary.textContent = words;
    root.dataset.count = count;
  };
  return { show, close: () => gallery.close() };
}

export default { render: (view) => playground(view, "data-quality", build) };
