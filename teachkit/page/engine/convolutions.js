// Convolutions and batch normalisation, by the kernels.

import { must } from "./values.js";

// A convolution's sizes: channels and pictures in and out, and whether a picture is its own matrix of patches.
function sizes(x, weight, out, [stride, padding, dilation, transposed, , groups]) {
  const [outputs, channels, kernel, across] = weight.shape;
  must(
    x.shape.length === 4 && kernel === across && !transposed && groups === 1,
    "a convolution that is not a plain one",
  );
  must(
    [stride, padding, dilation].every((pair) => new Set(pair).size === 1) && dilation[0] === 1,
    "an uneven convolution",
  );
  must(x.dtype === "float32", "a convolution in float64");
  const [batch, , height, width] = x.shape,
    [rows, columns] = out.shape.slice(2);
  const size = rows * columns,
    depth = channels * kernel * kernel;
  return {
    batch,
    channels,
    height,
    width,
    kernel,
    stride: stride[0],
    pad: padding[0],
    rows,
    columns,
    outputs,
    size,
    depth,
    plain: kernel === 1 && stride[0] === 1 && padding[0] === 0,
  };
}
const patchesOf = ({ channels, height, width, kernel, stride, pad, rows, columns }) => [
  channels,
  height,
  width,
  kernel,
  stride,
  pad,
  rows,
  columns,
];
// Room for a picture's matrix of patches, and for the picture with its edge: null where it is its own matrix.
function roomOf(node, { plain, depth, size, channels, height, width, pad }) {
  if (plain) return null;
  const edged = pad ? node.room("float32", [channels, height + 2 * pad, width + 2 * pad]) : { address: 0 };
  return { edged, matrix: node.room("float32", [depth, size]) };
}

function convolution(node, [x, weight, bias, ...how], [out]) {
  const size = sizes(x, weight, out, how),
    [input, factors] = [node.dense(x), node.dense(weight)];
  const room = roomOf(node, size);
  return ({ kernels, memory }) => {
    const { batch, channels, height, width, outputs, size: pixels, depth } = size,
      shape = patchesOf(size);
    const shift = bias?.array(memory),
      numbers = out.array(memory);
    return () => {
      for (let n = 0; n < batch; n += 1) {
        const picture = input.address + 4 * n * channels * height * width;
        if (room) kernels.patches(picture, ...shape, room.edged.address, room.matrix.address);
        if (shift)
          for (let c = 0; c < outputs; c += 1)
            numbers.fill(shift[c], (n * outputs + c) * pixels, (n * outputs + c + 1) * pixels);
        kernels.product(
          outputs,
          pixels,
          depth,
          factors.address,
          depth,
          1,
          room?.matrix.address ?? picture,
          pixels,
          out.address + 4 * n * outputs * pixels,
          pixels,
          shift ? 1 : 0,
        );
      }
    };
  };
}

function convolutionBackward(node, [gradient, x, weight, , ...how], [toInput, toWeight, toBias]) {
  const size = sizes(x, weight, gradient, how),
    [slope, input, factors] = [gradient, x, weight].map((one) => node.dense(one));
  const room = roomOf(node, size);
  return ({ kernels, memory }) => {
    const { batch, channels, height, width, outputs, size: pixels, depth } = size,
      shape = patchesOf(size);
    const area = channels * height * width,
      slopes = slope.array(memory);
    const [weights, biases] = [toWeight, toBias].map((one) => one?.array(memory).subarray(0, one.size));
    return () => {
      weights?.fill(0);
      for (let n = 0; n < batch; n += 1) {
        const its = slope.address + 4 * n * outputs * pixels,
          picture = input.address + 4 * n * area;
        if (toWeight) {
          if (room) kernels.patches(picture, ...shape, room.edged.address, room.matrix.address);
          kernels.productOfRows(
            outputs,
            depth,
            pixels,
            its,
            pixels,
            room?.matrix.address ?? picture,
            pixels,
            toWeight.address,
            depth,
          );
        }
        if (toInput) {
          const back = toInput.address + 4 * n * area;
          kernels.product(
            depth,
            pixels,
            outputs,
            factors.address,
            1,
            depth,
            its,
            pixels,
            room?.matrix.address ?? back,
            pixels,
            0,
          );
          if (room) kernels.unpatched(back, ...shape, room.edged.address, room.matrix.address);
        }
      }
      if (biases)
        for (let c = 0; c < outputs; c += 1) {
          let sum = 0;
          for (let n = 0; n < batch; n += 1)
            for (let i = (n * outputs + c) * pixels, end = i + pixels; i < end; i += 1) sum += slopes[i];
          biases[c] = sum;
        }
    };
  };
}

// [batch, channels, …] → batch, channels, numbers of a channel in one picture
const planes = ({ shape: [batch, channels, ...rest] }) => [
  batch,
  channels,
  rest.reduce((product, side) => product * side, 1),
];

function batchNorm(
  node,
  [x, weight, bias, runningMean, runningVariance, training, momentum, epsilon],
  [out, mean, scale],
) {
  must(x.dtype === "float32", "batch normalisation in float64");
  const input = node.dense(x),
    pair = node.room("float64", [2]),
    [batch, channels, size] = planes(x),
    n = batch * size;
  if (training) [runningMean, runningVariance].forEach((one) => one && node.changes(one));
  return ({ kernels, memory }) => {
    const [gains, shifts, means, variances, kept, scales, sums] = [
      weight,
      bias,
      runningMean,
      runningVariance,
      mean,
      scale,
      pair,
    ].map((one) => one?.array(memory));
    return () => {
      for (let c = 0; c < channels; c += 1) {
        let middle = means?.[c],
          variance = variances?.[c];
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
        kernels.blend(
          batch,
          channels,
          c,
          size,
          input.address,
          0,
          input.address,
          factor,
          middle,
          shifts?.[c] ?? 0,
          out.address,
        );
      }
    };
  };
}

function batchNormBackward(node, [gradient, x, weight, , , mean, scale, training], [toInput, toWeight, toBias]) {
  must(training, "the gradient of batch normalisation in eval mode");
  const [slope, input] = [node.dense(gradient), node.dense(x)],
    pair = node.room("float64", [2]);
  const [batch, channels, size] = planes(x),
    n = batch * size;
  return ({ kernels, memory }) => {
    const [gains, means, scales, weights, biases, sums] = [weight, mean, scale, toWeight, toBias, pair].map((one) =>
      one?.array(memory),
    );
    return () => {
      for (let c = 0; c < channels; c += 1) {
        kernels.sums(batch, channels, c, size, slope.address, input.address, means[c], pair.address);
        const [sum, along] = sums,
          factor = (gains?.[c] ?? 1) * scales[c];
        if (weights) weights[c] = along * scales[c];
        if (biases) biases[c] = sum;
        if (toInput)
          kernels.blend(
            batch,
            channels,
            c,
            size,
            slope.address,
            factor,
            input.address,
            (-factor * scales[c] * scales[c] * along) / n,
            means[c],
            (-factor * sum) / n,
            toInput.address,
          );
      }
    };
  };
}

export const convolutions = {
  convolution,
  convolution_backward: convolutionBackward,
  native_batch_norm: batchNorm,
  native_batch_norm_backward: batchNormBackward,
};
