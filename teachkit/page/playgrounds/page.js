// The page of the playgrounds: the notebooks' own front ends, and graphs of the course's own code behind them.

import confidenceWidget from "../../watch/widgets/confidence.js";
import dflWidget from "../../watch/widgets/dfl.js";
import iouWidget from "../../watch/widgets/iou.js";
import { Machine } from "../engine/machine.js";
import { confidence } from "./confidence.js";
import { dfl } from "./dfl.js";
import { iou } from "./iou.js";
import { Kernel, computing } from "./kernel.js";

const HERE = document.currentScript.src;
const WIDGETS = { iou: [iouWidget, iou], dfl: [dflWidget, dfl], confidence: [confidenceWidget, confidence] };
const fetched = async (name, as) => (await fetch(new URL(name, HERE)))[as]();

async function start() {
  const [program, numbers, facts, kernels] = await Promise.all([
    fetched("playgrounds.json", "json"),
    fetched("playgrounds.bin", "arrayBuffer"),
    fetched("playground_facts.json", "json"),
    fetched("kernels.wasm", "arrayBuffer"),
  ]);
  const machine = await Machine.load(program, numbers, await WebAssembly.compile(kernels));
  for (const [name, [widget, rules]] of Object.entries(WIDGETS)) {
    const el = document.getElementById(name);
    el.replaceChildren();
    widget.render({ model: new Kernel(facts[name], rules, computing(machine, name)), el });
  }
}
start().catch((one) => {
  const onDisk = location.protocol === "file:"; // from where a browser lets nothing be fetched
  document.getElementById("iou").textContent = onDisk
    ? "This page needs a server."
    : `The page cannot start: ${one.message}`;
});
