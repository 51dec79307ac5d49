// A question with choices; what really happens appears once one of them has been committed to.

import { button } from "../frontend/controls.js";
import { element, uniqueId } from "../frontend/elements.js";
import { playground } from "../frontend/playground.js";

function render(view) {
  return playground(view, "prediction", ({ setup, page, set, root }) => {
    const name = `choice-${uniqueId()}`;
    const rows = setup.choices.map((choice, place) => {
      const input = element("input", {
        type: "radio",
        name,
        value: place,
        onchange: () => {
          commit.disabled = false;
        },
      });
      return element("label", { class: "tk-choice" }, input, element("span", {}, `${"abcdefgh"[place]}) ${choice}`));
    });
    const commit = button(
      "That is my prediction",
      () => {
        const chosen = page.querySelector("input:checked");
        if (chosen) set({ choice: Number(chosen.value) });
      },
      { class: "tk-button tk-main", disabled: true, "data-control": "commit" },
    );
    const verdict = element("p", { class: "tk-verdict", hidden: true });
    const picture = element("img", { class: "tk-evidence", hidden: true });
    page.append(
      element("fieldset", { class: "tk-choices" }, element("legend", {}, setup.question), ...rows, commit),
      verdict,
      picture,
    );
    let address = null;
    return {
      show: ({ verdict: words, right, values, alt, buffers }) => {
        verdict.hidden = !words;
        verdict.textContent = words;
        verdict.dataset.right = right === values.choice ? "yes" : "no";
        root.dataset.state = words ? "committed" : "open";
        rows.forEach((row, place) => {
          row.dataset.mark = !words ? "" : place === right ? "right" : place === values.choice ? "wrong" : "";
          if (!words) row.querySelector("input").checked = false;
        });
        // committed from a cell
        if (words && !page.querySelector("input:checked")) rows[values.choice].querySelector("input").checked = true;
        commit.disabled = !page.querySelector("input:checked");
        if (!words) picture.hidden = true;
        if (buffers?.length) {
          if (address) URL.revokeObjectURL(address);
          address = URL.createObjectURL(new Blob([buffers[0]], { type: "image/png" }));
          Object.assign(picture, { src: address, alt, hidden: false });
        }
      },
      close: () => {
        if (address) URL.revokeObjectURL(address);
      },
    };
  });
}

export default { render };
