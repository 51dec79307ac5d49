// The optimizers: tensor after tensor, in place.

import { must } from "./values.js";

function changedLists(node, lists) {
  const names = ["weights", "gradients", "first", "second"],
    used = lists.filter(Boolean);
  used.forEach((list, place) => place === 1 || list.forEach((one) => node.changes(one)));
  used.flat().forEach((one) => must(one.dense, "an optimizer on a view"));
  return (memory) =>
    used[0].map((_, place) =>
      Object.fromEntries(used.map((list, at) => [names[at], list[place].array(memory).subarray(0, list[place].size)])),
    );
}
function adamw(
  node,
  [weights, gradients, first, second, , steps, lr, beta1, beta2, decay, epsilon, amsgrad, maximize],
) {
  must(!amsgrad && !maximize, "AdamW with amsgrad, or uphill");
  const lists = changedLists(node, [weights, gradients, first, second]);
  return ({ memory }) => {
    const all = lists(memory),
      rate = lr.array(memory),
      times = steps.map((one) => one.array(memory));
    return () =>
      all.forEach((one, place) => {
        const t = times[place][0],
          step = rate[0] / (1 - beta1 ** t),
          spread = Math.sqrt(1 - beta2 ** t);
        const { weights: w, gradients: g, first: m, second: v } = one;
        for (let i = 0; i < w.length; i += 1) {
          m[i] += (1 - beta1) * (g[i] - m[i]);
          v[i] = beta2 * v[i] + (1 - beta2) * g[i] * g[i];
          w[i] = w[i] * (1 - rate[0] * decay) - (step * m[i]) / (Math.sqrt(v[i]) / spread + epsilon);
        }
      });
  };
}
function sgd(node, [weights, gradients, momenta, decay, momentum, lr, dampening, nesterov, maximize, isFirst]) {
  must(!maximize && !isFirst && !dampening && momentum, "SGD without momentum, or uphill");
  const lists = changedLists(node, [weights, gradients, momenta]);
  return ({ memory }) => {
    const all = lists(memory),
      rate = lr.array(memory);
    return () =>
      all.forEach(({ weights: w, gradients: g, first: m }) => {
        for (let i = 0; i < w.length; i += 1) {
          const slope = g[i] + decay * w[i];
          m[i] = momentum * m[i] + slope;
          w[i] -= rate[0] * (nesterov ? slope + momentum * m[i] : m[i]);
        }
      });
  };
}
function addToEach(node, [list, number]) {
  list.forEach((one) => node.changes(one));
  return ({ memory }) => {
    const arrays = list.map((one) => one.array(memory).subarray(0, one.size));
    return () => {
      for (const array of arrays) for (let i = 0; i < array.length; i += 1) array[i] += number;
    };
  };
}

export const optimizers = {
  "_fused_adamw_.tensor_lr": adamw,
  "_fused_sgd_.tensor_lr": sgd,
  "_foreach_add_.Scalar": addToEach,
};
