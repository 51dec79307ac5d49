// The names of boxes on pictures, and what the pointer tells of them.

import { COLOURS } from "./colours.js";

// A text, cut short where there is no room for it, px.
export function fitted(pen, text, room) {
  if (pen.measureText(text).width <= room) return text;
  let length = text.length;
  while (length > 1 && pen.measureText(`${text.slice(0, length)}…`).width > room) length -= 1;
  return `${text.slice(0, length)}…`;
}

// Places for the names of a picture's boxes, so that none covers another: those asked for first have the first choice.
export class NamePlaces {
  constructor(wide, tall) {
    this.sides = [wide, tall];
    this.taken = [];
  }
  // texts: a name, and what it is shortened to where there is no room; sides: of its box → whether it was written.
  // Above the box, below it, or inside; at its left end, or at its right.
  write(pen, texts, [x1, y1, x2, y2], size, { paper, edge }) {
    const [wide, tall] = this.sides;
    const height = size * 1.3;
    pen.font = `600 ${size}px system-ui, sans-serif`;
    for (const name of texts) {
      const text = fitted(pen, name, wide - size * 0.6);
      const width = pen.measureText(text).width + size * 0.6;
      const corners = [y1 - height, y2, y1, y2 - height].flatMap((top) => [x1, x2 - width].map((left) => [left, top]));
      const places = corners.map(([left, top]) => [
        Math.max(0, Math.min(left, wide - width)),
        Math.max(0, Math.min(top, tall - height)),
      ]);
      const place = places.find(([x, y]) => this.isFree(x, y, width, height));
      if (!place) continue;
      this.taken.push([...place, width, height]);
      writeName(pen, text, [...place, width, height], size, paper, edge ?? paper);
      return true;
    }
    return false;
  }
  isFree(x, y, width, height) {
    return !this.taken.some(([a, b, w, h]) => x < a + w && a < x + width && y < b + h && b < y + height);
  }
}

function writeName(pen, text, [x, y, width, height], size, paper, edge) {
  pen.fillStyle = paper;
  pen.fillRect(x, y, width, height);
  pen.setLineDash([]);
  pen.strokeStyle = edge;
  pen.lineWidth = 2;
  pen.strokeRect(x + 1, y + 1, width - 2, height - 2);
  pen.fillStyle = COLOURS.ink;
  pen.textAlign = "left";
  pen.textBaseline = "middle";
  pen.fillText(text, x + size * 0.3, y + height / 2 + 1);
}

// A canvas's tooltip tells what lies under the pointer: also the names that had no room.
// at(x, y) → text, px of the canvas.
export function showUnderPointer(canvas, at) {
  canvas.addEventListener("pointermove", ({ offsetX, offsetY }) => {
    const text = at(offsetX, offsetY);
    if (canvas.title !== text) canvas.title = text;
  });
}

export const within = (x, y, [x1, y1, x2, y2]) => x >= x1 && x <= x2 && y >= y1 && y <= y2;
