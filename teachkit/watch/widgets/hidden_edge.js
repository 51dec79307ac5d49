// A ball is dragged over an object; each side of the box is a band, as blurred as the detector's belief in its place.

import { Canvas } from "../frontend/canvas.js";
import { COLOURS } from "../frontend/colours.js";
import { drawBox } from "../frontend/drawing.js";
import { block, cell, element, figure, headerRow, note, row } from "../frontend/elements.js";
import { clamp, linearScale } from "../frontend/numbers.js";
import { playground } from "../frontend/playground.js";
import { pointGrip } from "../frontend/point_grip.js";

const SIDES = ["left", "top", "right", "bottom"];
const [STEP, FAR] = [2, 8]; // px for a press of an arrow key, and with Shift
const CASING = { colour: "rgba(0,0,0,.6)", more: 2 };
const TRUTH = { colour: "#ffffff", dash: [6, 5], thick: 1.5, casing: CASING };
const [BELIEF, STRONGER] = ["213, 94, 0", 1.4]; // its colour, and how much stronger than its share it is drawn
const WIDER = 1.3; // times: a spread that has grown so much is marked

// The picture with its ball, and the belief over it. onBall(x, y) in px of the picture, while the hand moves it.
class Stage {
  constructor({ image_size: [tall, wide] }, onBall) {
    Object.assign(this, { tall, wide, onBall, now: null, ball: [0, 0], size: 0, place: [0, 0, 1] });
    this.image = element("canvas", { width: wide, height: tall });
    this.canvas = new Canvas("The object, the ball and the belief of each side", (...sizes) => this.draw(...sizes));
    this.grip = pointGrip("ball", "Ball", this, {
      to: (x, y) => this.move(x, y),
      by: (right, down, far) => this.step(right, down, far ? FAR : STEP),
    });
    this.node = block("tk-stage", this.canvas.node, this.grip);
  }
  step(right, down, px) {
    this.move(this.ball[0] + right * px, this.ball[1] + down * px);
  }
  // Its outline moves at once; the ball itself follows with Python's answer.
  move(x, y) {
    this.ball = [Math.round(clamp(x, 0, this.wide)), Math.round(clamp(y, 0, this.tall))];
    this.canvas.paint();
    this.onBall(...this.ball);
  }
  show(numbers, fresh) {
    this.now = numbers;
    const pixels = new Uint8ClampedArray(numbers.buffers[0].buffer.slice(0), 0, 4 * this.wide * this.tall);
    this.image.getContext("2d").putImageData(new ImageData(pixels, this.wide, this.tall), 0, 0);
    if (fresh) [this.ball, this.size] = [[numbers.values.x, numbers.values.y], numbers.values.size];
    this.grip.setAttribute("aria-label", `Ball, moved by the arrow keys, farther with Shift. ${numbers.words}`);
    this.canvas.paint();
  }
  draw(pen, width, height) {
    if (!this.now) return;
    const scale = Math.min(width / this.wide, height / this.tall);
    const [left, top] = [(width - this.wide * scale) / 2, (height - this.tall * scale) / 2];
    this.place = [left, top, scale];
    pen.save();
    pen.translate(left, top);
    pen.beginPath();
    pen.rect(0, 0, this.wide * scale, this.tall * scale);
    pen.clip();
    pen.drawImage(this.image, 0, 0, this.wide * scale, this.tall * scale);
    const { truth, shares } = this.now;
    shares.forEach((bins, side) => this.drawBand(pen, bins, side, scale));
    const [x1, y1, x2, y2] = truth.map((edge) => edge * scale);
    drawBox(pen, [x1, y1, x2 - x1, y2 - y1], TRUTH);
    this.drawPoint(pen, scale);
    if (this.ball[0] !== this.now.values.x || this.ball[1] !== this.now.values.y) this.drawOutline(pen, scale);
    pen.restore();
  }
  // From the anchor point outwards, as strong as the share of each bin; along the box of the other two sides.
  drawBand(pen, bins, side, scale) {
    const { point, stride, box } = this.now;
    const [upright, way] = [side % 2, side < 2 ? -1 : 1];
    const from = point[upright] * scale;
    const reach = way * stride * (bins.length - 1) * scale;
    const ends = upright ? [0, from, 0, from + reach] : [from, 0, from + reach, 0];
    const blur = pen.createLinearGradient(...ends);
    bins.forEach((share, bin) =>
      blur.addColorStop(bin / (bins.length - 1), `rgba(${BELIEF}, ${Math.min(1, STRONGER * share)})`),
    );
    const [x1, y1, x2, y2] = box.map((edge) => edge * scale);
    const along = upright ? [x1, Math.min(from, from + reach)] : [Math.min(from, from + reach), y1];
    const size = upright ? [x2 - x1, Math.abs(reach)] : [Math.abs(reach), y2 - y1];
    pen.fillStyle = blur;
    pen.fillRect(...along, ...size);
    const edge = box[side] * scale;
    for (const [colour, thick] of [
      ["rgba(0,0,0,.6)", 3],
      [COLOURS.orange, 1.5],
    ]) {
      pen.fillStyle = colour;
      if (upright) pen.fillRect(x1, edge - thick / 2, x2 - x1, thick);
      else pen.fillRect(edge - thick / 2, y1, thick, y2 - y1);
    }
  }
  drawPoint(pen, scale) {
    const [x, y] = this.now.point.map((one) => one * scale);
    for (const [colour, radius] of [
      ["#000000", 5],
      ["#ffffff", 3],
    ]) {
      pen.fillStyle = colour;
      pen.beginPath();
      pen.arc(x, y, radius, 0, 7);
      pen.fill();
    }
  }
  drawOutline(pen, scale) {
    pen.strokeStyle = "#ffffff";
    pen.lineWidth = 2;
    pen.beginPath();
    pen.arc(this.ball[0] * scale, this.ball[1] * scale, (this.size / 2) * scale, 0, 7);
    pen.stroke();
  }
}

// A row for each side: how far out it is, its spread with the ball and without, and its DFL.
function sidesTable() {
  const names = ["before", "spread", "off", "loss"];
  const rows = SIDES.map((side) => {
    const cells = Object.fromEntries(names.map((name) => [name, cell(`${name}-${side}`)]));
    return { cells, node: row(side, ...Object.values(cells)) };
  });
  const header = headerRow("side", "spread alone", "with ball", "too far out", "DFL");
  const body = element("tbody", {}, ...rows.map((one) => one.node));
  const node = element("table", { class: "tk-numbers-table" }, element("thead", {}, header), body);
  const px = (value) => `${value.toFixed(1).replace("-", "−")} px`;
  const show = (numbers) =>
    rows.forEach(({ cells, node: line }, side) => {
      for (const name of ["before", "spread", "off"]) cells[name].textContent = px(numbers[name][side]);
      cells.loss.textContent = numbers.loss[side].toFixed(2);
      line.dataset.wider = numbers.spread[side] > WIDER * numbers.before[side];
    });
  return { node, show };
}

function build({ setup, page, set, settingSlider, settingMenu, root }) {
  const stage = new Stage(setup, (x, y) => set({ x, y }));
  const object = settingMenu(
    "Object",
    "object",
    setup.objects.map((name) => [name, name]),
  );
  const onMove = (size) => {
    stage.size = size;
    set({ size });
  };
  const size = settingSlider("Size of the ball, px", "size", linearScale(...setup.sizes, 0), { onMove });
  const sides = sidesTable();
  const said = element("p", { class: "tk-said" });
  const caption = ["Drag the ball, or use the arrow keys", note("orange: where a side may be · dashed: where it is")];
  page.append(
    figure("tk-hiding", caption, stage.node),
    block("tk-controls", object.node, size.node, sides.node, note("bold: a spread that has grown by a third or more")),
    said,
  );
  const show = (numbers, fresh) => {
    const { values, score, score_before: before } = numbers;
    stage.show(numbers, fresh);
    if (fresh) {
      object.show(values.object);
      size.show(values.size);
    }
    sides.show(numbers);
    said.textContent = `${numbers.words} Score without the ball ${before.toFixed(2)}.`;
    const spread = Math.max(...numbers.spread).toFixed(2);
    Object.assign(root.dataset, { x: values.x, y: values.y, object: values.object, score: score.toFixed(3), spread });
  };
  return { show, close: () => stage.canvas.close() };
}

export default { render: (view) => playground(view, "hidden-edge", build) };
