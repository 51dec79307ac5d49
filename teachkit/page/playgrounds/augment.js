// The rules of the picture and its other views, as teachkit/watch/widgets/augment.py has them.

import { fixed } from "./kernel.js";

const COLOURS = ["brightness", "contrast", "saturation"];
const area = ([x1, y1, x2, y2]) => Math.max(x2 - x1, 0) * Math.max(y2 - y1, 0);
function overlap(a, b) {
  const inside = [0, 1]
      .map((side) => Math.max(a[side], b[side]))
      .concat([2, 3].map((side) => Math.min(a[side], b[side]))),
    both = area(inside);
  return both > 0 ? both / (area(a) + area(b) - both) : 0;
}

// RGBA → [3, height, width] in 0–1, or mirrored.
function planes(pixels, [height, width], mirrored) {
  const image = new Float32Array(3 * height * width);
  for (let i = 0; i < image.length; i += 1) {
    const column = i % width,
      from = mirrored ? i - column + width - 1 - column : i,
      place = from % (height * width);
    image[i] = pixels[4 * place + Math.floor(i / (height * width))] / 255;
  }
  return image;
}
function rgba(image) {
  const area_ = image.length / 3,
    pixels = new Uint8ClampedArray(4 * area_).fill(255);
  for (let i = 0; i < image.length; i += 1) pixels[4 * (i % area_) + Math.floor(i / area_)] = 255 * image[i];
  return pixels;
}

export const augment = {
  numbers(values, compute, { names, boxes, size, pixels }) {
    const moved = values.zoom !== 1 || values.shift_x || values.shift_y,
      follow = values.follow === "yes",
      file = boxes.no;
    const image = pixels.length ? planes(pixels[0], size, values.flip === "yes") : [];
    const inputs = { image, boxes: boxes[values.flip] };
    for (const name of COLOURS) inputs[name] = values[name];
    // a hair beside 1, so that a picture can be shifted without being zoomed
    if (moved) {
      inputs.factor = values.zoom === 1 ? 1 + 1e-6 : values.zoom;
      inputs.shift = [values.shift_x, values.shift_y];
    }
    const seen = compute(moved ? "moved" : "still", inputs),
      cut = seen("cut_boxes"),
      inSight = [...seen("kept")].map(Boolean);
    const places = names.map((_, at) => [...cut.subarray(4 * at, 4 * at + 4)]);
    const after = follow ? places : file,
      kept = follow ? inSight : names.map(() => true);
    const fits = names.flatMap((_, at) => (inSight[at] ? [overlap(after[at], places[at])] : []));
    const fit = fits.reduce((sum, one) => sum + one, 0) / fits.length;
    const outline = (box, at, style) => [...box, style, names[at], true];
    const style = follow ? "label" : "left behind";
    const shown = after.map((box, at) => outline(box, at, style)).filter((_, at) => kept[at]);
    return {
      rows: names.map((name, at) => ({ name, before: file[at], after: kept[at] ? after[at] : null })),
      fit,
      words:
        `${kept.filter(Boolean).length} of ${kept.length} objects left` +
        (fits.length ? `, labels overlap their objects by ${fixed(100 * fit, 0)}%` : ""),
      tiles: [
        { caption: "as it is in the file", size, outlines: file.map((box, at) => outline(box, at, "label")) },
        { caption: "as the model is fed", size, outlines: shown },
      ],
      key: JSON.stringify(values),
      buffers: () => [pixels[0], rgba(seen("picture"))],
    };
  },
};
