// Answers checked by the tables of the checkers in teachkit/exercises: → {right: true, false, or null while open, words}.

const open = (words) => ({ right: null, words: `still open: ${words}` });
const wrong = (...reasons) => ({ right: false, words: reasons.map((one) => `not yet: ${one}`).join("\n") });
const right = (words) => ({ right: true, words: `Right: ${words}` });
const near = (numbers, wanted, within) =>
  numbers.length === wanted.length && numbers.every((one, place) => Math.abs(one - wanted[place]) <= within);

function numberOf(text) {
  const [, above, below, share] = /^([^/%]+)(?:\/([^/%]+))?(%?)$/.exec(text) ?? [];
  return above === undefined ? NaN : Number(above) / (below === undefined ? 1 : Number(below)) / (share ? 100 : 1);
}

// The numbers of a text as people write them: 0.5, .5, 1/3, −2, 40 %, and 0,5 where a comma is a decimal point; between
// them commas, semicolons or spaces. count: how many are asked for, where there are two readings. null if there are none.
export function numbersIn(text, count = 1) {
  const plain = text
      .replaceAll("−", "-")
      .replaceAll(/[()[\]]/g, " ")
      .replaceAll(" %", "%"),
    decimal = plain.replaceAll(/(?<=\d),(?=\d)/g, "."),
    readings = (plain.includes(".") ? [plain] : [decimal, plain]).map((one) =>
      one
        .split(/[\s,;]+/)
        .filter(Boolean)
        .map(numberOf),
    ),
    whole = readings.filter((one) => one.length && one.every(Number.isFinite));
  return whole.find((one) => one.length === count) ?? whole[0] ?? null;
}

// Whether each number is the wanted one rounded to two digits or more.
function rounded(numbers, wanted) {
  const isRounded = (number, whole) => {
    const [, before, after = "", power = "0"] = /^-?(\d+)(?:\.(\d+))?(?:e(.+))?$/.exec(Number(number.toPrecision(12))),
      unit = 10 ** (Number(power) - after.length);
    return (
      number === whole ||
      ((before + after).replace(/^0+/, "").length >= 2 && Math.abs(number - whole) <= 0.5 * unit * (1 + 1e-9))
    );
  };
  return numbers.length === wanted.length && numbers.every((one, place) => isRounded(one, wanted[place]));
}

// answer: text, or null.
function checkNumbers({ wanted, slips, open: ask, praise, hint, within }, answer) {
  if (!answer?.trim()) return open(ask);
  const numbers = numbersIn(answer, wanted.length);
  if (numbers && near(numbers, wanted, within)) return right(praise);
  const why = numbers && slips.find(([known]) => near(numbers, known, within))?.[1];
  if (why) return wrong(why);
  if (numbers && rounded(numbers, wanted)) return right(praise);
  const hundredth = numbers?.map((one) => one / 100);
  if (hundredth && Math.max(...wanted) <= 1 && near(hundredth, wanted, within))
    return right(
      `${praise} (You wrote per cent; as a share from 0 to 1 that is ${hundredth.map((one) => Number(one.toPrecision(6))).join(", ")}.)`,
    );
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
