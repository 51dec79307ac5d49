// Numbers: as text, within limits, and as places along a slider.

// Three significant digits; "10⁻⁵" style only where zeros could no longer be counted from the last row.
export function formatted(number) {
  if (number == null || !Number.isFinite(number)) return "–";
  if (number === 0) return "0";
  const size = Math.abs(number);
  if (size < 1e-4 || size >= 1e5) return number.toExponential(1).replace("e+", "e").replace(".0e", "e");
  return String(Number(number.toPrecision(3)));
}

export const tenths = (value) => Math.round(value * 10) / 10;

export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

export const linearScale = (low, high, digits) => ({
  toPlace: (value) => (value - low) / (high - low || 1),
  toValue: (place) => Number((low + (high - low) * place).toFixed(digits)),
});

export const logScale = (low, high) => ({
  toPlace: (value) => Math.log(value / low) / Math.log(high / low),
  toValue: (place) => Number((low * (high / low) ** place).toPrecision(3)),
});

// 0 at the left, the default in the middle, eleven times the default at the right.
export const weightScale = (usual) => ({
  toPlace: (value) => Math.log10(1 + (9 * value) / usual) / 2,
  toValue: (place) =>
    Math.abs(place - 0.5) < 0.006 ? usual : Number(((usual * (100 ** place - 1)) / 9).toPrecision(3)),
});
