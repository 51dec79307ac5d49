// What every playground shares: its frame, its message line, and a connection that never lets requests pile up.

import { connect } from "./connection.js";
import { button, menu, slider } from "./controls.js";
import { block, element, guardKeys } from "./elements.js";

// name: of the root's class. build(parts) puts the widget into `page` and returns {show(numbers, fresh), close?()}.
// `fresh` is false while a newer setting is on its way, so that an old answer does not push a control back under the
// hand. parts: {setup, buffers, page, root, set(values), ask(kind), settingSlider, settingMenu}.
export function playground({ model, el }, name, build) {
  const frame = frameOf(name);
  const { root, body, message, live } = frame;
  el.append(root);
  let widget = null;
  let waiting = null; // the newest settings, not yet sent
  let spokenAt = 0;
  let drawn = 0;
  let closed = false;

  // Only the newest settings go out, once the answer to those before is there: a fast hand cannot outrun Python.
  const flush = () => {
    if (!waiting || !link.settled()) return;
    const values = waiting;
    waiting = null;
    link.ask("set", { values });
  };
  const set = (values) => {
    waiting = { ...waiting, ...values };
    flush();
  };
  const speak = (text) => {
    if (!text || performance.now() - spokenAt < 1000 || live.textContent === text) return;
    spokenAt = performance.now();
    live.textContent = text;
  };
  const warn = (text, tone) => {
    message.hidden = !text;
    message.dataset.tone = tone;
    if (message.textContent !== text) message.textContent = text;
  };
  const reset = () => {
    waiting = null;
    link.ask("reset");
  };

  const answers = {
    setup: (setup, buffers) => {
      if (widget) return; // sent again for another view
      frame.open(setup.title, button("Reset", reset, { "data-control": "reset" }));
      widget = build({ setup, buffers, page: body, root, set, ask: link.ask, ...settingControls(set) });
    },
    numbers: (numbers, buffers) => {
      if (!widget) return;
      const trouble = numbers.error || numbers.refused;
      const fresh = Boolean(numbers.refused) || (link.settled() && !waiting);
      warn(trouble, numbers.error ? "error" : "warn");
      if (!numbers.error) widget.show({ ...numbers, buffers }, fresh);
      speak(trouble || numbers.words);
      root.dataset.drawn = ++drawn;
      root.dataset.ack = link.answered();
      flush();
    },
  };
  const link = connect(model, answers, (silence) => {
    warn(silence, "warn");
    live.textContent = silence;
  });
  link.ask("hello");
  return () => {
    if (closed) return;
    closed = true;
    link.close();
    widget?.close?.();
    el.replaceChildren();
  };
}

function frameOf(name) {
  const root = element("div", { class: `tk-root tk-playground tk-${name}`, role: "region", tabindex: "-1" });
  const page = block("tk-page");
  const message = element("div", { class: "tk-message", hidden: true });
  const live = element("div", { class: "tk-unseen", role: "status", "aria-live": "polite" });
  const body = block("tk-playground-body");
  guardKeys(root);
  root.append(page);
  const open = (title, ...buttons) => {
    root.setAttribute("aria-label", title);
    page.replaceChildren(
      element("header", {}, element("h2", {}, title), block("tk-bar", ...buttons)),
      message,
      body,
      live,
    );
  };
  return { root, body, message, live, open };
}

// A slider and a menu of one setting each.
function settingControls(set) {
  const settingSlider = (label, name, scale, more) =>
    slider(label, scale, {
      name,
      onMove: (value) => set({ [name]: value }),
      onTyped: (text) => set({ [name]: text }),
      ...more,
    });
  const settingMenu = (label, name, choices, read = String) =>
    menu(label, choices, (value) => set({ [name]: read(value) }), name);
  return { settingSlider, settingMenu };
}
