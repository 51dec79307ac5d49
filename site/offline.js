// After the first visit the site opens without a network: a service worker keeps its files.

if ("serviceWorker" in navigator && location.protocol !== "file:")
  navigator.serviceWorker.register(new URL("../sw.js", document.currentScript.src)).catch(() => {});
