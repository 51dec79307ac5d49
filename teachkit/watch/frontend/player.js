// How one moves along a run: it plays, and goes where the hand and the keys say.

import { button, menu } from "./controls.js";
import { element } from "./elements.js";
import { clamp } from "./numbers.js";

const FRAMES = 12; // a second, while it plays
const PACES = [
  ["10", "10 s"],
  ["30", "30 s"],
  ["60", "60 s"],
]; // for the whole run

// Counts the rows of the run as time passes. onRow(row) at each frame, onChange() when it starts and stops.
export class Player {
  // first: the row that playing begins with.
  constructor(count, { onRow, onChange, first = 0 }) {
    Object.assign(this, { count, onRow, onChange, first, row: first, seconds: 10, timer: null });
    this.closed = new AbortController();
  }
  get playing() {
    return this.timer != null;
  }
  go(row) {
    this.row = clamp(row, 0, this.count - 1);
    this.onRow();
  }
  mark() {
    this.began = performance.now();
    this.from = this.row;
  }
  setPace(seconds) {
    this.seconds = seconds;
    this.mark();
  }
  play() {
    if (this.row >= this.count - 1) this.row = this.first;
    this.mark();
    this.timer = setInterval(() => {
      const share = (performance.now() - this.began) / 1000 / this.seconds;
      this.go(this.from + Math.round(share * (this.count - this.first)));
      if (this.row >= this.count - 1) this.pause();
    }, 1000 / FRAMES);
    this.onChange();
  }
  pause() {
    clearInterval(this.timer);
    this.timer = null;
    this.onChange();
  }
  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }
  jump(row) {
    if (this.playing) this.pause();
    this.go(row);
  }
  // The keys move the replay wherever the focus is, but for a menu and, with space, a button.
  // others: what further keys do.
  listenToKeys(others) {
    const far = Math.ceil(this.count / 20);
    const rows = {
      ArrowRight: () => this.row + 1,
      ArrowLeft: () => this.row - 1,
      Home: () => 0,
      End: () => this.count - 1,
      PageDown: () => this.row + far,
      PageUp: () => this.row - far,
    };
    const onKey = (event) => {
      const { target, key } = event;
      if (event.ctrlKey || event.metaKey || event.altKey || target instanceof HTMLSelectElement) return;
      const onButton = target instanceof HTMLButtonElement || target.tagName === "SUMMARY";
      const plays = key === " " && !onButton;
      const other = others[key.toLowerCase()];
      if (!plays && !rows[key] && !other) return;
      event.preventDefault();
      if (event.repeat && !rows[key]) return; // a finger that rests on the key asks once
      if (other) other();
      else if (plays) this.toggle();
      else this.jump(rows[key]());
    };
    document.addEventListener("keydown", onKey, { signal: this.closed.signal });
  }
  close() {
    clearInterval(this.timer);
    this.closed.abort();
  }
}

// Play, the slider over the steps, and the pace, where it can be chosen.
export function transportBar(player, when, paces = PACES) {
  const start = button("Play", () => player.toggle(), { class: "tk-button tk-main", "data-control": "play" });
  const attributes = { type: "range", min: 0, max: player.count - 1, step: 1, value: 0 };
  const range = element("input", { ...attributes, "aria-label": "Step of the run", "data-control": "time" });
  range.addEventListener("input", () => player.jump(Number(range.value)));
  const pace = paces.length ? menu("whole run in", paces, (value) => player.setPace(Number(value))).node : null;
  const group = { class: "tk-transport", role: "group", "aria-label": "Play" };
  const show = () => {
    start.textContent = player.playing ? "Pause" : "Play";
    range.max = player.count - 1; // a run may still grow
    range.value = player.row;
    range.setAttribute("aria-valuetext", when.textContent);
  };
  return { node: element("div", group, start, range, when, pace), show };
}
