// The rules of the threshold playground, as teachkit/watch/widgets/threshold.py has them.

import { fixed } from "./kernel.js";
import { detections, objectsFound } from "../live/scores.js";

const rounded = (value) => Number(fixed(value, 3));

export const threshold = {
  numbers({ threshold: least, overlap, model }, compute, { setup, objects, drawn }) {
    const scores = compute.numbers(`${model}.scores`),
      boxes = compute.numbers(`${model}.boxes`),
      classes = setup.classes.length;
    const settings = { threshold: least, overlap, limit: Infinity };
    const left = detections(boxes, scores, objects.length, classes, settings);
    const shown = left.reduce((sum, one) => sum + one.length, 0),
      of = objects.flat().length,
      found = objectsFound(left, objects, classes);
    return {
      all: scores.length,
      answers: scores.reduce((sum, score) => sum + (score > least), 0),
      shown,
      found,
      of,
      extra: shown - found,
      boxes: left.map((one) => one.slice(0, drawn).map((box) => box.map(rounded))),
      words: `Above ${fixed(least, 3)}: ${shown} boxes. ${found} of ${of} objects found, ${shown - found} extra boxes.`,
    };
  },
};
