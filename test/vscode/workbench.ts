import fs from "node:fs";
import path from "node:path";
import { type Browser, chromium, type Frame, type Locator, type Page } from "playwright-core";
import type { VsCodeServer } from "./server.ts";

/**
 * How long a test waits for something that must come. Nothing is asserted about speed, and a busy machine is no failure,
 * so this is long; what comes is seen at once.
 */
export const patienceMs = Number(process.env.TEST_PATIENCE_MS ?? 300_000);

/** Long enough for a busy machine, and short enough to try again. */
export const soonMs = 10_000;

const quickInput = ".quick-input-widget .quick-input-box input";
const quickInputRows = ".quick-input-list .monaco-list-row";

/** A window of VS Code in a headless browser. */
export interface Workbench {
  readonly page: Page;
  close(): Promise<void>;
}

export interface WorkbenchOptions {
  readonly folder: string;
  /** The extension under development; left out when a VSIX is installed. */
  readonly extensionDir?: string;
  readonly extensionTestsPath?: string;
  /** Display language of extensions, e.g. "zh-cn"; texts of VS Code itself need a language pack and stay English. */
  readonly language?: string;
}

/** Address of a workbench on a folder. Remote paths carry the very host and port of the address bar. */
export function workbenchUrl(server: VsCodeServer, options: WorkbenchOptions): string {
  const remote = (file: string): string => `vscode-remote://${server.authority}${file}`;
  const payload: [string, string][] = [];
  if (options.extensionDir !== undefined) payload.push(["extensionDevelopmentPath", remote(options.extensionDir)]);
  if (options.extensionTestsPath !== undefined)
    payload.push(["extensionTestsPath", remote(options.extensionTestsPath)]);
  const query = new URLSearchParams({ folder: options.folder, payload: JSON.stringify(payload) });
  return `${server.origin}/?${query.toString()}`;
}

export async function launchBrowser(): Promise<Browser> {
  const executablePath = process.env.TEST_CHROMIUM;
  if (executablePath === undefined)
    throw new Error("TEST_CHROMIUM is not set: start these tests with `npm run test:vscode`");
  const quiet = ["--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"];
  return chromium.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu", "--disable-quic", ...quiet] });
}

export async function openWorkbench(
  browser: Browser,
  server: VsCodeServer,
  options: WorkbenchOptions,
): Promise<Workbench> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, colorScheme: "dark" });
  const page = await context.newPage();
  page.setDefaultTimeout(patienceMs);
  // VS Code's own loader leaves its language here.
  await page.addInitScript(
    (language) => Object.assign(globalThis, { _VSCODE_NLS_LANGUAGE: language }),
    options.language,
  );
  await page.goto(workbenchUrl(server, options));
  await page.waitForSelector(".monaco-workbench", { timeout: patienceMs });
  return { page, close: () => context.close() };
}

/** Picks a command in the palette, as a user does. `title` is the whole title with its category. */
export function runCommand(page: Page, title: string): Promise<void> {
  return pick(page, "F1", `>${title}`, title);
}

/** Opens a file of the workspace through quick open. */
export async function openFile(page: Page, name: string): Promise<void> {
  await waitFor(`${name} to open`, patienceMs, async () => {
    await pick(page, "Control+P", name, name);
    const tab = page.locator(".editor-group-container.active .tab.active", { hasText: name });
    return succeeds(tab.waitFor({ timeout: soonMs }));
  });
}

/**
 * Chooses the dark theme of the pictures. The setting alone is not enough: a workbench that starts on a busy machine takes
 * the first dark theme that it finds.
 */
export async function chooseDarkTheme(page: Page): Promise<void> {
  const theme = "Dark Modern";
  const askForThemes = async (): Promise<void> => {
    await runCommand(page, "Preferences: Color Theme");
    // A list that opens before the themes are known stays without them.
    await fillInput(page, theme);
  };
  await chooseFrom(page, askForThemes, theme);
  await page.locator(".monaco-workbench.vscode-theme-defaults-themes-dark_modern-json").waitFor();
}

/** Titles of the commands that the palette offers for a text. */
export async function paletteTitles(page: Page, text: string): Promise<string[]> {
  const rows = await fillQuickInput(page, "F1", `>${text}`);
  await rows.first().waitFor();
  const titles = await rows.locator(".label-name").allInnerTexts();
  await page.keyboard.press("Escape");
  return titles;
}

/** Clicks a row of VS Code's quick input. A row that does not come is asked for again: lists are not always refreshed. */
async function pick(page: Page, key: string, text: string, row: string): Promise<void> {
  await waitFor(`"${row}" to choose`, patienceMs, async () =>
    clickRow(page, await fillQuickInput(page, key, text), row),
  );
}

/**
 * Asks for a list and chooses a row of it. A list closes when something else takes the focus, e.g. a page of a panel that has
 * only now loaded, and is then asked for again.
 */
export async function chooseFrom(page: Page, ask: () => Promise<void>, row: string): Promise<void> {
  await waitFor(`"${row}" to choose`, patienceMs, async () => {
    await ask();
    return clickRow(page, page.locator(quickInputRows), row);
  });
}

/** Chooses a row of a list that follows another one. */
export async function chooseRow(page: Page, row: string): Promise<void> {
  await page.locator(quickInputRows, { hasText: row }).first().click();
}

/** Answers the input box that a command has opened, once it shows a text of its own. */
export async function answerInput(page: Page, shown: string, answer: string): Promise<void> {
  await page.locator(".quick-input-widget", { hasText: shown }).waitFor();
  const input = page.locator(quickInput);
  await input.fill(answer);
  await input.press("Enter");
}

/** False, and the list closed, when the row does not come. */
async function clickRow(page: Page, rows: Locator, row: string): Promise<boolean> {
  const wanted = rows.filter({ hasText: row }).first();
  const isClicked = await succeeds(wanted.click({ timeout: soonMs }));
  if (!isClicked) await page.keyboard.press("Escape");
  return isClicked;
}

/** Opens the quick input with a key and types into it; answers its rows. */
async function fillQuickInput(page: Page, key: string, text: string): Promise<Locator> {
  await waitFor("the quick input", patienceMs, async () => {
    await page.keyboard.press(key);
    return fillInput(page, text);
  });
  return page.locator(quickInputRows);
}

/**
 * Types into the quick input that is open or about to be. False when it does not come, or goes again: a key is lost while
 * the focus goes from one frame to another, and a webview that has just loaded takes the focus.
 */
async function fillInput(page: Page, text: string): Promise<boolean> {
  const input = page.locator(quickInput);
  return (await succeeds(input.fill(text, { timeout: soonMs }))) && input.isVisible();
}

/** Whether an action could be done. */
export async function succeeds(action: Promise<void>): Promise<boolean> {
  return action.then(
    () => true,
    () => false,
  );
}

/** The frame of a webview's own document that holds a selector: VS Code nests it in two frames of its own. */
export async function webviewFrame(page: Page, selector: string, timeoutMs = patienceMs): Promise<Frame> {
  return waitFor(`a webview with ${selector}`, timeoutMs, async () => {
    for (const frame of page.frames()) {
      if (!frame.url().includes("fake.html")) continue;
      const found = await frame.$(selector).catch(() => null); // the frame may go while it is asked
      if (found !== null) return frame;
    }
    return null;
  });
}

/** Asks again until the answer is neither null nor false; a frame that goes while it is asked is asked for again. */
export async function waitFor<T>(
  what: string,
  timeoutMs: number,
  ask: () => Promise<T | null | false> | T | null | false,
): Promise<T> {
  const giveUpAt = Date.now() + timeoutMs;
  for (;;) {
    const answer = await Promise.resolve().then(ask).catch(nullWhenGone);
    if (answer !== null && answer !== false) return answer;
    if (Date.now() > giveUpAt) throw new Error(`waited ${timeoutMs / 1000} s for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function nullWhenGone(error: unknown): null {
  if (error instanceof Error && /Execution context was destroyed|[Ff]rame (was|got) detached/.test(error.message))
    return null;
  throw error;
}

/** Keeps a picture as a build artefact in out/screenshots. */
export async function screenshot(page: Page, name: string): Promise<string> {
  const file = path.join(process.cwd(), "out", "screenshots", `${name}.png`);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  await page.screenshot({ path: file });
  return file;
}

/** Runs the steps of a test; when one fails, a picture of the window and the server's last words are kept. */
export async function withPictureOnFailure(
  name: string,
  page: () => Page,
  server: VsCodeServer,
  steps: () => Promise<void>,
): Promise<void> {
  try {
    await steps();
  } catch (error) {
    const file = await screenshot(page(), `failed-${name}`);
    console.error(`picture: ${file}\nserver log:\n${server.log().slice(-3000)}`);
    throw error;
  }
}
