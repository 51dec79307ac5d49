// An exercise as a form: a field, or a choice beside each letter, and the verdict below it.

import { button } from "../../watch/frontend/controls.js";
import { element, uniqueId } from "../../watch/frontend/elements.js";
import { checked } from "./checks.js";

const TRUTHS = [
  [true, "True"],
  [false, "False"],
];

// Each → {node, read() → answer}

function field(name, placeholder) {
  const attributes = { class: "tk-field", "aria-label": name, autocomplete: "off", placeholder };
  const node = element("input", attributes);
  return { node, read: () => node.value };
}
function numbersField({ wanted, names }, name) {
  const several = names.length ? names.join(", ") : `${wanted.length} numbers, such as 1, 2 …`;
  return field(name, wanted.length === 1 ? "a number" : several);
}
function labelledField(name) {
  const { node, read } = field(name, "a number");
  return { node: element("label", {}, name, " ", node), read };
}
// One of the choices, or several of them: [value, text] of each.
function choiceRow(letter, words, choices, several = false) {
  const group = `choice-${uniqueId()}`,
    type = several ? "checkbox" : "radio";
  const inputs = choices.map(([value]) => element("input", { type, name: group, value: String(value) }));
  const labels = choices.map(([, text], place) => element("label", {}, inputs[place], text));
  const legend = element("legend", {}, words ? `${letter}: ${words}` : letter);
  const chosen = () => choices.filter((_, place) => inputs[place].checked).map(([value]) => value);
  return {
    node: element("fieldset", { "data-letter": letter }, legend, ...labels),
    read: () => (several ? (chosen().length ? chosen() : null) : (chosen()[0] ?? null)),
  };
}
// rows: name → row.
function together(rows) {
  return {
    node: element("div", {}, ...Object.values(rows).map((one) => one.node)),
    read: () => Object.fromEntries(Object.entries(rows).map(([name, one]) => [name, one.read()])),
  };
}
const each = (names, make) => together(Object.fromEntries(names.map((name) => [name, make(name)])));
const FIELDS = {
  numbers: ({ table, name }) => numbersField(table, name),
  parts: ({ table: { parts } }) =>
    each(Object.keys(parts), (name) =>
      parts[name].kind === "truth" ? choiceRow(name, "", TRUTHS) : labelledField(name),
    ),
  shares: ({ table: { bins } }) => together(Object.fromEntries(bins.map((bin) => [bin, labelledField(`bin ${bin}`)]))),
  marks: ({ table: { reasons, names }, name, words }) =>
    each(Object.keys(reasons), (letter) => {
      const texts = names.map((one) => [one, letter ? one : one.toUpperCase()]);
      return choiceRow(letter || name, words[letter], texts, true);
    }),
  claims: ({ table, words }) => each(Object.keys(table.claims), (letter) => choiceRow(letter, words[letter], TRUTHS)),
  choices: ({ table, words }) => {
    const choices = table.choices.map((one) => [one, one]);
    return each(Object.keys(table.wanted), (letter) => choiceRow(letter, words[letter], choices));
  },
};

// here: {name, table, words}; noted(right) is told of each try.
export function exerciseForm(here, noted) {
  const fields = FIELDS[here.table.kind](here),
    verdict = element("p", { class: "tk-verdict", role: "status", "aria-live": "polite", hidden: true });
  const check = button("Check", () => {}, { class: "tk-button tk-main", type: "submit" });
  const form = element("form", { class: "tk-root tk-exercise" }, element("h2", {}, `Exercise: ${here.name}`));
  form.append(fields.node, check, verdict);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const { right, words } = checked(here.table, fields.read());
    verdict.hidden = false;
    verdict.textContent = words;
    verdict.dataset.right = right === null ? "open" : right ? "yes" : "no";
    if (right !== null) noted(right);
  });
  return form;
}
