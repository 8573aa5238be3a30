import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before } from "node:test";
import type { Browser, Page } from "playwright-core";
import { makeRewardWorkspace } from "./rewardWorkspace.ts";
import { startServer, type VsCodeServer } from "./server.ts";
import { story } from "./story.ts";
import { onlyRunDir } from "./tinyWorkspace.ts";
import {
  chooseDarkTheme,
  chooseFrom,
  chooseRow,
  launchBrowser,
  openFile,
  openWorkbench,
  patienceMs,
  runCommand,
  screenshot,
  waitFor,
  webviewFrame,
} from "./workbench.ts";

// One story in one window: the ways in to a run that is there already.
const extensionDir = process.cwd();
let server: VsCodeServer;
let browser: Browser;
let workspace: string;
let page: Page;
/** Name of the folder of the run that the workspace comes with. */
let run: string;
const scene = story(
  () => page,
  () => server,
);

before(async () => {
  workspace = await makeRewardWorkspace();
  run = path.basename(onlyRunDir(workspace) ?? assert.fail("no run folder"));
  server = await startServer();
  browser = await launchBrowser();
  ({ page } = await openWorkbench(browser, server, { folder: workspace, extensionDir }));
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
});

after(async () => {
  await browser.close();
  await server.stop();
  fs.rmSync(workspace, { recursive: true, force: true, maxRetries: 10, retryDelay: 500 });
});

scene("the walkthrough leads through five steps, and its buttons work", async () => {
  await chooseDarkTheme(page);
  await chooseFrom(page, () => runCommand(page, "Welcome: Open Walkthrough..."), "Get started with Video RFT");
  const steps = page.locator(".gettingStartedContainer .step-title");
  await steps.nth(4).waitFor();
  assert.equal(await steps.count(), 5);
  await screenshot(page, "walkthrough");
  await page.locator(".gettingStartedContainer .monaco-button", { hasText: "Run the Doctor" }).click();
  await page.locator(".monaco-editor .view-lines", { hasText: "onnxruntime" }).first().waitFor();
});

scene("a rollout that a terminal prints is a link to it", async () => {
  await runCommand(page, "Terminal: Create New Terminal");
  await page.locator(".terminal-wrapper.active .xterm-screen").waitFor();
  await page.keyboard.type(`echo rft:/${run}/2/1/3\n`);
  await clickPrinted();
  await assertShown(2, 1, 3);
  await screenshot(page, "terminal-link");
});

scene("a link that was copied opens the rollout from outside", async () => {
  await page.locator(".tab", { hasText: "Rollouts: tiny" }).click();
  await runCommand(page, "RFT: Copy Link to Rollout");
  const link = await waitFor("the link", patienceMs, async () => {
    const copied = await page.evaluate(() => navigator.clipboard.readText());
    return copied.includes("rollout") && copied;
  });
  await runCommand(page, "View: Close All Editors");
  const outside = await page.context().newPage();
  await outside.goto(link);
  await outside.close();
  await assertShown(2, 1, 3);
});

scene("rollouts of another trainer are chosen in VS Code's own dialog", async () => {
  const file = path.join(workspace, "completions.jsonl");
  const table = { step: ["1", "1"], prompt: ["Where?", "Where?"], completion: ["<answer>here</answer>", "there"] };
  fs.writeFileSync(file, `${JSON.stringify({ ...table, Format: [1, 0], advantages: [0.7, -0.7] })}\n`);
  await chooseFrom(page, () => runCommand(page, "RFT: Import Rollouts of Another Trainer…"), "File…");
  // The dialog begins in the workspace.
  await chooseRow(page, "completions.jsonl");
  await page.locator(".tab.active", { hasText: `Rollouts: ${path.basename(workspace)}` }).waitFor();
  await screenshot(page, "imported");
});

scene("the dashboard overlays the runs that are chosen, and comes back with its window", async () => {
  await runCommand(page, "RFT: Open Dashboard");
  const shownRuns = async (): Promise<string[]> =>
    (await webviewFrame(page, ".chart canvas")).locator(".run-name").allInnerTexts();
  const [imported = assert.fail("no run is shown")] = await shownRuns();
  await (await webviewFrame(page, ".chart canvas")).getByText("Choose runs…").click();
  await page
    .locator(".quick-input-list .monaco-list-row", { hasText: "runs/" + run })
    .locator(".monaco-checkbox")
    .click();
  await page.locator(".quick-input-widget .monaco-button", { hasText: "OK" }).click();
  await waitFor("both runs", patienceMs, async () => (await shownRuns()).join() === `${imported},tiny`);
  await runCommand(page, "Developer: Reload Window");
  await waitFor(
    "both runs after the reload",
    patienceMs,
    async () => (await shownRuns()).join() === `${imported},tiny`,
  );
  await screenshot(page, "dashboard-two-runs");
});

scene("the examples of a dataset have lenses, in a light theme too", async () => {
  await page.emulateMedia({ colorScheme: "light" });
  await runCommand(page, "View: Close All Editors");
  await openFile(page, "grounding.train.json");
  await page
    .locator(".codelens-decoration a", { hasText: /rollouts · reward/ })
    .first()
    .waitFor();
  await screenshot(page, "dataset-lenses-light");
});

scene("a specification is begun from a recipe", async () => {
  await chooseFrom(page, () => runCommand(page, "RFT: New Run Specification…"), "VideoChat-R1: tracking");
  // VS Code's own dialog, which proposes the workspace and the recipe's name.
  await page.locator(".quick-input-widget .monaco-button", { hasText: "OK" }).click();
  await page.locator(".tab.active", { hasText: "videochat-r1-tracking.rft.json" }).waitFor();
  const written = fs.readFileSync(path.join(workspace, "videochat-r1-tracking.rft.json"), "utf8");
  assert.equal(written, fs.readFileSync(path.resolve("examples/recipes/videochat-r1-tracking.rft.json"), "utf8"));
  await screenshot(page, "recipe");
  fs.rmSync(path.join(workspace, "videochat-r1-tracking.rft.json"));
});

/** Clicks the row above the terminal's cursor as a link; the terminal is drawn on a canvas. */
async function clickPrinted(): Promise<void> {
  const cursor = page.locator(".terminal-wrapper.active .xterm-helper-textarea");
  const screen = page.locator(".terminal-wrapper.active .xterm-screen");
  await waitFor("the printed row", patienceMs, async () => {
    const [at, all] = [await cursor.boundingBox(), await screen.boundingBox()];
    if (at === null || all === null || at.y < all.y + at.height) return false;
    await page.mouse.move(all.x + 40, at.y - at.height / 2 + 1);
    await page.mouse.move(all.x + 60, at.y - at.height / 2);
    await screen.click({ modifiers: ["Control"], position: { x: 60, y: at.y - at.height / 2 - all.y } });
    return (await page.locator(".tab", { hasText: "Rollouts: tiny" }).count()) > 0;
  });
}

/** The viewer shows the rollout: step, group and k as in its id. */
async function assertShown(step: number, group: number, k: number): Promise<void> {
  const viewer = await webviewFrame(page, ".timeline");
  const value = (selector: string): Promise<string> =>
    viewer.locator(selector).evaluate((node) => String((node as HTMLInputElement).value));
  await waitFor(`rollout ${step}/${group}/${k} to be shown`, patienceMs, async () => {
    const selected = await viewer
      .locator(".card")
      .evaluateAll((cards) => cards.findIndex((card) => card.classList.contains("selected")));
    return [await value(".step-field"), await value(".group-choice"), selected].join("/") === `${step}/${group}/${k}`;
  });
}
