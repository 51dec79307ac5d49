// What is done number by number, and new tensors. `each` holds the plans; operators.js says what a plan is.

import { loops } from "./loops.generated.js";
import { ELEMENTWISE } from "./loops.js";
import { Value, must, spread, walk } from "./values.js";

const LIMITS = { clamp: [-Infinity, Infinity] }; // where no limit is given

function elementwise(name, operands) {
  return (node, args, [out]) => {
    must(!args.slice(operands).some((one) => one instanceof Value), `${name} with a tensor where a number is expected`);
    const inputs = args.slice(0, operands),
      exact = out.dtype === "float64" || inputs.some((one) => one?.dtype === "float64");
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

export const each = Object.fromEntries(
  Object.entries(ELEMENTWISE).map(([name, [operands]]) => [name, elementwise(name, operands)]),
);

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
export const changing = Object.fromEntries(
  Object.entries(each).map(([name, plan]) => [name.replace(/(?=\.|$)/, "_"), inPlace(plan)]),
);
changing.copy_ = inPlace((node, [, x], outs) => each.copy(node, [x], outs));

// New tensors of one number, or of numbers in order

const full =
  (read) =>
  (node, args, [out]) =>
  ({ memory }) => {
    const array = out.array(memory).subarray(0, out.size);
    return () => array.fill(read(args));
  };
export const fresh = {
  zeros: full(() => 0),
  zeros_like: full(() => 0),
  new_zeros: full(() => 0),
  ones: full(() => 1),
  ones_like: full(() => 1),
  full: full((args) => args[1]),
  full_like: full((args) => args[1]),
  new_full: full((args) => args[2]),
  scalar_tensor: full((args) => args[0]),
  empty: full(() => 0),
  empty_like: full(() => 0),
  new_empty: full(() => 0),
  zero_: inPlace(full(() => 0)),
  fill_: inPlace(full((args) => args[1])),
};
fresh.eye =
  (node, args, [out]) =>
  ({ memory }) => {
    const array = out.array(memory),
      [rows, columns] = out.shape;
    return () => {
      for (let i = 0; i < rows * columns; i += 1) array[i] = Math.floor(i / columns) === i % columns ? 1 : 0;
    };
  };
function arange(start, step) {
  return (node, args, [out]) =>
    ({ memory }) => {
      const array = out.array(memory);
      return () => {
        for (let i = 0; i < out.size; i += 1) array[i] = start(args) + i * step(args);
      };
    };
}
fresh.arange = arange(
  () => 0,
  () => 1,
);
fresh["arange.start"] = arange(
  (args) => args[0],
  () => 1,
);
fresh["arange.start_step"] = arange(
  (args) => args[0],
  (args) => args[2],
);
