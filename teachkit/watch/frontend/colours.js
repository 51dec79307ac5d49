// Colours, and the look of each loss: everywhere the same.

// Okabe & Ito's palette: tells apart under every common colour blindness. Nothing is told by colour alone.
export const COLOURS = {
  blue: "#0072B2",
  orange: "#D55E00",
  green: "#009E73",
  purple: "#CC79A7",
  sky: "#56B4E9",
  amber: "#E69F00",
  yellow: "#F0E442",
  ink: "#1b2430",
  grey: "#6b7785",
  soft: "#55606e",
  line: "#d5dbe3",
  paper: "#ffffff",
};

// What is written and ruled on a chart's paper. A canvas takes it from the style sheet, which knows bright and dark.
export const ON_PAPER = {
  ink: COLOURS.ink,
  soft: COLOURS.soft,
  line: COLOURS.line,
  grey: COLOURS.grey,
  "told-ink": "#005a8d",
  "warn-ink": "#7a2d00",
  "alarm-ink": "#B00020",
};

export const LOSSES = {
  box: { label: "box", colour: COLOURS.blue, dash: [], marker: "circle" },
  cls: { label: "class", colour: COLOURS.orange, dash: [10, 5], marker: "square" },
  dfl: { label: "DFL", colour: COLOURS.green, dash: [12, 4, 3, 4], marker: "triangle" },
};

// A line of a class, too, lies on a dark one: bright colours stand out on white, dark letters on bright colours.
export const CASING = "#1b2430";
const BUILT_IN = ["ball", "square", "triangle", "star"]; // a ball's marker is round, and so on
const CLASS_STYLES = [
  { colour: COLOURS.amber, dash: [], marker: "circle" },
  { colour: COLOURS.sky, dash: [9, 4], marker: "square" },
  { colour: COLOURS.green, dash: [3, 3], marker: "triangle" },
  { colour: COLOURS.purple, dash: [12, 4, 3, 4], marker: "star" },
  { colour: COLOURS.yellow, dash: [6, 3, 2, 3], marker: "diamond" },
  { colour: COLOURS.orange, dash: [16, 4], marker: "cross" },
];

// The style of each class: a built-in one has its own everywhere, any other the next that none of those has. The same
// as in figures/colours.py.
export function classStyles(classes) {
  const isOwn = (name) => BUILT_IN.includes(name);
  const free = CLASS_STYLES.filter((_, place) => !classes.includes(BUILT_IN[place]));
  let others = 0;
  return classes.map((name) => (isOwn(name) ? CLASS_STYLES[BUILT_IN.indexOf(name)] : ofRank(others++, free)));
}

// Once every colour has been given, it comes again with another marker.
function ofRank(rank, styles) {
  const [round, place] = [Math.floor(rank / styles.length), rank % styles.length];
  return { ...styles[place], marker: styles[(place + round) % styles.length].marker };
}
