// Labels that deserve a second look, one picture for each, with the reason in words.

import { element } from "../frontend/elements.js";
import { linearScale } from "../frontend/numbers.js";
import { playground } from "../frontend/playground.js";
import { Gallery, pager, styleKey } from "./gallery.js";

function render(view) {
  return playground(view, "labels", ({ setup, page, set, lever, choice, root }) => {
    const gallery = new Gallery("Pictures with a suspicious label each", setup);
    const least = lever("least doubt", "least", linearScale(0, 1, 2));
    const kind = choice(
      "kind",
      "kind",
      setup.kinds.map((name) => [name, name]),
    );
    const options = Object.fromEntries([...kind.node.querySelectorAll("option")].map((one) => [one.value, one]));
    const pages = pager("labels", setup.page, set),
      list = element("ol", { class: "tk-browser-list" });
    page.append(
      gallery.node,
      element("div", { class: "tk-browser-side" }, kind.node, least.node, pages.node, styleKey(setup.styles), list),
    );
    return {
      show: (numbers, fresh) => {
        const { tiles, values, buffers, reasons, total } = numbers;
        gallery.show(tiles, buffers);
        gallery.tell(`${numbers.words}. ${reasons.map((one) => one.why).join(". ")}`);
        if (fresh) {
          least.show(values.least);
          kind.show(values.kind);
        }
        for (const [name, count] of Object.entries(numbers.counts)) {
          const text = `${name} (${count})`;
          if (options[name].textContent !== text) options[name].textContent = text;
        }
        pages.show(numbers.shown_page, total);
        list.start = numbers.shown_page * setup.page + 1;
        list.replaceChildren(...reasons.map((one) => element("li", {}, `${one.why} (doubt ${one.doubt.toFixed(2)})`)));
        Object.assign(root.dataset, { kind: values.kind, total, page: numbers.shown_page, least: values.least });
      },
      close: () => gallery.close(),
    };
  });
}

export default { render };
