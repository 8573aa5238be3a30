import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { after, before } from "node:test";
import type { Browser, Frame, Page } from "playwright-core";
import { startServer, type VsCodeServer } from "./server.ts";
import { story } from "./story.ts";
import { makeTinyWorkspace, tinyName } from "./tinyWorkspace.ts";
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

let server: VsCodeServer;
let browser: Browser;
let workspace: string;
let page: Page;
const scene = story(
  () => page,
  () => server,
);

before(async () => {
  workspace = await makeTinyWorkspace();
  makeCheckpoint();
  server = await startServer();
  browser = await launchBrowser();
  ({ page } = await openWorkbench(browser, server, { folder: workspace, extensionDir: process.cwd() }));
  await chooseDarkTheme(page);
});

after(async () => {
  await browser.close();
  await server.stop();
  fs.rmSync(workspace, { recursive: true, force: true, maxRetries: 10, retryDelay: 500 });
});

scene("the model of a specification is chosen and opened", async () => {
  await chooseFrom(page, () => runCommand(page, "RFT: Chat with Checkpoint…"), `${tinyName}.rft.json`);
  const chat = await openChat();
  await chat.locator(".policy-state", { hasText: "parameters" }).waitFor();
});

scene("an example is asked four times: segments on the timeline beside the truth", async () => {
  const chat = await openChat();
  await chooseFrom(page, () => chat.getByText("Take an example…").click(), "temporal-grounding");
  await chat.locator(".video-name", { hasText: "example" }).waitFor();
  await fill(chat, "Samples", "4");
  await chat.getByRole("textbox", { name: "Question" }).press("Control+Enter");
  await untilState(chat, 0, "Done");
  assert.equal(await chat.locator(".card").count(), 4);
  await chat.locator(".truth-lane").waitFor();
  assert.ok((await chat.locator(".lane .bar").count()) >= 1, "at least one answer names a segment");
  await untilFrame(chat);
  await screenshot(page, "chat-grounding");
});

scene("a further question goes on from an answer", async () => {
  const chat = await openChat();
  await chat.locator(".card-head vscode-button:visible").first().click();
  await chat.locator(".composer-after", { hasText: "of question 1" }).waitFor();
  await page.keyboard.type("Which shape is it?");
  await page.keyboard.press("Control+Enter");
  await chat.locator(".asked-text", { hasText: "Which shape is it?" }).waitFor();
  await untilState(chat, 0, "Done");
  await chat.locator(".earlier > summary").click();
  assert.match(await chat.locator(".earlier").innerText(), /Goes on from answer \d of question 1\s+Find when/);
  await untilFrame(chat);
  await screenshot(page, "chat-further");
  await chat.getByRole("button", { name: "Ask afresh" }).click();
});

scene("a free question streams, and Escape stops it", async () => {
  const chat = await openChat();
  await chat.locator("vscode-dropdown[aria-label=Task]").click();
  await chat.locator("vscode-option", { hasText: "Free question" }).click();
  const question = chat.getByRole("textbox", { name: "Question" });
  await question.fill("What happens in this video?");
  // At this temperature nearly every token is as likely as the end.
  await fill(chat, "Temperature", "10");
  await fill(chat, "Most tokens of an answer", "4000");
  await fill(chat, "Samples", "8");
  await question.press("Control+Enter");
  await chat.locator(".answer-state", { hasText: "Answers…" }).waitFor();
  // Of all answers together: about one in a hundred ends within its first words.
  const written = async (): Promise<number> =>
    (await chat.locator(".card .model-text").allInnerTexts()).join("").length;
  await waitFor("a text", patienceMs, async () => (await written()) > 20);
  const before = await written();
  await waitFor("more of it", patienceMs, async () => (await written()) > before);
  await screenshot(page, "chat-streaming");
  await chat.locator(".card-title").first().press("Escape");
  await untilState(chat, 0, "Stopped");
  assert.ok((await written()) > before, "what was said stays");
});

scene("two checkpoints answer the same question side by side, boxes on the frames", async () => {
  const chat = await openChat();
  await chooseFrom(page, () => chat.getByText("Compare with…").click(), `${tinyName}, step 1`);
  await waitFor("two policies", patienceMs, async () => {
    const states = await chat.locator(".policy-state").allInnerTexts();
    return states.length === 2 && states.every((text) => text.includes("parameters"));
  });
  await chat.getByText("Take an example…").click();
  await page.locator(".quick-input-list .monaco-list-row").first().waitFor();
  await page.locator(".quick-input-widget .quick-input-box input").fill("tracking");
  await chooseRow(page, "tracking");
  await chat.locator(".video-name", { hasText: "tracking" }).waitFor();
  await fill(chat, "Temperature", "1");
  await fill(chat, "Samples", "2");
  await chat.getByRole("textbox", { name: "Question" }).press("Control+Enter");
  await untilState(chat, 1, "Done");
  await untilState(chat, 0, "Done");
  assert.deepEqual(await chat.locator(".card-title").allInnerTexts(), ["A1", "A2", "B1", "B2"]);
  await untilFrame(chat);
  assert.match((await chat.locator(".frame-overlay").getAttribute("data-boxes")) ?? "", /truth/);
  await screenshot(page, "chat-compare");
  await page.setViewportSize({ width: 760, height: 900 });
  await screenshot(page, "chat-narrow");
  await page.setViewportSize({ width: 1440, height: 900 });
});

scene("questions and answers are there again after the panel was hidden", async () => {
  await openFile(page, `${tinyName}.rft.json`);
  await page.locator(".tab", { hasText: "RFT Chat" }).click();
  const chat = await openChat();
  await waitFor("all questions", patienceMs, async () => (await chat.locator(".history-item").count()) === 4);
  assert.equal(await chat.locator(".card").count(), 4);
});

scene("with its window the panel comes back, and its policies are opened again by a click", async () => {
  await runCommand(page, "Developer: Reload Window");
  await page.locator(".tab", { hasText: "RFT Chat" }).click();
  const chat = await openChat();
  await waitFor("all questions", patienceMs, async () => (await chat.locator(".history-item").count()) === 4);
  await untilFrame(chat);
  await screenshot(page, "chat-back");
  await chat.getByRole("button", { name: `Open ${tinyName}.rft.json` }).click();
  await chat.locator(".policy-state", { hasText: "parameters" }).waitFor();
});

/** A checkpoint after one step, as the command line makes it. */
function makeCheckpoint(): void {
  const cli = path.resolve("dist", "engine", "cli.cjs");
  const spec = path.join(workspace, `${tinyName}.rft.json`);
  const { status, stderr } = spawnSync(process.execPath, [cli, "run", spec, "--steps", "1"], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
}

function openChat(): Promise<Frame> {
  return webviewFrame(page, ".composer");
}

async function fill(chat: Frame, label: string, value: string): Promise<void> {
  const field = chat.locator(`vscode-text-field[aria-label="${label}"] input`);
  await field.fill(value);
  await field.press("Tab");
}

async function untilState(chat: Frame, column: number, text: string): Promise<void> {
  await waitFor(text, patienceMs, async () => {
    const state = await chat.locator(".answer-state").nth(column).innerText();
    if (state === "Failed" && text !== "Failed")
      throw new Error(await chat.locator(".answer-notice").nth(column).innerText());
    return state === text;
  });
}

async function untilFrame(chat: Frame): Promise<void> {
  await chat.locator(".frame-image[src]:not([hidden])").waitFor();
}
