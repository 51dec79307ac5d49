// The anchor points that answer for each object, over the picture: the larger the mark, the higher its target score.

import { COLOURS } from "../frontend/colours.js";
import { drawMarker } from "../frontend/drawing.js";
import { block, element, headerRow, note, row, table } from "../frontend/elements.js";
import { NamePlaces, within } from "../frontend/names.js";
import { linearScale } from "../frontend/numbers.js";
import { Pictures } from "../frontend/pictures.js";
import { playground } from "../frontend/playground.js";

const LISTED = 8; // points that have their number written on the picture
const FIRST_BOX = { dash: [], thick: 2, casing: { colour: "rgba(0,0,0,.6)", more: 2 } };

// One picture, without detections. All coordinates are px of the picture.
class AssignedPoints extends Pictures {
  constructor({ classes, image_size, truth, points, objects, labels }) {
    super(classes, image_size);
    this.objectStyles = labels.map((label) => this.styles[label]);
    Object.assign(this, { truth: [truth], points, objects, chosen: 0, marks: [], firstBox: null });
    this.setCaption(
      "Anchor points that answer",
      note("dashed: truth · mark: answers, larger for a higher target · dot: does not"),
    );
  }
  // marks: [[x, y, object, target, row], …]; firstBox: of the point that the table lists first.
  showMarks(marks, chosen, firstBox) {
    Object.assign(this, { marks, chosen, firstBox });
    this.canvas.paint();
  }
  // The object under the pointer, the smallest where they overlap: its index, or undefined.
  objectAt(offsetX, offsetY) {
    const [left, top, scale] = this.places[0];
    const [x, y] = [(offsetX - left) / scale, (offsetY - top) / scale];
    const area = ([x1, y1, x2, y2]) => (x2 - x1) * (y2 - y1);
    const boxes = this.truth[0];
    const hit = [...boxes.keys()].filter((index) => within(x, y, boxes[index]));
    return hit.sort((a, b) => area(boxes[a]) - area(boxes[b]))[0];
  }
  draw(pen, width, height, size) {
    super.draw(pen, width, height, size);
    if (!this.images.length) return;
    const [left, top, scale] = this.places[0];
    pen.save();
    pen.translate(left, top);
    pen.fillStyle = "rgba(255, 255, 255, 0.55)";
    for (const [x, y] of this.points) pen.fillRect(x * scale - 1, y * scale - 1, 2, 2);
    const { colour } = this.objectStyles[this.chosen];
    if (this.firstBox) this.drawBox(pen, this.firstBox, scale, { ...FIRST_BOX, colour });
    this.drawObjectNames(pen, scale, size * 0.9);
    for (const mark of this.marks) this.drawMark(pen, mark, scale, size);
    pen.restore();
  }
  drawObjectNames(pen, scale, size) {
    const [tall, wide] = this.imageSize.map((side) => side * scale);
    const places = new NamePlaces(wide, tall);
    this.truth[0].forEach((box, index) => {
      const paper = index === this.chosen ? this.objectStyles[index].colour : "rgba(255,255,255,.85)";
      const sides = box.map((side) => side * scale);
      places.write(pen, [this.objects[index]], sides, size, { paper });
    });
  }
  drawMark(pen, [x, y, object, target, listed], scale, size) {
    const mine = object === this.chosen;
    const radius = (3 + 9 * target) * Math.max(0.8, scale / 4);
    const { colour, marker } = this.objectStyles[object];
    pen.globalAlpha = mine ? 1 : 0.75;
    pen.fillStyle = "#000";
    drawMarker(pen, marker, x * scale, y * scale, radius + (mine ? 2.5 : 1.2));
    pen.fillStyle = colour;
    drawMarker(pen, marker, x * scale, y * scale, radius);
    if (mine && listed >= 0 && listed < LISTED && radius > 6) {
      pen.fillStyle = COLOURS.ink;
      pen.textAlign = "center";
      pen.textBaseline = "middle";
      pen.font = `700 ${Math.min(size, radius * 1.3)}px system-ui, sans-serif`;
      pen.fillText(String(listed + 1), x * scale, y * scale);
    }
    pen.globalAlpha = 1;
  }
}

function build({ setup, buffers, page, set, settingSlider, settingMenu, root }) {
  const picture = new AssignedPoints(setup);
  picture.load(buffers);
  picture.canvas.node.addEventListener("click", ({ offsetX, offsetY }) => {
    const hit = picture.objectAt(offsetX, offsetY);
    if (hit != null) set({ object: hit + 1 });
  });
  const sliders = {
    topk: settingSlider("top-k points", "topk", linearScale(1, 30, 0)),
    alpha: settingSlider("alpha, of the score", "alpha", linearScale(0, 3, 2)),
    beta: settingSlider("beta, of the overlap", "beta", linearScale(0, 10, 1)),
  };
  const objects = setup.objects.map((name, index) => [String(index + 1), name]);
  const model = settingMenu(
    "Detector",
    "model",
    setup.models.map((name) => [name, name]),
  );
  const object = settingMenu("Object", "object", objects, Number);
  const points = element("tbody");
  const counts = element("p", { class: "tk-note" });
  page.append(
    picture.node,
    block(
      "tk-controls",
      ...Object.values(sliders).map((one) => one.node),
      block("tk-menus", model.node, object.node),
      table(headerRow("point", "stride", "score", "overlap", "target"), points),
      counts,
    ),
  );
  const show = (numbers, fresh) => {
    const { values, rows } = numbers;
    if (fresh) {
      for (const [name, one] of Object.entries(sliders)) one.show(values[name]);
      model.show(values.model);
      object.show(String(values.object));
    }
    picture.showMarks(numbers.points, values.object - 1, rows[0]?.box);
    picture.canvas.node.setAttribute("aria-label", numbers.words);
    points.replaceChildren(...rows.map(pointRow));
    counts.textContent = countsAsText(numbers);
    Object.assign(root.dataset, {
      positive: numbers.positive,
      object: values.object,
      model: values.model,
      topk: values.topk,
      target: rows[0]?.target ?? 0,
    });
  };
  return { show, close: () => picture.close() };
}

const pointRow = ({ stride, score, overlap, target }, index) =>
  row(String(index + 1), `${stride} px`, score.toFixed(2), overlap.toFixed(2), target.toFixed(2));

function countsAsText({ inside, counts, values, more, positive, all }) {
  const best = more ? " (the best 8 are listed)" : "";
  return (
    `${inside} anchor points lie inside this object, ${counts[values.object - 1]} answer for it${best}. ` +
    `In the whole picture ${positive} of ${all}. Solid box: the prediction of point 1.`
  );
}

export default { render: (view) => playground(view, "assigner", build) };
