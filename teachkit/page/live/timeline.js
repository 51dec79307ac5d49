// What a run has shown so far, as in teachkit/watch/timeline: curves, marks, and what was found on the shown pictures.

const PARTS = {
  steps: ["step", "total", "box", "cls", "dfl", "lr", "w_box", "w_cls", "w_dfl"],
  shares: ["step", "box", "cls", "dfl"],
  scores: ["step", "map50", "map"],
};
const LIMIT = 3000,
  NEAR = 5,
  MOST_MARKS = 200,
  MOST_LOOKS = 400,
  MOST_REPLAYED = 200; // looks in a replay
export const ALARMS = { spike: "spike", diverged: "diverged", skipped: "not finite" };

const WORDS = { lr: "rate", cls: "class", dfl: "DFL" };
const written = (value) =>
  typeof value === "string" ? value : String(Number(value.toPrecision(3))).replace("e-0", "e-");
export const inWords = (changes) =>
  Object.entries(changes)
    .map(([name, value]) => `${WORDS[name] ?? name} ${written(value)}`)
    .join(", ");

const finite = (value) => (Number.isFinite(value) ? value : null);
const columns = (part, rows) =>
  Object.fromEntries(PARTS[part].map((name, place) => [name, rows.map((row) => row[place])]));

// Of four neighbours the highest and the lowest in the second column stay, so that a spike survives.
function thinned(rows) {
  const kept = [];
  for (let start = 0; start < rows.length; start += 4) {
    const four = rows.slice(start, start + 4).sort((a, b) => (a[1] ?? Infinity) - (b[1] ?? Infinity));
    kept.push(...new Set([four[0], four.at(-1)].sort((a, b) => a[0] - b[0])));
  }
  return kept;
}

export class Timeline {
  constructor() {
    this.rows = { steps: [], shares: [], scores: [] };
    Object.assign(this, { marks: [], looks: [], version: 0 });
  }
  add(part, ...row) {
    this.rows[part].push(row.map(finite));
    if (this.rows[part].length <= LIMIT) return;
    this.rows[part] = thinned(this.rows[part]);
    this.version += 1;
  }
  // A control that is dragged makes a mark a step: of near ones of the same controls the last stays.
  mark(step, changes, alarm = "") {
    const newest = this.marks.at(-1),
      names = Object.keys(changes).join();
    if (newest && !alarm && !newest.alarm && newest.names === names && step - newest.step <= NEAR) this.marks.pop();
    this.marks = [
      ...this.marks.slice(1 - MOST_MARKS),
      { step, names, changes, label: alarm ? ALARMS[alarm] : inWords(changes), alarm: Boolean(alarm) },
    ];
    return this.marks.at(-1);
  }
  // Asked for and not yet in force.
  pending(step, changes) {
    return { step, label: inWords(changes), alarm: false, pending: true };
  }
  look(step, found) {
    if (!this.looks.length || step >= this.looks.at(-1)[0] + NEAR) this.looks.push([step, found]);
    if (this.looks.length > MOST_LOOKS) this.looks = this.looks.filter((_, place) => place % 2 === 0);
  }
  foundAt(step) {
    return this.looks.findLast(([when]) => when <= step)?.[1] ?? null;
  }
  until(step) {
    const copy = new Timeline();
    copy.marks = this.marks.filter((one) => one.step < step);
    copy.looks = this.looks.filter(([when]) => when <= step);
    const last = (part) => (part === "scores" ? step : step - 1); // a score is of the weights before the step
    for (const part of Object.keys(PARTS)) copy.rows[part] = this.rows[part].filter((row) => row[0] <= last(part));
    return copy;
  }
  // All curves, or what they have grown by since `sent` → part → columns.
  columns(sent = {}) {
    return Object.fromEntries(
      Object.entries(this.rows).map(([part, rows]) => [part, columns(part, rows.slice(sent[part] ?? 0))]),
    );
  }
  lengths() {
    return Object.fromEntries(Object.entries(this.rows).map(([part, rows]) => [part, rows.length]));
  }
}

// Schedule and optimizer from each step on, as in teachkit/watch/replay/recording.py: at first, then as the marks change them.
function menusOver(marks, schedule, optimizer) {
  const menus = [[0, schedule, optimizer]];
  for (const { step, changes } of marks) {
    schedule = changes.schedule ?? ("lr" in changes ? "constant" : schedule);
    optimizer = changes.optimizer ?? optimizer;
    menus.push([step, schedule, optimizer]);
  }
  return menus;
}
// What the page of a replay plays, as content_of in teachkit/watch/replay/replay.py gives it; first: the first settings;
// shown: title, classes, image_size, truth, and pictures as files in base64.
export function replayContent(timeline, ghosts, { rate, optimizer }, shown) {
  const { marks, looks } = timeline,
    every = Math.max(1, Math.floor(looks.length / MOST_REPLAYED));
  return {
    ...shown,
    settings: {},
    menus: menusOver(marks, rate.schedule, optimizer),
    end: "",
    marks: marks.map(({ step, label, alarm }) => ({ step, label, alarm })),
    looks: looks.filter((_, place) => place % every === 0),
    ghosts: ghosts.map((one) => ({ ...one.columns(), looks: one.looks.filter((_, place) => place % 2 === 0) })),
    ...timeline.columns(),
    validation: { step: [], total: [], box: [], cls: [], dfl: [] },
  };
}
