// The rules of the runs side by side, as teachkit/watch/widgets/runs_side_by_side.py has them.

import { general } from "./kernel.js";

const told = (value) => (value === null ? "unknown" : general(value, 3));

// The value of the last row at or before the step; null where there is none.
function newest(columns, name, step) {
  const place = columns.step.findLastIndex((one) => one !== null && one <= step);
  return place < 0 ? null : columns[name][place];
}

export const runs_side_by_side = {
  numbers({ step, loss, score }, _, { setup, looks, losses, scores }) {
    const rows = setup.runs.map((run) => ({
      training: newest(run.steps, loss, step),
      validation: newest(run.validation, loss, step),
      score: newest(run.scores, score, step),
      lr: newest(run.steps, "lr", step),
    }));
    const pictures = setup.truth.length;
    const found = looks.map((its) => {
      const look = its.length === 1 ? its[0] : its.findLast(([when]) => when <= step);
      return (look?.[1] ?? Array.from({ length: pictures }, () => [])).slice(0, pictures);
    });
    const words = setup.runs.map(
      ({ name }, place) =>
        `${name}: ${losses[loss]} ${told(rows[place].training)}, on validation ${told(rows[place].validation)}, ` +
        `${scores[score]} ${told(rows[place].score)}`,
    );
    return { rows, found, words: `Step ${step}. ${words.join("; ")}` };
  },
};
