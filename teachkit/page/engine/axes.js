// What is done along some axes: sums and their like, the largest, products of matrices.

import { each } from "./elementwise.js";
import { reductions } from "./loops.generated.js";
import { REDUCTIONS } from "./loops.js";
import { from, must, offsets, without } from "./values.js";

function reduced(name, x, axes, [out]) {
  const kept = x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const pick = (list, places) => places.map((place) => list[place]);
  const rows = offsets(pick(x.shape, kept), pick(x.strides, kept)),
    inner = offsets(pick(x.shape, axes), pick(x.strides, axes));
  return ({ memory }) => reductions[name].bind(null, out.array(memory), x.array(memory), rows, inner);
}
const axesOf = (x, axes) =>
  axes == null || axes.length === 0
    ? x.shape.map((_, axis) => axis)
    : [axes].flat().map((axis) => from(axis, x.shape.length));
const reduce =
  (name, read = ([, axes]) => axes) =>
  (node, args, outs) =>
    reduced(name, args[0], axesOf(args[0], read(args)), outs);
export const along = Object.fromEntries(Object.keys(REDUCTIONS).map((name) => [name, reduce(name)]));
for (const name of ["sum", "mean", "all", "any", "prod"]) along[`${name}.default`] = reduce(name, () => null);
along.linalg_vector_norm = (node, args, outs) => {
  must(args[1] === 2, "a norm that is not Euclid's");
  return reduced("norm", args[0], axesOf(args[0], args[2]), outs);
};
along["_foreach_norm.Scalar"] = (node, [inputs, order], outs) => {
  must(order === 2, "a norm that is not Euclid's");
  const makes = inputs.map((one, place) => reduced("norm", one, axesOf(one), [outs[place]]));
  return (machine) => {
    const all = makes.map((make) => make(machine));
    return () => {
      for (const one of all) one();
    };
  };
};
// The place of the largest number of each row; the first of equals, and NaN before all others.
function largest(node, x, axis, values, places) {
  const chosen = from(axis ?? 0, x.shape.length),
    step = x.strides[chosen],
    side = x.shape[chosen];
  must(axis != null || x.shape.length === 1, "argmax over all axes");
  const rows = offsets(without(x.shape, [chosen]), without(x.strides, [chosen]));
  return ({ memory }) => {
    const numbers = x.array(memory),
      best = values?.array(memory),
      where = places.array(memory);
    return () => {
      for (let row = 0; row < rows.length; row += 1) {
        let at = 0,
          most = numbers[rows[row]];
        for (let i = 1; i < side; i += 1) {
          const one = numbers[rows[row] + i * step];
          if (one > most || (one !== one && most === most)) {
            most = one;
            at = i;
          }
        }
        where[row] = at;
        if (best) best[row] = most;
      }
    };
  };
}
along["max.dim"] = (node, [x, axis], [values, places]) => largest(node, x, axis, values, places);
along.argmax = (node, [x, axis], [places]) => largest(node, x, axis, null, places);
along.topk = (node, [x, k, axis], [values, places]) => {
  must(from(axis, x.shape.length) === x.shape.length - 1, "topk along any axis but the last");
  const numbers = node.dense(x),
    side = x.shape.at(-1);
  return ({ memory }) => {
    const input = numbers.array(memory),
      best = values.array(memory),
      where = places.array(memory),
      order = new Int32Array(side);
    return () => {
      for (let row = 0; row * side < x.size; row += 1) {
        const start = row * side,
          above = (i, j) =>
            input[start + i] > input[start + j] ||
            (input[start + i] !== input[start + i] && input[start + j] === input[start + j]);
        for (let i = 0; i < side; i += 1) order[i] = i;
        order.sort((i, j) => (above(i, j) ? -1 : above(j, i) ? 1 : i - j));
        for (let i = 0; i < k; i += 1) {
          where[row * k + i] = order[i];
          best[row * k + i] = input[start + order[i]];
        }
      }
    };
  };
};
along.cumsum = (node, [x, axis], [out]) => {
  const place = from(axis, x.shape.length),
    side = x.shape[place];
  const rows = offsets(without(x.shape, [place]), without(x.strides, [place])),
    outRows = offsets(without(out.shape, [place]), without(out.strides, [place]));
  return ({ memory }) => {
    const input = x.array(memory),
      output = out.array(memory);
    return () =>
      rows.forEach((start, row) => {
        let sum = 0;
        for (let i = 0; i < side; i += 1)
          output[outRows[row] + i * out.strides[place]] = sum += input[start + i * x.strides[place]];
      });
  };
};
// Matrices

function products(node, a, b, out, batches, m, n, k) {
  const [x, y] = [node.dense(a), node.dense(b)];
  return ({ memory, kernels }) => {
    if (out.dtype === "float32") {
      return () => {
        for (let one = 0; one < batches; one += 1)
          kernels.product(
            m,
            n,
            k,
            x.address + 4 * one * m * k,
            k,
            1,
            y.address + 4 * one * k * n,
            n,
            out.address + 4 * one * m * n,
            n,
            0,
          );
      };
    }
    const [p, q, r] = [x, y, out].map((one) => one.array(memory));
    return () => {
      for (let one = 0; one < batches * m; one += 1)
        for (let j = 0; j < n; j += 1) {
          let sum = 0;
          for (let l = 0; l < k; l += 1) sum += p[one * k + l] * q[(Math.floor(one / m) * k + l) * n + j];
          r[one * n + j] = sum;
        }
    };
  };
}
function addedProducts(node, [x, a, b, beta, alpha], [out]) {
  must(beta === 1 && alpha === 1, "baddbmm with factors");
  const multiply = products(node, a, b, out, ...out.shape, a.shape[2]),
    add = each.add(node, [out, x, 1], [out]);
  return (machine) => {
    const steps = [multiply(machine), add(machine)];
    return () => {
      for (const step of steps) step();
    };
  };
}
export const matrices = {
  baddbmm: addedProducts,
  mm: (node, [a, b], [out]) => products(node, a, b, out, 1, ...out.shape, a.shape[1]),
  bmm: (node, [a, b], [out]) => products(node, a, b, out, ...out.shape, a.shape[2]),
  mv: (node, [a, b], [out]) => products(node, a, b, out, 1, a.shape[0], 1, a.shape[1]),
  dot: (node, [a, b], [out]) => products(node, a, b, out, 1, 1, 1, a.shape[0]),
};
