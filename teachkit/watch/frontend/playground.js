// What every playground shares: its frame, its message line, and a connection that never lets requests pile up.

import { connect } from "./connection.js";
import { button, menu, slider } from "./controls.js";
import { element, guardKeys } from "./elements.js";

// build({setup, buffers, page, set, lever, choice, root, ask}) puts the parts into `page` and returns
// {show(numbers, fresh), close?()}. `fresh` is false while a newer setting is on its way, so that an old answer does
// not push a control back under the hand.
export function playground({ model, el }, name, build) {
  const root = element("div", { class: `tk-root tk-playground tk-${name}`, role: "region", tabindex: "-1" });
  const frame = element("div", { class: "tk-page" });
  guardKeys(root);
  root.append(frame);
  el.append(root);
  let parts = null,
    waiting = null,
    told = 0,
    drawn = 0,
    closed = false;
  const title = element("h2"),
    message = element("div", { class: "tk-message", hidden: true });
  const live = element("div", { class: "tk-unseen", role: "status", "aria-live": "polite" });
  const body = element("div", { class: "tk-playground-body" });
  const again = button(
    "Reset",
    () => {
      waiting = null;
      link.ask("reset");
    },
    { "data-control": "reset" },
  );

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
  // A slider and a menu of one setting each.
  const lever = (label, setting, scale, more) =>
    slider(label, scale, {
      name: setting,
      onMove: (value) => set({ [setting]: value }),
      onTyped: (text) => set({ [setting]: text }),
      ...more,
    });
  const choice = (label, setting, choices, read = String) =>
    menu(label, choices, (value) => set({ [setting]: read(value) }), setting);
  const say = (text) => {
    if (!text || performance.now() - told < 1000 || live.textContent === text) return;
    told = performance.now();
    live.textContent = text;
  };

  const link = connect(
    model,
    {
      setup: (setup, buffers) => {
        if (parts) return; // sent again for another view
        title.textContent = setup.title;
        root.setAttribute("aria-label", setup.title);
        frame.replaceChildren(
          element("header", {}, title, element("div", { class: "tk-bar" }, again)),
          message,
          body,
          live,
        );
        parts = build({ setup, buffers, page: body, set, lever, choice, root, ask: link.ask });
      },
      numbers: (numbers, buffers) => {
        if (!parts) return;
        const trouble = numbers.error || numbers.refused;
        message.hidden = !trouble;
        message.dataset.tone = numbers.error ? "error" : "warn";
        if (message.textContent !== trouble) message.textContent = trouble;
        if (!numbers.error)
          parts.show({ ...numbers, buffers }, Boolean(numbers.refused) || (link.settled() && !waiting));
        say(trouble || numbers.words);
        root.dataset.drawn = ++drawn;
        root.dataset.ack = link.answered();
        flush();
      },
    },
    (silence) => {
      message.hidden = false;
      message.dataset.tone = "warn";
      message.textContent = live.textContent = silence;
    },
  );
  link.ask("hello");
  return () => {
    if (closed) return;
    closed = true;
    link.close();
    parts?.close?.();
    el.replaceChildren();
  };
}
