// Labels that deserve a second look, one picture for each, with the reason in words.

import { block, element } from "../frontend/elements.js";
import { linearScale } from "../frontend/numbers.js";
import { playground } from "../frontend/playground.js";
import { Gallery, pager, styleKey } from "./gallery.js";

function build({ setup, page, set, settingSlider, settingMenu, root }) {
  const gallery = new Gallery("Pictures with a suspicious label each", setup);
  const least = settingSlider("least doubt", "least", linearScale(0, 1, 2));
  const kind = settingMenu(
    "kind",
    "kind",
    setup.kinds.map((name) => [name, name]),
  );
  const options = Object.fromEntries([...kind.node.querySelectorAll("option")].map((one) => [one.value, one]));
  const pages = pager("labels", setup.page, set);
  const list = element("ol", { class: "tk-browser-list" });
  page.append(gallery.node, block("tk-browser-side", kind.node, least.node, pages.node, styleKey(setup.styles), list));
  const show = ({ tiles, values, buffers, reasons, total, counts, words, shown_page }, fresh) => {
    gallery.show(tiles, buffers);
    gallery.describe(`${words}. ${reasons.map((one) => one.why).join(". ")}`);
    if (fresh) {
      least.show(values.least);
      kind.show(values.kind);
    }
    for (const [name, count] of Object.entries(counts)) {
      const text = `${name} (${count})`;
      if (options[name].textContent !== text) options[name].textContent = text;
    }
    pages.show(shown_page, total);
    list.start = shown_page * setup.page + 1;
    list.replaceChildren(...reasons.map(({ why, doubt }) => element("li", {}, `${why} (doubt ${doubt.toFixed(2)})`)));
    Object.assign(root.dataset, { kind: values.kind, total, page: shown_page, least: values.least });
  };
  return { show, close: () => gallery.close() };
}

export default { render: (view) => playground(view, "labels", build) };
