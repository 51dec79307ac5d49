// The operators of networks and optimizers, most of them by the kernels.

import { Value, must } from "./values.js";

// A convolution's sizes: channels and pictures in and out, and whether a picture is its own matrix of patches.
function sizes(x, weight, out, [stride, padding, dilation, transposed, , groups]) {
  const [outputs, channels, kernel, across] = weight.shape;
  must(x.shape.length === 4 && kernel === across && !transposed && groups === 1, "a convolution that is not a plain one");
  must([stride, padding, dilation].every((pair) => new Set(pair).size === 1) && dilation[0] === 1, "an uneven convolution");
  must(x.dtype === "float32", "a convolution in float64");
  const [batch, , height, width] = x.shape, [rows, columns] = out.shape.slice(2);
  const size = rows * columns, depth = channels * kernel * kernel;
  return { batch, channels, height, width, kernel, stride: stride[0], pad: padding[0], rows, columns, outputs, size, depth,
    plain: kernel === 1 && stride[0] === 1 && padding[0] === 0 };
}
const patchesOf = ({ channels, height, width, kernel, stride, pad, rows, columns }) => [channels, height, width, kernel, stride, pad, rows, columns];

function convolution(node, [x, weight, bias, ...how], [out]) {
  const size = sizes(x, weight, out, how), [input, factors] = [node.dense(x), node.dense(weight)];
  const matrix = size.plain ? null : node.room("float32", [size.depth, size.size]);
  return ({ kernels, memory }) => {
    const { batch, channels, height, width, outputs, size: pixels, depth } = size, shape = patchesOf(size);
    const shift = bias?.array(memory), numbers = out.array(memory);
    return () => {
      for (let n = 0; n < batch; n += 1) {
        const picture = input.address + 4 * n * channels * height * width;
        if (matrix) kernels.patches(picture, ...shape, matrix.address, pixels);
        if (shift) for (let c = 0; c < outputs; c += 1) numbers.fill(shift[c], (n * outputs + c) * pixels, (n * outputs + c + 1) * pixels);
        kernels.product(outputs, pixels, depth, factors.address, depth, 1, matrix?.address ?? picture, pixels,
          out.address + 4 * n * outputs * pixels, pixels, shift ? 1 : 0);
      }
    };
  };
}

function convolutionBackward(node, [gradient, x, weight, , ...how], [toInput, toWeight, toBias]) {
  const size = sizes(x, weight, gradient, how), [slope, input, factors] = [gradient, x, weight].map((one) => node.dense(one));
  const room = size.plain ? null : node.room("float32", [size.depth, size.size]);
  return ({ kernels, memory }) => {
    const { batch, channels, height, width, outputs, size: pixels, depth } = size, shape = patchesOf(size);
    const area = channels * height * width, slopes = slope.array(memory);
    const [inputs, weights, biases] = [toInput, toWeight, toBias].map((one) => one?.array(memory).subarray(0, one.size));
    return () => {
      weights?.fill(0);
      if (!size.plain) inputs?.fill(0);
      for (let n = 0; n < batch; n += 1) {
        const its = slope.address + 4 * n * outputs * pixels, picture = input.address + 4 * n * area;
        if (toWeight) {
          if (room) kernels.patches(picture, ...shape, room.address, pixels);
          kernels.productOfRows(outputs, depth, pixels, its, pixels, room?.address ?? picture, pixels, toWeight.address, depth);
        }
        if (toInput) {
          const back = toInput.address + 4 * n * area;
          kernels.product(depth, pixels, outputs, factors.address, 1, depth, its, pixels, room?.address ?? back, pixels, 0);
          if (room) kernels.unpatched(back, ...shape, room.address);
        }
      }
      if (biases) for (let c = 0; c < outputs; c += 1) {
        let sum = 0;
        for (let n = 0; n < batch; n += 1) for (let i = (n * outputs + c) * pixels, end = i + pixels; i < end; i += 1) sum += slopes[i];
        biases[c] = sum;
      }
    };
  };
}

// [batch, channels, …] → batch, channels, numbers of a channel in one picture
const planes = ({ shape: [batch, channels, ...rest] }) => [batch, channels, rest.reduce((product, side) => product * side, 1)];

function batchNorm(node, [x, weight, bias, runningMean, runningVariance, training, momentum, epsilon], [out, mean, scale]) {
  must(x.dtype === "float32", "batch normalisation in float64");
  const input = node.dense(x), pair = node.room("float64", [2]), [batch, channels, size] = planes(x), n = batch * size;
  if (training) [runningMean, runningVariance].forEach((one) => one && node.changes(one));
  return ({ kernels, memory }) => {
    const [gains, shifts, means, variances, kept, scales, sums] = [weight, bias, runningMean, runningVariance, mean, scale, pair].map((one) => one?.array(memory));
    return () => {
      for (let c = 0; c < channels; c += 1) {
        let middle = means?.[c], variance = variances?.[c];
        if (training) {
          kernels.sums(batch, channels, c, size, input.address, input.address, 0, pair.address);
          middle = sums[0] / n;
          kernels.sums(batch, channels, c, size, input.address, input.address, middle, pair.address);
          variance = (sums[1] - middle * (sums[0] - n * middle)) / n;
          if (means) means[c] += momentum * (middle - means[c]);
          if (variances) variances[c] += momentum * ((variance * n) / (n - 1) - variances[c]);
          kept[c] = middle;
          scales[c] = 1 / Math.sqrt(variance + epsilon);
        }
        const factor = (gains?.[c] ?? 1) / Math.sqrt(variance + epsilon);
        kernels.blend(batch, channels, c, size, input.address, 0, input.address, factor, middle, shifts?.[c] ?? 0, out.address);
      }
    };
  };
}

function batchNormBackward(node, [gradient, x, weight, , , mean, scale, training], [toInput, toWeight, toBias]) {
  must(training, "the gradient of batch normalisation in eval mode");
  const [slope, input] = [node.dense(gradient), node.dense(x)], pair = node.room("float64", [2]);
  const [batch, channels, size] = planes(x), n = batch * size;
  return ({ kernels, memory }) => {
    const [gains, means, scales, weights, biases, sums] = [weight, mean, scale, toWeight, toBias, pair].map((one) => one?.array(memory));
    return () => {
      for (let c = 0; c < channels; c += 1) {
        kernels.sums(batch, channels, c, size, slope.address, input.address, means[c], pair.address);
        const [sum, along] = sums, factor = (gains?.[c] ?? 1) * scales[c];
        if (weights) weights[c] = along * scales[c];
        if (biases) biases[c] = sum;
        if (toInput) kernels.blend(batch, channels, c, size, slope.address, factor, input.address, (-factor * scales[c] * scales[c] * along) / n, means[c], (-factor * sum) / n, toInput.address);
      }
    };
  };
}

const byKernel = (name, slow) => (node, args, [out]) => {
  if (out.dtype !== "float32" || !slow) return slow(node, args, [out]);
  const inputs = args.filter((one) => one instanceof Value).map((one) => node.dense(one));
  return ({ kernels }) => () => kernels[name](out.size, ...inputs.map((one) => one.address), out.address);
};

// Softmax along the last axis, as rows of an array; exp(x, n) writes e^x over x.
const rowsOf = (value) => [value.size ? value.size / value.shape.at(-1) : 0, value.shape.at(-1)];
const lastAxis = (value, axis) => must(axis === -1 || axis === value.shape.length - 1, "softmax along any axis but the last");
function softmax(node, [x, axis], [out]) {
  lastAxis(x, axis);
  const input = node.dense(x), [rows, side] = rowsOf(x);
  return ({ memory, kernels }) => {
    const numbers = input.array(memory), result = out.array(memory);
    const exponentials = exponentialsOf(out, result, kernels);
    return () => {
      for (let start = 0; start < rows * side; start += side) {
        let most = -Infinity;
        for (let i = start; i < start + side; i += 1) if (numbers[i] > most || numbers[i] !== numbers[i]) most = numbers[i];
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
const exponentialsOf = (value, array, kernels) => (value.dtype === "float32"
  ? () => kernels.exponentials(value.size, value.address, value.address)
  : () => { for (let i = 0; i < value.size; i += 1) array[i] = Math.exp(array[i]); });
function logSoftmax(node, [x, axis], [out]) {
  lastAxis(x, axis);
  const input = node.dense(x), [rows, side] = rowsOf(x), room = node.room(x.dtype, x.shape);
  return ({ memory, kernels }) => {
    const numbers = input.array(memory), result = out.array(memory), powers = room.array(memory);
    const exponentials = exponentialsOf(room, powers, kernels);
    return () => {
      for (let start = 0; start < rows * side; start += side) {
        let most = -Infinity;
        for (let i = start; i < start + side; i += 1) if (numbers[i] > most || numbers[i] !== numbers[i]) most = numbers[i];
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
function logSoftmaxBackward([gradient, output], [out], [, value]) {
  const [rows, side] = rowsOf(value);
  return () => {
    for (let start = 0; start < rows * side; start += side) {
      let sum = 0;
      for (let i = start; i < start + side; i += 1) sum += gradient[i];
      for (let i = start; i < start + side; i += 1) out[i] = gradient[i] - Math.exp(output[i]) * sum;
    }
  };
}

// Each pixel of the larger picture, and the one of the smaller that it repeats.
function nearest(small, large) {
  const [height, width] = small.shape.slice(-2), [rows, columns] = large.shape.slice(-2);
  const places = new Int32Array(large.size);
  for (let i = 0; i < large.size; i += 1) {
    const column = i % columns, row = Math.floor(i / columns) % rows, plane = Math.floor(i / columns / rows);
    places[i] = (plane * height + Math.floor((row * height) / rows)) * width + Math.floor((column * width) / columns);
  }
  return places;
}
function upsample([x], [out], [small], [large]) {
  const places = nearest(small, large);
  return () => { for (let i = 0; i < places.length; i += 1) out[i] = x[places[i]]; };
}
function upsampleBackward([gradient], [out], [large], [small]) {
  const places = nearest(small, large);
  return () => {
    out.fill(0, 0, small.size);
    for (let i = 0; i < places.length; i += 1) out[places[i]] += gradient[i];
  };
}

// The optimizers, tensor after tensor, in place

function changedLists(node, lists) {
  const names = ["weights", "gradients", "first", "second"], used = lists.filter(Boolean);
  used.forEach((list, place) => place === 1 || list.forEach((one) => node.changes(one)));
  used.flat().forEach((one) => must(one.dense, "an optimizer on a view"));
  return (memory) => used[0].map((_, place) => Object.fromEntries(used.map((list, at) => [names[at], list[place].array(memory).subarray(0, list[place].size)])));
}
function adamw(node, [weights, gradients, first, second, , steps, lr, beta1, beta2, decay, epsilon, amsgrad, maximize]) {
  must(!amsgrad && !maximize, "AdamW with amsgrad, or uphill");
  const lists = changedLists(node, [weights, gradients, first, second]);
  return ({ memory }) => {
    const all = lists(memory), rate = lr.array(memory), times = steps.map((one) => one.array(memory));
    return () => all.forEach((one, place) => {
      const t = times[place][0], step = rate[0] / (1 - beta1 ** t), spread = Math.sqrt(1 - beta2 ** t);
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
    const all = lists(memory), rate = lr.array(memory);
    return () => all.forEach(({ weights: w, gradients: g, first: m }) => {
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
    return () => { for (const array of arrays) for (let i = 0; i < array.length; i += 1) array[i] += number; };
  };
}

export const networks = (onArrays, each) => ({
  convolution, convolution_backward: convolutionBackward,
  native_batch_norm: batchNorm, native_batch_norm_backward: batchNormBackward,
  silu: byKernel("silu", each.silu), silu_backward: byKernel("siluBackward", each.silu_backward),
  _softmax: softmax, _log_softmax: logSoftmax,
  _softmax_backward_data: onArrays(softmaxBackward), _log_softmax_backward_data: onArrays(logSoftmaxBackward),
  upsample_nearest2d: onArrays(upsample), upsample_nearest2d_backward: onArrays(upsampleBackward),
  "_fused_adamw_.tensor_lr": adamw, "_fused_sgd_.tensor_lr": sgd, "_foreach_add_.Scalar": addToEach,
});
