// A detector's boxes and boxes thrown at random, and a bar for each of four scores.

import { stopsSlider } from "../frontend/controls.js";
import { block, element, note } from "../frontend/elements.js";
import { linearScale } from "../frontend/numbers.js";
import { CrowdedPictures } from "../frontend/pictures.js";
import { playground } from "../frontend/playground.js";

// scores: name → words
function scoreBars(scores) {
  const node = block("tk-scores");
  const rows = Object.entries(scores).map(([name, words]) => {
    const fill = element("div");
    const told = element("output", { "data-number": name, "aria-label": words });
    node.append(element("span", {}, words), block("tk-track", fill), told);
    return [name, fill, told];
  });
  const show = (values) => {
    for (const [name, fill, told] of rows) {
      fill.style.width = `${100 * (values[name] ?? 0)}%`;
      told.textContent = values[name]?.toFixed(2) ?? "–";
    }
  };
  return { node, show };
}

function build({ setup, buffers, page, settingSlider, settingMenu, root }) {
  const pictures = new CrowdedPictures(setup.classes, setup.image_size);
  pictures.truth = setup.truth;
  pictures.load(buffers);
  pictures.setCaption("Two pictures of the exam", note("solid: handed in · dashed white: truth"));
  const threshold = settingSlider("Threshold of the detector's boxes", "threshold", linearScale(0, 1, 3));
  const thrown = stopsSlider(settingSlider, "thrown", "Random boxes a picture", setup.thrown);
  const choices = setup.sure.map((name) => [name, name]);
  const sure = settingMenu("How sure the random ones are", "sure", choices);
  const bars = scoreBars(setup.scores);
  const count = note();
  page.append(pictures.node, block("tk-controls", threshold.node, thrown.node, sure.node, bars.node, count));
  const show = ({ values, scores, boxes, words, count: all }, fresh) => {
    pictures.showAll(boxes);
    bars.show(scores);
    count.textContent = `${all} boxes handed in for the whole exam`;
    pictures.canvas.node.setAttribute("aria-label", words);
    if (fresh) {
      threshold.show(values.threshold);
      thrown.show(values.thrown);
      sure.show(values.sure);
    }
    Object.assign(root.dataset, { ...values, ...scores, count: all });
  };
  return { show, close: () => pictures.close() };
}

export default { render: (view) => playground(view, "cheat", build) };
