// The loops that take most of a step's time, in AssemblyScript: four numbers at once (SIMD), all of them float32.
// Every pointer is a byte address; matrices lie row by row; lengths and strides count numbers.

// @ts-ignore: decorator
@inline function at(base: usize, place: i32): usize { return base + (<usize>place << 2); }
// @ts-ignore: decorator
@inline function get(base: usize, place: i32): f32 { return load<f32>(at(base, place)); }
// @ts-ignore: decorator
@inline function splat(address: usize): v128 { return v128.load32_splat(address); }
// @ts-ignore: decorator
@inline function muladd(sum: v128, a: v128, b: v128): v128 { return f32x4.add(sum, f32x4.mul(a, b)); }
// @ts-ignore: decorator
@inline function total(sum: v128): f32 {
  return f32x4.extract_lane(sum, 0) + f32x4.extract_lane(sum, 1) + (f32x4.extract_lane(sum, 2) + f32x4.extract_lane(sum, 3));
}
// @ts-ignore: decorator
@inline function put(address: usize, value: v128, more: bool): void {
  v128.store(address, more ? f32x4.add(v128.load(address), value) : value);
}

// C [m × n] = A [m × k] · B [k × n], or C + that if more. A's rows lie `down` apart and its columns `right`, so that it may
// be a transpose; B's and C's rows lie ldb and ldc apart.
export function product(m: i32, n: i32, k: i32, a: usize, down: i32, right: i32, b: usize, ldb: i32, c: usize, ldc: i32, more: bool): void {
  const wide = n & ~7, step = <usize>right << 2, next = <usize>ldb << 2;
  for (let i = 0; i < m; i += 4) {
    const rows = min(4, m - i);
    // Past the last row the last one is worked out again: the same numbers, and no second loop.
    const a0 = at(a, i * down), a1 = at(a, (i + min(1, rows - 1)) * down), a2 = at(a, (i + min(2, rows - 1)) * down), a3 = at(a, (i + rows - 1) * down);
    const c0 = at(c, i * ldc), c1 = at(c, (i + min(1, rows - 1)) * ldc), c2 = at(c, (i + min(2, rows - 1)) * ldc), c3 = at(c, (i + rows - 1) * ldc);
    for (let j = 0; j < wide; j += 8) {
      let s00 = f32x4.splat(0), s01 = s00, s10 = s00, s11 = s00, s20 = s00, s21 = s00, s30 = s00, s31 = s00;
      let p0 = a0, p1 = a1, p2 = a2, p3 = a3, q = at(b, j);
      for (let l = 0; l < k; l++) {
        const x = v128.load(q), y = v128.load(q, 16);
        const w0 = splat(p0), w1 = splat(p1), w2 = splat(p2), w3 = splat(p3);
        s00 = muladd(s00, w0, x); s01 = muladd(s01, w0, y);
        s10 = muladd(s10, w1, x); s11 = muladd(s11, w1, y);
        s20 = muladd(s20, w2, x); s21 = muladd(s21, w2, y);
        s30 = muladd(s30, w3, x); s31 = muladd(s31, w3, y);
        p0 += step; p1 += step; p2 += step; p3 += step; q += next;
      }
      put(at(c0, j), s00, more); put(at(c0, j + 4), s01, more);
      if (rows > 1) { put(at(c1, j), s10, more); put(at(c1, j + 4), s11, more); }
      if (rows > 2) { put(at(c2, j), s20, more); put(at(c2, j + 4), s21, more); }
      if (rows > 3) { put(at(c3, j), s30, more); put(at(c3, j + 4), s31, more); }
    }
    for (let j = wide; j < n; j++) for (let r = 0; r < rows; r++) {
      let sum: f32 = 0;
      for (let l = 0; l < k; l++) sum += get(a, (i + r) * down + l * right) * get(b, l * ldb + j);
      const place = at(c, (i + r) * ldc + j);
      store<f32>(place, more ? load<f32>(place) + sum : sum);
    }
  }
}

// C [m × n] += A [m × k] · B [n × k] transposed: sums along rows, as the gradient of a convolution's weights wants them.
export function productOfRows(m: i32, n: i32, k: i32, a: usize, lda: i32, b: usize, ldb: i32, c: usize, ldc: i32): void {
  const wide = k & ~3;
  for (let j = 0; j < n; j += 2) {
    const b0 = at(b, j * ldb), b1 = at(b, min(j + 1, n - 1) * ldb);
    for (let i = 0; i < m; i += 4) {
      const a0 = at(a, i * lda), a1 = at(a, min(i + 1, m - 1) * lda), a2 = at(a, min(i + 2, m - 1) * lda), a3 = at(a, min(i + 3, m - 1) * lda);
      let s00 = f32x4.splat(0), s01 = s00, s10 = s00, s11 = s00, s20 = s00, s21 = s00, s30 = s00, s31 = s00;
      for (let l = 0; l < wide; l += 4) {
        const x = v128.load(at(b0, l)), y = v128.load(at(b1, l));
        const w0 = v128.load(at(a0, l)), w1 = v128.load(at(a1, l)), w2 = v128.load(at(a2, l)), w3 = v128.load(at(a3, l));
        s00 = muladd(s00, w0, x); s01 = muladd(s01, w0, y);
        s10 = muladd(s10, w1, x); s11 = muladd(s11, w1, y);
        s20 = muladd(s20, w2, x); s21 = muladd(s21, w2, y);
        s30 = muladd(s30, w3, x); s31 = muladd(s31, w3, y);
      }
      let t00 = total(s00), t01 = total(s01), t10 = total(s10), t11 = total(s11), t20 = total(s20), t21 = total(s21), t30 = total(s30), t31 = total(s31);
      for (let l = wide; l < k; l++) {
        const x = get(b0, l), y = get(b1, l), w0 = get(a0, l), w1 = get(a1, l), w2 = get(a2, l), w3 = get(a3, l);
        t00 += w0 * x; t01 += w0 * y; t10 += w1 * x; t11 += w1 * y; t20 += w2 * x; t21 += w2 * y; t30 += w3 * x; t31 += w3 * y;
      }
      addPair(c, ldc, i, j, m, n, t00, t01); addPair(c, ldc, i + 1, j, m, n, t10, t11);
      addPair(c, ldc, i + 2, j, m, n, t20, t21); addPair(c, ldc, i + 3, j, m, n, t30, t31);
    }
  }
}
// @ts-ignore: decorator
@inline function addPair(c: usize, ldc: i32, i: i32, j: i32, m: i32, n: i32, x: f32, y: f32): void {
  if (i >= m) return;
  const place = at(c, i * ldc + j);
  store<f32>(place, load<f32>(place) + x);
  if (j + 1 < n) store<f32>(place, load<f32>(place, 4) + y, 4);
}

// A picture [channels, height, width] with `pad` zeros around each channel.
function padded(x: usize, channels: i32, height: i32, width: i32, pad: i32, room: usize): void {
  const wide = width + 2 * pad, bytes = <usize>width << 2;
  memory.fill(room, 0, <usize>(channels * (height + 2 * pad) * wide) << 2);
  for (let c = 0; c < channels; c++) for (let y = 0; y < height; y++) {
    memory.copy(at(room, (c * (height + 2 * pad) + y + pad) * wide + pad), at(x, (c * height + y) * width), bytes);
  }
}

// Patches of a picture [channels, height, width] as columns: [channels · kernel · kernel, rows · columns]; zeros beyond the
// picture's edge. room: for the picture with its edge, where there is one.
export function patches(x: usize, channels: i32, height: i32, width: i32, kernel: i32, stride: i32, pad: i32, rows: i32, columns: i32, room: usize, out: usize): void {
  if (pad) padded(x, channels, height, width, pad, room);
  const from = pad ? room : x, tall = height + 2 * pad, wide = width + 2 * pad;
  const fours = stride == 1 ? columns & ~3 : 0, step = <usize>stride << 2;
  let o = out;
  for (let c = 0; c < channels; c++) for (let ky = 0; ky < kernel; ky++) for (let kx = 0; kx < kernel; kx++) {
    for (let r = 0; r < rows; r++) {
      let i = at(from, (c * tall + r * stride + ky) * wide + kx), q = 0;
      for (; q < fours; q += 4, o += 16, i += 16) v128.store(o, v128.load(i));
      for (; q < columns; q++, o += 4, i += step) store<f32>(o, load<f32>(i));
    }
  }
}

// The way back: each column's numbers are added to the picture's pixels that they were taken from.
export function unpatched(x: usize, channels: i32, height: i32, width: i32, kernel: i32, stride: i32, pad: i32, rows: i32, columns: i32, room: usize, columnsOf: usize): void {
  const to = pad ? room : x, tall = height + 2 * pad, wide = width + 2 * pad;
  const fours = stride == 1 ? columns & ~3 : 0, step = <usize>stride << 2;
  memory.fill(to, 0, <usize>(channels * tall * wide) << 2);
  let o = columnsOf;
  for (let c = 0; c < channels; c++) for (let ky = 0; ky < kernel; ky++) for (let kx = 0; kx < kernel; kx++) {
    for (let r = 0; r < rows; r++) {
      let i = at(to, (c * tall + r * stride + ky) * wide + kx), q = 0;
      for (; q < fours; q += 4, o += 16, i += 16) v128.store(i, f32x4.add(v128.load(i), v128.load(o)));
      for (; q < columns; q++, o += 4, i += step) store<f32>(i, load<f32>(i) + load<f32>(o));
    }
  }
  if (!pad) return;
  for (let c = 0; c < channels; c++) for (let y = 0; y < height; y++) {
    memory.copy(at(x, (c * height + y) * width), at(room, (c * tall + y + pad) * wide + pad), <usize>width << 2);
  }
}

// e^x: x = n · ln 2 + r, then a polynomial in r (Cephes' expf). NaN stays NaN.
// @ts-ignore: decorator
@inline function exp4(x: v128): v128 {
  x = f32x4.max(f32x4.min(x, f32x4.splat(89)), f32x4.splat(-87.3));
  const n = f32x4.nearest(f32x4.mul(x, f32x4.splat(1.44269504088896341)));
  const r = f32x4.sub(f32x4.sub(x, f32x4.mul(n, f32x4.splat(0.693359375))), f32x4.mul(n, f32x4.splat(-2.12194440e-4)));
  let p = f32x4.splat(1.9875691500e-4);
  p = muladd(f32x4.splat(1.3981999507e-3), p, r);
  p = muladd(f32x4.splat(8.3334519073e-3), p, r);
  p = muladd(f32x4.splat(4.1665795894e-2), p, r);
  p = muladd(f32x4.splat(1.6666665459e-1), p, r);
  p = muladd(f32x4.splat(5.0000001201e-1), p, r);
  p = f32x4.add(muladd(r, p, f32x4.mul(r, r)), f32x4.splat(1));
  const scale = i32x4.shl(i32x4.add(i32x4.trunc_sat_f32x4_s(n), i32x4.splat(127)), 23);
  return f32x4.mul(p, scale);
}
// @ts-ignore: decorator
@inline function sigmoid4(x: v128): v128 {
  return f32x4.div(f32x4.splat(1), f32x4.add(f32x4.splat(1), exp4(f32x4.neg(x))));
}

// Rows of numbers start at multiples of 16 bytes with room behind them: the last four may be fewer.
export function silu(n: i32, x: usize, out: usize): void {
  for (let i = 0; i < n; i += 4) {
    const v = v128.load(at(x, i));
    v128.store(at(out, i), f32x4.mul(v, sigmoid4(v)));
  }
}
export function siluBackward(n: i32, gradient: usize, x: usize, out: usize): void {
  const one = f32x4.splat(1);
  for (let i = 0; i < n; i += 4) {
    const v = v128.load(at(x, i)), s = sigmoid4(v);
    const slope = f32x4.mul(s, f32x4.add(one, f32x4.mul(v, f32x4.sub(one, s))));
    v128.store(at(out, i), f32x4.mul(v128.load(at(gradient, i)), slope));
  }
}
export function exponentials(n: i32, x: usize, out: usize): void {
  for (let i = 0; i < n; i += 4) v128.store(at(out, i), exp4(v128.load(at(x, i))));
}

// Σ x and Σ x · y over one channel of a batch [batch, channels, size] → two float64 at `out`.
export function sums(batch: i32, channels: i32, channel: i32, size: i32, x: usize, y: usize, mean: f64, out: usize): void {
  let first: f64 = 0, second: f64 = 0;
  for (let b = 0; b < batch; b++) {
    const start = (b * channels + channel) * size;
    for (let i = start; i < start + size; i++) {
      const value = <f64>get(x, i);
      first += value;
      second += value * (<f64>get(y, i) - mean);
    }
  }
  store<f64>(out, first);
  store<f64>(out, second, 8);
}
// out = a · x + b · (y − mean) + c over that channel.
export function blend(batch: i32, channels: i32, channel: i32, size: i32, x: usize, a: f32, y: usize, b: f32, mean: f32, c: f32, out: usize): void {
  for (let n = 0; n < batch; n++) {
    const start = (n * channels + channel) * size;
    for (let i = start; i < start + size; i++) store<f32>(at(out, i), a * get(x, i) + b * (get(y, i) - mean) + c);
  }
}
