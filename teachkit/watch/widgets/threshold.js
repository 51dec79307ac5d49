// A slider for the score threshold over pictures: boxes come and go at once, Python counts what is right.

import { element, numbersTable } from "../frontend/elements.js";
import { linearScale } from "../frontend/numbers.js";
import { Pictures } from "../frontend/pictures.js";
import { playground } from "../frontend/playground.js";

class Answers extends Pictures {
  found_box(pen, box, scale) {
    super.found_box(pen, box, scale, this.crowded ? 1.2 : 3);
  }
  names(...all) {
    if (!this.crowded) super.names(...all);
  }
}

function render(view) {
  return playground(view, "threshold", ({ setup, buffers, page, set, lever, choice, root }) => {
    const pictures = new Answers(setup.classes, setup.image_size);
    pictures.truth = setup.truth;
    pictures.load(buffers);
    pictures.node
      .querySelector("figcaption")
      .replaceChildren(
        "What it answers",
        element("span", { class: "tk-note" }, "solid: answer, with class and confidence · dashed white: truth"),
      );
    const drawn = (boxes) => {
      pictures.crowded = boxes.some((one) => one.length > 12);
      pictures.show(boxes, []);
      pictures.tell();
    };
    let last = { threshold: 0, boxes: [] };
    const threshold = lever("Score threshold", "threshold", linearScale(0, 1, 3), {
      onMove: (value) => {
        // upwards the boxes are known already: they go before Python has counted them
        if (value > last.threshold) drawn(last.boxes.map((one) => one.filter((box) => box[5] > value)));
        set({ threshold: value });
      },
    });
    const overlap = lever("NMS overlap", "overlap", linearScale(0, 1, 3));
    overlap.node.hidden = !setup.nms;
    const model = choice(
      "Detector",
      "model",
      setup.models.map((name) => [name, name]),
    );
    model.node.hidden = setup.models.length < 2;
    const table = numbersTable({
      all: "all scores",
      answers: "above threshold",
      shown: "left by NMS",
      found: "objects found",
      extra: "boxes too many",
    });
    const note = element("span", { class: "tk-note" });
    page.append(
      pictures.node,
      element("div", { class: "tk-controls" }, threshold.node, overlap.node, model.node, table.node, note),
    );
    return {
      show: (numbers, fresh) => {
        if (fresh) {
          threshold.show(numbers.values.threshold);
          overlap.show(numbers.values.overlap);
          model.show(numbers.values.model);
          last = { threshold: numbers.values.threshold, boxes: numbers.boxes };
          drawn(numbers.boxes);
        }
        for (const [name, cell] of Object.entries(table.cells)) {
          cell.textContent = name === "found" ? `${numbers.found} of ${numbers.of}` : String(numbers[name]);
        }
        const hidden = numbers.shown - numbers.boxes.reduce((sum, one) => sum + one.length, 0);
        note.textContent = hidden > 0 ? `Only the best of them are drawn; ${hidden} are not.` : "";
        Object.assign(root.dataset, {
          threshold: numbers.values.threshold,
          shown: numbers.shown,
          found: numbers.found,
          model: numbers.values.model,
        });
      },
      close: () => pictures.close(),
    };
  });
}

export default { render };
