// What answers for each playground where the notebooks have a kernel.

import { assigner } from "./assigner.js";
import { augment } from "./augment.js";
import { confidence } from "./confidence.js";
import { data_quality } from "./data_quality.js";
import { descent } from "./descent.js";
import { dfl } from "./dfl.js";
import { film } from "./film.js";
import { iou } from "./iou.js";
import { loss_weights } from "./loss_weights.js";
import { optimizer } from "./optimizer.js";
import { runs_side_by_side } from "./runs_side_by_side.js";
import { threshold } from "./threshold.js";

// Of a chart with few settings all answers are known.
const table = {
  numbers(values, _, { choices, places, answers, points }) {
    const at = Object.entries(choices).reduce(
      (so_far, [name, all]) => so_far * all.length + all.indexOf(values[name]),
      0,
    );
    const { lines, ...answer } = answers[places[at]];
    const whole = (stretches) => stretches.flatMap((one) => points.slice(...one));
    return { ...answer, lines: lines.map((one) => ({ ...one, points: whole(one.points) })) };
  },
};

export const RULES = {
  iou,
  assigner,
  confidence,
  augment,
  data_quality,
  dfl,
  loss_weights,
  optimizer,
  threshold,
  patience: table,
  batch_size: table,
  search: table,
  runs_side_by_side,
  descent,
  film_of_weights: film,
  film_of_pictures: film,
};
