// What a recorded detector finds on a picture: its graph runs here, and the picture stays here.

import { Machine } from "../engine/machine.js";
import { detections } from "../live/scores.js";
import { letterboxed, pixelsOf } from "./picture.js";

export class Finder {
  // fetched(name, as) → a file beside the page's script
  static async load(name, fetched) {
    const [program, numbers, facts, kernels] = await Promise.all([
      fetched(`${name}.json`, "json"),
      fetched(`${name}.bin`, "arrayBuffer"),
      fetched(`${name}.facts.json`, "json"),
      fetched("kernels.wasm", "arrayBuffer"),
    ]);
    const finder = new Finder();
    finder.machine = await Machine.load(program, numbers, await WebAssembly.compile(kernels));
    return Object.assign(finder, facts);
  }
  // Boxes and scores at every anchor point are kept, so that another threshold asks for nothing anew.
  look(bitmap) {
    this.machine.array("images").set(pixelsOf(letterboxed(bitmap, this.side)));
    this.machine.run("predict");
    return { boxes: this.machine.array("found.boxes").slice(), scores: this.machine.array("found.scores").slice() };
  }
  above({ boxes, scores }, threshold) {
    return detections(boxes, scores, 1, this.classes.length, { threshold })[0];
  }
}
