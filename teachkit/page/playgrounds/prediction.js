// The rules of a prediction, as teachkit/watch/widgets/prediction.py has them.

import { Kernel, Refused } from "./kernel.js";

const LETTERS = "abcdefgh";

function verdict({ choice }, { choices, right, because }) {
  if (choice === undefined) return "";
  const reason = typeof because === "string" ? because : because[choice];
  return choice === right
    ? `Right. ${reason}`
    : `Not what happens. ${reason} It is ${LETTERS[right]}) ${choices[right]}`;
}

// committed(right) is told of the first choice alone.
export function predictionKernel(asked, committed) {
  let counted = false;
  const rules = {
    checks: {
      place(_, value) {
        if (!Number.isInteger(value) || value < 0 || value >= asked.choices.length)
          throw new Refused(`choose one of ${[...LETTERS.slice(0, asked.choices.length)].join(", ")}`);
        if (!counted) committed(value === asked.right);
        counted = true;
        return value;
      },
    },
    numbers(values) {
      const words = verdict(values, asked);
      return { verdict: words, right: words ? asked.right : null, words };
    },
  };
  const { question, choices } = asked;
  const facts = {
    title: "Predict first",
    first: {},
    levers: { choice: { kind: "place" } },
    setup: { question, choices },
  };
  return new Kernel(facts, rules, null);
}
