// What torch's operators are in a page. Each is a plan: (node, arguments, results, replace) → make, and make(machine) → the
// function that does it. What cannot be done is an Error now, when the graph is loaded. A view has no make.

import { loops, reductions } from "./loops.generated.js";
import { ELEMENTWISE, REDUCTIONS } from "./loops.js";
import { networks } from "./networks.js";
import { Value, count, denseStrides, must, offsets, reshaped, spread, walk } from "./values.js";

const from = (axis, length) => (axis < 0 ? axis + length : axis);
const without = (list, axes) => list.filter((_, place) => !axes.includes(place));
const filled = (array, value) => () => { array.fill(value); };
// A plan whose function works on the arrays of dense arguments.
const onArrays = (work) => (node, args, outs) => {
  const inputs = args.map((one) => (one instanceof Value ? node.dense(one) : one));
  return ({ memory }) => {
    const array = (one) => (one instanceof Value ? one.array(memory) : one);
    return work(inputs.map(array), outs.map((one) => one && array(one)), inputs, outs);
  };
};

// Number by number

const LIMITS = { clamp: [-Infinity, Infinity] }; // where no limit is given

function elementwise(name, operands) {
  return (node, args, [out]) => {
    must(!args.slice(operands).some((one) => one instanceof Value), `${name} with a tensor where a number is expected`);
    const inputs = args.slice(0, operands), exact = out.dtype === "float64" || inputs.some((one) => one?.dtype === "float64");
    const Numbers = exact ? Float64Array : Float32Array; // a number meets float32 as float32, as it does in torch
    const steps = inputs.map((one) => (one instanceof Value ? spread(one, out.shape) : out.shape.map(() => 0)));
    const { n, rows, step } = walk(out.shape, [out.strides, ...steps]);
    const [s, t] = Numbers.from(args.slice(operands), (one, place) => one ?? LIMITS[name]?.[place] ?? NaN);
    return ({ memory }) => {
      const array = (one) => (one instanceof Value ? one.array(memory) : Numbers.of(one));
      const places = [out, ...inputs].flatMap((one, place) => [array(one), rows[place], step[place]]);
      return loops[name].bind(null, out.size ? n : 0, ...places, s, t);
    };
  };
}

const each = Object.fromEntries(Object.entries(ELEMENTWISE).map(([name, [operands]]) => [name, elementwise(name, operands)]));

// x² is a product; other powers are the browser's own.
each["pow.Tensor_Scalar"] = (node, args, outs) => (args[1] === 2 ? each.square : each.pow)(node, args, outs);
// As logical as its dtype: in a page true is 1.
each._to_copy = (node, [x], outs) => (outs[0].dtype === "uint8" ? each.truth : each.copy)(node, [x], outs);

each.clone = each.lift_fresh_copy = (node, [x], outs) => each.copy(node, [x], outs);

// A twin that changes its first argument.
const inPlace = (plan) => (node, args, outs, replace) => {
  replace(0, node.changes(args[0]));
  return plan(node, args, [args[0]]);
};
const changing = Object.fromEntries(Object.entries(each).map(([name, plan]) => [name.replace(/(?=\.|$)/, "_"), inPlace(plan)]));
changing.copy_ = inPlace((node, [, x], outs) => each.copy(node, [x], outs));

// New tensors of one number, or of numbers in order

const full = (read) => (node, args, [out]) => ({ memory }) => filled(out.array(memory).subarray(0, out.size), read(args));
const fresh = {
  zeros: full(() => 0), zeros_like: full(() => 0), new_zeros: full(() => 0), ones: full(() => 1), ones_like: full(() => 1),
  full: full((args) => args[1]), full_like: full((args) => args[1]), new_full: full((args) => args[2]),
  scalar_tensor: full((args) => args[0]), empty: full(() => 0), empty_like: full(() => 0), new_empty: full(() => 0),
  zero_: inPlace(full(() => 0)), fill_: inPlace(full((args) => args[1])),
};
function arange(start, step) {
  return (node, args, [out]) => ({ memory }) => {
    const array = out.array(memory);
    return () => { for (let i = 0; i < out.size; i += 1) array[i] = start(args) + i * step(args); };
  };
}
fresh.arange = arange(() => 0, () => 1);
fresh["arange.start"] = arange((args) => args[0], () => 1);
fresh["arange.start_step"] = arange((args) => args[0], (args) => args[2]);

// Views

const view = (look) => (node, args, outs, replace) => { replace(0, look(args[0], args, outs[0], node)); };
const parts = (look) => (node, args, outs, replace) => { outs.forEach((out, place) => replace(place, look(args[0], args, place, outs))); };
const part = (x, axis, start, side, step = 1) =>
  x.view(x.shape.with(axis, side), x.strides.with(axis, x.strides[axis] * step), x.offset + start * x.strides[axis]);
const taken = (x, axis, place) => {
  const one = part(x, axis, from(place, x.shape[axis]), 1);
  return one.view(without(one.shape, [axis]), without(one.strides, [axis]));
};
function reshape(node, args, [out], replace) {
  const strides = reshaped(args[0], out.shape);
  if (strides) { replace(0, args[0].view(out.shape, strides)); return undefined; }
  return each.copy(node, args.slice(0, 1), [out.view(args[0].shape, denseStrides(args[0].shape))]);
}
const swapped = (x, a, b) => {
  const order = x.shape.map((_, axis) => axis);
  [order[a], order[b]] = [b, a];
  return x.view(order.map((axis) => x.shape[axis]), order.map((axis) => x.strides[axis]));
};
const first = (start, side) => Math.min(side, Math.max(0, from(start ?? 0, side)));
const views = {
  alias: view((x) => x), detach: view((x) => x), lift_fresh: view((x) => x), view: reshape, _unsafe_view: reshape, reshape,
  expand: view((x, args, out) => x.view(out.shape, spread(x, out.shape))),
  permute: view((x, [, order]) => x.view(order.map((axis) => x.shape.at(axis)), order.map((axis) => x.strides.at(axis)))),
  transpose: view((x, [, a, b]) => swapped(x, from(a, x.shape.length), from(b, x.shape.length))),
  t: view((x) => (x.shape.length < 2 ? x : swapped(x, 0, 1))),
  select: view((x, [, axis, place]) => taken(x, from(axis, x.shape.length), place)),
  slice: view((x, [, axis, start, , step], out) => {
    const along = from(axis, x.shape.length);
    return part(x, along, first(start, x.shape[along]), out.shape[along], step);
  }),
  unsqueeze: view((x, [, axis], out) => x.view(out.shape, x.strides.toSpliced(from(axis, out.shape.length), 0, 0))),
  squeeze: view((x, [, axes = x.shape.map((_, axis) => axis)], out) => {
    const gone = [axes].flat().map((axis) => from(axis, x.shape.length)).filter((axis) => x.shape[axis] === 1);
    return x.view(out.shape, without(x.strides, gone));
  }),
  unbind: parts((x, [, axis], place) => taken(x, from(axis ?? 0, x.shape.length), place)),
  split: parts((x, [, size, axis], place, outs) => part(x, from(axis, x.shape.length), place * size, outs[place].shape.at(axis))),
};
views.split_with_sizes = parts((x, [, sizes, axis], place) =>
  part(x, from(axis, x.shape.length), sizes.slice(0, place).reduce((sum, one) => sum + one, 0), sizes[place]));

// Tensors put together: each is copied to its part of the result.

function together(node, pieces) {
  const makes = pieces.map(([piece, place]) => each.copy(node, [piece], [place]));
  return (machine) => {
    const copies = makes.map((make) => make(machine));
    return () => { for (const copy of copies) copy(); };
  };
}
function cat(node, [inputs, axis], [out]) {
  const along = from(axis, out.shape.length);
  let start = 0;
  return together(node, inputs.filter((one) => one.shape.length === out.shape.length).map((one) => {
    start += one.shape[along];
    return [one, part(out, along, start - one.shape[along], one.shape[along])];
  }));
}
function stack(node, [inputs, axis], [out]) {
  const along = from(axis, out.shape.length);
  return together(node, inputs.map((one, place) => [one, taken(out, along, place)]));
}
// The gradient of a part: zeros around it.
const around = (look) => (node, args, [out]) => {
  const copy = each.copy(node, [args[0]], [look(out, args)]);
  return (machine) => {
    const array = out.array(machine.memory), put = copy(machine);
    return () => { array.fill(0, 0, out.size); put(); };
  };
};
const joined = {
  cat, stack,
  slice_backward: around((out, [gradient, , axis, start, , step]) => {
    const along = from(axis, out.shape.length);
    return part(out, along, first(start, out.shape[along]), gradient.shape[along], step);
  }),
  select_backward: around((out, [, , axis, place]) => taken(out, from(axis, out.shape.length), place)),
};

// Along some axes

function reduced(name, x, axes, [out]) {
  const kept = x.shape.map((_, axis) => axis).filter((axis) => !axes.includes(axis));
  const pick = (list, places) => places.map((place) => list[place]);
  const rows = offsets(pick(x.shape, kept), pick(x.strides, kept)), inner = offsets(pick(x.shape, axes), pick(x.strides, axes));
  return ({ memory }) => reductions[name].bind(null, out.array(memory), x.array(memory), rows, inner);
}
const axesOf = (x, axes) => (axes == null || axes.length === 0 ? x.shape.map((_, axis) => axis) : [axes].flat().map((axis) => from(axis, x.shape.length)));
const reduce = (name, read = ([, axes]) => axes) => (node, args, outs) => reduced(name, args[0], axesOf(args[0], read(args)), outs);
const along = Object.fromEntries(Object.keys(REDUCTIONS).map((name) => [name, reduce(name)]));
for (const name of ["sum", "mean", "all", "any", "prod"]) along[`${name}.default`] = reduce(name, () => null);
along.linalg_vector_norm = (node, args, outs) => {
  must(args[1] === 2, "a norm that is not Euclid's");
  return reduced("norm", args[0], axesOf(args[0], args[2]), outs);
};
along["_foreach_norm.Scalar"] = (node, [inputs, order], outs) => {
  must(order === 2, "a norm that is not Euclid's");
  const makes = inputs.map((one, place) => reduced("norm", one, axesOf(one), [outs[place]]));
  return (machine) => { const all = makes.map((make) => make(machine)); return () => { for (const one of all) one(); }; };
};
// The place of the largest number of each row; the first of equals, and NaN before all others.
function largest(node, x, axis, values, places) {
  const along = from(axis ?? 0, x.shape.length), step = x.strides[along], side = x.shape[along];
  must(axis != null || x.shape.length === 1, "argmax over all axes");
  const rows = offsets(without(x.shape, [along]), without(x.strides, [along]));
  return ({ memory }) => {
    const numbers = x.array(memory), best = values?.array(memory), where = places.array(memory);
    return () => {
      for (let row = 0; row < rows.length; row += 1) {
        let at = 0, most = numbers[rows[row]];
        for (let i = 1; i < side; i += 1) {
          const one = numbers[rows[row] + i * step];
          if (one > most || (one !== one && most === most)) { most = one; at = i; }
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
  const numbers = node.dense(x), side = x.shape.at(-1);
  return ({ memory }) => {
    const input = numbers.array(memory), best = values.array(memory), where = places.array(memory), order = new Int32Array(side);
    return () => {
      for (let row = 0; row * side < x.size; row += 1) {
        const start = row * side, above = (i, j) => input[start + i] > input[start + j] || (input[start + i] !== input[start + i] && input[start + j] === input[start + j]);
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
  const place = from(axis, x.shape.length), side = x.shape[place];
  const rows = offsets(without(x.shape, [place]), without(x.strides, [place])), outRows = offsets(without(out.shape, [place]), without(out.strides, [place]));
  return ({ memory }) => {
    const input = x.array(memory), output = out.array(memory);
    return () => rows.forEach((start, row) => {
      let sum = 0;
      for (let i = 0; i < side; i += 1) output[outRows[row] + i * out.strides[place]] = sum += input[start + i * x.strides[place]];
    });
  };
};

// By index. A negative one counts from the end.

// Of every place of the index: where its number lies in x, but for the step along the axis.
const bases = (x, axis, shape) => offsets(shape, x.strides.with(axis, 0));
function gather(node, [x, axis, index], [out]) {
  const place = from(axis, x.shape.length), at = bases(x, place, index.shape), step = x.strides[place], where = node.dense(index);
  return ({ memory }) => {
    const numbers = x.array(memory), indices = where.array(memory), output = out.array(memory);
    return () => { for (let i = 0; i < at.length; i += 1) output[i] = numbers[at[i] + indices[i] * step]; };
  };
}
const REDUCE = { sum: (a, b) => a + b, amax: (a, b) => (a > b || a !== a ? a : b), amin: (a, b) => (a < b || a !== a ? a : b) };
function scatter(node, [x, axis, index, source], [out], merge) {
  const place = from(axis, x.shape.length), at = bases(out, place, index.shape), step = out.strides[place], where = node.dense(index);
  const isNumber = !(source instanceof Value), from_ = isNumber ? null : source.view(index.shape, source.strides);
  const values = isNumber ? null : node.dense(from_), copy = each.copy(node, [x], [out]);
  return (machine) => {
    const indices = where.array(machine.memory), output = out.array(machine.memory), start = copy(machine);
    const read = isNumber ? null : values.array(machine.memory);
    return () => {
      start();
      for (let i = 0; i < at.length; i += 1) {
        const target = at[i] + indices[i] * step;
        output[target] = merge(output[target], isNumber ? source : read[i]);
      }
    };
  };
}
// x[indices, …]: index tensors for the first axes.
function index(node, [x, indices], [out]) {
  must(indices.every((one) => one && one.dtype === "int32"), "an index that is a mask, or leaves an axis out");
  const shape = out.shape.slice(0, out.shape.length - x.shape.length + indices.length);
  const where = indices.map((one) => node.dense(one.view(shape, spread(one, shape))));
  const rest = offsets(x.shape.slice(indices.length), x.strides.slice(indices.length));
  return ({ memory }) => {
    const numbers = x.array(memory), output = out.array(memory), places = where.map((one) => one.array(memory));
    const rows = count(shape);
    return () => {
      for (let row = 0, o = 0; row < rows; row += 1) {
        let start = 0;
        for (let axis = 0; axis < places.length; axis += 1) start += from(places[axis][row], x.shape[axis]) * x.strides[axis];
        for (let i = 0; i < rest.length; i += 1, o += 1) output[o] = numbers[start + rest[i]];
      }
    };
  };
}
function index_select(node, [x, axis, indices], [out]) {
  const place = from(axis, x.shape.length), shape = indices.shape.concat(1).slice(0, 1);
  const at = offsets(out.shape, x.strides.with(place, 0)), inner = count(out.shape.slice(place + 1)), where = node.dense(indices);
  return ({ memory }) => {
    const numbers = x.array(memory), output = out.array(memory), chosen = where.array(memory);
    return () => {
      for (let i = 0; i < at.length; i += 1) output[i] = numbers[at[i] + chosen[Math.floor(i / inner) % shape[0]] * x.strides[place]];
    };
  };
}
function index_add(node, [x, axis, indices, source, alpha], [out]) {
  const place = from(axis, x.shape.length), inner = count(source.shape.slice(place + 1)), rows = source.shape[place];
  const at = offsets(source.shape, out.strides.with(place, 0)), where = node.dense(indices), values = node.dense(source);
  const copy = each.copy(node, [x], [out]);
  return (machine) => {
    const start = copy(machine), output = out.array(machine.memory), chosen = where.array(machine.memory), read = values.array(machine.memory);
    return () => {
      start();
      for (let i = 0; i < at.length; i += 1) output[at[i] + chosen[Math.floor(i / inner) % rows] * out.strides[place]] += alpha * read[i];
    };
  };
}
const byIndex = { gather, index, index_select, index_add, 
  scatter: (node, args, outs) => scatter(node, args, outs, (old, one) => one),
  scatter_add: (node, args, outs) => scatter(node, args, outs, REDUCE.sum),
  "scatter_reduce.two": (node, args, outs) => {
    const [, , , , how, includeSelf] = args;
    must(includeSelf && REDUCE[how], `scatter_reduce by ${how}`);
    return scatter(node, args, outs, REDUCE[how]);
  } };

// Matrices

function products(node, a, b, out, batches, m, n, k) {
  const [x, y] = [node.dense(a), node.dense(b)];
  return ({ memory, kernels }) => {
    if (out.dtype === "float32") {
      return () => {
        for (let one = 0; one < batches; one += 1) kernels.product(m, n, k, x.address + 4 * one * m * k, k, 1, y.address + 4 * one * k * n, n, out.address + 4 * one * m * n, n, 0);
      };
    }
    const [p, q, r] = [x, y, out].map((one) => one.array(memory));
    return () => {
      for (let one = 0; one < batches * m; one += 1) for (let j = 0; j < n; j += 1) {
        let sum = 0;
        for (let l = 0; l < k; l += 1) sum += p[one * k + l] * q[(Math.floor(one / m) * k + l) * n + j];
        r[one * n + j] = sum;
      }
    };
  };
}
const matrices = {
  mm: (node, [a, b], [out]) => products(node, a, b, out, 1, ...out.shape, a.shape[1]),
  bmm: (node, [a, b], [out]) => products(node, a, b, out, ...out.shape, a.shape[2]),
  mv: (node, [a, b], [out]) => products(node, a, b, out, 1, a.shape[0], 1, a.shape[1]),
  dot: (node, [a, b], [out]) => products(node, a, b, out, 1, 1, 1, a.shape[0]),
};

export const operators = { ...each, ...changing, ...fresh, ...views, ...joined, ...along, ...byIndex, ...matrices, ...networks(onArrays, each) };

// By its full name, "aten.sum.dim_IntList": where the overloads of an operator differ in a page each has a plan of its own.
export function planOf(operator) {
  const [, name, overload] = operator.split(".");
  return operators[`${name}.${overload}`] ?? operators[name];
}
