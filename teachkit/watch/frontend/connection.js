// The one connection to Python: kinds of message in, numbered requests out.

const SILENT_AFTER = 5000; // ms
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
    if (message.ack != null) answered = message.ack;
    stopWaiting();
    if (!settled()) wait();
    answers[message.kind]?.(message, buffers);
  };
  const ask = (kind, content = {}) => {
    if (!open) return;
    wait();
    try {
      model.send({ kind, ask: ++asked, ...content });
    } catch {
      onSilence(SILENCE); // JupyterLab refuses where it knows of the restart
    }
  };
  const close = () => {
    open = false;
    stopWaiting();
    model.off("msg:custom", listen);
  };
  model.on("msg:custom", listen);
  return { ask, settled, answered: () => answered, close };
}
