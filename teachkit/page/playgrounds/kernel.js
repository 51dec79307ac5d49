// What stands where the kernel would: it checks settings, computes, and answers the front end, as teachkit's Playground does.

import { numberOf } from "../numbers.js";

export class Refused extends Error {}

// As Python writes numbers: of two equally near ones the even one, where JavaScript takes the larger.
function evenly(number, digits, write) {
  const [places, power = ""] = write(digits + 25).split("e"); // far enough to see a number that is only near a tie
  const kept = places.slice(0, -25),
    tie = places.endsWith(`5${"0".repeat(24)}`) && "02468".includes(kept.replace(".", "").at(-1));
  return tie ? `${kept.replace(/\.$/, "")}${power && `e${power}`}` : write(digits);
}
// f"{number:.2f}"
export const fixed = (number, digits) => evenly(number, digits, (count) => number.toFixed(count));
// f"{number:.3g}"
export function general(number, digits = 6) {
  if (!Number.isFinite(number)) return String(number);
  const [mantissa, power] = evenly(number, digits - 1, (count) => number.toExponential(count)).split("e");
  const short = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
  if (number !== 0 && (power < -4 || power >= digits)) {
    return `${short(mantissa)}e${power[0]}${power.slice(1).padStart(2, "0")}`;
  }
  return short(fixed(number, Math.max(0, digits - 1 - power)));
}
// What is no number is null, as in JSON.
function plain(value) {
  if (typeof value === "number") return Number.isFinite(value) ? value : null;
  if (Array.isArray(value)) return value.map(plain);
  if (value && typeof value === "object")
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plain(one)]));
  return value;
}

const told = (value) =>
  typeof value === "string" ? `'${value}'` : Array.isArray(value) ? `[${value.map(told).join(", ")}]` : String(value);

function between({ name, low, high }, value) {
  const number = numberOf(value);
  if (!(number >= low && number <= high)) {
    throw new Refused(`${name} must be a number from ${low} to ${high}, not ${told(value)}`);
  }
  return number;
}
// As Python rounds: of two equally near numbers the even one.
function rounded(rule, value) {
  const number = between(rule, value),
    floor = Math.floor(number),
    rest = number - floor;
  return rest === 0.5 ? floor + (floor % 2) : Math.round(number);
}
function one_of({ name, choices }, value) {
  if (!choices.includes(value)) throw new Refused(`${name} must be one of ${choices.join(", ")}, not ${told(value)}`);
  return value;
}
function choice_of({ name, choices }, value) {
  const number = String(value).includes(",") ? NaN : numberOf(value);
  if (choices.includes(number)) return number;
  const kind = choices.every(Number.isInteger) ? "a whole number" : "one of its stops";
  const allowed =
    choices.length > 8 ? `${kind} from ${choices[0]} to ${choices.at(-1)}` : choices.map(String).join(", ");
  throw new Refused(`${name} must be ${allowed}, not ${told(value)}`);
}
const CHECKS = { between, rounded, one_of, choice_of };

export class Kernel {
  // facts: of one playground, from Python; rules: {numbers(values, compute, facts), checks?, adjusted?(values, kernel)};
  // numbers of pictures come with a key that identifies these, and buffers() → the pixels of each.
  // compute(graph, inputs) → what the graph makes of them, both by name; pictures: files that the set-up shows.
  constructor(facts, { numbers, checks = {}, adjusted = (values) => values }, compute, pictures = []) {
    Object.assign(this, { facts, compute, pictures, adjusted, computed: numbers, checks: { ...CHECKS, ...checks } });
    Object.assign(this, { values: { ...facts.first }, refused: "", asked: 0, listeners: new Set() });
  }
  checked(values) {
    const { levers } = this.facts,
      unknown = Object.keys(values).filter((name) => !Object.hasOwn(levers, name));
    if (unknown.length)
      throw new Refused(
        `there is no setting ${unknown.sort().join(", ")}: choose from ${Object.keys(levers).join(", ")}`,
      );
    return Object.fromEntries(
      Object.entries(values).map(([name, value]) => [name, this.checks[levers[name].kind](levers[name], value)]),
    );
  }
  // All of them or none.
  set(values) {
    this.values = { ...this.values, ...this.checked(this.adjusted(values, this)) };
    this.refused = "";
  }
  numbers() {
    return this.computed(this.values, this.compute, this.facts);
  }

  // the front end's end of it, as anywidget's model

  on(_, listener) {
    this.listeners.add(listener);
  }
  off(_, listener) {
    this.listeners.delete(listener);
  }
  post(kind, content, buffers = []) {
    for (const listener of this.listeners) listener({ kind, ack: this.asked, ...content }, buffers);
  }
  send({ kind, ask, values }) {
    this.asked = ask;
    queueMicrotask(() => this.answer(kind, values)); // never before the front end is ready for it
  }
  answer(kind, values) {
    try {
      if (kind === "hello") {
        this.shown = null; // a new view has no pictures yet
        this.post("setup", { title: this.facts.title, ...this.facts.setup }, this.pictures);
      } else if (kind === "reset") Object.assign(this, { values: { ...this.facts.first }, refused: "" });
      else this.set(values);
    } catch (one) {
      if (!(one instanceof Refused)) throw one;
      this.refused = one.message;
    }
    const { key = null, buffers, ...numbers } = this.numbers();
    const fresh = key !== this.shown; // else the front end has these pictures
    this.shown = key;
    const content = { ...plain(numbers), values: this.values, refused: this.refused, error: "" };
    this.post("numbers", content, fresh && buffers ? buffers() : []);
  }
}

// A machine's graphs as a function of named arrays; `compute.numbers(name)` are those of a tensor.
export function computing(machine) {
  const compute = (graph, inputs) => {
    for (const [name, value] of Object.entries(inputs))
      machine.array(`${graph}.${name}`).set(typeof value === "number" ? [value] : (value.flat?.(Infinity) ?? value));
    machine.run(graph);
    return (name) => machine.array(`${graph}.${name}`);
  };
  compute.numbers = (name) => machine.array(name);
  return compute;
}
