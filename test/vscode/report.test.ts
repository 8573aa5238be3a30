import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before } from "node:test";
import type { Browser, Page } from "playwright-core";
import { madeEvaluation } from "../engine/report/reportFixture.ts";
import { startServer, type VsCodeServer } from "./server.ts";
import { story } from "./story.ts";
import { chooseRow, launchBrowser, openWorkbench, runCommand, screenshot, webviewFrame } from "./workbench.ts";

let server: VsCodeServer;
let browser: Browser;
let workspace: string;
let page: Page;
const scene = story(
  () => page,
  () => server,
);

before(async () => {
  workspace = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), "rft-report-")));
  const record = await madeEvaluation(7, { sampling: { temperature: 0 } });
  fs.writeFileSync(path.join(workspace, "evaluation.json"), JSON.stringify(record));
  server = await startServer();
  browser = await launchBrowser();
  ({ page } = await openWorkbench(browser, server, { folder: workspace, extensionDir: process.cwd() }));
});

after(async () => {
  await browser.close();
  await server.stop();
  fs.rmSync(workspace, { recursive: true, force: true, maxRetries: 10, retryDelay: 500 });
});

scene("Open Evaluation Report shows the page of a picked file, in VS Code's own colours", async () => {
  await runCommand(page, "RFT: Open Evaluation Report");
  // The dialog begins in the workspace.
  await chooseRow(page, "evaluation.json");
  const frame = await webviewFrame(page, "main h1");
  assert.equal(await frame.locator("h1").innerText(), "Evaluation report");
  const looks = await frame.evaluate(() => {
    const style = getComputedStyle(document.body);
    const editor = getComputedStyle(document.documentElement).getPropertyValue("--vscode-editor-background");
    return { background: style.backgroundColor, editor, maxWidth: style.maxWidth };
  });
  assert.equal(looks.maxWidth, "1100px", "the policy lets the page's own sheet in");
  assert.notEqual(looks.editor, "");
  const images = await frame.evaluate(() => document.querySelectorAll("image[href^='data:image/jpeg']").length);
  assert.ok(images > 0);
  await screenshot(page, "evaluation-report");
});
