// A picture and its changed copy: the controls change the copy, Python says where its boxes are.

function render(view) {
  return playground(view, "augment", ({ setup, page, set, root }) => {
    const gallery = new Gallery("The picture as it is, and as the model is fed", setup);
    const even = (low, high) => ({ toPlace: (value) => (value - low) / (high - low), toValue: (place) => Number((low + place * (high - low)).toFixed(2)) });
    const controls = {};
    const add = (name, label, scale) => {
      controls[name] = slider(label, scale, { name, onMove: (value) => set({ [name]: value }), onTyped: (text) => set({ [name]: text }) });
    };
    add("zoom", "zoom", logScale(0.5, 2));
    add("shift_x", "shift to the side", even(-1, 1));
    add("shift_y", "shift down", even(-1, 1));
    add("brightness", "brightness", even(0.5, 1.5));
    add("contrast", "contrast", even(0.5, 1.5));
    add("saturation", "saturation", even(0, 2));
    const answers = [["no", "no"], ["yes", "yes"]];
    const turned = menu("flip", answers, (value) => set({ flip: value }));
    const follow = menu("boxes follow", answers, (value) => set({ follow: value }));
    turned.node.querySelector("select").dataset.control = "flip";
    follow.node.querySelector("select").dataset.control = "follow";
    const table = element("tbody"), fit = element("p", { class: "tk-fit" });
    page.append(gallery.node,
      element("div", { class: "tk-controls" }, element("div", { class: "tk-menus" }, turned.node, follow.node),
        ...Object.values(controls).map((one) => one.node)),
      element("div", { class: "tk-wide" }, fit, element("table", { class: "tk-numbers-table" },
        element("thead", {}, element("tr", {}, ...["object", "x1 y1 x2 y2 in the file, px", "x1 y1 x2 y2 in the batch, px"].map((one) => element("th", { scope: "col" }, one)))), table)));
    const corners = (box) => (box ? box.map((one) => one.toFixed(1)).join("  ") : "left out: too little of it is in sight");
    return {
      show: ({ tiles, values, rows, fit: share, words, buffers }, fresh) => {
        gallery.show(tiles, buffers);
        gallery.tell(words);
        if (fresh) {
          for (const [name, one] of Object.entries(controls)) one.show(values[name]);
          turned.show(values.flip);
          follow.show(values.follow);
        }
        table.replaceChildren(...rows.map(({ name, before, after }) => element("tr", {},
          element("th", { scope: "row" }, name), element("td", {}, corners(before)), element("td", {}, corners(after)))));
        fit.textContent = share == null ? "no object is left in the frame"
          : `labels overlap their objects by ${Math.round(100 * share)} %${values.follow === "no" && share < 0.999 ? ": wrong labels, and nothing complains" : ""}`;
        root.dataset.fit = share == null ? "" : share.toFixed(3);
        root.dataset.flip = values.flip;
        root.dataset.zoom = values.zoom;
      },
      close: () => gallery.close(),
    };
  });
}

export default { render };
