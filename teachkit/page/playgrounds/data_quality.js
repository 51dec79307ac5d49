// The rules of the labels made worse, as teachkit/watch/widgets/data_quality.py and teachkit/feed/scenes.py have them.

// An object: [x, y, width, height, kind], and the random numbers that decide the faults of its annotation.
function annotated({ box: [x, y, width, height], kind, faults }, knobs, classes, size) {
  const [missing, wrong, other, ...looseness] = faults;
  if (missing < knobs.missing_boxes) return null;
  const [left, top, right, bottom] = looseness.map((draw) => knobs.loose_boxes * draw);
  const shift = wrong < knobs.wrong_labels ? 1 + Math.floor(other * (classes.length - 1)) : 0;
  const sides = [
    Math.max(x - left * width, 0),
    Math.max(y - top * height, 0),
    Math.min(x + width + right * width, size),
    Math.min(y + height + bottom * height, size),
  ];
  return [...sides.map(Math.fround), "label", classes[(kind + shift) % classes.length], true];
}

export const data_quality = {
  // scenes: of each its looks over the imbalance, in order: {from, picture, objects}.
  numbers(values, _, { scenes, classes, size, pixels }) {
    const looks = scenes.map((one) => one.findLast(({ from }) => from <= values.imbalance));
    const tiles = looks.map(({ objects }, place) => ({
      caption: `scene ${place + 1}`,
      size: [size, size],
      outlines: objects.map((one) => annotated(one, values, classes, size)).filter(Boolean),
    }));
    const labels = tiles.flatMap(({ outlines }) => outlines.map((one) => one[5]));
    const counted = classes.map((name) => `${name} ${labels.filter((one) => one === name).length}`).join(", ");
    return {
      count: labels.length,
      words: `${labels.length} labels: ${counted}`,
      tiles,
      key: String(values.imbalance),
      buffers: () => looks.map(({ picture }) => pixels[picture]),
    };
  },
};
