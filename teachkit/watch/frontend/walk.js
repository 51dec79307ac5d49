// A box that follows the slope of a loss, move by move: with one loss, or with each from the same start.

import { button, slider } from "./controls.js";
import { block, element } from "./elements.js";
import { svg } from "./movable_box.js";
import { clamp, logScale } from "./numbers.js";

const ENOUGH = 0.9; // overlap with which the box has arrived
const MOST = 100; // moves after which it gives up
const [LEAST_RATE, RATE, MOST_RATE] = [50, 800, 8000]; // px by which a slope of 1 per px would move an edge
const FLAT = 1e-6; // a slope below it is none
const PAUSE = 40; // ms between two moves: the eye follows

// measures: name → words; lines: name → {colour, dash}; size: [height, width] and least side in px.
// go({predicted, measure}) sets the playground; its answer comes to take().
export class Walk {
  constructor({ measures, size: [tall, wide], least }, lines, go) {
    Object.assign(this, { measures, tall, wide, least, lines, go });
    Object.assign(this, { rate: RATE, now: null, expected: null, start: null, racing: [], timer: null });
    this.trails = {}; // measure → its boxes, from the start on
    this.ends = {}; // measure → words
    this.fewest = null; // moves of the quickest walk that arrived
    this.layer = svg("g", { class: "tk-trails", "pointer-events": "none" });
    const onTyped = (text) => this.setRate(Number(text.replace(",", ".")));
    const onMove = (rate) => this.setRate(rate);
    this.slider = slider("Step size", logScale(LEAST_RATE, MOST_RATE), { name: "rate", onMove, onTyped });
    this.slider.show(RATE);
    this.play = button("Play", () => this.toggle(), { "data-control": "play" });
    const step = button("Step", () => this.stepOnce(), { "data-control": "step" });
    const race = button("Race all four", () => this.race(), { "data-control": "race" });
    this.said = element("p", { class: "tk-note tk-walk-said", role: "status" });
    this.node = block("tk-walk", block("tk-bar", step, this.play, race), this.slider.node, this.said);
    this.say();
  }
  setRate(rate) {
    if (Number.isFinite(rate)) this.rate = clamp(rate, LEAST_RATE, MOST_RATE);
    this.slider.show(this.rate);
  }

  // The playground's newest numbers. A box that this walk has not sent was moved by hand: then all begins anew.
  take({ values, measures }) {
    this.now = { box: values.predicted, measure: values.measure, ...measures[values.measure] };
    if (this.expected && values.predicted.join() === this.expected.predicted.join()) {
      if (values.measure === this.expected.measure) this.arrive();
    } else this.forget();
  }
  forget() {
    this.halt();
    Object.assign(this, { trails: {}, ends: {}, expected: null, start: null });
    this.lay();
  }
  halt() {
    clearTimeout(this.timer);
    Object.assign(this, { timer: null, racing: [], playing: false });
    this.play.textContent = "Play";
  }

  toggle() {
    if (this.playing) return this.halt();
    this.playing = true;
    this.play.textContent = "Stop";
    this.move();
  }
  stepOnce() {
    this.halt();
    this.move();
  }
  // From where the box was when the walk began, or stands now, with one loss after the other.
  race() {
    if (!this.now) return;
    const start = this.start ?? this.now.box;
    this.forget();
    this.start = start;
    this.racing = Object.keys(this.measures);
    this.next();
  }
  next() {
    const measure = this.racing.shift();
    if (!measure) return this.halt();
    this.playing = true;
    this.play.textContent = "Stop";
    this.trails[measure] = [this.start];
    this.send(this.start, measure);
  }

  // One move: each edge goes against its slope.
  move() {
    if (!this.now) return;
    const { box, slopes, measure } = this.now;
    this.start ??= box;
    this.trails[measure] ??= [box];
    delete this.ends[measure];
    if (slopes.every((slope) => Math.abs(slope) < FLAT)) return this.end(measure, "no slope, no move");
    const next = this.within(box.map((edge, side) => edge - this.rate * slopes[side]));
    this.trails[measure].push(next);
    this.send(next, measure);
  }
  send(predicted, measure) {
    this.expected = { predicted, measure };
    this.lay();
    this.go({ predicted, measure });
  }
  within([x1, y1, x2, y2]) {
    const left = clamp(Math.min(x1, x2), 0, this.wide - this.least),
      top = clamp(Math.min(y1, y2), 0, this.tall - this.least);
    const right = clamp(Math.max(x1, x2), left + this.least, this.wide),
      bottom = clamp(Math.max(y1, y2), top + this.least, this.tall);
    return [left, top, right, bottom];
  }
  // The answer to a move is there.
  arrive() {
    const { measure, overlap } = this.now,
      moves = (this.trails[measure]?.length ?? 1) - 1;
    if (moves && overlap >= ENOUGH) {
      this.fewest = Math.min(this.fewest ?? Infinity, moves);
      return this.end(measure, `${moves} move${moves > 1 ? "s" : ""}`);
    }
    if (moves >= MOST) return this.end(measure, `not there after ${MOST} moves`);
    this.say();
    if (this.playing) this.timer = setTimeout(() => this.move(), PAUSE);
  }
  end(measure, words) {
    this.ends[measure] = words;
    this.lay();
    if (this.racing.length) return this.next();
    this.halt();
  }

  lay() {
    const lines = Object.entries(this.trails).map(([measure, boxes]) => {
      const points = boxes.map(([x1, y1, x2, y2]) => `${(x1 + x2) / 2},${(y1 + y2) / 2}`).join(" ");
      const { colour, dash } = this.lines[measure];
      const shared = { fill: "none", stroke: colour, "stroke-dasharray": dash.join(" ") || "none" };
      const [x1, y1, x2, y2] = boxes.at(-1);
      const last = { x: x1, y: y1, width: x2 - x1, height: y2 - y1, "stroke-width": 1.5, ...shared };
      return svg("g", {}, svg("polyline", { points, "stroke-width": 3, ...shared }), svg("rect", last));
    });
    this.layer.replaceChildren(...lines);
    this.say();
  }
  say() {
    const told = Object.entries(this.trails).map(
      ([measure, boxes]) => `${this.measures[measure]}: ${this.ends[measure] ?? `${boxes.length - 1} so far`}`,
    );
    const record = this.fewest === null ? "" : ` Fewest moves so far: ${this.fewest}.`;
    this.said.textContent =
      `Follow the slope to an overlap of ${ENOUGH} in as few moves as you can. ` +
      (told.length ? `${told.join(" · ")}.` : "") +
      record;
    const all = Object.fromEntries(Object.entries(this.trails).map(([name, boxes]) => [name, boxes.length - 1]));
    this.node.dataset.moves = JSON.stringify(all);
    this.node.dataset.playing = Boolean(this.playing);
  }
  close() {
    this.halt();
  }
}
