// Labelled controls: a button, a menu, a slider with a field, and what is held by the pointer.

import { element, uniqueId } from "./elements.js";
import { short } from "./numbers.js";

export function button(text, onclick, attributes = {}) {
  return element("button", { type: "button", class: "tk-button", onclick, ...attributes }, text);
}

// A labelled menu. choices: [[value, text], …]; onChoice(value).
export function menu(label, choices, onChoice, name) {
  const id = uniqueId();
  const options = choices.map(([value, text]) => element("option", { value }, text));
  const select = element("select", { id, onchange: () => onChoice(select.value), "data-control": name }, ...options);
  const node = element("div", { class: "tk-menu" }, element("label", { for: id }, label), select);
  return {
    node,
    show: (value) => {
      if (value != null && select.value !== value) select.value = value;
    },
  };
}

// A slider with a field beside it for an exact number. scale: {toPlace(value) → 0…1, toValue(place)}.
// onMove(value) comes at most once a frame, however fast the hand is; onTyped(text) is checked by Python.
export function slider(label, scale, { onMove, onTyped, swatch, name }) {
  const id = uniqueId();
  const range = element("input", { id, type: "range", min: 0, max: 1000, step: 1, "data-control": name });
  const field = element("input", {
    type: "text",
    class: "tk-field",
    inputmode: "decimal",
    spellcheck: "false",
    "aria-label": `${label}, exact value`,
    "data-control": `${name}-field`,
  });
  const node = element(
    "div",
    { class: "tk-slider" },
    element("label", { for: id }, swatch ?? null, label),
    range,
    field,
  );
  let value = null,
    sent = null;
  // At once, then at most once a frame: the hand is not kept waiting, and a fast one does not flood Python.
  const pass = () => {
    if (sent === value) {
      sent = null;
      return;
    }
    onMove((sent = value));
    requestAnimationFrame(pass);
  };
  const show = (newest) => {
    if (newest == null || newest === value) return;
    value = newest;
    if (document.activeElement !== field) field.value = short(value);
    range.value = Math.round(1000 * Math.min(1, Math.max(0, scale.toPlace(value))));
    range.setAttribute("aria-valuetext", short(value));
    node.dataset.value = value;
  };
  range.addEventListener("input", () => {
    const moved = scale.toValue(range.value / 1000);
    value = moved;
    field.value = short(moved);
    range.setAttribute("aria-valuetext", short(moved));
    node.dataset.value = moved;
    if (sent === null) pass();
  });
  const typed = () => {
    if (field.value !== short(value)) onTyped(field.value);
  };
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") typed();
    if (event.key === "Escape") field.value = short(value);
  });
  field.addEventListener("blur", () => {
    typed();
    field.value = short(value);
  });
  const refuse = () => {
    field.value = short(value);
  };
  return { node, range, field, show, refuse };
}

// move(event) for mouse, pen and finger alike, from pressing to letting go.
export function held(node, move) {
  node.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    node.focus({ preventScroll: true });
    node.setPointerCapture(event.pointerId);
    event.preventDefault();
    move(event);
  });
  node.addEventListener("pointermove", (event) => {
    if (node.hasPointerCapture(event.pointerId)) move(event);
  });
}
