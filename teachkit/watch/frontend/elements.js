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

// An id that ties a label to its control, or a choice to its group. Each widget brings this file along anew, so a count
// from 0 would give two widgets the same ids.
let idsMade = Math.floor(Math.random() * 2 ** 40);
export function uniqueId() {
  return `tk-${++idsMade}`;
}

// The first row of a table.
export const heads = (...names) => element("tr", {}, ...names.map((name) => element("th", { scope: "col" }, name)));

// A table of one number a row. rows: name → words; → its node, and the cell of each name.
export function numbersTable(rows) {
  const cells = Object.fromEntries(Object.keys(rows).map((name) => [name, element("td", { "data-number": name })]));
  const body = Object.entries(rows).map(([name, words]) =>
    element("tr", {}, element("th", { scope: "row" }, words), cells[name]),
  );
  return { cells, node: element("table", { class: "tk-numbers-table" }, element("tbody", {}, ...body)) };
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
