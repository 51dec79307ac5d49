// When a run has gone wrong for good, as teachkit/learn/trend.py tells it: from the raw losses, never the weighted total.

const LEVEL = 20,
  RATIO = 3,
  SILENT = 1e-3,
  SILENT_STEPS = 5,
  AWAKE_STEPS = 8;
const FLOOR = { box: 0.1, cls: 0.1, dfl: 0.2 }; // less than this counts as this
const ADVICE = "Go back to before it and lower the learning rate.";

const median = (values) => {
  const sorted = [...values].sort((a, b) => a - b),
    middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

export class Trend {
  constructor() {
    Object.assign(this, { past: {}, lowest: {}, awake: {}, silent: 0 });
  }

  // → a sentence if the run has diverged with this step, else null.
  update(step, losses, weights) {
    const names = Object.keys(FLOOR);
    for (const name of names) {
      const past = (this.past[name] ??= []);
      if (weights[name] === 0) {
        this.past[name] = [];
        delete this.lowest[name];
      } else if (losses[name] > 0) {
        past.push(Math.log(Math.max(losses[name], FLOOR[name])));
        if (past.length > LEVEL) past.shift();
        this.wake(name);
      }
    }
    // a run whose first step ruins it never gets better than this
    if (step === 0 && this.past.cls.length) this.lowest.cls = this.past.cls.at(-1);
    this.silent = names.every((name) => losses[name] < SILENT) ? this.silent + 1 : 0;
    if (this.silent === SILENT_STEPS) {
      return `diverged: all losses have vanished although there are objects, the detector answers nothing any more. ${ADVICE}`;
    }
    for (const name of names) {
      if (!this.awake[name] || this.past[name].length < LEVEL) continue;
      const level = median(this.past[name]),
        lowest = (this.lowest[name] = Math.min(level, this.lowest[name] ?? level));
      if (level - lowest <= Math.log(RATIO)) continue;
      this.lowest = {};
      return `diverged: for ${LEVEL} steps the ${name} loss has been ${Number(Math.exp(level - lowest).toPrecision(3))} times its best. ${ADVICE}`;
    }
    return null;
  }
  // Box and DFL are weighted by target scores, and so grow from nothing: they are looked at once they have been above that.
  wake(name) {
    const past = this.past[name];
    if (this.awake[name] || past.length < AWAKE_STEPS || median(past.slice(-AWAKE_STEPS)) <= Math.log(FLOOR[name]))
      return;
    this.awake[name] = true;
    this.past[name] = past.slice(-1);
  }
  expectChange() {
    for (const name of Object.keys(this.past)) this.past[name] = [];
  }
  state() {
    return structuredClone({ past: this.past, lowest: this.lowest, awake: this.awake, silent: this.silent });
  }
  restore(state) {
    Object.assign(this, structuredClone(state));
  }
}
