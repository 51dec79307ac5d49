// The rules of the confidence playground, as teachkit/watch/widgets/confidence.py has them.

import { fixed } from "./kernel.js";

export const confidence = {
  numbers(values, compute, { setup }) {
    const { weight, background, background_score, score, target, alpha, gamma } = values;
    const given = compute("confidence", { score, target, alpha, gamma, background_score }),
      points = setup.scores.length;
    // The graph gives BCE and focal; the weighted loss is BCE times the class's weight.
    const named = (bce, focal) => ({
      bce,
      weighted: typeof bce === "number" ? weight * bce : bce.map((one) => weight * one),
      focal,
    });
    const pair = (name) => named(...given(name));
    const loss = pair("loss"),
      crowd = pair("crowd"),
      curves = given("curves");
    const share = Object.fromEntries(
      Object.entries(loss).map(([name, own]) => {
        const behind = background * crowd[name];
        return [name, behind + own > 0 ? behind / (behind + own) : 0];
      }),
    );
    return {
      curves: named([...curves.subarray(0, points)], [...curves.subarray(points)]),
      loss,
      slope: pair("slope"),
      background: share,
      words: `Confidence ${fixed(score, 2)} where ${fixed(target, 2)} is right: BCE ${fixed(loss.bce, 2)}, focal ${fixed(loss.focal, 2)}.`,
    };
  },
};
