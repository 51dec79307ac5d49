// The engine as a browser runs it: the loops written out, the kernels compiled. node site/build_engine.mjs FOLDER

import { cpSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import asc from "assemblyscript/asc";
import { written } from "../teachkit/page/engine/loops.js";

const SOURCE = join(import.meta.dirname, "../teachkit/page/engine");

export async function buildEngine(folder) {
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(SOURCE)) if (name.endsWith(".js")) cpSync(join(SOURCE, name), join(folder, name));
  writeFileSync(join(folder, "loops.generated.js"), written());
  const { error, stderr } = await asc.main([
    "kernels.ts", "--baseDir", SOURCE, "--outFile", join(folder, "kernels.wasm"),
    "-O3", "--noAssert", "--runtime", "stub", "--importMemory", "--initialMemory", "1", "--enable", "simd",
  ]);
  if (error) throw new Error(`the kernels do not compile: ${stderr}`);
}

if (process.argv[1] === import.meta.filename) await buildEngine(process.argv[2]);
