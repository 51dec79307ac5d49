// The rules of the DFL playground, as teachkit/watch/widgets/dfl.py has them.

import { Refused, fixed } from "./kernel.js";

const sum = (values) => values.reduce((total, one) => total + one, 0);
function evened(heights, least) {
  const kept = heights.map((one) => Math.max(least, one / sum(heights)));
  return kept.map((one) => one / sum(kept));
}

function clamping(place, used, bins) {
  if (place < 0) {
    return (
      `The edge lies ${fixed(-place, 2)} strides on the other side of the anchor point. No bin says that: ` +
      "the target is bin 0 alone, and DFL teaches a wrong place."
    );
  }
  if (!(used < place)) return "";
  const reach = place > bins - 1 ? "A larger stride, or more bins, would reach it." : "It costs nothing to see.";
  return (
    `${fixed(place, 2)} is past the farthest target there is: it is moved to ${fixed(used, 2)}, where bin ${bins - 2} ` +
    `gets .01 and bin ${bins - 1} gets .99. ${reach}`
  );
}

// The detector's share of each bin.
function shares({ shape, k, bars, place }, compute, { shapes, least_share: least }) {
  if (shape === "hand") return evened(bars, least);
  if (shape !== "target") return shapes[shape][k];
  return evened([...compute("dfl", { place, shares: shapes.even[0] })("target")], least);
}

export const dfl = {
  checks: {
    bars_of(_, value) {
      const good =
        Array.isArray(value) && value.length === 16 && value.every((one) => Number.isFinite(one) && one >= 0);
      if (!good || !(sum(value) > 0 && sum(value) < Infinity))
        throw new Refused(`bars must be 16 numbers ≥ 0, not all of them 0, not ${JSON.stringify(value)}`);
      return value.map((one) => one / sum(value));
    },
  },
  // New bars set the shape to "hand"; that shape without bars starts from the current shares.
  adjusted(values, kernel) {
    if ("bars" in values) return { shape: "hand", ...values };
    return values.shape === "hand" ? { ...values, bars: shares(kernel.values, kernel.compute, kernel.facts) } : values;
  },
  numbers(values, compute, facts) {
    const { place } = values,
      own = shares(values, compute, facts),
      given = compute("dfl", { place, shares: own });
    const [loss, floor, expected, used] = ["loss", "floor", "expected", "used"].map((name) => given(name)[0]);
    const told = clamping(place, used, facts.setup.bins);
    return {
      target: [...given("target")],
      shares: own,
      loss,
      floor: floor + 0,
      above: Math.max(0, loss - floor),
      expected,
      off: expected - place,
      used,
      beyond: Boolean(given("beyond")[0]),
      clamping: told,
      words:
        `DFL ${fixed(loss, 2)}, of which ${fixed(floor + 0, 2)} cannot be avoided. The detector expects ${fixed(expected, 2)}, ` +
        `the edge is at ${fixed(place, 2)}. ${told}`.trim(),
    };
  },
};
