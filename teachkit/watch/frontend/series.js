// What a chart draws of its data: smoothed, stacked, and between which limits. data: {step: […], name: […], …}

const SPAN = 9; // values of which the bold line is the mean

// At each row, of all where none are given, the mean of the values up to it. The raw line stays visible beneath it: no
// spike is smoothed away. Each sum is taken anew, for a running one would keep what rounding left of a spike.
export function smoothed(values, rows = null) {
  const mean = (row) => {
    if (values[row] == null) return null;
    const there = values.slice(Math.max(0, row - SPAN + 1), row + 1).filter((value) => value != null);
    return there.reduce((sum, value) => sum + value) / there.length;
  };
  return (rows ?? [...values.keys()]).map(mean);
}

// Where a share is undefined nothing can be stacked: such rows are left out.
export function complete(data, names) {
  const rows = [...data.step.keys()].filter((index) => names.every((name) => data[name]?.[index] != null));
  if (rows.length === data.step.length) return data;
  return Object.fromEntries(["step", ...names].map((name) => [name, rows.map((index) => data[name][index])]));
}

const [BLOCKS, NEWEST] = [64, 64]; // a run is drawn by the extremes of 64 to 128 blocks, its newest rows whole

// The places of the values to draw, so that a spike, a gap and the end stay in sight; null for all of a short run.
export function rowsToDraw(values) {
  const size = 2 ** Math.floor(Math.log2(values.length / BLOCKS)); // blocks stay where they are: no flicker in growth
  if (!(size > 2)) return null;
  const rows = new Set();
  const recent = Math.floor((values.length - NEWEST) / size) * size;
  for (let start = 0; start < recent; start += size) {
    let [low, high, missing] = [-1, -1, -1];
    for (let row = start; row < start + size; row += 1) {
      const value = values[row];
      if (value == null) missing = row;
      else {
        if (low < 0 || value < values[low]) low = row;
        if (high < 0 || value > values[high]) high = row;
      }
    }
    for (const row of [low, high, missing]) if (row >= 0) rows.add(row);
  }
  for (let row = recent; row < values.length; row += 1) rows.add(row);
  rows.add(values.findLastIndex((value) => value != null)).delete(-1); // where the line ends
  return [...rows].sort((one, other) => one - other);
}

// Each series on top of those before it: name → {floor: […], top: […]}.
export function stacked(data, names) {
  const below = new Array(data[names[0]].length).fill(0);
  const layers = {};
  for (const name of names) {
    const floor = below.slice();
    data[name].forEach((value, index) => {
      below[index] += value ?? 0;
    });
    layers[name] = { floor, top: below.slice() };
  }
  return layers;
}

// Lower and upper end of the axis. earlier: of earlier runs, which stay in sight; each as a chart prepares it.
export function limits(data, earlier, names, { range, scale, kind, floor }) {
  if (range) return range;
  const log = scale === "log";
  let [low, high] = [Infinity, -Infinity];
  for (const run of [data, ...earlier]) {
    const rows = kind === "stack" ? [run.layers[names.at(-1)].top] : names.map((name) => run.values[name]);
    for (const row of rows) {
      const values = row.filter((value) => value != null && (!log || value > 0));
      const most = kind === "stack" ? withoutSpikes(values, run === data) : Infinity;
      low = values.reduce((least, value) => Math.min(least, value), low);
      high = values.reduce((greatest, value) => Math.max(greatest, Math.min(value, most)), high);
    }
  }
  if (low > high) return log ? [0.1, 10] : [0, 1];
  low = Math.max(low, floor ?? -Infinity);
  if (log) return high / low < 4 ? [low / 2, high * 2] : [low / 1.25, high * 1.25];
  return [Math.min(0, low), high > 0 ? high * 1.12 : 1];
}

// The axis of stacked losses leaves out old spikes, or one of them would flatten everything else for good.
function withoutSpikes(values, growing) {
  const sorted = [...values].sort((a, b) => a - b);
  const usual = sorted[Math.floor(0.95 * (sorted.length - 1))] ?? 0;
  return Math.max(1.5 * usual, ...(growing ? values.slice(-60) : []));
}
