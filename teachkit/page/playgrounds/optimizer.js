// The rules of the optimizer playground, as teachkit/watch/widgets/optimizer.py has them.

import { general, fixed } from "./kernel.js";

const rounded = (value) => Number(fixed(value, 5));

// rule → start and the point after each step, shorter where it has diverged; and the losses at the start and at the end.
function paths({ surface, x, y, steps, ...settings }, compute, rules, lost) {
  let state = { points: rules.map(() => [x, y]), m: rules.map(() => [0, 0]), v: rules.map(() => [0, 0]) };
  const walked = rules.map(() => [[x, y]]),
    going = rules.map(() => true);
  const step = (t) => compute(surface, { ...state, ...settings, t });
  const startLoss = step(1)("losses")[0];
  for (let t = 1; t <= steps && going.some(Boolean); t += 1) {
    const given = step(t);
    state = Object.fromEntries(["points", "m", "v"].map((name) => [name, given(`next_${name}`).slice()]));
    rules.forEach((_, rule) => {
      const point = [...state.points.subarray(2 * rule, 2 * rule + 2)];
      going[rule] &&= Math.max(...point.map(Math.abs)) < lost;
      if (going[rule]) walked[rule].push(point);
    });
  }
  const losses = [...step(1)("losses")];
  return { walked, startLoss, losses: losses.map((loss, rule) => (going[rule] ? loss : null)) };
}

export const optimizer = {
  // Another surface brings its own start along.
  adjusted(values, { values: before, facts }) {
    const start = values.surface === before.surface ? null : facts.starts[values.surface];
    return start ? { x: start[0], y: start[1], ...values } : values;
  },
  numbers(values, compute, { names, lost }) {
    const { walked, startLoss, losses } = paths(values, compute, Object.keys(names), lost);
    const rules = Object.keys(names).map((name, place) => {
      const points = walked[place],
        diverged = points.length <= values.steps;
      return [
        name,
        {
          points: points.map((point) => point.map(rounded)),
          first: points.length > 1 ? Math.hypot(points[1][0] - points[0][0], points[1][1] - points[0][1]) : null,
          loss: diverged ? null : losses[place],
          diverged: diverged ? points.length : null,
        },
      ];
    });
    const ends = rules.map(([name, one]) => `${names[name]} ${one.diverged ? "diverged" : general(one.loss, 3)}`);
    const words = `Loss after ${values.steps} steps at rate ${general(values.lr)}: ${ends.join(", ")}.`;
    return { rules: Object.fromEntries(rules), start_loss: startLoss, words };
  },
};
