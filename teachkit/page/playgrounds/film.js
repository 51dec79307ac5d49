// The rules of a training's film, as teachkit/watch/motion/film.py has them.

import { fixed } from "./kernel.js";

// The last score that is known by that step.
function scoreAt(curve, step) {
  const known = curve.findLast(([when]) => when <= step);
  return known ? fixed(known[1], 2) : "nan";
}

export const film = {
  numbers({ frame }, _, { setup: { plans, chart } }) {
    const step = plans[0].steps[frame],
      scores = plans.map(({ name, curve, steps }) => `${name} ${scoreAt(curve, steps[frame])}`);
    return { words: `After step ${step}, ${chart.title}: ${scores.join(", ")}.` };
  },
};
