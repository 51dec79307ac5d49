// The page as files of a site: everything is fetched from beside it.

import { open } from "./live.js";

const fetched = async (name, as) => {
  const answer = await fetch(new URL(name, import.meta.url));
  if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
  return answer[as]();
};
const parts = {
  program: fetched("training.json", "json"),
  numbers: fetched("training.bin", "arrayBuffer"),
  kernels: fetched("kernels.wasm", "arrayBuffer"),
  facts: fetched("facts.json", "json"),
  sheet: fetched("scenes.webp", "arrayBuffer"),
};
const worker = new Worker(new URL("worker.js", import.meta.url));
open(worker, parts, document.getElementById("live"), window).catch((one) => {
  document.getElementById("live").textContent = `The page cannot start: ${one.message}`;
});
