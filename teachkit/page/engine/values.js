// Tensors as a page holds them: a stretch of memory, a shape, and a stride in each direction, all known before anything runs.

export const ARRAYS = { float32: Float32Array, float64: Float64Array, int32: Int32Array, uint8: Uint8Array };

export const count = (shape) => shape.reduce((product, side) => product * side, 1);

export function denseStrides(shape) {
  const strides = new Array(shape.length);
  for (let axis = shape.length - 1, step = 1; axis >= 0; step *= shape[axis], axis -= 1) strides[axis] = step;
  return strides;
}

// What views share. address: where its first byte lies, once there is a place; fixed: a named tensor; changed: in place.
export class Storage {
  constructor(bytes) {
    Object.assign(this, { bytes, address: null, fixed: false, changed: false, constant: false });
  }
}

export class Value {
  constructor(dtype, shape, { strides = denseStrides(shape), offset = 0, storage } = {}) {
    if (!ARRAYS[dtype]) throw new Error(`there is no dtype ${dtype}`);
    Object.assign(this, { dtype, shape, strides, offset });
    this.storage = storage ?? new Storage(Math.max(1, count(shape)) * ARRAYS[dtype].BYTES_PER_ELEMENT);
  }
  get size() {
    return count(this.shape);
  }
  get dense() {
    const strides = denseStrides(this.shape);
    return this.shape.every((side, axis) => side === 1 || this.strides[axis] === strides[axis]) || this.size === 0;
  }
  view(shape, strides, offset = this.offset) {
    return new Value(this.dtype, shape, { strides, offset, storage: this.storage });
  }
  get address() {
    return this.storage.address + this.offset * ARRAYS[this.dtype].BYTES_PER_ELEMENT;
  }
  // From its first number to the end of what it shares.
  array(memory) {
    const { BYTES_PER_ELEMENT: bytes } = ARRAYS[this.dtype];
    return new ARRAYS[this.dtype](memory.buffer, this.address, Math.floor(this.storage.bytes / bytes) - this.offset);
  }
}

// Strides that repeat a tensor to fill a larger shape, as torch broadcasts.
export function spread(value, shape) {
  const missing = shape.length - value.shape.length;
  return shape.map((_, axis) =>
    axis < missing || value.shape[axis - missing] === 1 ? 0 : value.strides[axis - missing],
  );
}

// Neighbouring axes that all tensors walk through in one stride become one. → [sides, strides of each]
function merged(shape, strides) {
  const sides = [],
    steps = strides.map(() => []);
  shape.forEach((side, axis) => {
    if (side === 1) return;
    const last = sides.length - 1;
    if (last >= 0 && strides.every((one, place) => steps[place][last] === one[axis] * side)) {
      sides[last] *= side;
      steps.forEach((one, place) => {
        one[last] = strides[place][axis];
      });
    } else {
      sides.push(side);
      steps.forEach((one, place) => one.push(strides[place][axis]));
    }
  });
  return [sides, steps];
}

// Offsets of all places of a shape, in order.
export function offsets(shape, strides) {
  let places = new Int32Array(1);
  shape.forEach((side, axis) => {
    const next = new Int32Array(places.length * side);
    for (let one = 0, at = 0; one < places.length; one += 1) {
      for (let step = 0; step < side; step += 1, at += 1) next[at] = places[one] + step * strides[axis];
    }
    places = next;
  });
  return places;
}

// How to walk through several tensors side by side: rows of n numbers, and in each tensor the rows' offsets and the step.
export function walk(shape, strides) {
  const [sides, steps] = merged(shape, strides);
  const n = sides.length ? sides.at(-1) : 1;
  return { n, rows: steps.map((one) => offsets(sides.slice(0, -1), one)), step: steps.map((one) => one.at(-1) ?? 0) };
}

// The strides of the same numbers in another shape, or null where they cannot be had without a copy.
export function reshaped(value, shape) {
  if (value.dense) return denseStrides(shape);
  const [sides, [steps]] = merged(value.shape, [value.strides]);
  const strides = new Array(shape.length).fill(0);
  let axis = shape.length - 1;
  for (let part = sides.length - 1; part >= 0; part -= 1) {
    let rest = sides[part],
      step = steps[part];
    for (; axis >= 0 && rest > 1; axis -= 1) {
      if (rest % shape[axis]) return null;
      strides[axis] = step;
      step *= shape[axis];
      rest /= shape[axis];
    }
    if (rest > 1) return null;
  }
  return strides;
}

export const must = (fits, what) => {
  if (!fits) throw new Error(`not in a page: ${what}`);
};

// An axis or a place that is counted from the end where it is negative.
export const from = (axis, length) => (axis < 0 ? axis + length : axis);

export const without = (list, axes) => list.filter((_, place) => !axes.includes(place));
