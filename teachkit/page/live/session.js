// A training under the hand, as teachkit/watch/cockpit/session.py: steps, requests between steps, time travel and rescue.
// What is asked for comes through `answers`, by the same messages that the cockpit sends to Python; frames go out.

import { numberOf } from "../numbers.js";
import { SCHEDULES, usualWarmup } from "./schedules.js";
import { Timeline, inWords } from "./timeline.js";
import { LOSSES } from "./training.js";
import { Trend } from "./trend.js";

const SHARES_EVERY = 10,
  VALIDATE_EVERY = 50,
  KEEP_EVERY = 25,
  MOST_KEPT = 80,
  MOST_BOXES = 20;
const REST = 30; // times as long as a look takes
const LARGEST = { lr: 100, box: 1e6, cls: 1e6, dfl: 1e6 };

export class Refused extends Error {}

function checked(name, value) {
  const number = numberOf(value);
  if (Number.isNaN(number)) throw new Refused(`${name} must be a number such as 0.003, not '${value}'`);
  if (!(number >= 0 && number <= LARGEST[name])) {
    throw new Refused(
      `${name === "lr" ? "lr" : `the ${name} weight`} must be a number from 0 to ${LARGEST[name]}, not ${value}`,
    );
  }
  return number;
}

const close = (a, b) => Math.abs(a - b) <= 1e-9 * Math.max(Math.abs(a), Math.abs(b));

export class Session {
  // facts: what Python knows of presets, rates and names; shown: how many pictures; total: steps of the schedule.
  constructor(training, facts, { shown = 6, total = 640 } = {}) {
    const usual = facts.usual_rates;
    Object.assign(this, { training, facts, shown, total, usual, optimizer: Object.keys(usual)[0] });
    this.wanted = { ...facts.weights };
    this.rate = { base: usual[this.optimizer], schedule: "constant", lr: null };
    this.inForce = this.settings();
    Object.assign(this, {
      timeline: new Timeline(),
      trend: new Trend(),
      ghosts: [],
      kept: [],
      moved: new Map(),
      times: [],
    });
    Object.assign(this, {
      stepsLeft: 0,
      trouble: "",
      rescueStep: null,
      found: [],
      angles: null,
      nextLook: 0,
      lookWanted: false,
    });
    this.news = "Press Start, then move the learning rate or a weight of a loss.";
    this.keep();
    this.look();
  }
  get step() {
    return this.training.step;
  }
  get speed() {
    return this.times.length > 1 ? ((this.times.length - 1) * 1000) / (this.times.at(-1) - this.times[0]) : 0;
  }
  settings() {
    return { rate: { ...this.rate }, weights: { ...this.wanted }, optimizer: this.optimizer };
  }
  use({ rate, weights, optimizer }) {
    Object.assign(this, { rate: { ...rate }, wanted: { ...weights }, optimizer });
  }
  lr() {
    const { base, schedule, lr } = this.rate;
    return lr ?? base * SCHEDULES[schedule](this.step, this.total, usualWarmup(this.total));
  }

  // one unit of work

  // One step, if any is to be taken, and what is due after it → whether there was one.
  advance() {
    if (this.stepsLeft < 1) {
      this.times = [];
      return false;
    }
    this.stepsLeft -= 1;
    this.trainStep();
    this.times = [...this.times.slice(-29), performance.now()];
    if (this.lookWanted && performance.now() >= this.nextLook) this.look();
    return true;
  }
  trainStep() {
    this.keepIfDue();
    const lr = this.lr(),
      weights = { ...this.wanted };
    this.noteChanges();
    const record = this.training.train_step({ lr, weights, optimizer: this.optimizer });
    this.timeline.add(
      "steps",
      record.step,
      record.total,
      ...LOSSES.map((name) => record[name]),
      lr,
      ...LOSSES.map((name) => weights[name]),
    );
    if (record.bad.length) {
      this.stop(
        "skipped",
        record.step,
        `step skipped, the weights stay as they are: ${record.bad.join(", ")} not finite. Lower the learning rate.`,
      );
    } else {
      const diverged = this.trend.update(record.step, record, weights);
      if (diverged) this.stop("diverged", record.step, diverged);
    }
    if (this.step % SHARES_EVERY === 0) this.measureShares();
    if (this.step % VALIDATE_EVERY === 0) this.validate();
  }
  noteChanges() {
    const now = this.settings(),
      before = this.inForce,
      changes = {};
    if (now.optimizer !== before.optimizer) changes.optimizer = now.optimizer;
    if (["base", "schedule", "lr"].some((one) => now.rate[one] !== before.rate[one])) {
      if (now.rate.lr === null && now.rate.schedule !== "constant") changes.schedule = now.rate.schedule;
      else changes.lr = this.lr();
    }
    for (const name of LOSSES) if (now.weights[name] !== before.weights[name]) changes[name] = now.weights[name];
    this.inForce = now;
    if (!Object.keys(changes).length) return;
    this.timeline.mark(this.step, changes);
    this.trend.expectChange();
    this.news = `From step ${this.step} on: ${inWords(changes)}.`;
  }
  stop(alarm, step, message) {
    this.timeline.mark(step, {}, alarm);
    Object.assign(this, {
      stepsLeft: 0,
      trouble: message,
      rescueStep: this.beforeTrouble(step),
      news: `Step ${step}: ${message}`,
    });
  }
  // Before the last change of a setting if there was one within 200 steps, else fifty steps back.
  beforeTrouble(step) {
    const changes = this.timeline.marks.filter((one) => !one.alarm && one.step >= step - 200 && one.step <= step);
    return this.snapshotAt(Math.max(0, changes.length ? changes.at(-1).step : step - 50)).step;
  }

  // measurements, which change nothing in the training

  look() {
    const began = performance.now();
    this.lookWanted = false;
    const found =
      this.training.look("predict", this.shown, { limit: MOST_BOXES }) ?? Array.from({ length: this.shown }, () => []);
    this.found = found.map((one) =>
      one.map(([x1, y1, x2, y2, label, score]) => [
        ...[x1, y1, x2, y2].map((side) => Math.round(side * 10) / 10),
        label,
        Math.round(score * 100) / 100,
      ]),
    );
    this.timeline.look(this.step, this.found);
    this.nextLook = performance.now() + REST * (performance.now() - began);
  }
  measureShares() {
    const { shares, angles } = this.training.shares(this.wanted);
    this.angles = angles.map((one) => (Number.isFinite(one) ? Math.round(one) : null));
    this.timeline.add("shares", this.step, ...shares);
  }
  validate() {
    const scores = this.training.validate();
    if (scores) this.timeline.add("scores", this.step, scores.map50, scores.map);
  }

  // time travel

  keep() {
    this.kept = this.kept.filter((one) => one.step < this.step);
    this.kept.push({
      step: this.step,
      settings: this.inForce,
      state: this.training.state(),
      trend: this.trend.state(),
    });
    if (this.kept.length > MOST_KEPT) this.kept.splice(this.leastMissed(), 1);
  }
  // Where the gap that opens is smallest for its age: the recent past stays fine, the distant one gets coarse.
  leastMissed() {
    const newest = this.kept.at(-1).step,
      steps = this.kept.map((one) => one.step);
    const gap = (place) => (steps[place + 1] - steps[place - 1]) / (newest - steps[place] + 1);
    return steps.slice(1, -1).reduce((best, _, place) => (gap(place + 1) < gap(best) ? place + 1 : best), 1);
  }
  keepIfDue() {
    const past = this.step - (this.kept.at(-1)?.step ?? -Infinity),
      settings = this.settings();
    const changed = JSON.stringify(settings) !== JSON.stringify(this.inForce);
    if (past >= KEEP_EVERY || (changed && past >= 5)) this.keep();
    if (changed) this.moved.set(this.step, settings);
  }
  snapshotAt(step) {
    return this.kept.findLast((one) => one.step <= step) ?? this.kept[0];
  }
  rewind(step) {
    if (!(step >= 0 && step <= this.step))
      throw new Refused(`the run has not come to step ${step} yet: it is at step ${this.step}`);
    const { step: start, settings, state, trend } = this.snapshotAt(step),
      again = this.moved;
    this.training.restore(state);
    this.trend.restore(trend);
    this.use(settings);
    this.inForce = this.settings();
    this.kept = this.kept.filter((one) => one.step <= start);
    this.moved = new Map([...again].filter(([when]) => when < start));
    this.timeline = this.timeline.until(start);
    Object.assign(this, { trouble: "", rescueStep: null, stepsLeft: 0 });
    while (this.step < step && !this.trouble) {
      const settings_then = again.get(this.step);
      if (settings_then) this.change(settings_then);
      this.trainStep();
    }
    this.news = `Back at step ${this.step} with the settings of that time.`;
    this.look();
  }
  branch(step) {
    this.ghosts = [...this.ghosts.slice(-2), this.timeline];
    this.rewind(step);
    this.news = `Branched at step ${this.step}: change a setting and start; the earlier run stays in grey.`;
  }
  reset() {
    this.ghosts = [];
    this.rewind(0);
    this.news = "Back at the first step with the first settings: press Start.";
  }
  rescue() {
    if (this.rescueStep === null) throw new Refused("there is nothing to rescue: the run is sound");
    this.rewind(this.rescueStep);
  }

  // settings

  // All of them or none.
  set(values) {
    const next = { rate: { ...this.rate }, weights: { ...this.wanted }, optimizer: this.optimizer };
    for (const [name, value] of Object.entries(values)) {
      if (name === "schedule") {
        if (!Object.hasOwn(SCHEDULES, value))
          throw new Refused(`there is no schedule '${value}': choose one of ${Object.keys(SCHEDULES).join(", ")}`);
        next.rate = { base: next.rate.lr ?? next.rate.base, schedule: value, lr: null };
      } else if (name === "lr") next.rate.lr = checked(name, value);
      else if (LOSSES.includes(name)) next.weights[name] = checked(name, value);
      else throw new Refused(`there is no control ${name}: choose lr, schedule, box, cls or dfl`);
    }
    this.use(next);
  }
  // The settings of the first step, where others than the usual ones are wanted. A schedule begins at the rate.
  begin({ optimizer, lr, schedule = "constant", ...values }) {
    if (optimizer) this.useOptimizer(optimizer);
    if (lr !== undefined) values = { lr, ...values };
    this.set(schedule === "constant" ? values : { ...values, schedule });
    this.inForce = this.kept[0].settings = this.settings();
  }
  // A fresh optimizer at its usual rate, since one rate does not suit both; the schedule stays.
  useOptimizer(name) {
    if (!Object.hasOwn(this.usual, name))
      throw new Refused(`there is no optimizer '${name}': choose ${Object.keys(this.usual).join(" or ")}`);
    this.change({
      ...this.settings(),
      optimizer: name,
      rate: { base: this.usual[name], schedule: this.rate.schedule, lr: null },
    });
  }
  change(settings) {
    if (settings.optimizer !== this.optimizer) this.training.forget(settings.optimizer);
    this.use(settings);
  }
  presetSettings({ rate, weights }) {
    const wanted = Object.fromEntries(LOSSES.map((name) => [name, this.facts.weights[name] * (weights[name] ?? 1)]));
    return rate === null ? wanted : { lr: this.usual[this.optimizer] * rate, ...wanted };
  }
  preset(name) {
    const preset = this.facts.presets.find((one) => one.name === name);
    if (!preset) throw new Refused(`there is no preset '${name}'`);
    this.set(this.presetSettings(preset));
  }
  controls() {
    const values = { lr: this.rate.lr ?? this.lr(), ...this.wanted };
    const fits = this.facts.presets.find((one) =>
      Object.entries(this.presetSettings(one)).every(([name, value]) => close(values[name], value)),
    );
    return {
      ...values,
      base: this.rate.lr ?? this.rate.base,
      schedule: this.rate.lr === null ? this.rate.schedule : "constant",
      optimizer: this.optimizer,
      preset: fits?.name ?? null,
    };
  }
}
