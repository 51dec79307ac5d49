// The live pages out of their sources: node site/build_live.mjs EXPORTED SITE, where EXPORTED is what `python -m teachkit.page`
// wrote. They lie in SITE as live.html and playgrounds.html with live/ beside them, and live-alone.html needs no other file.

import { cpSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { join, relative } from "node:path";
import { build } from "esbuild";
import { buildKernels, writtenLoops } from "./build_engine.mjs";

const HERE = import.meta.dirname, LIVE = join(HERE, "../teachkit/page/live");
const PHOTOS = join(HERE, "../teachkit/page/photos"), LESSONS = join(HERE, "../teachkit/page/lessons"), PLAYGROUNDS = join(HERE, "../teachkit/page/playgrounds");
const DATA = ["training.json", "training.bin", "facts.json", "scenes.webp", "replay.html"];
const DETECTORS = ["shapes", "bccd"].flatMap((name) => [`${name}.json`, `${name}.bin`, `${name}.facts.json`]);
const STRICT = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self' blob: data:";
const ALONE = "default-src 'none'; script-src 'unsafe-inline' 'wasm-unsafe-eval' blob:; worker-src blob:; style-src 'unsafe-inline'; img-src blob: data:";

async function bundled(entry, format) {
  const { outputFiles } = await build({ entryPoints: [entry], bundle: true, minify: true, format, write: false, target: "es2023",
    charset: "utf8", plugins: [writtenLoops] });
  return outputFiles[0].text;
}
const LINKS = '<p class="about"><a href="index.html">The lessons</a> · <a href="playgrounds.html">Playgrounds</a> · <a href="photo.html">Your own picture</a></p>\n';
const page = (policy, style, script, name = "live.html", links = LINKS) => readFileSync(join(HERE, name), "utf8").replace("{links}", () => links)
  .replace("{policy}", () => policy).replace("{style}", () => style).replace("{script}", () => script);

async function buildLive(exported, site) {
  const folder = join(site, "live");
  mkdirSync(folder, { recursive: true });
  const [style, worker, script, alone, play, playStyle] = await Promise.all([bundled(join(LIVE, "live.css")), bundled(join(LIVE, "worker.js"), "iife"),
    bundled(join(LIVE, "page.js"), "iife"), bundled(join(LIVE, "alone.js"), "esm"), bundled(join(PLAYGROUNDS, "page.js"), "iife"),
    bundled(join(PLAYGROUNDS, "page.css")), buildKernels(join(folder, "kernels.wasm"))]);
  for (const name of [...DATA, ...DETECTORS, "playgrounds"]) cpSync(join(exported, name), join(folder, name), { recursive: true });
  writeFileSync(join(folder, "live.css"), style);
  writeFileSync(join(folder, "worker.js"), worker);
  writeFileSync(join(folder, "page.js"), script);
  writeFileSync(join(site, "live.html"), page(STRICT, '<link rel="stylesheet" href="live/live.css">', '<script defer src="live/page.js"></script>'));
  writeFileSync(join(folder, "playgrounds.css"), playStyle);
  writeFileSync(join(folder, "playgrounds.js"), play);
  // the front ends give their parts a pointer each, as a style
  writeFileSync(join(site, "playgrounds.html"), page(STRICT.replace("style-src 'self'", "style-src 'self' 'unsafe-inline'"),
    '<link rel="stylesheet" href="live/playgrounds.css">', '<script defer src="live/playgrounds.js"></script>', "playgrounds.html"));
  writeFileSync(join(folder, "photo.css"), await bundled(join(PHOTOS, "page.css")));
  writeFileSync(join(folder, "photo.js"), await bundled(join(PHOTOS, "page.js"), "iife"));
  writeFileSync(join(site, "photo.html"), page(STRICT, '<link rel="stylesheet" href="live/photo.css">', '<script defer src="live/photo.js"></script>', "photo.html"));
  await buildLessons(site, folder);
  keepOffline(site, folder);
  const files = Object.fromEntries([...DATA, "kernels.wasm", "worker.js"].map((name) => [name, readFileSync(join(folder, name)).toString("base64")]));
  writeFileSync(join(site, "live-alone.html"), page(ALONE, `<style>${style}</style>`,
    `<script type="application/json" id="files">${JSON.stringify(files)}</script>\n<script type="module">${alone.replaceAll("</script", "<\\/script")}</script>`, "live.html", ""));
}

// Where a lesson has something alive, its page takes the script and the style.
async function buildLessons(site, folder) {
  writeFileSync(join(folder, "lesson.css"), await bundled(join(LESSONS, "lesson.css")));
  writeFileSync(join(folder, "lesson.js"), await bundled(join(LESSONS, "lesson.js"), "iife"));
  const tags = '<link rel="stylesheet" href="live/lesson.css"><script defer src="live/lesson.js"></script></head>';
  for (const name of readdirSync(site).filter((one) => one.endsWith(".html"))) {
    const text = readFileSync(join(site, name), "utf8");
    if (text.includes("data-lesson=")) writeFileSync(join(site, name), text.replace("</head>", tags));
  }
}

// What a first visit leaves where it is: the notebooks, the detectors of photo.html, and what no page asks for.
const LATER = /^(_notebooks|_sources)\/|^live\/(shapes|bccd)\.|^live-alone|^sw\.js|^objects\.inv|^\.|\.(doctree|map)$/;

function keepOffline(site, folder) {
  cpSync(join(HERE, "offline.js"), join(folder, "offline.js"));
  const all = readdirSync(site, { recursive: true, withFileTypes: true }).filter((one) => one.isFile())
    .map((one) => relative(site, join(one.parentPath ?? one.path, one.name)).replaceAll("\\", "/")).sort();
  for (const name of all.filter((one) => one.endsWith(".html") && one !== "live-alone.html" && !one.startsWith("live/"))) {
    const text = readFileSync(join(site, name), "utf8"), up = "../".repeat(name.split("/").length - 1);
    writeFileSync(join(site, name), text.replace("</head>", `<script defer src="${up}live/offline.js"></script></head>`));
  }
  const version = createHash("sha256");
  for (const name of all) version.update(name).update(readFileSync(join(site, name)));
  const files = JSON.stringify(all.filter((one) => !LATER.test(one)));
  writeFileSync(join(site, "sw.js"), readFileSync(join(HERE, "sw.js"), "utf8").replace("{version}", version.digest("hex").slice(0, 16)).replace("{files}", () => files));
}

await buildLive(process.argv[2], process.argv[3]);
