// An exercise as a form: a field, or a choice beside each letter, and the verdict below it.

import { button } from "../../watch/frontend/controls.js";
import { element, uniqueId } from "../../watch/frontend/elements.js";
import { checked } from "./checks.js";

// → {node, read() → answer}
function numbersField({ wanted }, name) {
  const input = element("input", {
    class: "tk-field",
    "aria-label": name,
    autocomplete: "off",
    placeholder: wanted.length === 1 ? "a number" : `${wanted.length} numbers, such as 1, 2 …`,
  });
  return { node: input, read: () => input.value };
}
function choiceRow(letter, words, choices) {
  const group = `choice-${uniqueId()}`;
  const inputs = choices.map(([value]) => element("input", { type: "radio", name: group, value: String(value) }));
  const labels = choices.map(([, text], place) => element("label", {}, inputs[place], text));
  const legend = element("legend", {}, words ? `${letter}: ${words}` : letter);
  return {
    node: element("fieldset", { "data-letter": letter }, legend, ...labels),
    read: () => choices[inputs.findIndex((one) => one.checked)]?.[0] ?? null,
  };
}
function lettered(letters, words, choices) {
  const rows = letters.map((letter) => choiceRow(letter, words[letter], choices));
  return {
    node: element("div", {}, ...rows.map((one) => one.node)),
    read: () => Object.fromEntries(letters.map((letter, place) => [letter, rows[place].read()])),
  };
}
function fieldsOf({ table, name, words }) {
  if (table.kind === "numbers") return numbersField(table, name);
  if (table.kind === "claims")
    return lettered(Object.keys(table.claims), words, [
      [true, "True"],
      [false, "False"],
    ]);
  return lettered(
    Object.keys(table.wanted),
    words,
    table.choices.map((one) => [one, one]),
  );
}

// here: {name, table, words}; noted(right) is told of each try.
export function exerciseForm(here, noted) {
  const fields = fieldsOf(here),
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
