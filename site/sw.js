// Keeps the site's files in the browser. A site that was built anew has another VERSION, and is fetched anew.

const VERSION = "{version}", FILES = {files};
const kept = () => caches.open(`teachkit ${VERSION}`);
const plain = (request) => new URL(request.url).origin + new URL(request.url).pathname; // settings in the address aside

addEventListener("install", (event) => {
  skipWaiting();
  if (navigator.connection?.saveData) return; // then only what was seen is kept
  event.waitUntil(kept().then((cache) => Promise.allSettled(FILES.map((file) => cache.add(new Request(file, { cache: "reload" }))))));
});
addEventListener("activate", (event) => {
  event.waitUntil(caches.keys()
    .then((names) => Promise.all(names.filter((name) => name.startsWith("teachkit ") && !name.endsWith(VERSION)).map((name) => caches.delete(name))))
    .then(() => clients.claim()));
});
async function answer(request) {
  const cache = await kept().catch(() => null), there = await cache?.match(plain(request));
  if (there) return there;
  const fetched = await fetch(request);
  if (fetched.ok) await cache?.put(plain(request), fetched.clone()).catch(() => {}); // where the storage is full
  return fetched;
}
addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  if (method === "GET" && url.startsWith(registration.scope)) event.respondWith(answer(event.request));
});
