// The page as one file: everything lies in it, so that it opens from a disk and out of a mail.

import { followAddress, open } from "./live.js";
import "./theme.js";

const files = JSON.parse(document.getElementById("files").textContent);
const bytes = (name) => Uint8Array.from(atob(files[name]), (one) => one.charCodeAt(0));
const json = (name) => JSON.parse(new TextDecoder().decode(bytes(name)));
followAddress();
const parts = {
  program: json("training.json"),
  numbers: bytes("training.bin").buffer,
  kernels: bytes("kernels.wasm").buffer,
  facts: json("facts.json"),
  sheet: bytes("scenes.webp").buffer,
};
const worker = new Worker(URL.createObjectURL(new Blob([bytes("worker.js")], { type: "text/javascript" })));
open(worker, parts, document.getElementById("live"), window, () => new TextDecoder().decode(bytes("replay.html")));
