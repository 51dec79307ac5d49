// Pictures with boxes: the truth dashed in white, detections in the colour of their class with name and score.

import { Canvas } from "./canvas.js";
import { classStyles } from "./colours.js";
import { bestGrid, drawBox } from "./drawing.js";
import { figure, note } from "./elements.js";
import { NamePlaces, showUnderPointer, within } from "./names.js";

const GAP = 6; // px between pictures
const CROWDED = 12; // boxes in a picture: more are drawn thin and without names
const TRUTH = { colour: "#ffffff", dash: [6, 5], thick: 2, casing: { colour: "rgba(0,0,0,.55)", more: 2 } };
const EARLIER = { colour: "#c9d1da", dash: [2, 4], thick: 2, casing: { colour: "rgba(0,0,0,.4)", more: 2 } };
const DETECTION = { dash: [], casing: { colour: "rgba(0,0,0,.65)", more: 2 } };

// All boxes are in px of the detector's input, whose size is imageSize: [height, width]. A detection is
// [x1, y1, x2, y2, label, score].
export class Pictures {
  constructor(classes, imageSize) {
    this.classes = classes;
    this.styles = classStyles(classes);
    this.imageSize = imageSize;
    this.images = [];
    this.turn = 0; // of loading: the last has the last word
    this.truth = [];
    this.detections = [];
    this.earlier = []; // what the parent run detected at the same step
    this.places = []; // of each picture on the canvas: [x, y, scale]
    this.canvas = new Canvas("Validation pictures", (...sizes) => this.draw(...sizes));
    showUnderPointer(this.canvas.node, (x, y) => this.namesAt(x, y));
    this.caption = note("solid: found · dashed white: truth");
    this.node = figure("tk-pictures", ["Validation pictures", this.caption], this.canvas.node);
  }
  // given: PNG files, or canvases. False where others were asked for meanwhile, or it was closed.
  async load(given) {
    const turn = ++this.turn;
    const images = await Promise.all(
      given.map((one) =>
        createImageBitmap(one instanceof HTMLCanvasElement ? one : new Blob([one], { type: "image/png" })),
      ),
    );
    const current = turn === this.turn;
    (current ? this.images : images).forEach((image) => image.close());
    if (!current) return false;
    this.images = images;
    this.canvas.paint();
    return true;
  }
  show(detections, earlier) {
    const key = JSON.stringify([detections, earlier]);
    if (key === this.key) return;
    this.key = key;
    if (detections) this.detections = detections;
    this.earlier = earlier ?? [];
    this.canvas.node.dataset.boxes = this.detections.flat().length;
    this.canvas.paint();
  }
  describe() {
    const counts = `${this.detections.flat().length} objects found, ${this.truth.flat().length} are there`;
    this.canvas.node.setAttribute("aria-label", `Validation pictures: ${counts}`);
  }
  setCaption(...content) {
    this.node.querySelector("figcaption").replaceChildren(...content);
  }
  layout(width, height) {
    return bestGrid(Math.max(1, this.images.length), this.imageSize, [width, height], [GAP, GAP]);
  }
  draw(pen, width, height, size) {
    const { scale, columns, rows } = this.layout(width, height);
    const [tall, wide] = this.imageSize.map((side) => side * scale);
    const left = (width - columns * (wide + GAP) + GAP) / 2;
    const top = (height - rows * (tall + GAP) + GAP) / 2;
    this.places = this.images.map((_, index) => [
      left + (index % columns) * (wide + GAP),
      top + Math.floor(index / columns) * (tall + GAP),
      scale,
    ]);
    this.images.forEach((image, index) => {
      const [x, y] = this.places[index];
      pen.save();
      pen.translate(x, y);
      pen.beginPath();
      pen.rect(0, 0, wide, tall);
      pen.clip();
      pen.drawImage(image, 0, 0, wide, tall);
      for (const box of this.truth[index] ?? []) this.drawBox(pen, box, scale, TRUTH);
      for (const box of this.earlier[index] ?? []) this.drawBox(pen, box, scale, EARLIER);
      for (const box of this.detections[index] ?? []) this.drawDetection(pen, box, scale);
      this.drawNames(pen, this.detections[index] ?? [], scale, size, new NamePlaces(wide, tall));
      pen.restore();
    });
  }
  drawBox(pen, [x1, y1, x2, y2], scale, style) {
    drawBox(pen, [x1 * scale, y1 * scale, (x2 - x1) * scale, (y2 - y1) * scale], style);
  }
  drawDetection(pen, box, scale, thick = 3) {
    this.drawBox(pen, box, scale, { ...DETECTION, thick, colour: this.colourOf(box) });
  }
  // The surest first: where there is no room the others lose their score, or their name.
  drawNames(pen, detections, scale, size, places) {
    for (const box of [...detections].sort((a, b) => b[5] - a[5])) {
      const name = this.nameOf(box);
      const sides = box.slice(0, 4).map((side) => side * scale);
      places.write(pen, [name, name.replace(/ \S+$/, "")], sides, size * 0.86, { paper: this.colourOf(box) });
    }
  }
  nameOf([, , , , label, score]) {
    return `${this.classes[label] ?? label} ${score.toFixed(2).replace(/^0/, "")}`;
  }
  namesAt(x, y) {
    const hit = ([left, top, scale], index) =>
      (this.detections[index] ?? []).filter((box) => within((x - left) / scale, (y - top) / scale, box));
    return this.places
      .flatMap(hit)
      .map((box) => this.nameOf(box))
      .join(", ");
  }
  colourOf([, , , , label]) {
    return this.styles[label % this.styles.length].colour;
  }
  close() {
    this.turn += 1;
    this.canvas.close();
    this.images.forEach((image) => image.close());
  }
}

// Where a picture may have very many boxes.
export class CrowdedPictures extends Pictures {
  showAll(boxes) {
    this.crowded = boxes.some((one) => one.length > CROWDED);
    this.show(boxes, []);
    this.describe();
  }
  drawDetection(pen, box, scale) {
    super.drawDetection(pen, box, scale, this.crowded ? 1.2 : 3);
  }
  drawNames(...all) {
    if (!this.crowded) super.drawNames(...all);
  }
}
