// What every playground shares: its frame, its message line, and a connection that never lets requests pile up.

// build({setup, buffers, page, set, lever, choice, root, ask}) puts the parts into `page` and returns {show(numbers, fresh), close?()}; `fresh` is
// false while a newer setting is on its way, so that an old answer does not push a control back under the hand.
function playground({ model, el }, name, build) {
  const root = element("div", { class: `tk-root tk-playground tk-${name}`, role: "region", tabindex: "-1" });
  const frame = element("div", { class: "tk-page" });
  guardKeys(root);
  root.append(frame);
  el.append(root);
  let parts = null, waiting = null, told = 0, drawn = 0, closed = false;
  const title = element("h2"), message = element("div", { class: "tk-message", hidden: true });
  const live = element("div", { class: "tk-unseen", role: "status", "aria-live": "polite" });
  const body = element("div", { class: "tk-playground-body" });
  const again = button("Reset", () => { waiting = null; link.ask("reset"); }, { "data-control": "reset" });

  // Only the newest settings go out, once the answer to those before is there: a fast hand cannot outrun Python.
  const flush = () => {
    if (!waiting || !link.settled()) return;
    const values = waiting;
    waiting = null;
    link.ask("set", { values });
  };
  const set = (values) => { waiting = { ...waiting, ...values }; flush(); };
  // A slider and a menu of one setting each.
  const lever = (label, name, scale, more) =>
    slider(label, scale, { name, onMove: (value) => set({ [name]: value }), onTyped: (text) => set({ [name]: text }), ...more });
  const choice = (label, name, choices, read = String) => menu(label, choices, (value) => set({ [name]: read(value) }), name);
  const say = (text) => {
    if (!text || performance.now() - told < 1000 || live.textContent === text) return;
    told = performance.now();
    live.textContent = text;
  };

  const link = connect(model, {
    setup: (setup, buffers) => {
      if (parts) return; // sent again for another view
      title.textContent = setup.title;
      root.setAttribute("aria-label", setup.title);
      frame.replaceChildren(element("header", {}, title, element("div", { class: "tk-bar" }, again)), message, body, live);
      parts = build({ setup, buffers, page: body, set, lever, choice, root, ask: link.ask });
    },
    numbers: (numbers, buffers) => {
      if (!parts) return;
      const trouble = numbers.error || numbers.refused;
      message.hidden = !trouble;
      message.dataset.tone = numbers.error ? "error" : "warn";
      if (message.textContent !== trouble) message.textContent = trouble;
      if (!numbers.error) parts.show({ ...numbers, buffers }, Boolean(numbers.refused) || (link.settled() && !waiting));
      say(trouble || numbers.words);
      root.dataset.drawn = ++drawn;
      root.dataset.ack = link.answered();
      flush();
    },
  }, (silence) => {
    message.hidden = false;
    message.dataset.tone = "warn";
    message.textContent = live.textContent = silence;
  });
  link.ask("hello");
  return () => {
    if (closed) return;
    closed = true;
    link.close();
    parts?.close?.();
    el.replaceChildren();
  };
}

// Axes on a canvas → {x(value), y(value), left, right, top, bottom} in px.
// across, up: {range: [low, high], log, label, ticks: [value, …], words: (tick) → text}
function axes(pen, width, height, size, { across, up }) {
  const left = size * 4.2, right = width - size, top = size * 1.1, bottom = height - size * 3;
  const share = ({ range: [low, high], log }, value) =>
    (log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low));
  const x = (value) => left + (right - left) * share(across, value);
  const y = (value) => bottom - (bottom - top) * share(up, value);
  const ticksOf = ({ range, log, ticks }, room) => ticks ?? (log ? logTicks(...range, room) : niceTicks(...range, room));
  pen.save();
  pen.font = `${size}px system-ui, sans-serif`;
  pen.lineWidth = 1;
  pen.strokeStyle = COLOURS.line;
  pen.fillStyle = COLOURS.soft;
  pen.textAlign = "right";
  pen.textBaseline = "middle";
  for (const tick of ticksOf(up, Math.max(2, Math.floor((bottom - top) / (size * 2.4))))) {
    drawLine(pen, left, y(tick), right, y(tick));
    pen.fillText((up.words ?? short)(tick), left - size * 0.4, y(tick));
  }
  pen.textAlign = "center";
  pen.textBaseline = "alphabetic";
  for (const tick of ticksOf(across, Math.max(2, Math.floor((right - left) / (size * 5))))) {
    drawLine(pen, x(tick), top, x(tick), bottom);
    pen.fillText((across.words ?? short)(tick), x(tick), bottom + size * 1.2);
  }
  pen.fillStyle = COLOURS.ink;
  if (across.label) pen.fillText(across.label, (left + right) / 2, height - size * 0.4);
  if (up.label) {
    pen.translate(size, (top + bottom) / 2);
    pen.rotate(-Math.PI / 2);
    pen.fillText(up.label, 0, 0);
  }
  pen.restore();
  return { x, y, left, right, top, bottom };
}
