// Elements of a page. Text only ever enters it as text, so that markup in a class name stays text.

export function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "class") node.className = value;
    else if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}

export const block = (classes, ...children) => element("div", { class: classes }, ...children);

export const note = (...children) => element("span", { class: "tk-note" }, ...children);

// A framed drawing. classes: besides that of all frames; caption: text and elements.
export const figure = (classes, caption, ...content) =>
  element("figure", { class: `tk-chart ${classes}`.trim() }, element("figcaption", {}, ...caption), ...content);

// An id that ties a label to its control, or a choice to its group. Each widget brings this file along anew, so a count
// from 0 would give two widgets the same ids.
let idsMade = Math.floor(Math.random() * 2 ** 40);
export function uniqueId() {
  return `tk-${++idsMade}`;
}

// body: a tbody, whose rows may be replaced later.
export const table = (header, body) =>
  element("table", { class: "tk-numbers-table" }, header && element("thead", {}, header), body);

export const headerRow = (...names) => element("tr", {}, ...names.map((name) => element("th", { scope: "col" }, name)));

// cells: text, or cells that exist already.
export function row(title, ...cells) {
  const nodes = cells.map((one) => (one instanceof HTMLElement ? one : element("td", {}, one)));
  return element("tr", {}, element("th", { scope: "row" }, title), ...nodes);
}

// A cell that is filled later.
export const cell = (name, attributes = {}) => element("td", { "data-number": name, ...attributes });

// A table of one number a row. titles: name → words; → its node, and the cell of each name.
export function numbersTable(titles) {
  const cells = Object.fromEntries(Object.keys(titles).map((name) => [name, cell(name)]));
  const rows = Object.entries(titles).map(([name, words]) => row(words, cells[name]));
  return { cells, node: table(null, element("tbody", {}, ...rows)) };
}

// With focus inside a widget the keys "d d" would delete the notebook's cell: keys stay inside,
// but for those that move on (Tab), get out (Escape) or belong to the browser (Ctrl, Cmd).
export function guardKeys(root) {
  root.setAttribute("data-lm-suppress-shortcuts", "true");
  const guard = (event) => {
    if (event.key === "Tab" || event.key === "Escape" || event.ctrlKey || event.metaKey) return;
    event.stopPropagation();
  };
  for (const kind of ["keydown", "keypress", "keyup"]) root.addEventListener(kind, guard);
}
