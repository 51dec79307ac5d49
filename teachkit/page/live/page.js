// The page as files of a site: everything is fetched from beside it.

import { followAddress, open } from "./live.js";
import "./theme.js";

const HERE = document.currentScript.src;
const fetched = async (name, as) => {
  const answer = await fetch(new URL(name, HERE));
  if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
  return answer[as]();
};
const el = document.getElementById("live");
followAddress();
if (location.protocol === "file:") {
  // a browser lets no page of the disk fetch anything
  const link = Object.assign(document.createElement("a"), { href: "live-alone.html", textContent: "live-alone.html" });
  el.replaceChildren("This page needs a server. From a disk open ", link, ", which is the same page as one file.");
} else {
  const parts = {
    program: fetched("training.json", "json"),
    numbers: fetched("training.bin", "arrayBuffer"),
    kernels: fetched("kernels.wasm", "arrayBuffer"),
    facts: fetched("facts.json", "json"),
    sheet: fetched("scenes.webp", "arrayBuffer"),
  };
  open(new Worker(new URL("worker.js", HERE)), parts, el, window, () => fetched("replay.html", "text")).catch((one) => {
    el.textContent = `The page cannot start: ${one.message}`;
  });
}
