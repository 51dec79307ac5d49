// Labels that deserve a second look, one picture for each, with the reason in words.

import { button } from "../frontend/controls.js";
import { block, element } from "../frontend/elements.js";
import { linearScale } from "../frontend/numbers.js";
import { playground } from "../frontend/playground.js";
import { Gallery, pager, styleKey } from "./gallery.js";

// One reason, and a button that takes the detector's word for it, where it has one.
function listed({ why, doubt, issue, repaired }, ask) {
  const words = element("span", {}, `${why} (doubt ${doubt.toFixed(2)}) `);
  if (issue === null) return element("li", {}, words);
  const text = repaired ? "✓ repaired, undo" : "Repair";
  const press = () => ask("repair", { issue });
  return element(
    "li",
    {},
    words,
    button(text, press, { "data-control": `repair-${issue}`, "aria-pressed": String(repaired) }),
  );
}

function build({ setup, page, set, ask, settingSlider, settingMenu, root }) {
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
  const all = button("Repair all listed", () => ask("repair all"), { "data-control": "repair-all" });
  const told = element("span", { class: "tk-where", role: "status" });
  const repairs = block("tk-pager", all, told);
  repairs.hidden = !setup.repairs;
  const side = [kind.node, least.node, pages.node, repairs, styleKey(setup.styles), list];
  page.append(gallery.node, block("tk-browser-side", ...side));
  const show = ({ tiles, values, buffers, reasons, total, counts, words, shown_page, repaired }, fresh) => {
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
    const focused = document.activeElement?.dataset.control;
    list.replaceChildren(...reasons.map((one) => listed(one, ask)));
    if (focused) list.querySelector(`[data-control="${focused}"]`)?.focus();
    told.textContent = `${repaired} repaired; no file is changed`;
    Object.assign(root.dataset, { kind: values.kind, total, page: shown_page, least: values.least, repaired });
  };
  return { show, close: () => gallery.close() };
}

export default { render: (view) => playground(view, "labels", build) };
