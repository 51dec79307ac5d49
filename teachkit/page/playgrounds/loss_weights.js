// The rules of the loss weights playground, as teachkit/watch/widgets/loss_weights.py has them.

import { fixed } from "./kernel.js";
import { LOSSES } from "../live/training.js";

const each = (make) => Object.fromEntries(LOSSES.map((name) => [name, make(name)]));
const sum = (by_name) => LOSSES.reduce((total, name) => total + by_name[name], 0);
const percent = (share) => (Number.isFinite(share) ? `${fixed(100 * share, 0)}%` : "–");

// Length of the total's gradient, from the three lengths and the angles between them.
function wholeNorm(pulls, cosines) {
  const square = cosines
    .filter(([a, b]) => pulls[a] && pulls[b])
    .reduce(
      (so_far, [a, b, cosine]) => so_far + 2 * pulls[a] * pulls[b] * cosine,
      sum(each((name) => pulls[name] ** 2)),
    );
  return Math.sqrt(Math.max(square, 0));
}

// The total as the criterion adds it up, in float32: its words round it.
const { fround } = Math;
const inSingle = (values, raw) =>
  LOSSES.reduce((total, name) => fround(total + fround(fround(values[name]) * raw[name])), 0);

export const loss_weights = {
  numbers(values, _, { measured, words }) {
    const { raw, norms, cosines } = measured[values.model];
    const weighted = each((name) => values[name] * raw[name]),
      total = inSingle(values, raw),
      pulls = each((name) => values[name] * norms[name]),
      whole = sum(pulls);
    const share = each((name) => (whole ? pulls[name] / whole : NaN));
    const degrees = (cosine) => (cosine === null ? NaN : (Math.acos(cosine) * 180) / Math.PI);
    return {
      raw,
      weighted,
      total,
      of_loss: each((name) => (total ? weighted[name] / total : NaN)),
      share,
      norm: wholeNorm(pulls, cosines),
      angles: cosines.map(([a, b, cosine]) => [words[a], words[b], degrees(cosine)]),
      words:
        `Total ${fixed(total, 2)}. The raw losses have not moved. Shares of the gradient: ` +
        `${LOSSES.map((name) => `${words[name]} ${percent(share[name])}`).join(", ")}.`,
    };
  },
};
