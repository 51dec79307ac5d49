// Pictures with boxes: the truth dashed in white, what the detector finds in its class's colour with name and score.

import { Canvas } from "./canvas.js";
import { CLASS_COLOURS } from "./colours.js";
import { bestGrid, drawBox } from "./drawing.js";
import { element } from "./elements.js";
import { NamePlaces, tellUnderPointer, within } from "./names.js";

export class Pictures {
  constructor(classes, imageSize) {
    this.classes = classes;
    this.imageSize = imageSize; // [height, width] px of the detector's input, in which all boxes are given
    this.images = [];
    this.truth = [];
    this.found = [];
    this.ghost = []; // what the parent run found at the same step
    this.spots = []; // where each picture lies on the canvas: [x, y, scale]
    this.canvas = new Canvas("Validation pictures", (...place) => this.draw(...place));
    tellUnderPointer(this.canvas.node, (x, y) =>
      this.spots
        .flatMap(([left, top, scale], place) =>
          (this.found[place] ?? [])
            .filter((box) => within((x - left) / scale, (y - top) / scale, box))
            .map((box) => this.nameOf(box)),
        )
        .join(", "),
    );
    this.node = element(
      "figure",
      { class: "tk-chart tk-pictures" },
      element(
        "figcaption",
        {},
        "Validation pictures",
        element("span", { class: "tk-note" }, "solid: found · dashed white: truth"),
      ),
      this.canvas.node,
    );
  }
  async load(buffers) {
    const fresh = await Promise.all(
      buffers.map((buffer) => createImageBitmap(new Blob([buffer], { type: "image/png" }))),
    );
    this.images.forEach((image) => image.close());
    this.images = fresh;
    this.canvas.paint();
  }
  show(found, ghost) {
    const news = JSON.stringify([found, ghost]);
    if (news === this.news) return;
    this.news = news;
    if (found) this.found = found;
    this.ghost = ghost ?? [];
    this.canvas.node.dataset.boxes = this.found.reduce((sum, one) => sum + one.length, 0);
    this.canvas.paint();
  }
  tell() {
    const count = (lists) => lists.reduce((sum, one) => sum + one.length, 0);
    this.canvas.node.setAttribute(
      "aria-label",
      `Validation pictures: ${count(this.found)} objects found, ${count(this.truth)} are there`,
    );
  }
  layout(width, height) {
    return bestGrid(Math.max(1, this.images.length), this.imageSize, [width, height], [6, 6]);
  }
  draw(pen, width, height, size) {
    const [tall, wide] = this.imageSize;
    const { scale, columns, rows } = this.layout(width, height);
    const stepX = wide * scale + 6,
      stepY = tall * scale + 6;
    const left = (width - columns * stepX + 6) / 2,
      top = (height - rows * stepY + 6) / 2;
    this.spots = this.images.map((_, place) => [
      left + (place % columns) * stepX,
      top + Math.floor(place / columns) * stepY,
      scale,
    ]);
    this.images.forEach((image, place) => {
      pen.save();
      pen.translate(...this.spots[place]);
      pen.beginPath();
      pen.rect(0, 0, wide * scale, tall * scale);
      pen.clip();
      pen.drawImage(image, 0, 0, wide * scale, tall * scale);
      for (const box of this.truth[place] ?? []) this.box(pen, box, scale, "#ffffff", [6, 5], 2, "rgba(0,0,0,.55)");
      for (const box of this.ghost[place] ?? []) this.box(pen, box, scale, "#c9d1da", [2, 4], 2, "rgba(0,0,0,.4)");
      for (const box of this.found[place] ?? []) this.found_box(pen, box, scale);
      this.names(pen, this.found[place] ?? [], scale, size, new NamePlaces(wide * scale, tall * scale));
      pen.restore();
    });
  }
  box(pen, [x1, y1, x2, y2], scale, colour, dash, thick, casing) {
    drawBox(pen, [x1 * scale, y1 * scale, (x2 - x1) * scale, (y2 - y1) * scale], {
      colour,
      dash,
      thick,
      casing: { colour: casing, more: 2 },
    });
  }
  found_box(pen, box, scale, thick = 3) {
    this.box(pen, box, scale, this.colourOf(box), [], thick, "rgba(0,0,0,.65)");
  }
  // The surest first: where there is no room the others lose their score, or their name.
  names(pen, found, scale, size, places) {
    for (const box of [...found].sort((a, b) => b[5] - a[5])) {
      const name = this.nameOf(box);
      places.write(
        pen,
        [name, name.replace(/ \S+$/, "")],
        box.slice(0, 4).map((side) => side * scale),
        size * 0.86,
        { paper: this.colourOf(box) },
      );
    }
  }
  nameOf([, , , , label, score]) {
    return `${this.classes[label] ?? label} ${score.toFixed(2).replace(/^0/, "")}`;
  }
  colourOf([, , , , label]) {
    return CLASS_COLOURS[label % CLASS_COLOURS.length];
  }
  close() {
    this.canvas.close();
    this.images.forEach((image) => image.close());
  }
}
