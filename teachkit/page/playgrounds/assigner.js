// The rules of the assigner playground, as teachkit/watch/widgets/assigner.py has them.

import { fixed } from "./kernel.js";

export const assigner = {
  numbers({ topk, alpha, beta, model, object }, compute, { setup, labels, inside, strides, most_rows: most, levers }) {
    const classes = setup.classes.length,
      chosen = object - 1;
    const [boxes, cls_logits] = [compute.numbers(`${model}.boxes`), compute.numbers(`${model}.cls_logits`)];
    const first = Array.from({ length: levers.topk.high }, (_, place) => Number(place < topk));
    const given = compute("assigner", { boxes, cls_logits, alpha, beta, chosen: first });
    const [positive, owner, target, overlaps, scores] = ["positive", "owner", "target", "overlap", "scores"].map(given);
    const all = positive.length,
      taken = [...positive.keys()].filter((point) => positive[point]);
    const mine = taken.filter((point) => owner[point] === chosen).sort((a, b) => target[b] - target[a]);
    const rows = mine.slice(0, most).map((point) => {
      const score = scores[point * classes + labels[chosen]],
        overlap = overlaps[chosen * all + point];
      return {
        score,
        overlap,
        metric: score ** alpha * overlap ** beta,
        target: target[point],
        stride: strides[point],
        box: [...boxes.subarray(4 * point, 4 * point + 4)],
      };
    });
    const best = Math.max(0, ...rows.map((one) => one.overlap));
    return {
      points: taken.map((point) => [...setup.points[point], owner[point], target[point], mine.indexOf(point)]),
      rows,
      more: Math.max(0, mine.length - most),
      inside: inside[chosen],
      positive: taken.length,
      all,
      counts: labels.map((_, place) => taken.filter((point) => owner[point] === place).length),
      words:
        `${taken.length} of ${all} anchor points answer for an object. Object ${setup.objects[chosen]}: ` +
        `${mine.length} points, best target ${fixed(rows[0]?.target ?? 0, 2)}, best overlap ${fixed(best, 2)}.`,
    };
  },
};
