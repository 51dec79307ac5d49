// Labels that deserve a second look, one picture for each, with the reason in words.

function render(view) {
  return playground(view, "labels", ({ setup, page, set, lever, choice, root }) => {
    const gallery = new Gallery("Pictures with a suspicious label each", setup);
    const least = lever("least doubt", "least", linearScale(0, 1, 2));
    const kind = choice("kind", "kind", setup.kinds.map((name) => [name, name]));
    const options = Object.fromEntries([...kind.node.querySelectorAll("option")].map((one) => [one.value, one]));
    let at = 0, last = 0;
    const turn = (by) => set({ page: clamp(at + by, 0, last) });
    const before = button("◀ before", () => turn(-1), { "data-control": "before", "aria-label": "labels before" });
    const after = button("next ▶", () => turn(1), { "data-control": "next", "aria-label": "next labels" });
    const where = element("span", { class: "tk-where" }), list = element("ol", { class: "tk-browser-list" });
    page.append(gallery.node,
      element("div", { class: "tk-browser-side" }, kind.node, least.node,
        element("div", { class: "tk-pager" }, before, after, where), styleKey(setup.styles), list));
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
        at = numbers.shown_page;
        last = Math.max(0, Math.ceil(total / setup.page) - 1);
        before.disabled = at === 0;
        after.disabled = at >= last;
        where.textContent = total ? `${at * setup.page + 1}–${Math.min(total, (at + 1) * setup.page)} of ${total}` : "none";
        list.start = at * setup.page + 1;
        list.replaceChildren(...reasons.map((one) => element("li", {}, `${one.why} (doubt ${one.doubt.toFixed(2)})`)));
        Object.assign(root.dataset, { kind: values.kind, total, page: at, least: values.least });
      },
      close: () => gallery.close(),
    };
  });
}

export default { render };
