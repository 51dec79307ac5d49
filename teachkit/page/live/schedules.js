// How the learning rate changes over a run, as in teachkit/learn/schedule.py: factors of the base rate.

const LAST = 0.01;

const warmingUp = (step, warmup) => Math.min(1, (step + 1) / (warmup + 1));
const progress = (step, total, start = 0) => Math.min(1, Math.max(0, (step - start) / Math.max(1, total - 1 - start)));
const halfCosine = (first, last, done) => last + ((first - last) * (1 + Math.cos(Math.PI * done))) / 2;

export const SCHEDULES = {
  constant: () => 1,
  cosine: (step, total, warmup) => warmingUp(step, warmup) * halfCosine(1, LAST, progress(step, total, warmup)),
  steps: (step, total, warmup) => {
    const done = progress(step, total);
    return warmingUp(step, warmup) * (done < 2 / 3 ? 1 : done < 8 / 9 ? 0.1 : 0.01);
  },
  one_cycle: (step, total) => {
    const peak = Math.max(1, 0.3 * total - 1);
    return step < peak ? halfCosine(1 / 25, 1, step / peak) : halfCosine(1, 1e-4, progress(step, total, peak));
  },
};

export const usualWarmup = (total) => Math.min(100, Math.floor(total / 10));
