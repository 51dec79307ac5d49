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

export const LOSSES = {
  box: { label: "box", colour: COLOURS.blue, dash: [], marker: "circle" },
  cls: { label: "class", colour: COLOURS.orange, dash: [10, 5], marker: "square" },
  dfl: { label: "DFL", colour: COLOURS.green, dash: [12, 4, 3, 4], marker: "triangle" },
};

export const CLASS_COLOURS = [
  COLOURS.amber,
  COLOURS.sky,
  COLOURS.yellow,
  COLOURS.purple,
  COLOURS.green,
  COLOURS.orange,
];
