// Runs a program outside of a page, for the tests: node run_program.mjs ENGINE WORK.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const [engine, work] = process.argv.slice(2);
const { Machine } = await import(pathToFileURL(join(engine, "machine.js")));
const bytes = (path) => Uint8Array.from(readFileSync(path)).buffer;
const json = (path) => JSON.parse(readFileSync(path, "utf8"));
const kernels = await WebAssembly.compile(bytes(join(engine, "kernels.wasm")));
const machine = await Machine.load(json(join(work, "program.json")), bytes(join(work, "program.bin")), kernels);
const numbers = bytes(join(work, "script.bin"));
const results = [];
for (const [what, name, at, size] of json(join(work, "script.json"))) {
  if (what === "run") machine.run(name);
  else if (what === "set") machine.array(name).set(new (machine.array(name).constructor)(numbers, at, size));
  else {
    const array = machine.array(name), piece = new Uint8Array(Math.ceil(array.byteLength / 8) * 8);
    piece.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
    results.push(piece);
  }
}
writeFileSync(join(work, "results.bin"), Buffer.concat(results));
