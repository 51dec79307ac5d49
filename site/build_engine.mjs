// The engine as a browser runs it: the loops written out, the kernels compiled. node site/build_engine.mjs FOLDER

import { cpSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import asc from "assemblyscript/asc";
import { written } from "../teachkit/page/engine/loops.js";

const SOURCE = join(import.meta.dirname, "../teachkit/page/engine");
const LOOPS = "loops.generated.js";

export async function buildKernels(path) {
  const { error, stderr } = await asc.main([
    ...["kernels.ts", "--baseDir", SOURCE, "--outFile", resolve(path), "-O3", "--noAssert"],
    ...["--runtime", "stub", "--importMemory", "--initialMemory", "1", "--enable", "simd"],
  ]);
  if (error) throw new Error(`the kernels do not compile: ${stderr}`);
}

// Puts the loops where the engine imports them, when esbuild bundles it.
export const writtenLoops = {
  name: "written loops",
  setup(build) {
    build.onResolve({ filter: /loops\.generated\.js$/ }, () => ({ path: LOOPS, namespace: "written" }));
    build.onLoad({ filter: /./, namespace: "written" }, () => ({ contents: written(), loader: "js" }));
  },
};

if (process.argv[1] === import.meta.filename) {
  const folder = process.argv[2];
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(SOURCE)) if (name.endsWith(".js")) cpSync(join(SOURCE, name), join(folder, name));
  writeFileSync(join(folder, LOOPS), written());
  await buildKernels(join(folder, "kernels.wasm"));
}
