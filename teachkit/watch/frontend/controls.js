// Labelled controls: a button, a menu, a slider with a field; and what is dragged.

import { block, element, uniqueId } from "./elements.js";
import { clamp, formatted } from "./numbers.js";

export function button(text, onclick, attributes = {}) {
  return element("button", { type: "button", class: "tk-button", onclick, ...attributes }, text);
}

// choices: [[value, text], …].
export function menu(label, choices, onChoice, name) {
  const id = uniqueId();
  const options = choices.map(([value, text]) => element("option", { value }, text));
  const select = element(
    "select",
    { id, autocomplete: "off", onchange: () => onChoice(select.value), "data-control": name },
    ...options,
  );
  const show = (value) => {
    if (value != null && select.value !== value) select.value = value;
  };
  return { node: block("tk-menu", element("label", { for: id }, label), select), show };
}

// Thousandths of the slider for a press of a key.
const [KEY_STEP, PAGE_STEP] = [20, 100];
const KEY_STEPS = {
  ArrowRight: KEY_STEP,
  ArrowUp: KEY_STEP,
  ArrowLeft: -KEY_STEP,
  ArrowDown: -KEY_STEP,
  PageUp: PAGE_STEP,
  PageDown: -PAGE_STEP,
};

// A slider with a field beside it for an exact number. scale: {toPlace(value) → 0…1, toValue(place)}.
// onMove(value) comes at most once a frame, however fast the hand is; onTyped(text) is checked by Python.
export function slider(label, scale, { onMove, onTyped, swatch, name }) {
  const id = uniqueId();
  const range = element("input", {
    id,
    autocomplete: "off",
    type: "range",
    min: 0,
    max: 1000,
    step: 1,
    "data-control": name,
  });
  const field = element("input", {
    type: "text",
    class: "tk-field",
    inputmode: "decimal",
    spellcheck: "false",
    "aria-label": `${label}, exact value`,
    "data-control": `${name}-field`,
  });
  const node = block("tk-slider", element("label", { for: id }, swatch ?? null, label), range, field);
  let value = null;
  let sent = null;
  const write = () => {
    field.value = formatted(value);
  };
  const take = (newest) => {
    value = newest;
    range.setAttribute("aria-valuetext", formatted(value));
    node.dataset.value = value;
  };
  // At once, then at most once a frame: the hand is not kept waiting, and a fast one does not flood Python.
  const send = () => {
    if (sent === value) {
      sent = null;
      return;
    }
    sent = value;
    onMove(value);
    requestAnimationFrame(send);
  };
  const show = (newest) => {
    if (newest == null || newest === value) return;
    take(newest);
    if (document.activeElement !== field) write();
    range.value = Math.round(1000 * clamp(scale.toPlace(value), 0, 1));
  };
  const move = () => {
    take(scale.toValue(range.value / 1000));
    write();
    if (sent === null) send();
  };
  range.addEventListener("input", move);
  // A press of a key shows: the slider's own step is a thousandth, too small to see and lost where numbers are whole.
  range.addEventListener("keydown", (event) => {
    const way = KEY_STEPS[event.key];
    if (!way || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    const before = scale.toValue(range.value / 1000);
    let place = Number(range.value);
    do place += way;
    while (scale.toValue(place / 1000) === before && place > 0 && place < 1000);
    range.value = place;
    move();
  });
  onEntry(field, () => formatted(value), onTyped);
  return { node, range, field, show, refuse: write };
}

// A slider that stops at the given numbers alone.
export function stopsSlider(settingSlider, name, label, numbers) {
  const last = numbers.length - 1;
  const made = settingSlider(label, name, {
    toPlace: (value) => Math.max(0, numbers.indexOf(value)) / last,
    toValue: (place) => numbers[Math.round(place * last)],
  });
  made.range.step = Math.floor(1e9 / last) / 1e6; // an arrow key goes to the next number, End to the last
  return made;
}

// Text typed into a field goes to onTyped with Enter, and when the field is left; Escape brings the old text back.
export function onEntry(field, current, onTyped) {
  const commit = () => {
    if (field.value !== current()) onTyped(field.value);
  };
  const restore = () => {
    field.value = current();
  };
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") commit();
    if (event.key === "Escape") restore();
  });
  field.addEventListener("blur", () => {
    commit();
    restore();
  });
}

// move(event) for mouse, pen and finger alike, from pressing to letting go.
export function onDrag(node, move) {
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
