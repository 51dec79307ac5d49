// Pictures side by side, each with its caption above and boxes outlined on it. Styles come from Python.

import { Canvas } from "../frontend/canvas.js";
import { COLOURS } from "../frontend/colours.js";
import { button } from "../frontend/controls.js";
import { bestGrid, drawBox, swatch } from "../frontend/drawing.js";
import { element } from "../frontend/elements.js";
import { fitted, NamePlaces, tellUnderPointer, within } from "../frontend/names.js";
import { clamp } from "../frontend/numbers.js";

export class Gallery {
  constructor(label, { styles, columns }) {
    this.styles = styles;
    this.columns = columns;
    this.tiles = [];
    this.pictures = [];
    this.canvas = new Canvas(label, (...place) => this.draw(...place));
    this.spots = []; // where each picture lies on the canvas: [x, y, scale]
    tellUnderPointer(this.canvas.node, (x, y) =>
      this.spots
        .flatMap(([left, top, scale], place) =>
          this.tiles[place].outlines
            .filter((one) => one[5] && within((x - left) / scale, (y - top) / scale, one))
            .map((one) => one[5]),
        )
        .join(", "),
    );
    this.node = element("div", { class: "tk-gallery" }, this.canvas.node);
  }
  show(tiles, buffers) {
    this.tiles = tiles;
    this.shape(tiles);
    if (buffers?.length === tiles.length)
      this.pictures = tiles.map((tile, place) => this.picture(tile.size, buffers[place]));
    this.canvas.node.dataset.tiles = tiles.length;
    this.canvas.node.dataset.outlines = tiles.reduce((sum, tile) => sum + tile.outlines.length, 0);
    this.canvas.paint();
  }
  tell(words) {
    this.canvas.node.setAttribute("aria-label", words);
  }
  picture([height, width], buffer) {
    const bytes = new Uint8ClampedArray(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    canvas.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(bytes), width, height), 0, 0);
    return canvas;
  }
  // As high as the pictures of a full page need it at this width; a page with fewer keeps the place.
  shape(tiles) {
    this.most = Math.max(this.most ?? 0, tiles.length);
    if (!tiles.length) return;
    const [tall, wide] = tiles[0].size,
      columns = Math.min(this.columns, this.most),
      rows = Math.ceil(this.most / columns);
    this.node.style.aspectRatio = `${columns * wide} / ${rows * (tall + 0.1 * wide)}`;
  }
  draw(pen, width, height, size) {
    if (!this.tiles.length) {
      pen.font = `${size}px system-ui, sans-serif`;
      pen.fillStyle = COLOURS.ink;
      pen.fillText("nothing of this kind", size, size * 2);
      return;
    }
    const caption = size * 1.5;
    const { scale, columns, rows } = bestGrid(this.tiles.length, this.tiles[0].size, [width, height], [10, 6], caption);
    this.spots = [];
    this.tiles.forEach((tile, place) => {
      const [tall, wide] = tile.size.map((side) => side * scale);
      const [stepY, stepX] = this.tiles[0].size.map((side) => side * scale);
      const x = (width - columns * (stepX + 10) + 10) / 2 + (place % columns) * (stepX + 10);
      const y = (height - rows * (stepY + caption + 6) + 6) / 2 + Math.floor(place / columns) * (stepY + caption + 6);
      pen.save();
      pen.translate(Math.round(x), Math.round(y));
      pen.font = `${size}px system-ui, sans-serif`;
      pen.fillStyle = COLOURS.ink;
      pen.textBaseline = "alphabetic";
      pen.textAlign = "left";
      pen.fillText(fitted(pen, tile.caption, wide), 0, size * 1.05);
      pen.translate(0, caption);
      this.spots[place] = [Math.round(x), Math.round(y) + caption, scale];
      pen.beginPath();
      pen.rect(0, 0, wide, tall);
      pen.clip();
      pen.imageSmoothingEnabled = scale < 1.5;
      if (this.pictures[place]) pen.drawImage(this.pictures[place], 0, 0, wide, tall);
      const last = (one) => (one[6] ? 1 : 0);
      for (const one of [...tile.outlines].sort((a, b) => last(a) - last(b))) this.outline(pen, one, scale);
      const places = new NamePlaces(wide, tall);
      for (const [x1, y1, x2, y2, name, label, strong] of tile.outlines) {
        if (label && strong)
          places.write(
            pen,
            [label, label.replace(/ \d?\.\d.*$/, "")],
            [x1, y1, x2, y2].map((side) => side * scale),
            size * 0.86,
            { paper: "#ffffff", edge: this.styles[name].colour },
          );
      }
      pen.restore();
    });
  }
  outline(pen, [x1, y1, x2, y2, name, , strong], scale) {
    const style = this.styles[name],
      fine = Math.min(1, Math.max(0.6, scale / 1.4)),
      thick = (strong ? 3 : 1.5) * fine;
    drawBox(pen, [x1 * scale, y1 * scale, (x2 - x1) * scale, (y2 - y1) * scale], {
      ...style,
      thick,
      casing: { colour: "rgba(0,0,0,.5)", more: 2 * fine },
    });
  }
  close() {
    this.canvas.close();
    this.pictures = [];
  }
}

// Turns the pages of `size` pictures or labels, `things`: show(page from 0, how many in all).
export function pager(things, size, set) {
  let at = 0,
    last = 0;
  const turn = (by) => set({ page: clamp(at + by, 0, last) });
  const before = button("◀ before", () => turn(-1), { "data-control": "before", "aria-label": `${things} before` });
  const after = button("next ▶", () => turn(1), { "data-control": "next", "aria-label": `next ${things}` });
  const where = element("span", { class: "tk-where" });
  const show = (page, total) => {
    at = page;
    last = Math.max(0, Math.ceil(total / size) - 1);
    before.disabled = at === 0;
    after.disabled = at >= last;
    where.textContent = total
      ? `${things} ${at * size + 1}–${Math.min(total, (at + 1) * size)} of ${total}`
      : `no ${things}`;
  };
  return { node: element("div", { class: "tk-pager" }, before, after, where), show };
}

// What the outlines mean: a line of each style beside its name.
export function styleKey(styles) {
  const rows = Object.entries(styles).map(([name, style]) =>
    element("li", {}, swatchOf(style), element("span", {}, name)),
  );
  return element("ul", { class: "tk-key" }, ...rows);
}

export const swatchOf = ({ colour, dash }) =>
  swatch({ colour, dash: dash.map((part) => part * 1.4), width: 3.5, casing: ["rgba(0,0,0,.6)", 9] });
