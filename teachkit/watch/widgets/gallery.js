// Pictures side by side, each with its caption above and boxes outlined on it. Styles come from Python.

import { Canvas } from "../frontend/canvas.js";
import { ON_PAPER } from "../frontend/colours.js";
import { button } from "../frontend/controls.js";
import { bestGrid, drawBox, swatch } from "../frontend/drawing.js";
import { block, element } from "../frontend/elements.js";
import { fitted, NamePlaces, showUnderPointer, within } from "../frontend/names.js";
import { clamp } from "../frontend/numbers.js";

const [ACROSS, DOWN] = [10, 6]; // px between pictures

// A tile: {size: [height, width], caption, outlines: [[x1, y1, x2, y2, style, label, strong], …]}.
export class Gallery {
  constructor(label, { styles, columns }) {
    this.styles = styles;
    this.columns = columns;
    this.most = 0;
    this.tiles = [];
    this.pictures = [];
    this.places = []; // of each picture on the canvas: [x, y, scale]
    this.canvas = new Canvas(label, (...sizes) => this.draw(...sizes));
    showUnderPointer(this.canvas.node, (x, y) => this.labelsAt(x, y));
    this.node = block("tk-gallery", this.canvas.node);
  }
  // buffers: the pixels of each tile, RGBA; without them the pictures stay.
  show(tiles, buffers) {
    this.tiles = tiles;
    this.reshape(tiles);
    if (buffers?.length === tiles.length) this.pictures = tiles.map(({ size }, index) => picture(size, buffers[index]));
    this.canvas.node.dataset.tiles = tiles.length;
    this.canvas.node.dataset.outlines = tiles.flatMap((tile) => tile.outlines).length;
    this.canvas.paint();
  }
  describe(words) {
    this.canvas.node.setAttribute("aria-label", words);
  }
  labelsAt(x, y) {
    const hit = ([left, top, scale], index) =>
      this.tiles[index].outlines.filter((one) => one[5] && within((x - left) / scale, (y - top) / scale, one));
    return this.places
      .flatMap(hit)
      .map((outline) => outline[5])
      .join(", ");
  }
  // As high as the pictures of a full page need it at this width; a page with fewer keeps the place.
  reshape(tiles) {
    this.most = Math.max(this.most, tiles.length);
    if (!tiles.length) return;
    const [tall, wide] = tiles[0].size;
    const columns = Math.min(this.columns, this.most);
    const rows = Math.ceil(this.most / columns);
    this.node.style.aspectRatio = `${columns * wide} / ${rows * (tall + 0.1 * wide)}`;
  }
  draw(pen, width, height, size) {
    this.places = [];
    if (!this.tiles.length) {
      pen.font = `${size}px system-ui, sans-serif`;
      pen.fillStyle = ON_PAPER.ink;
      pen.fillText("nothing of this kind", size, size * 2);
      return;
    }
    const caption = size * 1.5;
    const room = [width, height];
    const grid = bestGrid(this.tiles.length, this.tiles[0].size, room, [ACROSS, DOWN], caption);
    const [tall, wide] = this.tiles[0].size.map((side) => side * grid.scale);
    const left = (width - grid.columns * (wide + ACROSS) + ACROSS) / 2;
    const top = (height - grid.rows * (tall + caption + DOWN) + DOWN) / 2;
    this.tiles.forEach((tile, index) => {
      const x = Math.round(left + (index % grid.columns) * (wide + ACROSS));
      const y = Math.round(top + Math.floor(index / grid.columns) * (tall + caption + DOWN));
      this.places[index] = [x, y + caption, grid.scale];
      pen.save();
      pen.translate(x, y);
      drawCaption(pen, tile.caption, tile.size[1] * grid.scale, size);
      pen.translate(0, caption);
      this.drawTile(pen, tile, this.pictures[index], grid.scale, size);
      pen.restore();
    });
  }
  drawTile(pen, { size: sides, outlines }, image, scale, size) {
    const [tall, wide] = sides.map((side) => side * scale);
    pen.beginPath();
    pen.rect(0, 0, wide, tall);
    pen.clip();
    pen.imageSmoothingEnabled = scale < 1.5;
    if (image) pen.drawImage(image, 0, 0, wide, tall);
    const rank = (outline) => (outline[6] ? 1 : 0); // the strong ones over the others
    for (const outline of [...outlines].sort((a, b) => rank(a) - rank(b))) this.drawOutline(pen, outline, scale);
    const places = new NamePlaces(wide, tall);
    for (const [x1, y1, x2, y2, style, label, strong] of outlines) {
      if (!label || !strong) continue;
      const box = [x1, y1, x2, y2].map((side) => side * scale);
      const texts = [label, label.replace(/ \d?\.\d.*$/, "")];
      places.write(pen, texts, box, size * 0.86, { paper: "#ffffff", edge: this.styles[style].colour });
    }
  }
  drawOutline(pen, [x1, y1, x2, y2, name, , strong], scale) {
    const fine = clamp(scale / 1.4, 0.6, 1);
    drawBox(pen, [x1 * scale, y1 * scale, (x2 - x1) * scale, (y2 - y1) * scale], {
      ...this.styles[name],
      thick: (strong ? 3 : 1.5) * fine,
      casing: { colour: "rgba(0,0,0,.5)", more: 2 * fine },
    });
  }
  close() {
    this.canvas.close();
    this.pictures = [];
  }
}

function picture([height, width], buffer) {
  const pixels = new Uint8ClampedArray(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  const canvas = element("canvas", { width, height });
  canvas.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(pixels), width, height), 0, 0);
  return canvas;
}

function drawCaption(pen, text, room, size) {
  pen.font = `${size}px system-ui, sans-serif`;
  pen.fillStyle = ON_PAPER.ink;
  pen.textBaseline = "alphabetic";
  pen.textAlign = "left";
  pen.fillText(fitted(pen, text, room), 0, size * 1.05);
}

// Turns the pages of `size` pictures or labels, `things`: show(page from 0, how many in all).
export function pager(things, size, set) {
  let at = 0;
  let last = 0;
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
  return { node: block("tk-pager", before, after, where), show };
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
