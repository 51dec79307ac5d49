// The page's kernel: a session in a thread of its own, which answers the cockpit's messages as Python would.

import { Machine } from "../engine/machine.js";
import { Refused, Session } from "./session.js";
import { replayContent } from "./timeline.js";
import { Training } from "./training.js";

const FRAME_EVERY = 100, // ms
  MOST_SHOWN = 6; // pictures
let session = null,
  onShow = null,
  asked = 0,
  refused = "",
  error = "",
  sent = null,
  nextFrame = 0,
  drawn = true,
  drawAgain = null;

const post = (kind, content, buffers = []) =>
  postMessage({ message: { kind, ack: asked, ...content }, buffers }, buffers);

function state() {
  if (error) return "failed";
  if (session.stepsLeft) return "running";
  if (session.trouble) return "rescued";
  return session.step ? "paused" : "ready";
}
function status() {
  const [message, tone] = error
    ? [error, "error"]
    : refused
      ? [refused, "warn"]
      : session.trouble
        ? [session.trouble, "warn"]
        : [session.news, "info"];
  return {
    state: state(),
    step: session.step,
    epoch: session.training.epoch,
    speed: session.speed,
    message,
    tone,
    rescue: session.trouble ? `Back to step ${session.rescueStep}` : null,
  };
}
// What is asked for and not yet in force.
function pending() {
  const { rate, weights } = session.settings(),
    before = session.inForce;
  const waiting = Object.entries(weights).filter(([name, value]) => value !== before.weights[name]);
  if (rate.lr !== null && rate.lr !== before.rate.lr) waiting.unshift(["lr", rate.lr]);
  return waiting.map(([name, value]) => session.timeline.pending(session.step, { [name]: value }));
}
function draw() {
  clearTimeout(drawAgain);
  drawAgain = null;
  nextFrame = performance.now() + FRAME_EVERY;
  drawn = false;
  const { timeline, ghosts } = session,
    whole = sent?.timeline !== timeline || sent.version !== timeline.version;
  const frame = {
    ...timeline.columns(whole ? {} : sent.lengths),
    marks: [...timeline.marks, ...pending()],
    controls: session.controls(),
    found: session.found,
    ghost_found: ghosts.at(-1)?.foundAt(session.step) ?? null,
    angles: session.angles,
    status: status(),
    refused: Boolean(refused),
  };
  if (whole) Object.assign(frame, { whole: true, ghosts: ghosts.map((one) => one.columns()) });
  sent = { timeline, version: timeline.version, lengths: timeline.lengths() };
  post("frame", frame);
  session.lookWanted = true;
}

// Steps are taken one by one, and between two of them comes what is asked for: a message of our own waits behind others.
const { port1, port2 } = new MessageChannel();
let working = false;
port1.onmessage = () => {
  try {
    working = session.advance();
  } catch (one) {
    fail(one);
  }
  if (!working && session.step) session.look();
  if (!working || (drawn && performance.now() >= nextFrame)) draw();
  if (working) port2.postMessage(null);
};
function work(steps) {
  error = refused = "";
  session.stepsLeft = steps;
  if (!working) port2.postMessage(null);
  working = true;
}
function fail(one) {
  working = false;
  session.stepsLeft = 0;
  error = `${one.name}: ${one.message}`;
}

const answers = {
  start: () => work(Infinity),
  pause: () => {
    session.stepsLeft = 0;
  },
  step: () => work(1),
  set: ({ values }) => session.set(values),
  preset: ({ name }) => session.preset(name),
  optimizer: ({ name }) => session.useOptimizer(name),
  reset: () => session.reset(),
  rewind: ({ step }) => session.rewind(step),
  branch: ({ step }) => session.branch(step),
  rescue: () => session.rescue(),
  export: () => {
    if (!session.step) throw new Refused("there is nothing to save yet: take a step first");
    const { timeline, ghosts, kept } = session;
    postMessage({ replay: replayContent(timeline, ghosts, kept[0].settings, onShow) });
    session.news = "The replay is a file among your downloads: it plays in any browser.";
  },
  peek: ({ step }) => post("peek", { found: step === null ? session.found : session.timeline.foundAt(step) }),
};

function answer(message) {
  if (message.kind === "drawn") {
    drawn = true; // a page that draws slowly, or lies in the background, is sent no more than it can show
    return;
  }
  asked = Math.max(asked, message.ask ?? 0);
  try {
    if (message.kind !== "peek") refused = "";
    answers[message.kind](message);
  } catch (one) {
    if (one instanceof Refused) refused = one.message;
    else fail(one);
  }
  if (message.kind === "peek") return;
  if (working)
    nextFrame = 0; // the next step shows it, and it is in force then
  else draw();
}

// A sheet of pictures, side by side and row by row → their pixels, [n, 3, side, side].
async function pixelsOf(sheet, count, side) {
  const bitmap = await createImageBitmap(new Blob([sheet]), { colorSpaceConversion: "none", premultiplyAlpha: "none" });
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height),
    pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.drawImage(bitmap, 0, 0);
  const columns = bitmap.width / side,
    area = side * side,
    pixels = new Uint8Array(3 * count * area);
  const all = pen.getImageData(0, 0, bitmap.width, bitmap.height).data;
  for (let n = 0; n < count; n += 1)
    for (let y = 0; y < side; y += 1)
      for (let x = 0; x < side; x += 1) {
        const from = 4 * ((Math.floor(n / columns) * side + y) * bitmap.width + (n % columns) * side + x);
        for (let colour = 0; colour < 3; colour += 1)
          pixels[(3 * n + colour) * area + y * side + x] = all[from + colour];
      }
  return { pixels, cut: (n) => cut(canvas, (n % columns) * side, Math.floor(n / columns) * side, side) };
}
async function cut(sheet, x, y, side) {
  const canvas = new OffscreenCanvas(side, side);
  canvas.getContext("2d").drawImage(sheet, -x, -y);
  return (await canvas.convertToBlob({ type: "image/png" })).arrayBuffer();
}

async function open({ program, numbers, kernels, facts, sheet, settings, start }) {
  const { side, train, val, classes } = facts,
    all = [...train, ...val];
  const twins = { validate: ["predict", (name) => name.replace(/^model\./, "average.")] };
  const [machine, { pixels, cut: picture }] = await Promise.all([
    Machine.load(program, numbers, await WebAssembly.compile(kernels), twins),
    pixelsOf(sheet, all.length, side),
  ]);
  const size = 3 * side * side,
    split = train.length * size;
  const training = new Training(
    machine,
    { train: { pixels: pixels.subarray(0, split), truth: train }, val: { pixels: pixels.subarray(split), truth: val } },
    classes.length,
  );
  session = new Session(training, facts, { shown: Math.min(MOST_SHOWN, val.length) });
  const places = Array.from({ length: session.shown }, (_, place) => place);
  const shown = await Promise.all(places.map((place) => picture(train.length + place)));
  const base64 = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)));
  const seen = {
    title: facts.title,
    classes,
    image_size: [side, side],
    truth: places.map((place) => val[place].map((one) => one.slice(0, 4))),
  };
  onShow = { ...seen, pictures: shown.map(base64) };
  post(
    "setup",
    {
      ...seen,
      rates: facts.rates,
      weights: facts.weights,
      schedules: facts.schedules,
      optimizers: facts.optimizers,
      presets: facts.presets.map(({ name, hint }) => [name, hint]),
    },
    shown,
  );
  let trouble = "";
  try {
    session.begin(settings);
  } catch (one) {
    trouble = one.message;
  }
  if (start) {
    session.news = "It learns: move the learning rate or a weight of a loss, and watch the curves and the boxes.";
    work(Infinity);
  }
  refused = trouble;
  draw();
}

onmessage = ({ data }) => {
  if (data.kind !== "hello") {
    answer(data);
    return;
  }
  asked = data.ask;
  open(data.open).catch((one) => postMessage({ broken: `${one.name}: ${one.message}` }));
};
