// Scenes with labels that four knobs make worse; Python makes the scenes.

import { element } from "../frontend/elements.js";
import { linearScale } from "../frontend/numbers.js";
import { playground } from "../frontend/playground.js";
import { Gallery } from "./gallery.js";

function render(view) {
  return playground(view, "data-quality", ({ setup, page, lever, root }) => {
    const gallery = new Gallery("Scenes with their labels", setup);
    const controls = Object.fromEntries(
      ["loose_boxes", "missing_boxes", "wrong_labels", "imbalance"].map((name) => [
        name,
        lever(name.replace("_", " "), name, linearScale(0, 1, 2)),
      ]),
    );
    const told = element("p", { class: "tk-told" });
    page.append(
      gallery.node,
      element("div", { class: "tk-controls" }, ...Object.values(controls).map((one) => one.node)),
      element("div", { class: "tk-wide" }, told),
    );
    return {
      show: ({ tiles, values, count, words, buffers }, fresh) => {
        gallery.show(tiles, buffers);
        gallery.tell(words);
        if (fresh) for (const [name, one] of Object.entries(controls)) one.show(values[name]);
        told.textContent = words;
        root.dataset.count = count;
      },
      close: () => gallery.close(),
    };
  });
}

export default { render };
