import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { chromium, type Browser, type Page } from "playwright-core";
import { createFrames, chooseFrames } from "../../../src/engine/report/frames.ts";
import { html } from "../../../src/engine/report/html.ts";
import { publishedComparison } from "../../../src/engine/report/published.ts";
import { changedExamples, labelsOf } from "../../../src/engine/report/reportData.ts";
import { locateFfmpeg } from "../../../src/engine/video/ffmpeg.ts";
import { seriousFaults } from "../../webview/axe.ts";
import { darkModern, highContrast, lightModern, type Theme } from "../../webview/themes.ts";
import { hostileText, madeEvaluation, madeReport } from "./reportFixture.ts";

const screenshots = path.resolve("out/screenshots");
const dir = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-report-"));
let browser: Browser;
let page: string;

before(async () => {
  fs.mkdirSync(screenshots, { recursive: true });
  const video = { fps: 2, minFrames: 4, maxFrames: 16, maxPixels: 12544 };
  const frames = createFrames({ ffmpeg: () => locateFfmpeg(), cacheDir: path.join(dir, "cache"), video });
  page = await madeReport(frames);
  const executablePath = process.env["TEST_CHROMIUM"] ?? "";
  browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
});
after(async () => {
  await browser.close();
  fs.rmSync(dir, { recursive: true, force: true });
});

interface Look {
  readonly width: number;
  readonly colorScheme: "dark" | "light";
  readonly theme?: Theme;
}

/** Opens the file as a user does, without a server; a theme puts VS Code's variables in, as its webviews do. */
async function withReport(
  look: Look,
  work: (shown: Page, problems: readonly string[]) => Promise<void>,
): Promise<void> {
  const shown = await browser.newPage({ viewport: { width: look.width, height: 900 }, colorScheme: look.colorScheme });
  const problems: string[] = [];
  shown.on("request", (request) => /^(file|data):/.test(request.url()) || problems.push(`request: ${request.url()}`));
  shown.on("console", (message) => message.type() === "error" && problems.push(message.text()));
  const file = path.join(dir, "report.html");
  fs.writeFileSync(file, page);
  await shown.goto(`file://${file}`);
  await shown.evaluate((variables) => {
    for (const [name, value] of Object.entries(variables))
      document.documentElement.style.setProperty(`--vscode-${name}`, value);
  }, look.theme?.variables ?? {});
  await work(shown, problems);
  await shown.close();
}

const looks: readonly (readonly [string, Look])[] = [
  ["file-light-1100", { width: 1100, colorScheme: "light" }],
  ["file-dark-1100", { width: 1100, colorScheme: "dark" }],
  ["file-dark-360", { width: 360, colorScheme: "dark" }],
  ["vscode-light-700", { width: 700, colorScheme: "dark", theme: lightModern }],
  ["vscode-dark-700", { width: 700, colorScheme: "light", theme: darkModern }],
  ["vscode-contrast-700", { width: 700, colorScheme: "dark", theme: highContrast }],
];

test("the page keeps within its width, asks nobody for anything, and axe finds no serious fault", async () => {
  for (const [name, look] of looks) {
    await withReport(look, async (shown, problems) => {
      await shown.screenshot({ path: path.join(screenshots, `report-${name}.png`), fullPage: true });
      const overflow = await shown.evaluate(() =>
        [document.documentElement, ...document.querySelectorAll("main, .example, .answers, .lane, pre")]
          .filter((node) => node.scrollWidth > node.clientWidth + 1)
          .map((node) => `${node.className} ${node.scrollWidth} > ${node.clientWidth}`),
      );
      assert.deepEqual(overflow, [], name);
      assert.deepEqual(problems, [], name);
      const found = await seriousFaults(shown);
      assert.deepEqual(found, [], name);
    });
  }
});

test("what a model says stays text, and the sheet is the one that the policy allows", async () => {
  await withReport({ width: 900, colorScheme: "light" }, async (shown) => {
    const text = await shown.locator("pre", { hasText: "document.title" }).first().innerText();
    assert.equal(text, hostileText);
    assert.equal(await shown.locator("script").count(), 0);
    assert.match(await shown.title(), /^Evaluation report/);
    assert.equal(await shown.evaluate(() => getComputedStyle(document.body).maxWidth), "1100px");
  });
  assert.equal(html`<a title="${'"><b>'}">${["<", 3, null]}</a>`.markup, '<a title="&quot;&gt;&lt;b&gt;">&lt;3</a>');
  assert.doesNotMatch(page, / style="/);
});

test("frames of the video itself with time lines and boxes, limited in number and size", async () => {
  await withReport({ width: 900, colorScheme: "dark" }, async (shown) => {
    const sizes = await shown.evaluate(() =>
      [...document.querySelectorAll("image")].map((image) => (image.getAttribute("href") ?? "").slice(0, 23)),
    );
    assert.ok(sizes.length > 20 && sizes.every((start) => start === "data:image/jpeg;base64,"), String(sizes.length));
    assert.ok((await shown.locator("rect.box.truth").count()) >= 4);
    assert.ok((await shown.locator("rect.box.s1").count()) >= 4);
    assert.ok((await shown.locator(".lane rect.truth").count()) >= 4);
  });
  assert.ok(page.length < 8e6, `${page.length}`);
  const frames = createFrames({
    ffmpeg: () => locateFfmpeg(),
    cacheDir: path.join(dir, "cache"),
    video: null,
    maxBytes: 1000,
  });
  const videoPath = path.resolve("examples/big-buck-bunny/videos/big-buck-bunny.mp4");
  const { problem } = await frames({ videoPath }, { count: 4 });
  assert.equal(problem, "The report holds no more images.");
  assert.match((await frames({ videoPath: "/nowhere.mp4" }, { count: 4 })).problem ?? "", /nowhere|no such/i);
  // Of a clip, the times count from its start.
  const all = createFrames({ ffmpeg: () => locateFfmpeg(), cacheDir: path.join(dir, "cache"), video: null });
  const clip = { startSec: 10, endSec: 14 };
  const times = (await all({ videoPath, clip }, { count: 8 })).frames.map(({ timestampSec }) => timestampSec);
  assert.ok(times.length === 8 && times.every((sec) => sec >= 0 && sec <= 4.1), times.join());
});

test("published scores stand only beside the benchmark that they are of", async () => {
  const record = await madeEvaluation(7, {});
  const [grounding, , videoMme] = record.datasets ?? [];
  assert.ok(grounding !== undefined && videoMme !== undefined);
  assert.equal(publishedComparison(grounding, [record]), null); // six examples are not Charades-STA
  const comparison = publishedComparison(videoMme, [record]);
  assert.equal(comparison?.benchmark.title, "Video-MME, short videos, without subtitles");
  const short = record.categories
    ?.find(({ dimension }) => dimension === "duration")
    ?.categories.find(({ name }) => name === "short");
  assert.equal(comparison.ours[0]?.["accuracy"], 100 * (short?.scores["video-mme/accuracy"]?.value ?? 0));
  assert.equal(publishedComparison({ ...videoMme, id: "choice", path: "a.json" }, [record]), null);
  assert.equal(publishedComparison({ ...videoMme, id: "got10k", task: "tracking", examples: 180 }, [record])?.metrics[0], "mean_iou"); // prettier-ignore
});

test("labels tell evaluations apart; losses and gains are both shown", async () => {
  const files = [
    "/runs/a/evaluation/step-000100.json",
    "/x/base/evaluation.json",
    "/x/base/evaluation.think.json",
    "/y/base/evaluation.json",
  ];
  assert.deepEqual(labelsOf(files.map((file, i) => ({ file, step: i === 0 ? 100 : 0 }))), [
    "a, step 100",
    "base",
    "base, think",
    "base (2)",
  ]);
  const record = await madeEvaluation(5, {});
  const [first, second, third] = record.examples;
  assert.ok(first !== undefined && second !== undefined && third !== undefined);
  const changed = [first, second, third].map((one, i) => ({
    metric: "mIoU",
    before: one,
    after: one,
    change: [0.9, 0.8, -0.1][i] ?? 0,
  }));
  const comparison = {
    settings: [],
    metrics: [],
    onlyBefore: 0,
    onlyAfter: 0,
    unansweredBefore: 0,
    unansweredAfter: 1,
    changed,
  };
  const evaluations = [{ label: "a", file: "a", record }];
  const shown = changedExamples({ evaluations, comparison, versions: { videoRft: "" } }, 2);
  assert.deepEqual(shown.map(({ exampleId }) => exampleId), [first.exampleId, third.exampleId]); // prettier-ignore
});

test("frames are those nearest to the boxes, else spread over the clip", () => {
  const times = [0, 1, 2, 3, 4, 5, 6, 7];
  assert.deepEqual(chooseFrames(times, 4), [0, 2, 5, 7]);
  assert.deepEqual(chooseFrames(times, 4, [0.9, 3.2]), [1, 3]);
  assert.deepEqual(chooseFrames([0], 4), [0]);
});
