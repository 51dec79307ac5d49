// What stands where the kernel would: it checks settings, computes, and answers the front end, as teachkit's Playground does.

export class Refused extends Error {}

const told = (value) =>
  typeof value === "string" ? `'${value}'` : Array.isArray(value) ? `[${value.map(told).join(", ")}]` : String(value);

function between({ name, low, high }, value) {
  const number = typeof value === "string" ? (value.trim() ? Number(value.replace(",", ".")) : NaN) : value;
  if (typeof number !== "number" || !(number >= low && number <= high)) {
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
const CHECKS = { between, rounded, one_of };

export class Kernel {
  // facts: of one playground, from Python; rules: {numbers(values, compute, facts), checks?, adjusted?(values, kernel)};
  // compute(inputs) → what the playground's graph makes of them, both by name.
  constructor(facts, { numbers, checks = {}, adjusted = (values) => values }, compute) {
    Object.assign(this, { facts, compute, adjusted, computed: numbers, checks: { ...CHECKS, ...checks } });
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
  post(kind, content) {
    for (const listener of this.listeners) listener({ kind, ack: this.asked, ...content }, []);
  }
  send({ kind, ask, values }) {
    this.asked = ask;
    queueMicrotask(() => this.answer(kind, values)); // never before the front end is ready for it
  }
  answer(kind, values) {
    try {
      if (kind === "hello") this.post("setup", { title: this.facts.title, ...this.facts.setup });
      else this.set(kind === "reset" ? this.facts.first : values);
    } catch (one) {
      if (!(one instanceof Refused)) throw one;
      this.refused = one.message;
    }
    this.post("numbers", { ...this.numbers(), values: this.values, refused: this.refused, error: "" });
  }
}

// A machine's graph as a function of named arrays.
export const computing = (machine, graph) => (inputs) => {
  for (const [name, value] of Object.entries(inputs)) machine.array(`${graph}.${name}`).set([value].flat(Infinity));
  machine.run(graph);
  return (name) => machine.array(`${graph}.${name}`);
};
