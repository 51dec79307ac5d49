// Recorded runs as a film: one picture under each of them, played together, with their scores up to the frame.

import { button, stopsSlider } from "../frontend/controls.js";
import { block, element } from "../frontend/elements.js";
import { playground } from "../frontend/playground.js";
import { LineChart } from "../widgets/chart.js";
import { Gallery, styleKey } from "../widgets/gallery.js";

const PAUSE = 160; // ms a frame

function build({ setup, buffers, page, set, settingSlider, settingMenu, root }) {
  const { plans, truth, classes, image_size: size } = setup;
  const { steps } = plans[0];
  const last = steps.length - 1;
  const gallery = new Gallery("One picture under each run", setup);
  const chart = new LineChart(setup.chart);
  let [frame, picture, timer, shown] = [0, 0, null, null];

  const tile = (plan) => ({
    size,
    caption: plan.name,
    outlines: [
      ...plan.frames[frame][picture].map((box) => [...box.slice(0, 4), classes[box[4]] ?? "predicted", "", true]),
      ...truth[picture].map((box) => [...box, "truth", "", false]),
    ],
  });
  const line = ({ name, curve }) => ({ style: name, points: curve.filter(([step]) => step <= steps[frame]), note: "" });
  const draw = (words = "") => {
    const fresh = shown !== picture;
    shown = picture;
    gallery.show(plans.map(tile), fresh ? plans.map(() => buffers[picture]) : null);
    chart.show(plans.map(line), words);
    where.textContent = `after step ${steps[frame]}`;
    slider.show(frame);
    root.dataset.frame = frame;
  };
  const go = (to) => {
    frame = to;
    draw();
    set({ frame });
  };
  const halt = () => {
    clearInterval(timer);
    timer = null;
    play.textContent = "Play";
    root.dataset.playing = false;
  };
  const next = () => (frame < last ? go(frame + 1) : halt());
  const toggle = () => {
    if (timer) return halt();
    if (frame === last) go(0);
    timer = setInterval(next, PAUSE);
    play.textContent = "Stop";
    root.dataset.playing = true;
  };
  const onMove = (to) => {
    halt();
    go(to);
  };
  const play = button("Play", toggle, { class: "tk-button tk-main", "data-control": "play" });
  const where = element("span", { class: "tk-where" });
  const slider = stopsSlider(
    (label, name, scale) => settingSlider(label, name, scale, { onMove }),
    "frame",
    "Frame",
    Array.from(steps, (_, place) => place),
  );
  const choices = truth.map((_, place) => [String(place), `picture ${place + 1}`]);
  const menu = settingMenu("Picture", "picture", choices, Number);
  const controls = block("tk-controls", block("tk-pager", play, where), slider.node, menu.node, styleKey(setup.styles));
  page.append(gallery.node, chart.node, controls);
  const show = ({ values, words }, fresh) => {
    gallery.describe(words);
    if (!fresh || timer) return;
    ({ frame, picture } = values);
    menu.show(String(picture));
    draw(words);
  };
  const close = () => {
    halt();
    gallery.close();
    chart.close();
  };
  return { show, close };
}

export default { render: (view) => playground(view, "film", build) };
