// Answers checked by the tables of the checkers in teachkit/exercises: → {right: true, false, or null while open, words}.

const open = (words) => ({ right: null, words: `still open: ${words}` });
const wrong = (...reasons) => ({ right: false, words: reasons.map((one) => `not yet: ${one}`).join("\n") });
const right = (words) => ({ right: true, words: `Right: ${words}` });
const near = (numbers, wanted, within) =>
  numbers.length === wanted.length && numbers.every((one, place) => Math.abs(one - wanted[place]) <= within);

// The numbers of a text, as people write them: 0.5, .5, 1/3, −2; between them commas, semicolons or spaces. NaN for what is none.
export function numbersIn(text) {
  const parts = text
    .replaceAll("−", "-")
    .replaceAll(/[()[\]]/g, " ")
    .split(/[\s,;]+/)
    .filter(Boolean);
  return parts.map((part) => {
    const [, above, below] = /^([^/]+)(?:\/([^/]+))?$/.exec(part) ?? [];
    return above === undefined ? NaN : Number(above) / (below === undefined ? 1 : Number(below));
  });
}

// answer: text, or null.
function checkNumbers({ wanted, slips, open: ask, praise, hint, within }, answer) {
  if (!answer?.trim()) return open(ask);
  const given = numbersIn(answer),
    numbers = given.every(Number.isFinite) ? given : null;
  if (numbers && near(numbers, wanted, within)) return right(praise);
  const why = numbers && slips.find(([known]) => near(numbers, known, within))?.[1];
  if (why) return wrong(why);
  if (!numbers || numbers.length !== wanted.length) {
    const count = wanted.length === 1 ? "one number is" : `${wanted.length} numbers are`;
    return wrong(`${count} asked for, not ${answer.trim()}`);
  }
  return wrong(hint);
}
// answer: letter → a choice, null while open.
function checkChoices({ wanted, choices, why, praise }, answer) {
  const empty = Object.keys(wanted).filter((letter) => answer[letter] === null);
  if (empty.length) return open(`${empty.join(", ")}; choose from ${choices.join(", ")}`);
  const mistakes = Object.keys(wanted).filter((letter) => answer[letter] !== wanted[letter]);
  return mistakes.length ? wrong(...mistakes.map((letter) => why[letter][answer[letter]])) : right(praise);
}
// answer: letter → true, false, null while open.
function checkClaims({ claims, praise }, answer) {
  const letters = Object.keys(claims),
    empty = letters.filter((letter) => answer[letter] === null);
  if (empty.length) return open(`${empty.join(", ")}; write True or False beside each letter`);
  const mistakes = letters.filter((letter) => answer[letter] !== claims[letter][0]);
  return mistakes.length ? wrong(...mistakes.map((letter) => `${letter}: ${claims[letter][1]}`)) : right(praise);
}
const CHECKS = { numbers: checkNumbers, choices: checkChoices, claims: checkClaims };

export const checked = (table, answer) => CHECKS[table.kind](table, answer);
