// Loads a program and runs its graphs. Everything is settled beforehand: what is a view of what, where each number lies,
// and one function without arguments for each node; a run calls these in order.

import { each } from "./elementwise.js";
import { planOf } from "./operators.js";
import { ARRAYS, Value, count } from "./values.js";

const PAGE = 65536,
  ALIGN = 16; // bytes
const KERNELS_OWN = PAGE; // the beginning of the memory is left to the kernels
const aligned = (bytes) => Math.ceil(bytes / ALIGN) * ALIGN;

// What an operator is made with: the values it reads and gives, room of its own, and copies that have to be made before.
class Node {
  constructor() {
    Object.assign(this, { before: [], storages: new Set() });
  }
  uses(value) {
    this.storages.add(value.storage);
    return value;
  }
  room(dtype, shape) {
    return this.uses(new Value(dtype, shape));
  }
  // The value with its numbers in a row: itself, or a copy that is made anew at each run.
  dense(value) {
    if (value.dense) return value;
    const copy = this.room(value.dtype, value.shape);
    this.before.push(each.copy(this, [value], [copy]));
    return copy;
  }
  changes(value) {
    value.storage.changed = true;
    return value;
  }
}

class Graph {
  constructor(description, tensorOf) {
    this.values = description.values.map(([dtype, shape]) => new Value(dtype, shape));
    for (const [name, place] of Object.entries(description.inputs)) {
      this.values[place] = tensorOf(name, this.values[place].dtype, this.values[place].shape);
    }
    this.nodes = description.nodes.map((node) => this.planned(node));
    this.outputs = Object.entries(description.outputs).map(([name, place]) => {
      const from = this.values[place],
        to = tensorOf(name, from.dtype, from.shape);
      const node = new Node();
      node.uses(from);
      if (from.storage !== to.storage) node.before.push(each.copy(node, [from], [to]));
      return node;
    });
    this.keepConstants();
  }
  planned([operator, args, outs]) {
    const node = new Node();
    const read = (one) => {
      if (Array.isArray(one)) return one.map(read);
      if (typeof one !== "string") return one;
      if (/^%\d+$/.test(one)) return node.uses(this.values[one.slice(1)]);
      return { inf: Infinity, "-inf": -Infinity, nan: NaN }[one] ?? one;
    };
    const given = outs.map((out) => (out == null ? null : this.values[out]));
    const seen = args.map(read);
    node.inputs = new Set(node.storages);
    // A plan gives the function that makes the function that runs; views give none. It may put a view in a result's place.
    const replace = (index, value) => {
      given[index] = this.values[outs[index]] = value;
    };
    node.make = planOf(operator)(node, seen, given, replace);
    for (const value of given) if (value) node.uses(value);
    return node;
  }
  // What depends on no input is worked out once, and keeps its place.
  keepConstants() {
    const known = new Set();
    for (const node of this.nodes) {
      const storages = [...node.storages];
      node.once =
        [...node.inputs].every((one) => known.has(one)) && storages.every((one) => !one.changed && !one.fixed);
      if (node.once) storages.forEach((one) => known.add(one));
    }
    for (const node of this.nodes) {
      if (!node.once) continue;
      for (const one of node.storages) one.constant = true;
    }
  }
}

// Places that a graph keeps for good. → the first address behind them
function keep(graph, end) {
  for (const one of new Set(graph.nodes.flatMap((node) => [...node.storages]))) {
    if (!one.constant || one.fixed) continue;
    one.address = end;
    end += aligned(one.bytes);
  }
  return end;
}

// A stretch of memory from `start` on, whose parts are given away again.
class Stretch {
  constructor(start) {
    Object.assign(this, { free: [[start, Infinity]], top: start });
  } // [address, bytes], in order
  take(bytes) {
    const hole = this.free.filter(([, room]) => room >= bytes).reduce((best, one) => (one[1] < best[1] ? one : best));
    const [address, room] = hole;
    if (room === bytes) this.free.splice(this.free.indexOf(hole), 1);
    else Object.assign(hole, [address + bytes, room - bytes]);
    this.top = Math.max(this.top, address + bytes);
    return address;
  }
  give(address, bytes) {
    const { free } = this,
      next = free.findIndex(([other]) => other > address);
    free.splice(next, 0, [address, bytes]);
    for (const i of [next, next - 1]) {
      if (free[i]?.[0] + free[i]?.[1] === free[i + 1]?.[0]) free[i][1] += free.splice(i + 1, 1)[0][1];
    }
  }
}

// Places for the rest of a graph: each is given away once the last node that needs it is done. → the end of them
function placed(graph, start) {
  const order = [...graph.nodes, ...graph.outputs],
    stretch = new Stretch(start),
    last = new Map();
  order.forEach((node) => node.storages.forEach((one) => last.set(one, node)));
  for (const node of order) {
    for (const one of node.storages) one.address ??= stretch.take(aligned(one.bytes));
    for (const one of node.storages) {
      if (last.get(one) === node && !one.fixed && !one.constant) stretch.give(one.address, aligned(one.bytes));
    }
  }
  return stretch.top;
}

export class Machine {
  // program: {tensors, graphs}; numbers: ArrayBuffer; kernels: WebAssembly.Module.
  // twins: name → [graph, rename], another graph of the same nodes over other tensors.
  static async load(program, numbers, kernels, twins = {}) {
    const machine = new Machine();
    machine.plan(program, twins);
    const instance = await WebAssembly.instantiate(kernels, {
      env: {
        memory: machine.memory,
        abort: () => {
          throw new Error("kernel");
        },
      },
    });
    machine.kernels = instance.exports;
    machine.fill(program, numbers);
    machine.make();
    return machine;
  }

  plan(program, twins) {
    const unknown = new Set(
      Object.values(program.graphs)
        .flatMap((graph) => graph.nodes.map(([name]) => name))
        .filter((name) => !planOf(name)),
    );
    if (unknown.size) throw new Error(`operators that this page does not have: ${[...unknown].sort().join(", ")}`);
    let end = KERNELS_OWN;
    this.tensors = {};
    const tensorOf = (name, dtype, shape) => {
      const known = (this.tensors[name] ??= new Value(dtype, shape));
      if (known.dtype !== dtype || String(known.shape) !== String(shape)) throw new Error(`${name} has two shapes`);
      if (known.storage.address === null) {
        known.storage.fixed = true;
        known.storage.address = end;
        end += aligned(known.storage.bytes);
      }
      return known;
    };
    for (const [name, [dtype, shape]] of Object.entries(program.tensors)) tensorOf(name, dtype, shape);
    this.graphs = Object.fromEntries(
      Object.entries(program.graphs).map(([name, graph]) => [name, new Graph(graph, tensorOf)]),
    );
    for (const [name, [graph, rename]] of Object.entries(twins)) {
      this.graphs[name] = new Graph(program.graphs[graph], (one, ...kind) => tensorOf(rename(one), ...kind));
    }
    // What each graph keeps, then one stretch that they use in turn.
    const all = Object.values(this.graphs);
    for (const graph of all) end = keep(graph, end);
    const top = Math.max(end, ...all.map((graph) => placed(graph, end)));
    this.memory = new WebAssembly.Memory({ initial: Math.ceil((top + ALIGN) / PAGE) });
  }

  fill(program, numbers) {
    for (const [name, [dtype, shape, at]] of Object.entries(program.tensors)) {
      if (at !== null) this.array(name).set(new ARRAYS[dtype](numbers, at, count(shape)));
    }
  }

  make() {
    for (const graph of Object.values(this.graphs)) {
      graph.steps = [];
      for (const node of [...graph.nodes, ...graph.outputs]) {
        const steps = [...node.before, node.make].filter(Boolean).map((make) => make(this));
        if (node.once) steps.forEach((step) => step());
        else graph.steps.push(...steps);
      }
    }
  }

  run(name) {
    const { steps } = this.graphs[name];
    for (let i = 0; i < steps.length; i += 1) steps[i]();
  }

  // The numbers of a named tensor, as they are and to be written to.
  array(name) {
    const value = this.tensors[name];
    if (!value) throw new Error(`there is no tensor ${name}`);
    return new ARRAYS[value.dtype](this.memory.buffer, value.address, value.size);
  }
}
