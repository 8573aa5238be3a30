import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { after, before } from "node:test";
import type { Browser, Locator, Page } from "playwright-core";
import { makeRewardWorkspace, overlapFile } from "./rewardWorkspace.ts";
import { startServer, type VsCodeServer } from "./server.ts";
import { story } from "./story.ts";
import { onlyRunDir } from "./tinyWorkspace.ts";
import {
  answerInput,
  chooseDarkTheme,
  chooseFrom,
  chooseRow,
  launchBrowser,
  openFile,
  openWorkbench,
  patienceMs,
  runCommand,
  screenshot,
  soonMs,
  succeeds,
  waitFor,
  webviewFrame,
} from "./workbench.ts";

/** The editor in front. */
const editor = ".editor-group-container.active .editor-instance";

// One story in one window: each test goes on where the one before ended.
const extensionDir = process.cwd();
let server: VsCodeServer;
let browser: Browser;
let workspace: string;
let page: Page;
const scene = story(
  () => page,
  () => server,
);

before(async () => {
  workspace = await makeRewardWorkspace();
  server = await startServer({
    env: { PYTHONPATH: process.env.TEST_DEBUGPY_DIR ?? assert.fail("TEST_DEBUGPY_DIR is not set") },
    settings: {
      "editor.minimap.enabled": false,
      "testing.automaticallyOpenTestResults": "neverOpen",
      "testing.automaticallyOpenPeekView": "failureAnywhere",
    },
  });
  browser = await launchBrowser();
  ({ page } = await openWorkbench(browser, server, { folder: workspace, extensionDir }));
});

after(async () => {
  await browser.close();
  await server.stop();
  fs.rmSync(workspace, { recursive: true, force: true, maxRetries: 10, retryDelay: 500 });
});

scene("lenses above a reward function say what the run recorded", async () => {
  await chooseDarkTheme(page);
  await openFile(page, "overlap.ts");
  await lens("Score rollouts").waitFor();
  await lens(/^\d\.\d{3} ± \d\.\d{3} in tiny$/).waitFor();
});

scene("a save scores the rollouts again, and says what has changed, at the lines too", async () => {
  await edit("Math.max(0, common) / whole", "Math.max(0, common) / whole / 2");
  await lens(/→ .* changed.* in tiny$/).waitFor();
  await waitFor("counts at the lines", patienceMs, async () =>
    (await lineTexts()).some((text) => text.includes("24 of 48")),
  );
  await screenshot(page, "reward-rescored");
});

scene("a hover names the rollouts that take a line, and opens them", async () => {
  await editorLine("const segment =")
    .locator("span", { hasText: /^segment$/ })
    .first()
    .hover();
  const hover = page.locator(".monaco-hover", { hasText: "24 of 48 rollouts" });
  await hover
    .locator("a", { hasText: /^\d+\/\d+\/\d+$/ })
    .first()
    .click();
  const viewer = await webviewFrame(page, ".timeline");
  await viewer.locator(".card.selected").waitFor();
  await openFile(page, "overlap.ts");
});

scene("accepting keeps the scores beside the rollouts", async () => {
  await lens("Accept").click();
  await lens("accepted").waitFor();
  const scores = fs.readdirSync(path.join(runDir(), "scores"));
  assert.ok(
    scores.some((name) => name.endsWith(".jsonl")),
    scores.join(", "),
  );
});

scene("the debugger stops in a TypeScript reward at the recorded input, and draws what is hovered", async () => {
  await breakAt("const segment =");
  await lens("Debug on worst rollout").click();
  await stoppedAt("const segment =");
  // It is the file itself that is shown, types and all.
  assert.equal(await page.locator(".tab", { hasText: "overlap.ts" }).count(), 1);
  await editorLine("{ parsed: Prediction }").waitFor();
  const viewer = await webviewFrame(page, ".timeline");
  await editorLine("const common")
    .locator("span", { hasText: /^truth$/ })
    .first()
    .hover();
  await viewer.locator(".evidence-lane .evidence-truth").waitFor();
  await screenshot(page, "debug-typescript");
  // A step first: where the debugger stands afterwards tells the new session from the old one.
  await runCommand(page, "Debug: Step Over");
  await stoppedAt("if (!segment)");
  await runCommand(page, "Debug: Restart");
  await stoppedAt("const segment =");
  await runCommand(page, "Debug: Stop");
  await running();
  await viewer.locator(".evidence-lane").waitFor({ state: "detached" });
});

scene("the debugger stops only on rollouts that meet a condition", async () => {
  await openFile(page, "overlap.ts");
  await chooseFrom(page, () => runCommand(page, "RFT: Debug Reward Where…"), "The reward is below a number");
  await answerInput(page, "is below this number", "0.3");
  await stoppedAt("const segment =");
  await page.locator(".debug-call-stack", { hasText: /overlap on \d+ rollouts/ }).waitFor();
  await runCommand(page, "Debug: Stop");
  await running();
  await chooseFrom(page, () => runCommand(page, "RFT: Debug Reward Where…"), "Two rewards disagree");
  await chooseRow(page, "brevity");
  await stoppedAt("const segment =");
  await runCommand(page, "Debug: Stop");
  await running();
});

scene("the debugger stops in a Python reward, without the Python extension", async () => {
  await openFile(page, "brevity.py");
  await lens(/^\d\.\d{3} ± \d\.\d{3} in tiny$/).waitFor();
  await lens("Debug on worst rollout").click();
  await paused();
  await screenshot(page, "debug-python");
  await runCommand(page, "Debug: Continue");
  await running();
});

scene("a rollout that is pinned in the viewer is a test, which fails when the reward changes", async () => {
  const viewer = await webviewFrame(page, ".timeline");
  await viewer.locator(".card-menu-button").first().click();
  await viewer.locator(".card-menu-item", { hasText: "Pin" }).click();
  await chooseRow(page, "brevity");
  await page.locator(".tab.active", { hasText: "rewards.cases.jsonl" }).waitFor();
  await runCommand(page, "Testing: Focus on Test Explorer View");
  await page.locator(".test-explorer .monaco-list-row", { hasText: "rewards.cases.jsonl" }).waitFor();
  await runCommand(page, "Test: Run All Tests");
  await page.locator(".test-explorer .codicon-testing-passed-icon").first().waitFor();
  await openFile(page, "brevity.py");
  await edit("1.0 / (1 + words)", "2.0 / (1 + words)");
  await runCommand(page, "Test: Run All Tests");
  await page.locator(".test-explorer .codicon-testing-failed-icon").first().waitFor();
  const difference = page.locator(".test-output-peek .monaco-diff-editor");
  await difference.locator(".editor.original .view-line", { hasText: "0." }).first().waitFor();
  await difference.locator(".editor.modified .view-line", { hasText: "0." }).first().waitFor();
  await screenshot(page, "case-failed");
});

scene("cases run again with every save, where that is wished", async () => {
  await runCommand(page, "Test: Start Continuous Run");
  await openFile(page, "brevity.py");
  await edit("2.0 / (1 + words)", "1.0 / (1 + words)");
  await page.locator(".test-explorer .codicon-testing-passed-icon").first().waitFor();
  await runCommand(page, "Test: Stop Continuous Run");
});

scene("the debugger stops at the line that raises an error", async () => {
  await openFile(page, "brevity.py");
  await edit("1.0 / (1 + words)", "1.0 / (words - words)");
  await lens(/error/).waitFor();
  await chooseFrom(page, () => runCommand(page, "RFT: Debug Reward Where…"), "The reward raises an error");
  await stoppedAt("words - words");
  await runCommand(page, "Debug: Stop");
  await running();
});

scene("without trust rollouts are shown, and no code of the workspace runs", async () => {
  const marker = path.join(workspace, "ran");
  const mark = `process.getBuiltinModule("node:fs").writeFileSync(${JSON.stringify(marker)}, "");\n`;
  fs.appendFileSync(path.join(workspace, overlapFile), mark);
  const trust = { "security.workspace.trust.enabled": true, "security.workspace.trust.startupPrompt": "never" };
  const restricted = await startServer({ settings: trust });
  try {
    const workbench = await openWorkbench(browser, restricted, { folder: workspace, extensionDir });
    const window = workbench.page;
    await window.locator(".statusbar-item", { hasText: "Restricted Mode" }).waitFor();
    await runCommand(window, "RFT: Open Rollouts");
    const viewer = await webviewFrame(window, ".timeline");
    await viewer.locator(".card").first().waitFor();
    await openFile(window, "overlap.ts");
    await window.locator(".codelens-decoration a", { hasText: "Score rollouts" }).first().click();
    await runCommand(window, "Notifications: Show Notifications");
    const refusal = window.locator(".notifications-center", { hasText: "Restricted Mode" });
    await refusal.locator(".monaco-button", { hasText: "Manage Trust" }).waitFor();
    await screenshot(window, "restricted");
    await window.locator(editor).click();
    await window.keyboard.press("Control+End");
    await window.keyboard.type("// saved");
    await runCommand(window, "File: Save");
    await waitFor("the save", patienceMs, () =>
      fs.readFileSync(path.join(workspace, overlapFile), "utf8").endsWith("// saved"),
    );
    await workbench.close();
  } finally {
    await restricted.stop();
  }
  assert.ok(!fs.existsSync(marker));
  // In the trusted window the same function does run.
  await openFile(page, "overlap.ts");
  await lens("Score rollouts").click();
  await waitFor("the code to run", patienceMs, () => fs.existsSync(marker));
});

function runDir(): string {
  return onlyRunDir(workspace) ?? assert.fail("no run folder");
}

/** A lens of the editor in front. */
function lens(text: string | RegExp): Locator {
  return page.locator(`${editor} .codelens-decoration a`, { hasText: text }).first();
}

/** A line of the editor in front; Monaco writes its blanks as no-break spaces. */
function editorLine(text: string): Locator {
  return page.locator(`${editor} .view-line`, { hasText: text.replaceAll(" ", "\u00a0") }).first();
}

/** Texts that decorations put behind the lines of the editor in front: they are drawn by style sheets. */
function lineTexts(): Promise<string[]> {
  return page
    .locator(".editor-instance .view-line span span")
    .evaluateAll((spans) => spans.map((span) => getComputedStyle(span, "::after").content.replaceAll("\u00a0", " ")));
}

/** Changes the file on the disk's side of the editor: through the editor, with replace, and saves. */
async function edit(before: string, after: string): Promise<void> {
  const text = (await editorLine(before).innerText()).replaceAll("\u00a0", " ");
  await clickLine(before);
  await page.keyboard.press("Home");
  await page.keyboard.press("Shift+End");
  await page.keyboard.insertText(text.trim().replace(before, after));
  await page.keyboard.press("Control+S");
}

/** Sets a breakpoint at the line of the editor in front that has a text. */
async function breakAt(text: string): Promise<void> {
  await clickLine(text);
  await page.keyboard.press("F9");
}

/** A line of a short file, which may be scrolled away or lie under the lines that stick to the top: then it is brought back. */
async function clickLine(text: string): Promise<void> {
  if (await succeeds(editorLine(text).click({ timeout: soonMs }))) return;
  await runCommand(page, "View: Focus Active Editor Group");
  await page.keyboard.press("Control+Home");
  await editorLine(text).click();
}

async function paused(): Promise<void> {
  await page.locator(".debug-toolbar").waitFor({ timeout: patienceMs });
  await page.locator(".editor-instance .debug-top-stack-frame-line").first().waitFor({ timeout: patienceMs });
}

async function stoppedAt(text: string): Promise<void> {
  let line: string | null = null;
  try {
    await waitFor("the debugger to stop", patienceMs, async () => {
      line = await stoppedLine();
      return line?.includes(text) ?? false;
    });
  } catch (error) {
    throw new Error(`expected to stop at "${text}", found ${JSON.stringify(line)}`, { cause: error });
  }
}

/** Text of the line that the debugger stands at. */
function stoppedLine(): Promise<string | null> {
  return page.locator(".editor-instance").evaluateAll((editors) => {
    for (const one of editors) {
      const mark = one.querySelector(".debug-top-stack-frame-line");
      if (mark === null) continue;
      const top = mark.getBoundingClientRect().y;
      for (const line of one.querySelectorAll<HTMLElement>(".view-line")) {
        if (Math.abs(line.getBoundingClientRect().y - top) < 2) return line.innerText.replaceAll("\u00a0", " ");
      }
    }
    return null;
  });
}

async function running(): Promise<void> {
  await waitFor(
    "the session to end",
    patienceMs,
    async () => (await page.locator(".debug-toolbar:visible").count()) === 0,
  );
}
