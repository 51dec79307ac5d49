// A lesson's page: what can run here takes the place of its picture, and what is solved is kept in this browser.

import { button } from "../../watch/frontend/controls.js";
import { element } from "../../watch/frontend/elements.js";
import predictionWidget from "../../watch/widgets/prediction.js";
import "../live/theme.js";
import { alive } from "../playgrounds/alive.js";
import { predictionKernel } from "../playgrounds/prediction.js";
import { exerciseForm } from "./forms.js";
import { counts, exported, read, record } from "./progress.js";

const FOLDER = document.currentScript.src;
const top = document.querySelector(".tk-lesson"),
  { number, exercises } = JSON.parse(top.dataset.lesson);
const onDisk = location.protocol === "file:"; // from where a browser lets nothing be fetched

const state = element("p", { class: "tk-state", role: "status" });
function showProgress() {
  const [solved, of] = counts(exercises)[number],
    all = Object.values(counts(exercises)).reduce((sum, [one]) => sum + one, 0);
  state.textContent = `Solved in this browser: ${solved} of ${of} exercises of this lesson, ${all} of all lessons.`;
}
function noted(name, right) {
  if (record(number, name, right)) showProgress();
  else state.textContent = "This browser lets the page keep nothing: what you solve is lost when you leave.";
}
function download() {
  const name = whose.value.trim();
  if (!name) {
    state.textContent = "Whose progress is it? Write your name first.";
    whose.focus();
    return;
  }
  const address = URL.createObjectURL(new Blob([exported(name, exercises, read())], { type: "application/json" }));
  const safe = name.replaceAll(/[^\p{L}\p{N}]+/gu, "_");
  element("a", { href: address, download: `progress_${safe}.json` }).click();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}
const whose = element("input", { class: "tk-field", "aria-label": "Your name", placeholder: "your name" });
const keep = button("Save my progress as a file", download, { "data-control": "export-progress" });
top.append(element("div", { class: "tk-kept" }, state, whose, keep));
for (const one of top.querySelectorAll("[data-alive]")) one.hidden = false;
showProgress();

// The picture of a cell's widget steps back for the widget itself.
function replaceStill(el) {
  for (const one of el.closest(".cell_output")?.children ?? []) if (one !== el) one.style.display = "none";
}
const begin = {
  playground(el, { name, first, instead }) {
    if (onDisk) return;
    if (instead) el.append(element("p", {}, "The same with a built-in picture, to be moved here:"));
    const stage = el.appendChild(element("div"));
    alive(name, stage, FOLDER, first).then(
      () => instead || replaceStill(el),
      (trouble) => {
        stage.textContent = `The playground cannot start: ${trouble.message}`;
      },
    );
  },
  prediction(el, { name, ...asked }) {
    const model = predictionKernel(asked, (right) => noted(`prediction: ${name}`, right));
    predictionWidget.render({ model, el });
    replaceStill(el);
  },
  exercise(el, here) {
    el.append(exerciseForm(here, (right) => noted(here.name, right)));
  },
};
const watcher = new IntersectionObserver(
  (seen) => {
    for (const { isIntersecting, target } of seen) {
      if (!isIntersecting) continue;
      watcher.unobserve(target);
      const here = JSON.parse(target.dataset.here);
      begin[here.kind](target, here);
    }
  },
  { rootMargin: "600px" },
);
for (const el of document.querySelectorAll("[data-here]")) watcher.observe(el);
