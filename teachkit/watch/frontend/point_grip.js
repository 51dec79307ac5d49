// What lies over a picture on a canvas, and is taken by hand or by the arrow keys to move a point of that picture.

import { onDrag } from "./controls.js";
import { element } from "./elements.js";

const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// stage: its canvas, and where the picture lies in it, place: [left, top, px of the screen in one of the picture].
// to(x, y): the hand is there, px of the picture; by(right, down, far): a key was pressed, far: with Shift.
export function pointGrip(control, name, stage, { to, by }) {
  const about = { role: "application", tabindex: "0", "data-control": control, "aria-label": name };
  const grip = element("div", { class: `tk-${control}`, ...about });
  onDrag(grip, (event) => {
    const { left, top } = stage.canvas.node.getBoundingClientRect();
    const [x, y, scale] = stage.place;
    to((event.clientX - left - x) / scale, (event.clientY - top - y) / scale);
  });
  grip.addEventListener("keydown", (event) => {
    const way = MOVES[event.key];
    if (!way) return;
    event.preventDefault();
    by(...way, event.shiftKey);
  });
  return grip;
}
