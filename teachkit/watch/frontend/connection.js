// The one connection to Python: kinds of message in, numbered requests out.

const SILENT_AFTER = 5000; // ms
const PULSE = { every: 250, quiet: 700, alive: 1500 }; // ms: between two looks, until it is asked, until it is missed
const SILENCE =
  "The kernel does not answer: it is busy, or was restarted. If this stays, run the cell again, or load the page anew.";

// answers: {kind: (message, buffers) → …}. onSilence(words): a restarted kernel knows this widget no more, and nothing
// else says so. `settled` tells whether Python has seen everything asked so far: until then a frame is an old one, and
// must not push a slider back.
export function connect(model, answers, onSilence) {
  let asked = 0;
  let answered = 0;
  let open = true;
  let timer = null;
  let pulse = null;
  let heardAt = performance.now();
  let askedAt = heardAt; // the oldest request without an answer
  const settled = () => answered >= asked;
  const wait = () => {
    timer ??= setTimeout(() => {
      timer = null;
      onSilence(SILENCE);
    }, SILENT_AFTER);
  };
  const stopWaiting = () => {
    clearTimeout(timer);
    timer = null;
  };
  const listen = (message, buffers) => {
    heardAt = askedAt = performance.now();
    if (message.ack != null) answered = message.ack;
    asked = Math.max(asked, answered); // this view may be younger than the widget
    stopWaiting();
    if (!settled()) wait();
    answers[message.kind]?.(message, buffers);
  };
  const ask = (kind, content = {}) => {
    if (!open) return;
    if (settled()) askedAt = performance.now();
    wait();
    try {
      model.send({ kind, ask: ++asked, ...content });
    } catch {
      onSilence(SILENCE); // JupyterLab refuses where it knows of the restart
    }
  };
  // A dead kernel says nothing by itself: after a silence it is asked for a sign of life.
  const look = () => {
    const now = performance.now();
    if (settled() && now - heardAt > PULSE.quiet) ask("ping");
    else if (!settled() && now - askedAt > PULSE.alive) onSilence(SILENCE);
  };
  const beat = () => (pulse ??= setInterval(look, PULSE.every));
  const close = () => {
    open = false;
    clearInterval(pulse);
    stopWaiting();
    model.off("msg:custom", listen);
  };
  model.on("msg:custom", listen);
  return { ask, settled, answered: () => answered, beat, close };
}
