// An anchor point is chosen in a picture, by hand or by keys: what it sees, and how its numbers become box and scores.

import { Canvas } from "../frontend/canvas.js";
import { classStyles, COLOURS, ON_PAPER } from "../frontend/colours.js";
import { drawBox, drawLine, drawMarker } from "../frontend/drawing.js";
import { block, cell, element, figure, headerRow, note, row } from "../frontend/elements.js";
import { clamp, formatted, linearScale } from "../frontend/numbers.js";
import { playground } from "../frontend/playground.js";
import { pointGrip } from "../frontend/point_grip.js";

const SIDES = ["left", "top", "right", "bottom"];
const DARK = 0.78; // of what the point does not see
const CASING = { colour: "rgba(0,0,0,.7)", more: 2.5 };
const BOX = { colour: COLOURS.yellow, dash: [], thick: 3, casing: CASING };
const WINDOW = { colour: "#ffffff", dash: [7, 5], thick: 1.5, casing: CASING };

// From dark blue to bright yellow, told apart with any colour vision; share: 0–1.
const heat = (share) => `hsl(${225 - 175 * share} ${35 + 55 * share}% ${14 + 62 * share}%)`;

// To whole pixels, so that no seam is seen between two.
function fillCell(pen, left, across, down, side) {
  const [x, y] = [Math.round(left + across * side), Math.round(down * side)];
  pen.fillRect(x, y, Math.round(left + (across + 1) * side) - x, Math.round((down + 1) * side) - y);
}

// The picture: dark where the point does not look. onPoint(x, y) in px of the picture.
class Stage {
  constructor({ image_size: [tall, wide] }, buffer, onPoint) {
    Object.assign(this, { tall, wide, onPoint, now: null, image: null, place: [0, 0, 1] });
    this.canvas = new Canvas("The picture with the anchor point and its box", (...sizes) => this.draw(...sizes));
    this.grip = pointGrip("point", "Anchor point", this, {
      to: (x, y) => this.move(x, y),
      by: (right, down) => this.step(right, down),
    });
    this.node = block("tk-stage", this.canvas.node, this.grip);
    createImageBitmap(new Blob([buffer], { type: "image/png" })).then((image) => {
      this.image = image;
      this.canvas.paint();
    });
  }
  step(right, down) {
    if (!this.now) return;
    const [x, y] = this.point;
    this.move(x + right * this.stride, y + down * this.stride);
  }
  // To the middle of the cell there; shown at once, before Python answers.
  move(x, y) {
    const { stride } = this;
    const middle = (at, length) => (Math.floor(clamp(at, 0, length - 1) / stride) + 0.5) * stride;
    const next = [middle(x, this.wide), middle(y, this.tall)];
    if (next.join() === this.point.join()) return;
    this.point = next;
    this.canvas.paint();
    this.onPoint(...next);
  }
  show(numbers, fresh) {
    this.now = numbers;
    if (fresh) {
      this.point = numbers.point;
      this.stride = Number(numbers.values.stride);
    }
    this.grip.setAttribute("aria-label", `Anchor point, moved by the arrow keys. ${numbers.words}`);
    this.canvas.paint();
  }
  draw(pen, width, height, size) {
    if (!this.image || !this.now) return;
    const scale = Math.min(width / this.wide, height / this.tall);
    const [left, top] = [(width - this.wide * scale) / 2, (height - this.tall * scale) / 2];
    this.place = [left, top, scale];
    pen.save();
    pen.translate(left, top);
    pen.beginPath();
    pen.rect(0, 0, this.wide * scale, this.tall * scale);
    pen.clip();
    pen.drawImage(this.image, 0, 0, this.wide * scale, this.tall * scale);
    this.drawShade(pen, scale);
    this.drawPoints(pen, scale);
    const { window: seen, box } = this.now;
    drawBox(pen, this.sides(seen, scale), WINDOW);
    drawBox(pen, this.sides(box, scale), BOX);
    this.drawArrows(pen, scale, size);
    pen.restore();
  }
  sides([x1, y1, x2, y2], scale) {
    return [x1 * scale, y1 * scale, (x2 - x1) * scale, (y2 - y1) * scale];
  }
  drawShade(pen, scale) {
    const { light } = this.now;
    const side = (this.wide / light[0].length) * scale;
    light.forEach((line, at) =>
      line.forEach((share, across) => {
        pen.fillStyle = `rgba(8, 12, 18, ${(DARK * (1 - Math.sqrt(share))).toFixed(3)})`;
        fillCell(pen, 0, across, at, side);
      }),
    );
  }
  drawPoints(pen, scale) {
    pen.fillStyle = "rgba(255,255,255,.55)";
    for (let y = this.stride / 2; y < this.tall; y += this.stride)
      for (let x = this.stride / 2; x < this.wide; x += this.stride) pen.fillRect(x * scale - 1, y * scale - 1, 2, 2);
  }
  drawArrows(pen, scale, size) {
    const [x, y] = this.point.map((one) => one * scale);
    const [x1, y1, x2, y2] = this.now.box.map((one) => one * scale);
    const moved = this.point.join() !== this.now.point.join(); // its answer is on the way
    const ends = [
      [x1, y],
      [x, y1],
      [x2, y],
      [x, y2],
    ];
    for (const [stroke, thick] of moved
      ? []
      : [
          ["rgba(0,0,0,.7)", 4],
          ["#ffffff", 2],
        ]) {
      pen.strokeStyle = stroke;
      pen.lineWidth = thick;
      for (const end of ends) drawLine(pen, x, y, ...end);
    }
    if (!moved) {
      ends.forEach((end) => drawHead(pen, [x, y], end, size * 0.6));
      ends.forEach((end, side) => this.drawLength(pen, end, this.now.distances[side], size));
    }
    pen.fillStyle = "#000000";
    drawMarker(pen, "circle", x, y, size * 0.5);
    pen.fillStyle = "#ffffff";
    drawMarker(pen, "circle", x, y, size * 0.34);
  }
  // Beyond the arrow's end, within the picture.
  drawLength(pen, [endX, endY], distance, size) {
    const text = distance.toFixed(1);
    const [ownX, ownY] = this.point.map((one) => one * this.place[2]);
    const x = endX + Math.sign(Math.round(endX - ownX)) * size * 1.4;
    const y = endY + Math.sign(Math.round(endY - ownY)) * size;
    pen.font = `600 ${size * 0.9}px system-ui, sans-serif`;
    const half = pen.measureText(text).width / 2 + 3;
    const at = clamp(x, half, this.wide * this.place[2] - half);
    const down = clamp(y, size * 0.7, this.tall * this.place[2] - size * 0.7);
    pen.fillStyle = "rgba(255,255,255,.9)";
    pen.fillRect(at - half, down - size * 0.62, 2 * half, size * 1.24);
    pen.fillStyle = COLOURS.ink;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.fillText(text, at, down);
  }
}

// A triangle at the end of an arrow that lies across or upright.
function drawHead(pen, [x, y], [endX, endY], size) {
  const [right, down] = [Math.sign(Math.round(endX - x)), Math.sign(Math.round(endY - y))];
  pen.fillStyle = "#ffffff";
  pen.beginPath();
  pen.moveTo(endX, endY);
  for (const aside of [-0.6, 0.6])
    pen.lineTo(endX - size * (right + aside * down), endY - size * (down + aside * right));
  pen.fill();
}

function drawMap(pen, width, height, size, { map, cell: [down, across] }) {
  const side = Math.min(width / map[0].length, height / map.length);
  const left = (width - side * map[0].length) / 2;
  map.forEach((line, at) =>
    line.forEach((share, column) => {
      pen.fillStyle = heat(share);
      fillCell(pen, left, column, at, side);
    }),
  );
  drawBox(pen, [left + across * side, down * side, side, side], {
    colour: "#ffffff",
    dash: [],
    thick: 2.5,
    casing: { colour: "#000000", more: 3 },
  });
}

// A row for each side: sixteen bars, and a triangle where their expectation lies.
function drawBins(pen, width, height, size, { shares, distances }) {
  const left = size * 3.8;
  const wide = (width - left - size * 0.5) / shares[0].length;
  const tall = (height - size * 1.4) / 4;
  pen.font = `${size * 0.92}px system-ui, sans-serif`;
  shares.forEach((bars, side) => {
    const bottom = tall * (side + 1) - size * 0.5;
    pen.fillStyle = ON_PAPER.ink;
    pen.textAlign = "left";
    pen.textBaseline = "middle";
    pen.fillText(SIDES[side], 0, bottom - tall * 0.4);
    pen.strokeStyle = ON_PAPER.line;
    pen.lineWidth = 1;
    drawLine(pen, left, bottom, width, bottom);
    pen.fillStyle = COLOURS.blue;
    bars.forEach((share, bin) => {
      const up = share * (tall - size * 0.75);
      pen.fillRect(left + wide * (bin + 0.12), bottom - up, wide * 0.76, up);
    });
    pen.fillStyle = COLOURS.orange;
    drawMarker(pen, "triangle", left + wide * (distances[side] + 0.5), bottom + size * 0.26, size * 0.28);
  });
  pen.fillStyle = ON_PAPER.soft;
  pen.textAlign = "center";
  pen.textBaseline = "alphabetic";
  for (let bin = 0; bin < shares[0].length; bin += 5) pen.fillText(String(bin), left + wide * (bin + 0.5), height - 2);
}

// A row for each class: its logit, and its score as a bar and in digits.
function scoresTable(classes) {
  const styles = classStyles(classes);
  const rows = classes.map((name, place) => {
    const bar = element("span", { class: "tk-bar-of", style: `background: ${styles[place].colour}` });
    const digits = element("span", {});
    const nodes = {
      logit: cell(`logit-${place}`),
      score: element("td", { "data-number": `score-${place}` }, bar, digits),
    };
    return { bar, digits, ...nodes, node: row(name, nodes.logit, nodes.score) };
  });
  const body = element("tbody", {}, ...rows.map((one) => one.node));
  const node = element(
    "table",
    { class: "tk-numbers-table" },
    element("thead", {}, headerRow("class", "logit", "score")),
    body,
  );
  const show = ({ logits, scores }) =>
    rows.forEach((one, place) => {
      one.logit.textContent = logits[place].toFixed(1).replace("-", "−");
      one.bar.style.width = `${4 * scores[place]}em`;
      one.digits.textContent = scores[place].toFixed(2);
    });
  return { node, show };
}

function build({ setup, buffers, page, set, settingSlider, settingMenu, root }) {
  const stage = new Stage(setup, buffers[0], (x, y) => set({ x, y }));
  let now = null;
  const drawn = (label, draw) => new Canvas(label, (...sizes) => now && draw(...sizes, now));
  const map = drawn("The feature map", drawMap);
  const bins = drawn("The bins of the four sides", drawBins);
  const mapNote = note();
  const named = (names) => names.map((name) => [name, name]);
  const model = settingMenu("Detector", "model", named(setup.models));
  const strides = setup.strides.map((stride) => [stride, `stride ${stride} px`]);
  const stride = settingMenu("Points of", "stride", strides);
  const channel = settingSlider("Channel of the map", "channel", linearScale(0, setup.channels - 1, 0));
  model.node.hidden = setup.models.length < 2;
  const scores = scoresTable(setup.classes);
  const said = element("p", { class: "tk-said" });
  const caption = ["Click a point, or use the arrow keys", note("bright: what it looks at · dashed: its window")];
  page.append(
    figure("tk-seen", caption, stage.node),
    block(
      "tk-inside",
      figure("tk-map", ["Feature map", mapNote], map.node),
      figure("tk-bins", ["Bins of its four distances", note("triangle: expectation, in strides")], bins.node),
      block("tk-controls", block("tk-menus", model.node, stride.node), channel.node, scores.node),
    ),
    said,
  );
  const show = (numbers, fresh) => {
    const { values, cell: place, value, window: seen, half } = (now = numbers);
    stage.show(numbers, fresh);
    if (fresh) {
      model.show(values.model);
      stride.show(values.stride);
      channel.show(values.channel);
    }
    for (const one of [map, bins]) one.paint();
    mapNote.textContent = `row ${place[0]}, column ${place[1]}: ${formatted(value)}`;
    scores.show(numbers);
    said.textContent =
      `${numbers.words} Its window is ${seen[2] - seen[0]} × ${seen[3] - seen[1]} px; ` +
      `half of the influence lies within ${half} × ${half} px around it.`;
    const shown = { x: numbers.point[0], y: numbers.point[1], stride: values.stride, model: values.model };
    Object.assign(root.dataset, shown);
  };
  return { show, close: () => [stage.canvas, map, bins].forEach((one) => one.close()) };
}

export default { render: (view) => playground(view, "anchor-point", build) };
