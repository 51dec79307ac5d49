// What torch's operators are in a page. Each is a plan: (node, arguments, results, replace) → make, and make(machine) → the
// function that does it. What cannot be done is an Error now, when the graph is loaded. A view has no make: it is put in the
// place of its result, replace(index, value).

import { along, matrices } from "./axes.js";
import { changing, each, fresh } from "./elementwise.js";
import { byIndex } from "./indices.js";
import { convolutions } from "./convolutions.js";
import { networks } from "./networks.js";
import { optimizers } from "./optimizers.js";
import { joined, views } from "./views.js";

const operators = {
  ...each,
  ...changing,
  ...fresh,
  ...views,
  ...joined,
  ...along,
  ...byIndex,
  ...matrices,
  ...convolutions,
  ...networks,
  ...optimizers,
};

// By its full name, "aten.sum.dim_IntList": where the overloads of an operator differ in a page each has a plan of its own.
export function planOf(operator) {
  const [, name, overload] = operator.split(".");
  return operators[`${name}.${overload}`] ?? operators[name];
}
