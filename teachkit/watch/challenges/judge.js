// Suspected labels one by one: "wrong" or "fine" by button or key, then the truth and the machine's verdict.

import { button } from "../frontend/controls.js";
import { block, element, numbersTable } from "../frontend/elements.js";
import { playground } from "../frontend/playground.js";
import { Gallery, styleKey } from "../widgets/gallery.js";

const KEYS = { w: "w", f: "f" };

function build({ setup, page, set, root }) {
  const gallery = new Gallery("The suspect, and the one judged last", setup);
  let verdicts = "";
  let busy = false; // until the answer is there: two quick presses must not judge a suspect unseen
  const judge = (verdict) => {
    if (busy || verdicts.length >= setup.count) return;
    busy = true;
    set({ verdicts: verdicts + verdict });
  };
  const wrong = button("Label wrong (W)", () => judge("w"), { "data-control": "wrong" });
  const fine = button("Label fine (F)", () => judge("f"), { "data-control": "fine" });
  root.addEventListener("keydown", (event) => {
    const verdict = KEYS[event.key.toLowerCase()];
    if (verdict && !event.ctrlKey && !event.metaKey && !event.altKey) judge(verdict);
  });
  const asked = element("p", { class: "tk-fit" });
  const said = element("p", { class: "tk-note" });
  const scores = numbersTable({ student: "you have right", machine: "the machine has right" });
  page.append(
    gallery.node,
    block("tk-browser-side", asked, block("tk-pager", wrong, fine), said, scores.node, styleKey(setup.styles)),
  );
  const show = ({ tiles, buffers, values, done, student, machine, asked: question, said: told, words }) => {
    busy = false;
    verdicts = values.verdicts;
    gallery.show(tiles, buffers);
    gallery.describe(words);
    const end = done === setup.count;
    asked.textContent = end ? `All judged: ${student} to ${machine} against the machine.` : question;
    said.textContent = told;
    wrong.disabled = fine.disabled = end;
    scores.cells.student.textContent = `${student} of ${done}`;
    scores.cells.machine.textContent = `${machine} of ${done}`;
    Object.assign(root.dataset, { done, student, machine });
  };
  return { show, close: () => gallery.close() };
}

export default { render: (view) => playground(view, "judge", build) };
