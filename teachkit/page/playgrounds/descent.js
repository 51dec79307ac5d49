// The rules of the descent playground, as teachkit/watch/motion/descent.py has them.

import { fixed, general } from "./kernel.js";

const GRAINS = 40; // of half the parabola

function told(factor, near) {
  if (factor >= near) return "slides down one side";
  if (factor > -near) return "is there in one step";
  if (factor > near - 1) return "jumps across, ever lower";
  return factor > -near - 1 ? "jumps across for ever" : "jumps across, ever higher";
}

export const descent = {
  numbers({ rate, curvature, steps }, compute, { start, wide, tall, near }) {
    const factor = 1 - rate * curvature,
      half = curvature / 2;
    const on = (w) => [w, half * w * w];
    const trail = Array.from({ length: steps + 1 }, (_, step) => on(start * factor ** step)),
      [w, loss] = trail.at(-1);
    const seen = trail.filter(([across, up]) => Math.abs(across) <= wide && up <= tall),
      gone = seen.length < trail.length;
    const parabola = Array.from({ length: 2 * GRAINS + 1 }, (_, place) => on((wide * (place - GRAINS)) / GRAINS));
    const facts = [
      ["a step multiplies w by", fixed(factor, 2)],
      ["limit 2 / c", general(2 / curvature, 3)],
      ["w now", general(w, 3)],
      ["loss now", general(loss, 3)],
    ];
    return {
      lines: [
        { style: "loss", points: parabola.filter(([, up]) => up <= tall), note: "" },
        { style: "trail", points: seen, note: gone ? "leaves the picture" : "" },
        { style: "now", points: gone ? [] : trail.slice(-1), note: told(factor, near) },
      ],
      facts,
      words: `w ${told(factor, near)}; ${facts.map(([name, text]) => `${name}: ${text}`).join(", ")}`,
    };
  },
};
