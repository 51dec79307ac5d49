// The anchor points that answer for each object, over the picture: the larger the mark, the higher its target score.

import { COLOURS } from "../frontend/colours.js";
import { drawMarker } from "../frontend/drawing.js";
import { element, heads } from "../frontend/elements.js";
import { NamePlaces, within } from "../frontend/names.js";
import { linearScale } from "../frontend/numbers.js";
import { Pictures } from "../frontend/pictures.js";
import { playground } from "../frontend/playground.js";

const OBJECT_COLOURS = [COLOURS.sky, COLOURS.amber, COLOURS.purple, COLOURS.yellow, COLOURS.green, COLOURS.orange];
const OBJECT_MARKERS = ["circle", "square", "triangle"];

class Assigned extends Pictures {
  // found: [[x, y, object, target, row], …]; all coordinates in px of the picture
  found_box() {}
  names() {}
  draw(pen, width, height, size) {
    super.draw(pen, width, height, size);
    const [tall, wide] = this.imageSize,
      { scale, columns, rows } = this.layout(width, height);
    pen.save();
    pen.translate((width - columns * wide * scale) / 2, (height - rows * tall * scale) / 2);
    this.place = { scale, left: (width - wide * scale) / 2, top: (height - tall * scale) / 2 };
    pen.fillStyle = "rgba(255, 255, 255, 0.55)";
    for (const [x, y] of this.points ?? []) pen.fillRect(x * scale - 1, y * scale - 1, 2, 2);
    const box = this.boxOfRow;
    if (box) this.box(pen, box, scale, OBJECT_COLOURS[this.chosen % 6], [], 2, "rgba(0,0,0,.6)");
    const places = new NamePlaces(wide * scale, tall * scale);
    this.truth[0]?.forEach((sides, place) =>
      places.write(
        pen,
        [this.objects[place]],
        sides.map((side) => side * scale),
        size * 0.9,
        { paper: place === this.chosen ? OBJECT_COLOURS[place % 6] : "rgba(255,255,255,.85)" },
      ),
    );
    for (const [x, y, object, target, row] of this.marks ?? []) {
      const mine = object === this.chosen,
        radius = (3 + 9 * target) * Math.max(0.8, scale / 4);
      pen.globalAlpha = mine ? 1 : 0.75;
      pen.fillStyle = "#000";
      drawMarker(pen, OBJECT_MARKERS[object % 3], x * scale, y * scale, radius + (mine ? 2.5 : 1.2));
      pen.fillStyle = OBJECT_COLOURS[object % 6];
      drawMarker(pen, OBJECT_MARKERS[object % 3], x * scale, y * scale, radius);
      if (mine && row >= 0 && row < 8 && radius > 6) {
        pen.fillStyle = COLOURS.ink;
        pen.textAlign = "center";
        pen.textBaseline = "middle";
        pen.font = `700 ${Math.min(size, radius * 1.3)}px system-ui, sans-serif`;
        pen.fillText(String(row + 1), x * scale, y * scale);
      }
      pen.globalAlpha = 1;
    }
    pen.restore();
  }
}

function render(view) {
  return playground(view, "assigner", ({ setup, buffers, page, set, lever, choice, root }) => {
    const picture = new Assigned(setup.classes, setup.image_size);
    Object.assign(picture, { truth: [setup.truth], points: setup.points, objects: setup.objects, chosen: 0 });
    picture.load(buffers);
    picture.node
      .querySelector("figcaption")
      .replaceChildren(
        "Anchor points that answer",
        element(
          "span",
          { class: "tk-note" },
          "dashed: truth · mark: answers, larger for a higher target · dot: does not",
        ),
      );
    picture.canvas.node.addEventListener("click", (event) => {
      const { scale, left, top } = picture.place;
      const [x, y] = [(event.offsetX - left) / scale, (event.offsetY - top) / scale];
      const hit = setup.truth
        .map((box, place) => ({ place, box }))
        .filter(({ box }) => within(x, y, box))
        .sort(
          (a, b) => (a.box[2] - a.box[0]) * (a.box[3] - a.box[1]) - (b.box[2] - b.box[0]) * (b.box[3] - b.box[1]),
        )[0];
      if (hit) set({ object: hit.place + 1 });
    });
    const levers = {
      topk: lever("top-k points", "topk", linearScale(1, 30, 0)),
      alpha: lever("alpha, of the score", "alpha", linearScale(0, 3, 2)),
      beta: lever("beta, of the overlap", "beta", linearScale(0, 10, 1)),
    };
    const model = choice(
      "Detector",
      "model",
      setup.models.map((one) => [one, one]),
    );
    const object = choice(
      "Object",
      "object",
      setup.objects.map((one, place) => [String(place + 1), one]),
      Number,
    );
    const body = element("tbody"),
      note = element("p", { class: "tk-note" });
    const table = element(
      "table",
      { class: "tk-numbers-table" },
      element("thead", {}, heads("point", "stride", "score", "overlap", "target")),
      body,
    );
    page.append(
      picture.node,
      element(
        "div",
        { class: "tk-controls" },
        ...Object.values(levers).map((one) => one.node),
        element("div", { class: "tk-menus" }, model.node, object.node),
        table,
        note,
      ),
    );
    return {
      show: (numbers, fresh) => {
        const { values } = numbers;
        if (fresh) {
          for (const [name, one] of Object.entries(levers)) one.show(values[name]);
          model.show(values.model);
          object.show(String(values.object));
        }
        Object.assign(picture, { marks: numbers.points, chosen: values.object - 1, boxOfRow: numbers.rows[0]?.box });
        picture.canvas.paint();
        picture.canvas.node.setAttribute("aria-label", numbers.words);
        body.replaceChildren(
          ...numbers.rows.map((row, place) =>
            element(
              "tr",
              {},
              element("th", { scope: "row" }, String(place + 1)),
              element("td", {}, `${row.stride} px`),
              ...["score", "overlap", "target"].map((name) => element("td", {}, row[name].toFixed(2))),
            ),
          ),
        );
        note.textContent =
          `${numbers.inside} anchor points lie inside this object, ${numbers.counts[values.object - 1]} answer for it` +
          `${numbers.more ? ` (the best 8 are listed)` : ""}. In the whole picture ${numbers.positive} of ` +
          `${numbers.all}. Solid box: the prediction of point 1.`;
        Object.assign(root.dataset, {
          positive: numbers.positive,
          object: values.object,
          model: values.model,
          topk: values.topk,
          target: numbers.rows[0]?.target ?? 0,
        });
      },
      close: () => picture.close(),
    };
  });
}

export default { render };
