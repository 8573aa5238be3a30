// How the rollout viewer bears a long run: `node test/bench/viewerScale.mjs [--rollouts 200000] [--keep DIR]` generates a
// run, opens it in the real page in Chromium, with the extension host's half and the engine in processes of their own, and
// prints how long it takes to open, filter and search, how it scrolls, and what memory the extension host's half holds.
// DIR keeps the generated run for the next time. Needs nothing built.
import { fork, spawnSync } from "node:child_process";
import fs from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import * as esbuild from "esbuild";
import { chromium } from "playwright-core";
import { findChromium } from "../../scripts/tools.mjs";

/* global document, requestAnimationFrame, window -- of the page, in what `evaluate` sends there */

const { values } = parseArgs({
  options: { rollouts: { type: "string", default: "200000" }, keep: { type: "string" } },
});
const root = path.resolve(import.meta.dirname, "../..");
const dir = fs.mkdtempSync(path.join(os.tmpdir(), "rft-viewer-"));
const runDir = path.resolve(values.keep ?? path.join(dir, "run"));
const rows = [];
const row = (what, measured, target = "") => rows.push([what, measured, target]);

await build();
generate(path.join(dir, "small"), "32");
if (!fs.existsSync(path.join(runDir, "rollouts.index"))) generate(runDir, values.rollouts);
const indexBytes = fs.statSync(path.join(runDir, "rollouts.index")).size;
row("rollouts", Number(values.rollouts).toLocaleString("en-US"));
row("index on disk", `${megabytes(indexBytes)}, ${Math.round(indexBytes / Number(values.rollouts))} bytes a rollout`);

const { origin, close } = await serve();
const browser = await chromium.launch({ executablePath: findChromium(), args: ["--no-sandbox", "--disable-gpu"] });
const small = await startViewer(path.join(dir, "small"));
await measureOpening(small, "control, a run of 32 rollouts");
await small.end();
const { host, page, end } = await startViewer(runDir);
const session = await page.context().newCDPSession(page);
await session.send("Performance.enable");
try {
  await measureOpening({ page }, "open");
  await measureFilters();
  await measureScrolling();
  await measureSearch();
  await measureMemory();
} finally {
  await end();
  await browser.close();
  close();
  fs.rmSync(dir, { recursive: true, force: true });
}
print();

function generate(generated, rollouts) {
  console.error(`Generating a run of ${rollouts} rollouts…`);
  const call = [path.join(dir, "generateRun.mjs"), generated, rollouts];
  if (spawnSync(process.execPath, call, { stdio: "inherit" }).status !== 0) process.exit(1);
}

/** From the start of the page's navigation to the frame that shows it; the engine of the window runs already. */
async function measureOpening({ page: shown }, name) {
  await shown.goto(origin);
  await shown.waitForFunction(() => "rows" in globalThis.shownAt);
  const { cards, rows: listed } = await shown.evaluate(() => globalThis.shownAt);
  row(`${name}: rollouts of the last step shown`, milliseconds(cards), "< 1 s");
  row(`${name}: list of all rollouts shown`, milliseconds(listed), "< 1 s");
}

async function startViewer(viewed) {
  const started = await startHost(viewed);
  const opened = await openPage(started);
  const ended = async () => {
    await opened.context().close();
    started.child.send("end");
    await new Promise((resolve) => started.child.once("exit", resolve));
  };
  return { host: started, page: opened, end: ended };
}

/** From a click to the frame that shows what came of it, the median of five. */
async function measureFilters() {
  const bins = await page.locator(".bin").count();
  const times = [];
  for (let bin = bins - 1; bin >= bins - 5; bin -= 1) times.push(await timeClick(`.bin[data-bin="${bin}"]`));
  row("filter by a bin of the histogram", milliseconds(median(times)), "< 100 ms");
  const sorts = [];
  for (let at = 0; at < 5; at += 1) sorts.push(await timeClick(`.list-sort >> nth=${1 + (at % 2)}`));
  row("sort by another column, filtered", milliseconds(median(sorts)), "< 100 ms");
  await timeClick(".list-status vscode-button");
  const all = [];
  for (let at = 0; at < 5; at += 1) all.push(await timeClick(`.list-sort >> nth=${1 + (at % 2)}`));
  row("sort all rollouts", milliseconds(median(all)), "< 100 ms");
}

async function timeClick(selector) {
  const node = await page.locator(selector).elementHandle();
  return page.evaluate(async (element) => {
    const start = performance.now();
    element.click();
    await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
    return performance.now() - start;
  }, node);
}

/**
 * Five seconds of scrolling by 400 px a frame: through the list, and as a control through a page of plain text, since a
 * machine without a graphics card paints slowly whatever is shown.
 */
async function measureScrolling() {
  const before = await scriptMs();
  const frames = await scrollFrames(page, ".list-grid");
  const busyMs = ((await scriptMs()) - before) / frames.length;
  rowsOfFrames("scroll", frames, "60");
  row("scroll: scripts, styles and layout a frame", `${busyMs.toFixed(1)} ms`, "< 16.7 ms");
  const control = await browser.newPage({ viewport: { width: 1400, height: 900 } });
  await control.setContent(`<body><div class="text" style="height:100vh;overflow:auto"></div></body>`);
  await control.evaluate(() => {
    document.querySelector(".text").textContent = "Nothing but text. ".repeat(20_000);
  });
  rowsOfFrames("control, a page of text", await scrollFrames(control, ".text"), "");
  await control.close();
}

/** What the page's main thread has done so far (ms), painting left out. */
async function scriptMs() {
  const { metrics } = await session.send("Performance.getMetrics");
  const seconds = (name) => metrics.find((metric) => metric.name === name)?.value ?? 0;
  return 1000 * (seconds("ScriptDuration") + seconds("LayoutDuration") + seconds("RecalcStyleDuration"));
}

function scrollFrames(shown, selector) {
  return shown.evaluate(async (scroller) => {
    const node = document.querySelector(scroller);
    const nextFrame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    const times = [];
    const until = performance.now() + 5000;
    for (let last = await nextFrame(); last < until;) {
      node.scrollTop += 400;
      const now = await nextFrame();
      times.push(now - last);
      last = now;
    }
    return times;
  }, selector);
}

function rowsOfFrames(name, intervals, target) {
  const sorted = intervals.sort((a, b) => a - b);
  const mean = sorted.reduce((sum, value) => sum + value, 0) / sorted.length;
  const at = (share) => sorted[Math.floor(share * sorted.length)].toFixed(1);
  row(`${name}: frames a second`, (1000 / mean).toFixed(0), target);
  row(`${name}: frame time, median and 95th percentile`, `${at(0.5)} and ${at(0.95)} ms`);
}

async function measureSearch() {
  const start = performance.now();
  await page.locator(".list-search input").fill("throws the pil+ow");
  await page.getByRole("button", { name: "Use a regular expression" }).click();
  await page.waitForFunction(
    () =>
      / of /.test(document.querySelector(".list-count").textContent) &&
      !/^0 of/.test(document.querySelector(".list-count").textContent),
  );
  row("search texts by a regular expression: first found", milliseconds(performance.now() - start));
  await page.waitForFunction(() => !/searched/.test(document.querySelector(".list-count").textContent), null, {
    timeout: 300_000,
  });
  row("search texts by a regular expression: all of them", milliseconds(performance.now() - start));
  row("search: found", await page.locator(".list-count").innerText());
}

async function measureMemory() {
  const { rss, heapUsed, arrayBuffers } = await host.memory();
  row("extension host's half: memory (RSS of its process)", megabytes(rss), "< 300 MB");
  row("extension host's half: heap and buffers", megabytes(heapUsed + arrayBuffers));
  row("extension host's half: before the viewer opened (RSS)", megabytes(host.start.rss));
}

async function openPage(started) {
  const context = await browser.newContext({ viewport: { width: 1400, height: 900 }, reducedMotion: "reduce" });
  const shown = await context.newPage();
  shown.on("pageerror", (error) => console.error(`page: ${error}`));
  await shown.exposeFunction("toHost", (message) => started.child.send(message));
  started.onPost((message) => void shown.evaluate((data) => window.postMessage(data, "*"), message));
  await shown.addInitScript(() => {
    globalThis.shownAt = {};
    const look = () => {
      const { shownAt } = globalThis;
      if (document.querySelector(".card") !== null) shownAt.cards ??= performance.now();
      if (document.querySelector(".list-row:not([hidden])") !== null) shownAt.rows ??= performance.now();
      else requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
    const open = { list: true, tokens: false, seen: false, boxes: true };
    const state = { version: 2, selection: null, timeSec: null, speed: 1, isReasoningOpen: true, shown: open };
    globalThis.acquireVsCodeApi = () => ({
      postMessage: (message) => void globalThis.toHost(message),
      getState: () => state,
      setState: () => undefined,
    });
  });
  return shown;
}

async function startHost(viewed) {
  const child = fork(path.join(dir, "host.mjs"), [
    viewed,
    path.join(dir, "engine", "service.cjs"),
    path.join(dir, "cache"),
    origin,
  ]);
  const posts = [];
  const waiting = { ready: [], memory: [] };
  child.on("message", (message) => {
    if (message.kind === "post") for (const listener of posts) listener(message.message);
    else waiting[message.kind].shift()?.(message);
  });
  const next = (kind) => new Promise((resolve) => waiting[kind].push(resolve));
  const start = await next("ready");
  const memory = () => {
    child.send("memory");
    return next("memory");
  };
  return { child, start, memory, onPost: (listener) => posts.push(listener) };
}

/** The built page, and files of the run by their paths, as a webview's own origin serves them. */
async function serve() {
  const server = http.createServer((request, response) => {
    const url = new URL(request.url, "http://localhost");
    if (url.pathname === "/") {
      response.setHeader("content-type", "text/html");
      response.end(
        `<!DOCTYPE html><html><head><link rel="stylesheet" href="/rollouts.css"></head><body class="vscode-dark"><script src="/rollouts.js"></script></body></html>`,
      );
    } else if (url.pathname === "/file") fs.createReadStream(url.searchParams.get("path")).pipe(response);
    else if (/^\/rollouts\.(js|css)$/.test(url.pathname)) {
      response.setHeader("content-type", url.pathname.endsWith("css") ? "text/css" : "text/javascript");
      fs.createReadStream(path.join(dir, url.pathname)).pipe(response);
    } else response.writeHead(404).end();
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { origin: `http://127.0.0.1:${server.address().port}`, close: () => server.close() };
}

async function build() {
  const common = { bundle: true, logLevel: "error", absWorkingDir: root, mainFields: ["module", "main"] };
  const node = { ...common, platform: "node", target: "node20", external: ["onnxruntime-node", "ffmpeg-static"] };
  const banner = { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' };
  await esbuild.build({
    ...node,
    format: "cjs",
    entryPoints: ["src/engine/server/serviceMain.ts"],
    outfile: path.join(dir, "engine", "service.cjs"),
  });
  await esbuild.build({
    ...node,
    format: "esm",
    banner,
    outExtension: { ".js": ".mjs" },
    entryPoints: ["test/bench/viewerScale/generateRun.ts", "test/bench/viewerScale/host.ts"],
    outdir: dir,
  });
  await esbuild.build({
    ...common,
    platform: "browser",
    target: "chrome128",
    format: "iife",
    minify: true,
    entryPoints: { rollouts: "webview/rollouts/main.ts" },
    outdir: dir,
  });
}

function print() {
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((cells) => cells[column].length)));
  for (const cells of rows)
    console.log(
      cells
        .map((cell, column) => cell.padEnd(widths[column]))
        .join("   ")
        .trimEnd(),
    );
}

function median(numbers) {
  return [...numbers].sort((a, b) => a - b)[numbers.length >> 1];
}

function milliseconds(ms) {
  return `${ms.toFixed(0)} ms`;
}

function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
