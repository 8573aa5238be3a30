// How the dashboard bears long runs: `node scripts/typescript.mjs test/bench/dashboardScale.ts [--steps 6000]` opens the real
// page in Chromium with four runs of so many steps, and prints how long it takes until all charts are drawn, until a new
// step of each run is, and how a moved cursor is answered. Needs nothing built.
import { parseArgs } from "node:util";
import type { DashboardToHost, HostToDashboard } from "../../src/protocol/dashboard.ts";
import { startPageBrowser } from "../webview/browser.ts";
import { sampleRun } from "../webview/dashboardFixture.ts";
import { darkModern } from "../webview/themes.ts";

const { values } = parseArgs({ options: { steps: { type: "string", default: "6000" } } });
const steps = Number(values.steps);
const repeats = 5;
const browser = await startPageBrowser<HostToDashboard, DashboardToHost>("dashboard", []);
const drawn: number[] = [];
const further: number[] = [];
const moved: number[] = [];
let bytes = 0;
try {
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    const opened = await browser.open({ theme: darkModern, width: 1400, height: 900 });
    const { page } = opened;
    drawn.push(await page.evaluate(show, serve("before", steps)));
    const plot = (await page.locator(".plot").first().boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
    for (let at = 1; at < 10; at += 1) {
      await page.mouse.move(plot.x + (plot.width * at) / 10, plot.y + plot.height / 2);
      moved.push(await page.evaluate(nextFrame));
    }
    further.push(await page.evaluate(show, serve("after", steps + 1)));
    await opened.close();
  }
} finally {
  await browser.close();
}
const size = `${(bytes / 1e6).toFixed(1)} MB of JSON`;
process.stdout.write(
  `\n| 4 runs of ${steps.toLocaleString("en-US")} steps, ${size} | median of ${repeats}, and range |\n| --- | --- |\n`,
);
for (const [what, times] of [
  ["all charts drawn", drawn],
  ["a further step of each run drawn", further],
  ["a frame while the cursor moves over all charts", moved],
] as const) {
  const sorted = [...times].sort((a, b) => a - b);
  const [least = NaN, middle = NaN, most = NaN] = [0, sorted.length >> 1, sorted.length - 1].map((at) => sorted[at]);
  process.stdout.write(`| ${what} | ${middle.toFixed(0)} ms (${least.toFixed(0)} to ${most.toFixed(0)}) |\n`);
}

function serve(name: string, count: number): string {
  const runs = [0, 1, 2, 3].map((shift) => sampleRun({ runDir: `/runs/${shift}`, name: `run ${shift}` }, count, shift));
  const json = Buffer.from(JSON.stringify(runs));
  bytes = json.length;
  return browser.serve(`${name}.json`, json);
}

/** In the page: from the host's message to the frame after the one that draws it. */
async function show(uri: string): Promise<number> {
  const runs: unknown = await (await fetch(uri)).json();
  const begun = performance.now();
  window.postMessage({ kind: "runs", runs }, "*");
  await new Promise((resolve) => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(resolve))));
  return performance.now() - begun;
}

/** In the page: time to the next painted frame. */
async function nextFrame(): Promise<number> {
  const begun = performance.now();
  await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
  return performance.now() - begun;
}
