import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before } from "node:test";
import type { Browser, Frame, Page } from "playwright-core";
import type { GroupRecord } from "../../src/protocol/records.ts";
import { paintedArea, pixelAt } from "./pixels.ts";
import { startServer, type VsCodeServer } from "./server.ts";
import { story } from "./story.ts";
import {
  endRun,
  makeTinyWorkspace,
  onlyRunDir,
  readGroups,
  readState,
  tinyGroupSize,
  tinyName,
} from "./tinyWorkspace.ts";
import {
  chooseDarkTheme,
  launchBrowser,
  openFile,
  openWorkbench,
  paletteTitles,
  patienceMs,
  runCommand,
  screenshot,
  waitFor,
  webviewFrame,
} from "./workbench.ts";

// One story in one window: each test goes on where the one before ended.
const extensionDir = process.cwd();
let server: VsCodeServer;
let browser: Browser;
let workspace: string;
let page: Page;
let runDir: string;
const scene = story(
  () => page,
  () => server,
);

before(async () => {
  workspace = await makeTinyWorkspace();
  server = await startServer();
  browser = await launchBrowser();
  ({ page } = await openWorkbench(browser, server, { folder: workspace, extensionDir }));
});

after(async () => {
  endRun(onlyRunDir(workspace));
  await browser.close();
  await server.stop();
  fs.rmSync(workspace, { recursive: true, force: true, maxRetries: 10, retryDelay: 500 });
});

scene("the palette offers the commands", async () => {
  // Asked for one by one: the palette shows as many as fit.
  for (const name of [
    "Start RFT Run",
    "Stop Run",
    "Resume Run",
    "Open Rollouts",
    "Open Dashboard",
    "Try the Demo",
    "Doctor",
  ]) {
    const title = `RFT: ${name}`;
    await waitFor(title, patienceMs, async () => (await paletteTitles(page, title)).includes(title));
  }
});

scene("a mistake in the specification stands in the Problems panel at its line", async () => {
  const text = fs.readFileSync(path.join(workspace, `${tinyName}.rft.json`), "utf8");
  fs.writeFileSync(path.join(workspace, "mistake.rft.json"), text.replace('"groupSize"', '"groupSiez"'));
  await chooseDarkTheme(page);
  await openFile(page, "mistake.rft.json");
  await runCommand(page, "Problems: Focus on Problems View");
  const problem = page.locator(".markers-panel .monaco-list-row", { hasText: "groupSiez" });
  await problem.first().waitFor({ timeout: patienceMs });
  const line = text.split("\n").findIndex((row) => row.includes('"groupSize"')) + 1;
  assert.match(await problem.first().innerText(), new RegExp(`Ln ${line}, Col`));
  await screenshot(page, "problems");
  await page.keyboard.press("Control+J"); // hides the panel
  fs.rmSync(path.join(workspace, "mistake.rft.json"));
  await runCommand(page, "View: Close All Editors");
});

scene("Start RFT Run shows rollouts while the run goes on", async () => {
  await openFile(page, `${tinyName}.rft.json`);
  await runCommand(page, "RFT: Start RFT Run");
  const frame = await viewer();
  await frame
    .locator(".lane")
    .nth(tinyGroupSize - 1)
    .waitFor({ timeout: patienceMs });
  runDir = onlyRunDir(workspace) ?? assert.fail("no run folder");
  assert.equal(readState(runDir)?.status, "running");
  // New groups arrive without anybody asking.
  await waitFor("more steps", patienceMs, async () => (await shownStep(frame)) >= 5);
  await page.locator(".activitybar [aria-label='Video RFT']").first().click();
  await page
    .locator(".pane-body .monaco-list-row", { hasText: /tiny.*step \d+\/400/ })
    .waitFor({ timeout: patienceMs });
  await page.locator(".statusbar-item", { hasText: /step \d+\/400/ }).waitFor({ timeout: patienceMs });
  // In the specification the live values stand behind what they are about.
  await openFile(page, `${tinyName}.rft.json`);
  await page.locator(".editor-instance .view-line", { hasText: /\d+.of.400.done/ }).waitFor();
  await screenshot(page, "live-values");
  await page.locator(".tab", { hasText: "Rollouts: tiny" }).click();
  await viewer();
});

scene("Stop Run ends it after a step with a checkpoint", async () => {
  await runCommand(page, "RFT: Stop Run");
  const state = await waitFor("the run to stop", patienceMs, () => {
    const current = readState(runDir);
    return current?.status === "stopped" && current;
  });
  assert.ok(state.step >= 2);
  assert.equal(state.lastCheckpoint, state.step);
});

scene("segments stand on the timeline where the record has them", async () => {
  const { frame, group } = await showGroup("temporal-grounding");
  assert.equal(group.truth.task, "temporal-grounding");
  if (group.truth.task !== "temporal-grounding") return;
  const { startSec, endSec } = group.truth.segment;
  const { durationSec } = group.video ?? assert.fail("no video");
  const track = await boundsOf(frame, ".truth-lane .track");
  const bar = await boundsOf(frame, ".truth-lane .truth-bar");
  assert.ok(Math.abs(bar.x - (track.x + (track.width * startSec) / durationSec)) < 3, "start of the truth");
  assert.ok(Math.abs(bar.width - (track.width * (endSec - startSec)) / durationSec) < 3, "length of the truth");
  const inside = await pixelAt(page, bar.x + bar.width / 2, bar.y + bar.height / 2);
  const outsideX =
    startSec > durationSec - endSec ? (track.x + bar.x) / 2 : (bar.x + bar.width + track.x + track.width) / 2;
  const outside = await pixelAt(page, outsideX, bar.y + bar.height / 2);
  assert.ok(colorDistance(inside, outside) > 60, `the truth is not seen: ${inside.join()} beside ${outside.join()}`);
  await assertRewards(frame, group);
  await framesAreShown(frame);
  await screenshot(page, "rollouts-grounding");
});

scene("boxes lie on the frame where the record has them", async () => {
  const { frame, group } = await showGroup("tracking");
  assert.equal(group.truth.task, "tracking");
  if (group.truth.task !== "tracking") return;
  await runCommand(page, "RFT: Go to Start of Truth");
  const { box } = group.truth.boxes[0] ?? assert.fail("no truth");
  const area = await waitFor("the box of the truth", patienceMs, () =>
    paintedArea(frame, ".frame-overlay", "--rft-truth"),
  );
  const found = [area.x0, area.y0, area.x1, area.y1];
  for (const [index, expected] of [box.x0, box.y0, box.x1, box.y1].entries()) {
    const share = found[index] ?? assert.fail("no bound");
    assert.ok(Math.abs(share - expected) < 0.02, `box ${found.join()} instead of ${JSON.stringify(box)}`);
  }
  await assertRewards(frame, group);
  // For the picture: the best completion, at the time in the middle of its lane.
  const best = Math.max(...group.completions.map((completion) => completion.advantage));
  await frame
    .locator(".lane")
    .nth(group.completions.findIndex((completion) => completion.advantage === best))
    .click();
  await framesAreShown(frame);
  await screenshot(page, "rollouts-tracking");
});

scene("all rollouts of the run are listed, and a click goes to one", async () => {
  const frame = await viewer();
  await runCommand(page, "RFT: Show or Hide the Rollout List");
  const rows = frame.locator(".list-row:not([hidden])");
  await rows.first().waitFor({ timeout: patienceMs });
  const steps = readState(runDir)?.step ?? 0;
  const count = Array.from({ length: steps }, (_, index) => readGroups(runDir, index + 1))
    .flat()
    .reduce((sum, group) => sum + group.completions.length, 0);
  assert.equal(await frame.locator(".list-count").innerText(), `${count.toLocaleString("en-US")} rollouts`);
  await rows.first().click();
  await waitFor("the newest step", patienceMs, async () => (await shownStep(frame)) === steps);
  await screenshot(page, "rollouts-list");
  await runCommand(page, "RFT: Show or Hide the Rollout List");
});

scene("what a completion might have said is scored by the run's own rewards", async () => {
  const { frame, group } = await showGroup("temporal-grounding");
  assert.equal(group.truth.task, "temporal-grounding");
  if (group.truth.task !== "temporal-grounding") return;
  const { startSec, endSec } = group.truth.segment;
  await runCommand(page, "RFT: Edit Completion");
  await frame.locator(".edit-text").fill(`<answer>${startSec} to ${endSec}</answer>`);
  const changed = frame.locator(".edit-changes li", { hasText: /\(edited\): reward/ });
  await changed.waitFor({ timeout: patienceMs });
  await screenshot(page, "rollouts-what-if");
  await runCommand(page, "RFT: Take Back All Edits of the Group");
  await changed.waitFor({ state: "detached", timeout: patienceMs });
  await runCommand(page, "RFT: Edit Completion");
});

scene("Resume Run goes on where it stopped", async () => {
  const stoppedAt = readState(runDir)?.step ?? assert.fail("no state");
  await runCommand(page, "RFT: Resume Run");
  await waitFor("two more steps", patienceMs, () => {
    const state = readState(runDir);
    return state !== null && state.status === "running" && state.step >= stoppedAt + 2;
  });
  const steps = fs
    .readFileSync(path.join(runDir, "metrics.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => (JSON.parse(line) as { step: number }).step);
  assert.deepEqual(
    steps,
    steps.map((_, index) => index + 1),
  );
});

scene("a closed window leaves the run going, and a new one attaches to it", async () => {
  await page.close();
  const leftAt = readState(runDir)?.step ?? assert.fail("no state");
  await waitFor("a step without a window", patienceMs, () => (readState(runDir)?.step ?? 0) > leftAt);
  ({ page } = await openWorkbench(browser, server, { folder: workspace, extensionDir }));
  const frame = await waitFor("the viewer behind the status bar item", patienceMs, async () => {
    await page.locator(".statusbar-item", { hasText: /step \d+\/400/ }).click({ timeout: patienceMs });
    // The item is drawn anew while the run goes on, and a click may fall in between.
    return webviewFrame(page, ".timeline", 30_000).catch(() => null);
  });
  await chooseDarkTheme(page);
  const attachedAt = await shownStep(frame);
  await waitFor("a step in the new window", patienceMs, async () => (await shownStep(frame)) > attachedAt);
  await framesAreShown(frame);
  await screenshot(page, "rollouts-live");
  await runCommand(page, "RFT: Stop Run");
  await waitFor("the run to stop", patienceMs, () => readState(runDir)?.status === "stopped");
});

scene("the dashboard draws the run, and opens the rollouts of a point", async () => {
  await runCommand(page, "RFT: Open Dashboard");
  const frame = await webviewFrame(page, ".chart canvas");
  const reward = frame.locator('.chart[data-key="reward"]');
  await reward.locator(".plot").press("Home");
  await waitFor("the reward of the first step", patienceMs, async () =>
    /\d/.test(await reward.locator(".readout-value").innerText()),
  );
  await reward.locator(".plot").press("ArrowRight");
  await screenshot(page, "dashboard");
  await reward.locator(".plot").press("Enter");
  const rollouts = await viewer();
  await waitFor("the rollouts of step 2", patienceMs, async () => (await shownStep(rollouts)) === 2);
  await screenshot(page, "dashboard-with-rollouts");
});

function viewer(): Promise<Frame> {
  return webviewFrame(page, ".timeline");
}

function shownStep(frame: Frame): Promise<number> {
  return controlValue(frame, ".step-field");
}

/** What a number field or a list of choices of the page holds. */
async function controlValue(frame: Frame, selector: string): Promise<number> {
  return Number(await frame.locator(selector).evaluate((node) => (node as HTMLInputElement).value));
}

/** Brings the first group of a task on the screen, at whatever step has one. */
async function showGroup(task: GroupRecord["task"]): Promise<{ frame: Frame; group: GroupRecord }> {
  const frame = await viewer();
  const steps = readState(runDir)?.step ?? 0;
  for (let step = steps; step >= 1; step--) {
    const group = readGroups(runDir, step).find((record) => record.task === task);
    if (group === undefined) continue;
    while ((await shownStep(frame)) > step) await runCommand(page, "RFT: Previous Step");
    while ((await shownStep(frame)) < step) await runCommand(page, "RFT: Next Step");
    await waitFor(`the group of ${group.exampleId}`, patienceMs, async () => {
      const shown = await controlValue(frame, ".group-choice");
      if (shown === group.group) return true;
      await runCommand(page, shown < group.group ? "RFT: Next Group" : "RFT: Previous Group");
      return false;
    });
    const facts = await frame.locator(".group-bar .facts").innerText();
    assert.ok(facts.includes(`${group.datasetId} · ${group.exampleId}`), facts);
    return { frame, group };
  }
  throw new Error(`no step has a group of ${task}`);
}

async function framesAreShown(frame: Frame): Promise<void> {
  await waitFor("the frame", patienceMs, () =>
    frame.locator(".frame-image").evaluate((node) => (node as HTMLImageElement).naturalWidth > 0),
  );
}

interface Bounds {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Where an element is, once the page around it has come to rest. */
async function boundsOf(frame: Frame, selector: string): Promise<Bounds> {
  let last = "";
  return waitFor(`${selector} to stay where it is`, patienceMs, async () => {
    const bounds = await frame.locator(selector).first().boundingBox();
    const isAtRest = bounds !== null && JSON.stringify(bounds) === last;
    last = JSON.stringify(bounds);
    return isAtRest && bounds;
  });
}

function colorDistance(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, channel) => sum + Math.abs(value - (b[channel] ?? 0)), 0);
}

/** Each completion stands there with its reward, its advantage and its text. */
async function assertRewards(frame: Frame, group: GroupRecord): Promise<void> {
  const cards = frame.locator(".card");
  assert.equal(await cards.count(), group.completions.length);
  for (const [k, completion] of group.completions.entries()) {
    const text = await cards.nth(k).innerText();
    assert.ok(text.includes((completion.reward ?? 0).toFixed(2)), `reward ${completion.reward} in: ${text}`);
    assert.ok(
      text.includes(Math.abs(completion.advantage).toFixed(2)),
      `advantage ${completion.advantage} in: ${text}`,
    );
  }
}
