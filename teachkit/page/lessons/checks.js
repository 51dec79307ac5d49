// Answers checked by the tables of the checkers in teachkit/exercises: → {right: true, false, or null while open, words}.

import { numberOf } from "../numbers.js";

const open = (words) => ({ right: null, words: `still open: ${words}` });
const wrong = (...reasons) => ({ right: false, words: reasons.map((one) => `not yet: ${one}`).join("\n") });
const right = (words) => ({ right: true, words: `Right: ${words}` });
const near = (numbers, wanted, within) =>
  numbers.length === wanted.length && numbers.every((one, place) => Math.abs(one - wanted[place]) <= within);

function shareOf(text) {
  const [, above, below, share] = /^([^/%]+)(?:\/([^/%]+))?(%?)$/.exec(text) ?? [];
  return above === undefined ? NaN : numberOf(above) / (below === undefined ? 1 : numberOf(below)) / (share ? 100 : 1);
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
        .map(shareOf),
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

const known = (numbers, rows, fits) => rows.find(([one]) => fits(numbers, one))?.[1];
const COUNTS = { 1: "one number is", 2: "two numbers are" };

// What a sum of the numbers, each times its factor, tells where it lies from low to high.
function seen(numbers, looks) {
  const found = looks.find(([factors, low, high]) => {
    const value = factors.reduce((sum, factor, place) => sum + factor * numbers[place], 0);
    return (low === null || value >= low) && (high === null || value <= high);
  });
  return found?.[3];
}
// answer: text, or null.
function checkNumbers({ wanted, slips, also, looks, names, open: ask, praise, hint, within }, answer) {
  if (!answer?.trim()) return open(ask);
  const numbers = numbersIn(answer, wanted.length),
    isNear = (one, other) => near(one, other, within),
    look = (rows, fits) => numbers && known(numbers, rows, fits);
  if (numbers && isNear(numbers, wanted)) return right(praise);
  const other = look(also, isNear);
  if (other) return right(other);
  const slip = look(slips, isNear);
  if (slip) return wrong(slip);
  if (numbers && rounded(numbers, wanted)) return right(praise);
  const why = look(slips, rounded) ?? (numbers?.length === wanted.length && seen(numbers, looks));
  if (why) return wrong(why);
  const hundredth = numbers?.map((one) => one / 100);
  if (hundredth && Math.max(...wanted) <= 1 && isNear(hundredth, wanted))
    return right(
      `${praise} (You wrote per cent; as a share from 0 to 1 that is ${hundredth.map((one) => Number(one.toPrecision(6))).join(", ")}.)`,
    );
  if (!numbers || numbers.length !== wanted.length)
    return wrong(`${COUNTS[wanted.length] ?? `${wanted.length} numbers are`} asked for, not ${answer.trim()}`);
  const off = names.filter((_, place) => Math.abs(numbers[place] - wanted[place]) > within);
  return wrong(off.length ? `${off.join(", ")}: ${hint}` : hint);
}
// What is wrong with one part.
function faultOf(part, answer) {
  if (part.kind === "truth") return answer === part.wanted ? null : part.why;
  const numbers = numbersIn(answer);
  if (numbers?.length !== 1) return `write one number, not ${answer.trim()}`;
  const isNear = (one, other) => near(one, other, part.within);
  if (isNear(numbers, [part.wanted])) return null;
  return known(numbers, part.slips, isNear) ?? (rounded(numbers, [part.wanted]) ? null : part.hint);
}
const isOpen = (answer) => answer === null || (typeof answer === "string" && !answer.trim());
// answer: name → text, true or false; null while open.
function checkParts({ parts, open: ask, praise }, answer) {
  const empty = Object.keys(parts).filter((name) => isOpen(answer[name]));
  if (empty.length) return open(`${empty.join(", ")}; ${ask}`);
  const reasons = Object.entries(parts)
    .map(([name, part]) => [name, faultOf(part, answer[name])])
    .filter(([, why]) => why);
  return reasons.length ? wrong(...reasons.map(([name, why]) => `${name}: ${why}`)) : right(praise);
}
// answer: letter → the names that are marked, in a list; null while open.
function checkMarks({ reasons, open: ask, praise }, answer) {
  const letters = Object.keys(reasons),
    empty = letters.filter((letter) => answer[letter] === null);
  if (empty.length) return open(letters.length === 1 ? ask : `${empty.join(", ")}; ${ask}`);
  const found = letters.flatMap((letter) => reasons[letter][[...answer[letter]].sort().join(" ")]);
  return found.length ? wrong(...found) : right(praise);
}
// answer: bin → text of its share, null while open; the other bins have none.
function checkShares({ wanted, slips, open: ask, praise, within }, answer) {
  if (Object.values(answer).some(isOpen)) return open(ask);
  const given = Object.entries(answer).map(([bin, text]) => [bin, numbersIn(text)]);
  const strange = given.find(([, numbers]) => numbers?.length !== 1);
  if (strange) return wrong(`bin ${strange[0]}: write one number, not ${answer[strange[0]].trim()}`);
  const shares = wanted.map(() => 0);
  for (const [bin, [share]] of given) shares[bin] = share;
  const isNear = (one, other) => near(one, other, within);
  if (isNear(shares, wanted)) return right(praise);
  const slip = known(shares, slips, isNear);
  if (slip) return wrong(slip);
  const sum = shares.reduce((one, other) => one + other, 0);
  if (shares.some((one) => one < -1e-9) || Math.abs(sum - 1) > 0.02)
    return wrong(`the shares of a target are ≥ 0 and add up to 1, not to ${Number(sum.toPrecision(6))}`);
  const centre = shares.reduce((one, share, bin) => one + bin * share, 0);
  return wrong(
    `these shares expect the edge at ${centre.toFixed(2)}; only the two bins next to the edge may have a share`,
  );
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
const CHECKS = {
  numbers: checkNumbers,
  parts: checkParts,
  marks: checkMarks,
  shares: checkShares,
  choices: checkChoices,
  claims: checkClaims,
};

export const checked = (table, answer) => CHECKS[table.kind](table, answer);
