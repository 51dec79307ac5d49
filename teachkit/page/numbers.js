// A number that is typed, with a comma or a point, or one that is given as such; NaN for anything else, 0x10 included.
export function numberOf(value) {
  if (typeof value === "number") return value;
  const text = typeof value === "string" ? value.trim().replace(",", ".") : "";
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : NaN;
}
