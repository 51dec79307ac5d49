// Views, and tensors put together from parts.

import { each } from "./elementwise.js";
import { denseStrides, from, reshaped, spread, without } from "./values.js";

const view = (look) => (node, args, outs, replace) => {
  replace(0, look(args[0], args, outs[0], node));
};
const parts = (look) => (node, args, outs, replace) => {
  outs.forEach((out, place) => replace(place, look(args[0], args, place, outs)));
};
const part = (x, axis, start, side, step = 1) =>
  x.view(x.shape.with(axis, side), x.strides.with(axis, x.strides[axis] * step), x.offset + start * x.strides[axis]);
const taken = (x, axis, place) => {
  const one = part(x, axis, from(place, x.shape[axis]), 1);
  return one.view(without(one.shape, [axis]), without(one.strides, [axis]));
};
function reshape(node, args, [out], replace) {
  const strides = reshaped(args[0], out.shape);
  if (strides) {
    replace(0, args[0].view(out.shape, strides));
    return undefined;
  }
  return each.copy(node, args.slice(0, 1), [out.view(args[0].shape, denseStrides(args[0].shape))]);
}
const swapped = (x, a, b) => {
  const order = x.shape.map((_, axis) => axis);
  [order[a], order[b]] = [b, a];
  return x.view(
    order.map((axis) => x.shape[axis]),
    order.map((axis) => x.strides[axis]),
  );
};
const first = (start, side) => Math.min(side, Math.max(0, from(start ?? 0, side)));
export const views = {
  alias: view((x) => x),
  detach: view((x) => x),
  lift_fresh: view((x) => x),
  view: reshape,
  _unsafe_view: reshape,
  reshape,
  expand: view((x, args, out) => x.view(out.shape, spread(x, out.shape))),
  permute: view((x, [, order]) =>
    x.view(
      order.map((axis) => x.shape.at(axis)),
      order.map((axis) => x.strides.at(axis)),
    ),
  ),
  transpose: view((x, [, a, b]) => swapped(x, from(a, x.shape.length), from(b, x.shape.length))),
  t: view((x) => (x.shape.length < 2 ? x : swapped(x, 0, 1))),
  select: view((x, [, axis, place]) => taken(x, from(axis, x.shape.length), place)),
  slice: view((x, [, axis, start, , step], out) => {
    const along = from(axis, x.shape.length);
    return part(x, along, first(start, x.shape[along]), out.shape[along], step);
  }),
  unsqueeze: view((x, [, axis], out) => x.view(out.shape, x.strides.toSpliced(from(axis, out.shape.length), 0, 0))),
  squeeze: view((x, [, axes = x.shape.map((_, axis) => axis)], out) => {
    const gone = [axes]
      .flat()
      .map((axis) => from(axis, x.shape.length))
      .filter((axis) => x.shape[axis] === 1);
    return x.view(out.shape, without(x.strides, gone));
  }),
  unbind: parts((x, [, axis], place) => taken(x, from(axis ?? 0, x.shape.length), place)),
  split: parts((x, [, size, axis], place, outs) =>
    part(x, from(axis, x.shape.length), place * size, outs[place].shape.at(axis)),
  ),
};
views.split_with_sizes = parts((x, [, sizes, axis], place) =>
  part(
    x,
    from(axis, x.shape.length),
    sizes.slice(0, place).reduce((sum, one) => sum + one, 0),
    sizes[place],
  ),
);

// Tensors put together: each is copied to its part of the result.

function together(node, pieces) {
  const makes = pieces.map(([piece, place]) => each.copy(node, [piece], [place]));
  return (machine) => {
    const copies = makes.map((make) => make(machine));
    return () => {
      for (const copy of copies) copy();
    };
  };
}
function cat(node, [inputs, axis], [out]) {
  const along = from(axis, out.shape.length);
  let start = 0;
  return together(
    node,
    inputs
      .filter((one) => one.shape.length === out.shape.length)
      .map((one) => {
        start += one.shape[along];
        return [one, part(out, along, start - one.shape[along], one.shape[along])];
      }),
  );
}
function stack(node, [inputs, axis], [out]) {
  const along = from(axis, out.shape.length);
  return together(
    node,
    inputs.map((one, place) => [one, taken(out, along, place)]),
  );
}
// Each axis as two: how often, and how long.
function repeat(node, [x, times], [out]) {
  const missing = times.length - x.shape.length;
  const pairs = times.map((often, axis) => [often, axis < missing ? 1 : x.shape[axis - missing]]);
  const steps = times.flatMap((_, axis) => [0, axis < missing ? 0 : x.strides[axis - missing]]);
  return each.copy(node, [x.view(pairs.flat(), steps)], [out.view(pairs.flat(), denseStrides(pairs.flat()))]);
}
// The gradient of a part: zeros around it.
const around =
  (look) =>
  (node, args, [out]) => {
    const copy = each.copy(node, [args[0]], [look(out, args)]);
    return (machine) => {
      const array = out.array(machine.memory),
        put = copy(machine);
      return () => {
        array.fill(0, 0, out.size);
        put();
      };
    };
  };
export const joined = {
  cat,
  repeat,
  stack,
  slice_backward: around((out, [gradient, , axis, start, , step]) => {
    const along = from(axis, out.shape.length);
    return part(out, along, first(start, out.shape[along]), gradient.shape[along], step);
  }),
  select_backward: around((out, [, , axis, place]) => taken(out, from(axis, out.shape.length), place)),
};
