// What a hall can read: pictures, three numbers and one curve, in large letters; the rest of the page makes room.

import { element } from "./elements.js";
import { formatted } from "./numbers.js";

export function project(root, on = !root.classList.contains("tk-projector")) {
  root.classList.toggle("tk-projector", on);
}

// The total loss, the learning rate and mAP50. A total that has vanished is written as 0, and so is such a score.
export function largeNumbers() {
  const tile = (name, words) => element("div", {}, element("dt", {}, words), element("dd", { "data-large": name }));
  const node = element(
    "dl",
    { class: "tk-large" },
    tile("total", "total loss"),
    tile("lr", "learning rate"),
    tile("map50", "mAP50"),
  );
  const rounded = (value, digits) => (value == null ? null : Number(value.toFixed(digits)));
  const show = ({ total, lr, map50 }) => {
    const values = { total: rounded(total, 3), lr, map50: rounded(map50, 2) };
    for (const one of node.querySelectorAll("dd")) one.textContent = formatted(values[one.dataset.large]);
  };
  return { node, show };
}
