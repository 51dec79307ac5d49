// A picture to count: each click sets a mark, or takes it away; then the detector's boxes and both errors.

import { COLOURS } from "../frontend/colours.js";
import { button } from "../frontend/controls.js";
import { block, element, note, numbersTable } from "../frontend/elements.js";
import { linearScale } from "../frontend/numbers.js";
import { Pictures } from "../frontend/pictures.js";
import { playground } from "../frontend/playground.js";

const REACH = 9; // px on the screen within which a click takes a mark away
const BOX = { colour: COLOURS.yellow, dash: [], thick: 2.5, casing: { colour: "rgba(0,0,0,.65)", more: 2 } };
const ROWS = { yours: "you", found: "the detector", there: "the labels" };

// One picture of several, with the student's marks on it.
class Ward extends Pictures {
  constructor(imageSize, onMarks) {
    super([], imageSize);
    this.marks = []; // [x, y] in px of the picture
    this.ward = []; // all pictures
    this.canvas.node.addEventListener("click", ({ offsetX, offsetY }) => {
      const [left, top, scale] = this.places[0] ?? [0, 0, 1];
      const at = [(offsetX - left) / scale, (offsetY - top) / scale];
      const near = this.marks.findIndex(([x, y]) => Math.hypot(x - at[0], y - at[1]) * scale < REACH);
      if (near >= 0) this.marks.splice(near, 1);
      else this.marks.push(at);
      onMarks(this.marks.length);
      this.canvas.paint();
    });
  }
  async loadAll(buffers) {
    if (!(await this.load(buffers))) return;
    this.ward = this.images;
    this.choose(this.chosen ?? 0);
  }
  choose(place) {
    this.chosen = place;
    if (this.ward.length) this.images = [this.ward[place]];
    this.canvas.paint();
  }
  drawDetection(pen, box, scale) {
    this.drawBox(pen, box, scale, BOX);
  }
  drawNames(pen, _, scale, size) {
    for (const [x, y] of this.marks) {
      pen.beginPath();
      pen.arc(x * scale, y * scale, size * 0.42, 0, 7);
      pen.fillStyle = COLOURS.paper;
      pen.strokeStyle = "#1b2430";
      pen.lineWidth = 2;
      pen.fill();
      pen.stroke();
    }
  }
  namesAt() {
    return "";
  }
  close() {
    this.images = this.ward;
    super.close();
  }
}

function build({ setup, buffers, page, set, settingSlider, settingMenu, root }) {
  let count = 0;
  let open = true;
  const told = element("output", { "aria-label": `${setup.what} counted`, "data-number": "count" }, "0");
  const take = (number) => {
    if (!open) return;
    count = Math.max(0, number);
    told.textContent = count;
  };
  const ward = new Ward(setup.image_size, (marks) => take(marks));
  ward.loadAll(buffers);
  ward.setCaption(`Count the ${setup.what}`, note("a click marks one, another click takes the mark away"));
  const less = button("−1", () => take(count - 1), { "aria-label": "one less", "data-control": "less" });
  const more = button("+1", () => take(count + 1), { "aria-label": "one more", "data-control": "more" });
  const done = button("That is my count", () => set({ count }), { class: "tk-button tk-main", "data-control": "done" });
  const choices = Array.from({ length: setup.pictures }, (_, place) => [String(place), `picture ${place + 1}`]);
  const picture = settingMenu("Picture", "picture", choices, Number);
  const threshold = settingSlider("Threshold of the detector", "threshold", linearScale(0.01, 0.99, 2));
  const table = numbersTable(ROWS);
  const said = element("p", { class: "tk-said" });
  const after = block("tk-controls", threshold.node, table.node);
  page.append(ward.node, block("tk-controls", picture.node, block("tk-count", less, told, more, done), after), said);
  const show = ({ values, boxes, truth, words, ...numbers }, fresh) => {
    const another = ward.chosen !== values.picture;
    open = values.count < 0;
    if (another) {
      ward.marks = [];
      ward.choose(values.picture);
    }
    if (another || !open) {
      count = open ? 0 : values.count;
      told.textContent = count;
    }
    ward.truth = [truth];
    ward.show([boxes], []);
    ward.canvas.node.setAttribute("aria-label", words);
    for (const one of [less, more, done]) one.disabled = !open;
    after.hidden = open;
    for (const name of Object.keys(ROWS)) table.cells[name].textContent = numbers[name] ?? "–";
    said.textContent = words;
    if (fresh) {
      picture.show(String(values.picture));
      threshold.show(values.threshold);
    }
    Object.assign(root.dataset, { picture: values.picture, open, found: numbers.found, boxes: boxes.length });
  };
  return { show, close: () => ward.close() };
}

export default { render: (view) => playground(view, "doctor", build) };
