// A canvas that follows the size of its place and the pixels of the screen.

import { ON_PAPER } from "./colours.js";
import { element } from "./elements.js";

// draw(pen, width, height, font size), all in px.
export class Canvas {
  constructor(label, draw) {
    this.node = element("canvas", { class: "tk-canvas", role: "img", "aria-label": label });
    this.draw = draw;
    this.width = this.height = this.size = 0;
    const again = () => {
      this.measure();
      this.paint();
    };
    this.resized = new ResizeObserver(again);
    this.resized.observe(this.node);
    // JupyterLab hides its page while it changes the theme: only in the next frame has the place its size again.
    this.themed = new MutationObserver(() => requestAnimationFrame(again));
    this.themed.observe(document.body, { attributeFilter: ["data-jp-theme-light"] });
  }
  // Asked for only when the place has changed: the browser would lay out the whole notebook for each answer.
  measure() {
    this.width = this.node.clientWidth;
    this.height = this.node.clientHeight;
    const style = getComputedStyle(this.node);
    this.size = parseFloat(style.fontSize);
    for (const name of Object.keys(ON_PAPER)) ON_PAPER[name] = style.getPropertyValue(`--tk-${name}`) || ON_PAPER[name];
    const ratio = window.devicePixelRatio || 1;
    this.node.width = Math.round(this.width * ratio);
    this.node.height = Math.round(this.height * ratio);
  }
  paint() {
    const { width, height } = this;
    if (!width || !height) return; // scrolled away or in a hidden tab
    const ratio = this.node.width / width;
    const pen = this.node.getContext("2d");
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, width, height);
    this.draw(pen, width, height, this.size);
  }
  close() {
    this.resized.disconnect();
    this.themed.disconnect();
  }
}
