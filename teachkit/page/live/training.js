// A training of the small setting: its graphs, its pictures, and what the trainer does between the graphs.

import { detections, meanAveragePrecision } from "./scores.js";

export const LOSSES = ["box", "cls", "dfl"];
const KEPT = /^(model|average|adamw|sgd)\.(?!lr$)/; // what a run consists of

// Numbers in 0 … 1 from a seed (mulberry32): the same order of pictures in every browser.
function dice(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function shuffled(count, seed) {
  const order = Array.from({ length: count }, (_, place) => place),
    roll = dice(seed);
  for (let last = count - 1; last > 0; last -= 1) {
    const other = Math.floor(roll() * (last + 1));
    [order[last], order[other]] = [order[other], order[last]];
  }
  return order;
}

export class Training {
  // pictures: {train, val}, each {pixels: Uint8Array [n, 3, side, side], truth: [[...box, label], …] of each picture}.
  constructor(machine, { train, val }, classes) {
    Object.assign(this, { machine, train, val, classes, step: 0, averaged: 0 });
    this.tensors = Object.fromEntries(Object.keys(machine.tensors).map((name) => [name, machine.array(name)]));
    [this.batch, this.room] = machine.tensors.mask.shape;
    this.kept = Object.keys(this.tensors).filter((name) => KEPT.test(name));
    this.statistics = this.kept.filter((name) => /^model\..*running/.test(name)).map((name) => this.tensors[name]);
    this.passLength = train.truth.length / this.batch;
  }
  get epoch() {
    return Math.floor(this.step / this.passLength);
  }

  show(set, places) {
    const { images, boxes, labels, mask } = this.tensors,
      size = images.length / this.batch;
    for (const one of [boxes, labels, mask]) one.fill(0);
    places.forEach((picture, row) => {
      const pixels = set.pixels.subarray(picture * size, (picture + 1) * size);
      for (let i = 0; i < size; i += 1) images[row * size + i] = pixels[i] / 255;
      set.truth[picture].forEach((truth, object) => {
        boxes.set(truth.slice(0, 4), 4 * (row * this.room + object));
        labels[row * this.room + object] = truth[4];
        mask[row * this.room + object] = 1;
      });
    });
  }
  places() {
    if (this.shuffledEpoch !== this.epoch)
      [this.order, this.shuffledEpoch] = [shuffled(this.train.truth.length, this.epoch), this.epoch];
    const start = (this.step % this.passLength) * this.batch;
    return this.order.slice(start, start + this.batch);
  }

  // One step → its record. Where a loss or the gradient is no finite number nothing changes, and `bad` names what it was.
  train_step({ lr, weights, optimizer }) {
    const { tensors, machine } = this,
      places = this.places(),
      before = this.statistics.map((one) => one.slice());
    this.show(this.train, places);
    LOSSES.forEach((name, place) => {
      tensors.weights[place] = weights[name];
    });
    tensors[`${optimizer}.lr`][0] = lr;
    machine.run("gradient");
    const values = Object.fromEntries([...LOSSES, "total", "grad_norm"].map((name) => [name, tensors[name][0]]));
    const bad = Object.keys(values).filter((name) => !Number.isFinite(values[name]));
    const record = { step: this.step, epoch: this.epoch, lr, weights: { ...weights }, ...values, bad, places };
    if (bad.length) this.statistics.forEach((one, place) => one.set(before[place]));
    else {
      machine.run(optimizer);
      const decay = this.averaged ? Math.min(0.995, (1 + this.averaged) / (10 + this.averaged)) : 0;
      tensors.decay[0] = decay;
      machine.run("average");
      this.averaged += 1;
    }
    this.step += 1;
    return record;
  }
  forget(optimizer) {
    for (const name of this.kept) if (name.startsWith(`${optimizer}.`)) this.tensors[name].fill(0);
  }

  // What is found on the first `count` pictures; null where the weights are no numbers any more.
  look(graph, count, settings) {
    const all = [];
    for (let start = 0; start < count; start += this.batch) {
      const places = Array.from({ length: Math.min(this.batch, count - start) }, (_, row) => start + row);
      this.show(this.val, places);
      this.machine.run(graph);
      const scores = this.tensors["found.scores"];
      if (scores.some(Number.isNaN)) return null;
      all.push(
        ...detections(this.tensors["found.boxes"], scores, this.batch, this.classes, settings).slice(0, places.length),
      );
    }
    return all;
  }
  validate() {
    const found = this.look("validate", this.val.truth.length, { threshold: 0.001 });
    return found && meanAveragePrecision(found, this.val.truth, this.classes);
  }
  // How hard each loss pulls at the features, and the angles between them, on the first batch of pictures.
  shares(weights) {
    this.show(
      this.train,
      Array.from({ length: this.batch }, (_, row) => row),
    );
    this.machine.run("shares");
    const products = this.tensors.products,
      norms = LOSSES.map((_, place) => Math.sqrt(products[4 * place]));
    const pulls = norms.map((norm, place) => norm * weights[LOSSES[place]]),
      total = pulls.reduce((sum, one) => sum + one, 0);
    const angle = (a, b) =>
      (Math.acos(Math.min(1, Math.max(-1, products[3 * a + b] / norms[a] / norms[b]))) * 180) / Math.PI;
    return { shares: pulls.map((one) => one / total), angles: [angle(0, 1), angle(0, 2), angle(1, 2)] };
  }

  // A copy of all that the run consists of.
  state() {
    return { step: this.step, averaged: this.averaged, numbers: this.kept.map((name) => this.tensors[name].slice()) };
  }
  restore({ step, averaged, numbers }) {
    Object.assign(this, { step, averaged });
    this.kept.forEach((name, place) => this.tensors[name].set(numbers[place]));
  }
}
