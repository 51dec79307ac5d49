// What a hall can read: pictures, three numbers and one curve, in large letters; the rest of the page makes room.

import { element } from "./elements.js";
import { formatted } from "./numbers.js";

export function project(root, on = !root.classList.contains("tk-projector")) {
  root.classList.toggle("tk-projector", on);
}

// A total of 0 is no number that is too small to be written: it stands there as 0.
export function largeNumbers() {
  const tile = (name, words) => element("div", {}, element("dt", {}, words), element("dd", { "data-large": name }));
  const node = element(
    "dl",
    { class: "tk-large" },
    tile("total", "total loss"),
    tile("lr", "learning rate"),
    tile("map50", "mAP50"),
  );
  const show = (values) =>
    node.querySelectorAll("dd").forEach((one) => (one.textContent = formatted(values[one.dataset.large])));
  return { node, show };
}
