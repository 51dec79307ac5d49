// A question with choices; what really happens appears once one of them has been committed to.

import { button } from "../frontend/controls.js";
import { element, uniqueId } from "../frontend/elements.js";
import { playground } from "../frontend/playground.js";

function build({ setup, page, set, root }) {
  const name = `choice-${uniqueId()}`;
  const enable = () => {
    commit.disabled = false;
  };
  const inputs = setup.choices.map((_, index) =>
    element("input", { type: "radio", name, value: index, onchange: enable }),
  );
  const labels = setup.choices.map((choice, index) =>
    element("label", { class: "tk-choice" }, inputs[index], element("span", {}, `${"abcdefgh"[index]}) ${choice}`)),
  );
  const chosen = () => inputs.find((one) => one.checked);
  const send = () => {
    if (chosen()) set({ choice: Number(chosen().value) });
  };
  const attributes = { class: "tk-button tk-main", disabled: true, "data-control": "commit" };
  const commit = button("That is my prediction", send, attributes);
  const verdict = element("p", { class: "tk-verdict", hidden: true });
  const evidence = element("img", { class: "tk-evidence", hidden: true });
  const question = element("legend", {}, setup.question);
  page.append(element("fieldset", { class: "tk-choices" }, question, ...labels, commit), verdict, evidence);
  let address = null;
  const forget = () => {
    if (address) URL.revokeObjectURL(address);
  };

  const mark = (index, right, choice) => (index === right ? "right" : index === choice ? "wrong" : "");
  const show = ({ verdict: words, right, values, alt, buffers }) => {
    verdict.hidden = !words;
    verdict.textContent = words;
    verdict.dataset.right = right === values.choice ? "yes" : "no";
    root.dataset.state = words ? "committed" : "open";
    labels.forEach((label, index) => {
      label.dataset.mark = words ? mark(index, right, values.choice) : "";
      if (!words) inputs[index].checked = false;
    });
    if (words && !chosen()) inputs[values.choice].checked = true; // committed from a cell
    commit.disabled = !chosen();
    if (!words) evidence.hidden = true;
    if (buffers?.length) {
      forget();
      address = URL.createObjectURL(new Blob([buffers[0]], { type: "image/png" }));
      Object.assign(evidence, { src: address, alt, hidden: false });
    }
  };
  return { show, close: forget };
}

export default { render: (view) => playground(view, "prediction", build) };
