// Numbers taken from, and put to, places that an index names. A negative one counts from the end.

import { each } from "./elementwise.js";
import { Value, count, from, must, offsets, spread } from "./values.js";

// Of every place of the index: where its number lies in x, but for the step along the axis.
const bases = (x, axis, shape) => offsets(shape, x.strides.with(axis, 0));
function gather(node, [x, axis, index], [out]) {
  const place = from(axis, x.shape.length),
    at = bases(x, place, index.shape),
    step = x.strides[place],
    where = node.dense(index);
  return ({ memory }) => {
    const numbers = x.array(memory),
      indices = where.array(memory),
      output = out.array(memory);
    return () => {
      for (let i = 0; i < at.length; i += 1) output[i] = numbers[at[i] + indices[i] * step];
    };
  };
}
const REDUCE = {
  sum: (a, b) => a + b,
  amax: (a, b) => (a > b || a !== a ? a : b),
  amin: (a, b) => (a < b || a !== a ? a : b),
};
function scatter(node, [x, axis, index, source], [out], merge) {
  const place = from(axis, x.shape.length),
    at = bases(out, place, index.shape),
    step = out.strides[place],
    where = node.dense(index);
  const isNumber = !(source instanceof Value),
    from_ = isNumber ? null : source.view(index.shape, source.strides);
  const values = isNumber ? null : node.dense(from_),
    copy = each.copy(node, [x], [out]);
  return (machine) => {
    const indices = where.array(machine.memory),
      output = out.array(machine.memory),
      start = copy(machine);
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
function indexed(node, [x, indices], [out]) {
  must(
    indices.every((one) => one && one.dtype === "int32"),
    "an index that is a mask, or leaves an axis out",
  );
  const shape = out.shape.slice(0, out.shape.length - x.shape.length + indices.length);
  const where = indices.map((one) => node.dense(one.view(shape, spread(one, shape))));
  const rest = offsets(x.shape.slice(indices.length), x.strides.slice(indices.length));
  return ({ memory }) => {
    const numbers = x.array(memory),
      output = out.array(memory),
      places = where.map((one) => one.array(memory));
    const rows = count(shape);
    return () => {
      for (let row = 0, o = 0; row < rows; row += 1) {
        let start = 0;
        for (let axis = 0; axis < places.length; axis += 1)
          start += from(places[axis][row], x.shape[axis]) * x.strides[axis];
        for (let i = 0; i < rest.length; i += 1, o += 1) output[o] = numbers[start + rest[i]];
      }
    };
  };
}
function index_select(node, [x, axis, indices], [out]) {
  const place = from(axis, x.shape.length),
    shape = indices.shape.concat(1).slice(0, 1);
  const at = offsets(out.shape, x.strides.with(place, 0)),
    inner = count(out.shape.slice(place + 1)),
    where = node.dense(indices);
  return ({ memory }) => {
    const numbers = x.array(memory),
      output = out.array(memory),
      chosen = where.array(memory);
    return () => {
      for (let i = 0, row = 0; i < at.length; row = (row + 1) % shape[0]) {
        const shift = chosen[row] * x.strides[place];
        for (const end = i + inner; i < end; i += 1) output[i] = numbers[at[i] + shift];
      }
    };
  };
}
function index_add(node, [x, axis, indices, source, alpha], [out]) {
  const place = from(axis, x.shape.length),
    inner = count(source.shape.slice(place + 1)),
    rows = source.shape[place];
  const at = offsets(source.shape, out.strides.with(place, 0)),
    where = node.dense(indices),
    values = node.dense(source);
  const copy = each.copy(node, [x], [out]);
  return (machine) => {
    const start = copy(machine),
      output = out.array(machine.memory),
      chosen = where.array(machine.memory),
      read = values.array(machine.memory);
    return () => {
      start();
      for (let i = 0, row = 0; i < at.length; row = (row + 1) % rows) {
        const shift = chosen[row] * out.strides[place];
        for (const end = i + inner; i < end; i += 1) output[at[i] + shift] += alpha * read[i];
      }
    };
  };
}
export const byIndex = {
  gather,
  index: indexed,
  index_select,
  index_add,
  scatter: (node, args, outs) => scatter(node, args, outs, (old, one) => one),
  scatter_add: (node, args, outs) => scatter(node, args, outs, REDUCE.sum),
  "scatter_reduce.two": (node, args, outs) => {
    const [, , , , how, includeSelf] = args;
    must(includeSelf && REDUCE[how], `scatter_reduce by ${how}`);
    return scatter(node, args, outs, REDUCE[how]);
  },
};
