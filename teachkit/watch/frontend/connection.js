// Messages to Python and back.

// The one connection to Python: kinds of message in, numbered requests out.
// `answered` tells when Python has seen everything asked so far, so that an old frame cannot push a slider back.
// tell(words) is called where it stays silent: a restarted kernel knows this widget no more, and nothing else says so.
const PATIENCE = 5000; // ms
const SILENCE =
  "The kernel does not answer: it is busy, or was restarted. If this stays, run the cell again, or load the page anew.";

export function connect(model, answers, tell) {
  let asked = 0,
    answered = 0,
    open = true,
    waiting = null;
  const settled = () => answered >= asked;
  const wait = () => {
    waiting ??= setTimeout(() => {
      waiting = null;
      tell(SILENCE);
    }, PATIENCE);
  };
  const rest = () => {
    clearTimeout(waiting);
    waiting = null;
  };
  const listen = (message, buffers) => {
    if (message.ack != null) answered = message.ack;
    rest();
    if (!settled()) wait();
    answers[message.kind]?.(message, buffers);
  };
  model.on("msg:custom", listen);
  return {
    ask: (kind, content = {}) => {
      if (!open) return;
      wait();
      try {
        model.send({ kind, ask: ++asked, ...content });
      } catch {
        tell(SILENCE);
      } // JupyterLab refuses where it knows of the restart
    },
    settled,
    answered: () => answered,
    close: () => {
      open = false;
      rest();
      model.off("msg:custom", listen);
    },
  };
}
