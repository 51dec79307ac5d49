// What is done number by number, and what becomes of a row of numbers: one expression an operator. `build.mjs` writes each
// out as a loop of its own, which a browser runs at full speed, and which needs no code made from text in the page.

// a, b, c: the first arguments, tensors or numbers, spread over each other as torch does; s, t: the numbers after them.
export const ELEMENTWISE = {
  add: [2, "a + s * b"],
  sub: [2, "a - s * b"],
  rsub: [1, "s - t * a"],
  mul: [2, "a * b"],
  div: [2, "a / b"],
  neg: [1, "-a"],
  abs: [1, "Math.abs(a)"],
  sign: [1, "(a > 0) - (a < 0)"],
  reciprocal: [1, "1 / a"],
  square: [1, "a * a"],
  sqrt: [1, "Math.sqrt(a)"],
  pow: [2, "Math.pow(a, b)"],
  exp: [1, "Math.exp(a)"],
  log: [1, "Math.log(a)"],
  log1p: [1, "Math.log1p(a)"],
  atan: [1, "Math.atan(a)"],
  sin: [1, "Math.sin(a)"],
  cos: [1, "Math.cos(a)"],
  tanh: [1, "Math.tanh(a)"],
  floor: [1, "Math.floor(a)"],
  sigmoid: [1, "1 / (1 + Math.exp(-a))"],
  logit: [1, "Math.log(a / (1 - a))"],
  logit_backward: [2, "a / (b * (1 - b))"],
  xlogy: [2, "b !== b ? b : a === 0 ? 0 : a * Math.log(b)"],
  sigmoid_backward: [2, "a * b * (1 - b)"],
  silu: [1, "a / (1 + Math.exp(-a))"],
  silu_backward: [2, "a / (1 + Math.exp(-b)) * (1 + b / (1 + Math.exp(b)))"],
  softplus: [1, "a * s > t ? a : Math.log1p(Math.exp(a * s)) / s"],
  softplus_backward: [2, "b * s > t ? a : a / (1 + Math.exp(-b * s))"],
  clamp: [1, "a < s ? s : a > t ? t : a"],
  clamp_min: [1, "a < s ? s : a"],
  clamp_max: [1, "a > s ? s : a"],
  minimum: [2, "a < b || a !== a ? a : b"],
  maximum: [2, "a > b || a !== a ? a : b"],
  where: [3, "a ? b : c"],
  masked_fill: [2, "b ? s : a"],
  eq: [2, "a === b"],
  ne: [2, "a !== b"],
  lt: [2, "a < b"],
  le: [2, "a <= b"],
  gt: [2, "a > b"],
  ge: [2, "a >= b"],
  bitwise_and: [2, "a & b"],
  bitwise_or: [2, "a | b"],
  logical_not: [1, "!a"],
  isnan: [1, "a !== a"],
  truth: [1, "a !== 0"],
  lerp: [3, "Math.abs(c) < 0.5 ? a + c * (b - a) : b - (b - a) * (1 - c)"],
  copy: [1, "a"],
};

// The first value of s, what s becomes with each number a, and what is kept of it; n: how many numbers there were.
export const REDUCTIONS = {
  sum: ["0", "s + a", "s"],
  mean: ["0", "s + a", "s / n"],
  norm: ["0", "s + a * a", "Math.sqrt(s)"],
  amax: ["-Infinity", "a > s || a !== a ? a : s", "s"],
  amin: ["Infinity", "a < s || a !== a ? a : s", "s"],
  all: ["1", "a ? s : 0", "s"],
  any: ["0", "a ? 1 : s", "s"],
  prod: ["1", "s * a", "s"],
};

// Row after row: the offsets of each row's first number, then n numbers at a distance of their own in each array.
function elementwise(name, [operands, expression]) {
  const letters = ["a", "b", "c"].slice(0, operands),
    all = ["o", ...letters];
  const list = (write) => all.map(write).join(", ");
  const read = letters.map((one) => `${one} = ${one}s[${one}_]`).join(", ");
  return `  ${name}(n, ${list((one) => `${one}s, ${one}Rows, ${one}Step`)}, s, t) {
    for (let row = 0; row < oRows.length; row++) {
      let ${list((one) => `${one}_ = ${one}Rows[row]`)};
      for (let i = 0; i < n; i++) {
        const ${read};
        os[o_] = ${expression};
        ${list((one) => `${one}_ += ${one}Step`)};
      }
    }
  },\n`;
}

// os[i] = what becomes of the numbers of `as` at rows[i] + inner[0], rows[i] + inner[1] …
function reduction(name, [first, next, last]) {
  return `  ${name}(os, as, rows, inner) {
    const n = inner.length;
    for (let row = 0; row < rows.length; row++) {
      const start = rows[row];
      let s = ${first};
      for (let i = 0; i < n; i++) {
        const a = as[start + inner[i]];
        s = ${next};
      }
      os[row] = ${last};
    }
  },\n`;
}

export function written() {
  const each = (table, write) =>
    Object.entries(table)
      .map(([name, one]) => write(name, one))
      .join("");
  return `export const loops = {\n${each(ELEMENTWISE, elementwise)}};\nexport const reductions = {\n${each(REDUCTIONS, reduction)}};\n`;
}
