// Activations, softmax, and pictures made larger.

import { each } from "./elementwise.js";
import { Value, must } from "./values.js";

// A plan whose function works on the arrays of dense arguments.
const onArrays = (work) => (node, args, outs) => {
  const inputs = args.map((one) => (one instanceof Value ? node.dense(one) : one));
  return ({ memory }) => {
    const array = (one) => (one instanceof Value ? one.array(memory) : one);
    return work(
      inputs.map(array),
      outs.map((one) => one && array(one)),
      inputs,
      outs,
    );
  };
};

const byKernel =
  (name, slow) =>
  (node, args, [out]) => {
    if (out.dtype !== "float32" || !slow) return slow(node, args, [out]);
    const inputs = args.filter((one) => one instanceof Value).map((one) => node.dense(one));
    return ({ kernels }) =>
      () =>
        kernels[name](out.size, ...inputs.map((one) => one.address), out.address);
  };

// Softmax along the last axis, as rows of an array; exp(x, n) writes e^x over x.
const rowsOf = (value) => [value.size ? value.size / value.shape.at(-1) : 0, value.shape.at(-1)];
const lastAxis = (value, axis) =>
  must(axis === -1 || axis === value.shape.length - 1, "softmax along any axis but the last");
function softmax(node, [x, axis], [out]) {
  lastAxis(x, axis);
  const input = node.dense(x),
    [rows, side] = rowsOf(x);
  return ({ memory, kernels }) => {
    const numbers = input.array(memory),
      result = out.array(memory);
    const exponentials = exponentialsOf(out, result, kernels);
    return () => {
      for (let start = 0; start < rows * side; start += side) {
        let most = -Infinity;
        for (let i = start; i < start + side; i += 1)
          if (numbers[i] > most || numbers[i] !== numbers[i]) most = numbers[i];
        for (let i = start; i < start + side; i += 1) result[i] = numbers[i] - most;
      }
      exponentials();
      for (let start = 0; start < rows * side; start += side) {
        let sum = 0;
        for (let i = start; i < start + side; i += 1) sum += result[i];
        for (let i = start; i < start + side; i += 1) result[i] /= sum;
      }
    };
  };
}
const exponentialsOf = (value, array, kernels) =>
  value.dtype === "float32"
    ? () => kernels.exponentials(value.size, value.address, value.address)
    : () => {
        for (let i = 0; i < value.size; i += 1) array[i] = Math.exp(array[i]);
      };
function logSoftmax(node, [x, axis], [out]) {
  lastAxis(x, axis);
  const input = node.dense(x),
    [rows, side] = rowsOf(x),
    room = node.room(x.dtype, x.shape);
  return ({ memory, kernels }) => {
    const numbers = input.array(memory),
      result = out.array(memory),
      powers = room.array(memory);
    const exponentials = exponentialsOf(room, powers, kernels);
    return () => {
      for (let start = 0; start < rows * side; start += side) {
        let most = -Infinity;
        for (let i = start; i < start + side; i += 1)
          if (numbers[i] > most || numbers[i] !== numbers[i]) most = numbers[i];
        for (let i = start; i < start + side; i += 1) powers[i] = result[i] = numbers[i] - most;
      }
      exponentials();
      for (let start = 0; start < rows * side; start += side) {
        let sum = 0;
        for (let i = start; i < start + side; i += 1) sum += powers[i];
        const logarithm = Math.log(sum);
        for (let i = start; i < start + side; i += 1) result[i] -= logarithm;
      }
    };
  };
}

function softmaxBackward([gradient, output], [out], [, value]) {
  const [rows, side] = rowsOf(value);
  return () => {
    for (let start = 0; start < rows * side; start += side) {
      let sum = 0;
      for (let i = start; i < start + side; i += 1) sum += gradient[i] * output[i];
      for (let i = start; i < start + side; i += 1) out[i] = output[i] * (gradient[i] - sum);
    }
  };
}
function logSoftmaxBackward(node, [slopes, logarithms], [out]) {
  const [gradient, output] = [node.dense(slopes), node.dense(logarithms)],
    [rows, side] = rowsOf(out),
    room = node.room(out.dtype, out.shape);
  return ({ memory, kernels }) => {
    const [from, rest, result, powers] = [gradient, output, out, room].map((one) => one.array(memory));
    const exponentials = exponentialsOf(room, powers, kernels);
    return () => {
      for (let i = 0; i < rows * side; i += 1) powers[i] = rest[i];
      exponentials();
      for (let start = 0; start < rows * side; start += side) {
        let sum = 0;
        for (let i = start; i < start + side; i += 1) sum += from[i];
        for (let i = start; i < start + side; i += 1) result[i] = from[i] - powers[i] * sum;
      }
    };
  };
}

// Each pixel of the larger picture, and the one of the smaller that it repeats.
function nearest(small, large) {
  const [height, width] = small.shape.slice(-2),
    [rows, columns] = large.shape.slice(-2);
  const places = new Int32Array(large.size);
  for (let i = 0; i < large.size; i += 1) {
    const column = i % columns,
      row = Math.floor(i / columns) % rows,
      plane = Math.floor(i / columns / rows);
    places[i] = (plane * height + Math.floor((row * height) / rows)) * width + Math.floor((column * width) / columns);
  }
  return places;
}
function upsample([x], [out], [small], [large]) {
  const places = nearest(small, large);
  return () => {
    for (let i = 0; i < places.length; i += 1) out[i] = x[places[i]];
  };
}
function upsampleBackward([gradient], [out], [large], [small]) {
  const places = nearest(small, large);
  return () => {
    out.fill(0, 0, small.size);
    for (let i = 0; i < places.length; i += 1) out[places[i]] += gradient[i];
  };
}

// The four pixels around a place that is counted from −1 to 1 over the picture, each by how near it is; 0 beyond the edge.
function sampled(node, [x, places, how, edge, corners], [out]) {
  must(how === 0 && edge === 0 && !corners && x.dtype === "float32", "sampling other than bilinear, with zeros around");
  const input = node.dense(x),
    grid = node.dense(places),
    [batch, channels, height, width] = x.shape,
    size = out.shape[2] * out.shape[3];
  return ({ memory }) => {
    const [numbers, where, result] = [input, grid, out].map((one) => one.array(memory));
    const pixel = (plane, row, column) =>
      row < 0 || row >= height || column < 0 || column >= width ? 0 : numbers[(plane * height + row) * width + column];
    return () => {
      for (let n = 0; n < batch; n += 1)
        for (let i = 0; i < size; i += 1) {
          const at = 2 * (n * size + i),
            across = ((where[at] + 1) * width - 1) / 2,
            down = ((where[at + 1] + 1) * height - 1) / 2,
            [column, row] = [Math.floor(across), Math.floor(down)],
            [right, below] = [across - column, down - row];
          for (let plane = n * channels; plane < (n + 1) * channels; plane += 1)
            result[plane * size + i] =
              (1 - below) * ((1 - right) * pixel(plane, row, column) + right * pixel(plane, row, column + 1)) +
              below * ((1 - right) * pixel(plane, row + 1, column) + right * pixel(plane, row + 1, column + 1));
        }
    };
  };
}

export const networks = {
  grid_sampler_2d: sampled,
  silu: byKernel("silu", each.silu),
  silu_backward: byKernel("siluBackward", each.silu_backward),
  _softmax: softmax,
  _log_softmax: logSoftmax,
  _softmax_backward_data: onArrays(softmaxBackward),
  _log_softmax_backward_data: logSoftmaxBackward,
  upsample_nearest2d: onArrays(upsample),
  upsample_nearest2d_backward: onArrays(upsampleBackward),
};
