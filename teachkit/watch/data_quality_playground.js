// Scenes with labels that four knobs make worse; Python makes the scenes.

function render(view) {
  return playground(view, "data-quality", ({ setup, page, set, root }) => {
    const gallery = new Gallery("Scenes with their labels", setup);
    const even = { toPlace: (value) => value, toValue: (place) => Number(place.toFixed(2)) };
    const controls = {};
    for (const [name, label] of [["loose_boxes", "loose boxes"], ["missing_boxes", "missing boxes"], ["wrong_labels", "wrong labels"], ["imbalance", "imbalance"]]) {
      controls[name] = slider(label, even, { name, onMove: (value) => set({ [name]: value }), onTyped: (text) => set({ [name]: text }) });
    }
    const told = element("p", { class: "tk-told" });
    page.append(gallery.node, element("div", { class: "tk-controls" }, ...Object.values(controls).map((one) => one.node)),
      element("div", { class: "tk-wide" }, told));
    return {
      show: ({ tiles, values, count, words, buffers }, fresh) => {
        gallery.show(tiles, buffers);
        gallery.tell(words);
        if (fresh) for (const [name, one] of Object.entries(controls)) one.show(values[name]);
        told.textContent = words;
        root.dataset.count = count;
      },
      close: () => gallery.close(),
    };
  });
}

export default { render };
