// A playground of the notebooks in a page: its own front end, graphs of the course's own code, and these rules behind them.

import filmWidget from "../../watch/motion/film.js";
import assignerWidget from "../../watch/widgets/assigner.js";
import augmentWidget from "../../watch/widgets/augment.js";
import chartWidget from "../../watch/widgets/chart.js";
import confidenceWidget from "../../watch/widgets/confidence.js";
import dataQualityWidget from "../../watch/widgets/data_quality.js";
import dflWidget from "../../watch/widgets/dfl.js";
import iouWidget from "../../watch/widgets/iou.js";
import lossWeightsWidget from "../../watch/widgets/loss_weights.js";
import optimizerWidget from "../../watch/widgets/optimizer.js";
import runsWidget from "../../watch/widgets/runs_side_by_side.js";
import thresholdWidget from "../../watch/widgets/threshold.js";
import { Machine } from "../engine/machine.js";
import { Kernel, computing } from "./kernel.js";
import { RULES } from "./rules.js";

const WIDGETS = {
  iou: iouWidget,
  assigner: assignerWidget,
  confidence: confidenceWidget,
  augment: augmentWidget,
  data_quality: dataQualityWidget,
  dfl: dflWidget,
  loss_weights: lossWeightsWidget,
  optimizer: optimizerWidget,
  threshold: thresholdWidget,
  patience: chartWidget,
  batch_size: chartWidget,
  search: chartWidget,
  runs_side_by_side: runsWidget,
  descent: chartWidget,
  film_of_weights: filmWidget,
  film_of_pictures: filmWidget,
};
let kernels = null; // compiled once, for all of a page

async function fetched(address, as) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address.pathname.split("/").at(-1)}: ${answer.status}`);
  return answer[as]();
}

// The pixels of a picture as a file: RGBA.
async function pixelsOf(file) {
  const bitmap = await createImageBitmap(new Blob([file]), { colorSpaceConversion: "none" });
  const pen = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d", { willReadFrequently: true });
  pen.drawImage(bitmap, 0, 0);
  return pen.getImageData(0, 0, bitmap.width, bitmap.height).data;
}

// Puts the playground of that name into el. folder: the address of live/; first: other first settings than its own.
export async function alive(name, el, folder, first = {}) {
  kernels ??= fetched(new URL("kernels.wasm", folder), "arrayBuffer").then((bytes) => WebAssembly.compile(bytes));
  const compiled = kernels;
  compiled.catch(() => (kernels = null)); // the next playground asks anew
  const [{ facts, program, pictures }, bytes] = await Promise.all([
    fetched(new URL(`playgrounds/${name}.json`, folder), "json"),
    fetched(new URL(`playgrounds/${name}.bin`, folder), "arrayBuffer"),
  ]);
  const machine = await Machine.load(program, bytes.slice(0, pictures[0]), await compiled);
  const files = pictures.slice(1).map((end, place) => bytes.slice(pictures[place], end));
  const pixels = facts.rules.tiles ? await Promise.all(files.map(pixelsOf)) : [];
  const own = { ...facts, ...facts.rules, pixels, first: { ...facts.first, ...first } };
  el.replaceChildren();
  WIDGETS[name].render({
    model: new Kernel(own, RULES[name], computing(machine), facts.rules.tiles ? pixels : files),
    el,
  });
}
