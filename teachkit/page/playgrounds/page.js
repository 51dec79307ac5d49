// The page of all playgrounds: each begins when it comes into sight.

import "../live/theme.js";
import { alive } from "./alive.js";

const HERE = document.currentScript.src;
const onDisk = location.protocol === "file:"; // from where a browser lets nothing be fetched

function begin(el) {
  alive(el.dataset.playground, el, HERE).catch((one) => {
    el.textContent = onDisk ? "This page needs a server." : `The playground cannot start: ${one.message}`;
  });
}
const watcher = new IntersectionObserver(
  (seen) => {
    for (const { isIntersecting, target } of seen) {
      if (!isIntersecting) continue;
      watcher.unobserve(target);
      begin(target);
    }
  },
  { rootMargin: "600px" },
);
for (const el of document.querySelectorAll("[data-playground]")) watcher.observe(el);
