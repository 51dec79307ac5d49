// The live demo's page: the recorded acts at once, the live cockpit in their place once it is there. T changes over.

import { project } from "../frontend/projector.js";
import { render } from "./cockpit.js";

const AGAIN = 1000; // ms between two attempts to reach the demo again
const READY = "The live detector is ready: T changes over.";
const PACE = 4; // steps a second: in the 25 s of an act the missing loss shows from some 100 steps on
const WATCHED = 5000; // ms, from one look at the pace to the next
const TOLD = 8000; // ms that words lie over the page
const GONE = "The demo does not answer any more: its command was ended, or its process. T plays the recorded acts.";
const recorded = document.getElementById("recorded"),
  live = document.getElementById("live"),
  ready = document.getElementById("ready");
let chosen = false; // by hand: then the page does not change over by itself
let said = ready.textContent; // beside the recorded acts
let fading = 0;

const rootOf = (name) => (name === "live" ? live : recorded.contentDocument)?.querySelector(".tk-root");

// What comes is as large as what goes.
function show(name) {
  const [comes, goes] = [name, document.body.dataset.stage].map(rootOf);
  if (comes && goes && comes !== goes) project(comes, goes.classList.contains("tk-projector"));
  document.body.dataset.stage = name;
  if (name === "live") ready.hidden = true;
  else if (live.dataset.ready) tell(said);
  if (name === "live") live.querySelector(".tk-root").focus({ preventScroll: true });
  else recorded.contentWindow.focus();
}

function tell(words) {
  ready.textContent = words;
  ready.hidden = false;
  clearTimeout(fading);
  fading = setTimeout(() => (ready.hidden = true), TOLD);
}

function changeOver(event) {
  if (event.key?.toLowerCase() !== "t" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches?.("input[type=text], select")) return;
  event.stopPropagation();
  if (event.repeat) return;
  const [back, there] = [document.body.dataset.stage === "live", "ready" in live.dataset];
  chosen = back || there;
  if (back || there) show(back ? "recorded" : "live");
  else tell(said); // until it is there, the recorded acts are all there is
}

// The other end of the cockpit's connection, as anywidget's model has it.
function modelOver(socket) {
  const listeners = new Set(),
    waiting = [];
  const hear = (message, buffers = []) => listeners.forEach((listen) => listen(message, buffers));
  socket.addEventListener("open", () => waiting.splice(0).forEach((text) => socket.send(text)));
  socket.addEventListener("message", ({ data }) => {
    const { message, buffers } = JSON.parse(data);
    hear(
      message,
      buffers.map((text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0))),
    );
    if (message.kind === "gone") tell((said = message.words));
    if (message.kind === "setup" && !live.dataset.ready) {
      live.dataset.ready = "yes";
      said = READY;
      if (chosen) tell(said);
      else show("live");
    }
  });
  socket.addEventListener("close", () => {
    hear({ kind: "gone", words: GONE });
    said = GONE;
    if (document.body.dataset.stage === "recorded") tell(said);
    reach(() => location.reload());
  });
  return {
    on: (_, listener) => listeners.add(listener),
    off: (_, listener) => listeners.delete(listener),
    send: (message) => {
      const text = JSON.stringify(message);
      if (socket.readyState === WebSocket.CONNECTING) waiting.push(text);
      else if (socket.readyState === WebSocket.OPEN) socket.send(text);
    },
  };
}

// Where the live detector is too slow for an act to show what it should, the page offers the recorded ones.
function watchPace() {
  let before = {},
    slow = false;
  setInterval(() => {
    const { state, step } = live.querySelector(".tk-cockpit")?.dataset ?? {};
    const pace = (1000 * (step - before.step)) / WATCHED;
    const running = state === "running" && before.state === "running" && pace >= 0;
    if (running && pace < PACE && !slow && document.body.dataset.stage === "live")
      tell(`Slow: ${pace.toFixed(1)} steps a second, ${PACE} are needed. T plays the recorded acts.`);
    slow = running && pace < PACE;
    before = { state, step };
  }, WATCHED);
}

const connection = () => new WebSocket(new URL("live", location.href).href.replace(/^http/, "ws"));

function reach(then) {
  const one = connection();
  one.addEventListener("open", then);
  one.addEventListener("error", () => setTimeout(() => reach(then), AGAIN));
}

document.addEventListener("keydown", changeOver, true);
function prepare() {
  if (new URLSearchParams(location.search).has("projector")) project(rootOf("recorded"), true);
  recorded.contentDocument.addEventListener("keydown", changeOver, true);
  recorded.contentDocument.addEventListener("pointerdown", () => (chosen = true));
  recorded.contentWindow.addEventListener("keydown", ({ key, defaultPrevented }) => {
    chosen ||= defaultPrevented && key.toLowerCase() !== "p"; // it has moved an act
  });
  if (document.body.dataset.stage === "recorded") recorded.contentWindow.focus(); // its keys play before any click
}

const { URL: shown, readyState } = recorded.contentDocument;
if (shown !== "about:blank" && readyState === "complete") prepare();
else recorded.addEventListener("load", prepare, { once: true });
// A key that nothing has the focus for goes to the cockpit.
document.addEventListener("keydown", (event) => {
  if (event.target !== document.body || document.body.dataset.stage !== "live") return;
  const { key, repeat, ctrlKey, metaKey, altKey } = event;
  const same = new KeyboardEvent("keydown", { key, repeat, ctrlKey, metaKey, altKey });
  live.querySelector(".tk-root")?.dispatchEvent(same);
  if (key === " ") event.preventDefault();
});
watchPace();
render({ model: modelOver(connection()), el: live });
// A page that is loaded anew is as large as it was.
const [root] = live.children;
const remember = () =>
  history.replaceState(null, "", root.classList.contains("tk-projector") ? "?projector" : location.pathname);
new MutationObserver(remember).observe(root, { attributeFilter: ["class"] });
