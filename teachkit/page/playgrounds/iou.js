// The rules of the IoU playground, as teachkit/watch/widgets/iou.py has them.

import { Refused, fixed } from "./kernel.js";

const EDGES = ["left", "top", "right", "bottom"];

function span([x1, y1, x2, y2], slide, [height, width], least) {
  if (slide === "wide") return [least + 1, Math.max(least + 2, Math.min(x1 + x2, 2 * width - x1 - x2) - 1)];
  return [0, Math.max(1, slide === "across" ? width - (x2 - x1) : height - (y2 - y1))];
}
function slid([x1, y1, x2, y2], slide, at) {
  const middle = (x1 + x2) / 2;
  if (slide === "wide") return [middle - at / 2, y1, middle + at / 2, y2];
  return slide === "across" ? [at, y1, at + x2 - x1, y2] : [x1, at, x2, at + y2 - y1];
}

function sentence(name, { loss, slopes, move }, flat) {
  const least = (values) => Math.max(...values.map(Math.abs)) < flat;
  if (loss < flat) return `The box lies on the truth: the ${name} loss is 0, and nothing is left to do.`;
  if (least(slopes)) return `The ${name} loss has no slope at all here: no step, however long, would move this box.`;
  if (least(move))
    return `The ${name} loss asks for another size; to where the box lies, it is blind: moving has slope 0.`;
  const sizes = slopes.map(Math.abs),
    steepest = sizes.indexOf(Math.max(...sizes));
  return (
    `The ${name} loss is ${fixed(loss, 3)}; steepest at the ${EDGES[steepest]} edge, ${fixed(sizes[steepest], 4)} per px. ` +
    "An arrow shows where a step would move its edge."
  );
}

export const iou = {
  checks: {
    box({ sides }, value) {
      const parts = typeof value === "string" ? value.replaceAll(/[,;]/g, " ").split(/\s+/).filter(Boolean) : value;
      if (!Array.isArray(parts) || parts.length !== 4)
        throw new Refused(`a box is four numbers, left, top, right and bottom in px, not ${JSON.stringify(value)}`);
      const box = parts.map((part, place) => this.between(sides[place], part));
      if (box[2] - box[0] < 2 || box[3] - box[1] < 2)
        throw new Refused(`right must be at least 2 px past left, and bottom past top, not ${JSON.stringify(value)}`);
      return box;
    },
  },
  numbers({ predicted, measure, slide }, compute, { setup, flat, stops }) {
    const [low, high] = span(predicted, slide, setup.size, setup.least);
    const along = Array.from({ length: stops }, (_, stop) =>
      slid(predicted, slide, low + ((high - low) * stop) / (stops - 1)),
    );
    const given = compute("iou", { predicted, truth: setup.truth, along }),
      names = Object.keys(setup.measures);
    const chart = given("chart"),
      losses = given("losses"),
      allSlopes = given("slopes");
    const measures = Object.fromEntries(
      names.map((key, place) => {
        const slopes = [...allSlopes.subarray(4 * place, 4 * place + 4)],
          [left, top, right, bottom] = slopes,
          loss = losses[place];
        return [
          key,
          {
            value: 1 - loss,
            loss,
            slopes,
            move: [left + right, top + bottom],
            grow: [(right - left) / 2, (bottom - top) / 2],
          },
        ];
      }),
    );
    const said = sentence(setup.measures[measure], measures[measure], flat);
    const values = names.map((key) => `${setup.measures[key]} ${fixed(measures[key].value, 2)}`).join(", ");
    return {
      measures,
      chart: Object.fromEntries(
        names.map((key, place) => [key, [...chart.subarray(stops * place, stops * (place + 1))]]),
      ),
      range: [low, high],
      said,
      words: `${values}. ${said}`,
    };
  },
};
