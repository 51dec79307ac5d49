// A slider for the score threshold over pictures: boxes come and go at once, Python counts what is right.

import { block, note, numbersTable } from "../frontend/elements.js";
import { linearScale } from "../frontend/numbers.js";
import { CrowdedPictures } from "../frontend/pictures.js";
import { playground } from "../frontend/playground.js";

const ROWS = {
  all: "all scores",
  answers: "above threshold",
  shown: "left by NMS",
  found: "objects found",
  extra: "extra boxes",
};

function build({ setup, buffers, page, set, settingSlider, settingMenu, root }) {
  const pictures = new CrowdedPictures(setup.classes, setup.image_size);
  pictures.truth = setup.truth;
  pictures.load(buffers);
  pictures.setCaption("What it answers", note("solid: answer, with class and confidence · dashed white: truth"));
  let last = { threshold: 0, boxes: [] };
  // Upwards the boxes are known already: they go before Python has counted them.
  const onMove = (value) => {
    if (value > last.threshold) pictures.showAll(last.boxes.map((one) => one.filter((box) => box[5] > value)));
    set({ threshold: value });
  };
  const threshold = settingSlider("Score threshold", "threshold", linearScale(0, 1, 3), { onMove });
  const overlap = settingSlider("NMS overlap", "overlap", linearScale(0, 1, 3));
  overlap.node.hidden = !setup.nms;
  const model = settingMenu(
    "Detector",
    "model",
    setup.models.map((name) => [name, name]),
  );
  model.node.hidden = setup.models.length < 2;
  const counts = numbersTable(ROWS);
  const undrawn = note();
  page.append(pictures.node, block("tk-controls", threshold.node, overlap.node, model.node, counts.node, undrawn));
  const show = (numbers, fresh) => {
    const { values, boxes, shown, found } = numbers;
    if (fresh) {
      threshold.show(values.threshold);
      overlap.show(values.overlap);
      model.show(values.model);
      last = { threshold: values.threshold, boxes };
      pictures.showAll(boxes);
    }
    for (const [name, node] of Object.entries(counts.cells)) node.textContent = String(numbers[name]);
    counts.cells.found.textContent = `${found} of ${numbers.of}`;
    const hidden = shown - boxes.flat().length;
    undrawn.textContent = hidden > 0 ? `Only the best of them are drawn; ${hidden} are not.` : "";
    Object.assign(root.dataset, { threshold: values.threshold, shown, found, model: values.model });
  };
  return { show, close: () => pictures.close() };
}

export default { render: (view) => playground(view, "threshold", build) };
