import { after, before } from "node:test";
import assert from "node:assert/strict";
import type { ViewerToHost } from "../../src/protocol/view.ts";
import { startViewerBrowser } from "./browser.ts";
import type { ViewerBrowser, ViewerPage } from "./browser.ts";
import { framePng } from "./frames.ts";
import { frameCount, sampleGroups, sampleRun, squareAt } from "./sample.ts";
import { darkModern } from "./themes.ts";
import type { Theme } from "./themes.ts";

const frames = Array.from({ length: frameCount }, (_, index) => framePng(112, 112, squareAt(index)));
let browser: ViewerBrowser;

/** One browser for the tests of a file. */
export function useBrowser(): void {
  before(async () => {
    browser = await startViewerBrowser(frames);
  });
  after(async () => {
    await browser.close();
  });
}

export interface OpenOptions {
  readonly theme?: Theme;
  readonly width?: number;
  readonly state?: unknown;
  readonly language?: string;
}

/** A page with the sample at hand; closed after `use`, which must leave no error and no violation of the CSP. */
export async function withPage(options: OpenOptions, use: (viewer: ViewerPage) => Promise<void>): Promise<void> {
  const { theme = darkModern, width = 1200, state, language = "en" } = options;
  const viewer = await browser.open({ theme, width, height: 900, state, language });
  await viewer.send({ kind: "run", run: sampleRun() });
  await viewer.send({ kind: "step", step: 42, groups: sampleGroups(42) });
  for (const group of [0, 1, 2, 3]) {
    await viewer.send({ kind: "frames", step: 42, group, uris: frames.map((_, index) => browser.frameUri(index)) });
  }
  const image = viewer.page.locator(".frame-image[src]");
  if ((await image.count()) > 0) await image.evaluate((node: HTMLImageElement) => node.decode());
  await use(viewer);
  assert.deepEqual(await viewer.problems(), []);
  await viewer.close();
}

export async function lastPosted<Kind extends ViewerToHost["kind"]>(
  viewer: ViewerPage,
  kind: Kind,
): Promise<Extract<ViewerToHost, { kind: Kind }> | undefined> {
  const posted = await viewer.posted();
  return posted.filter((message): message is Extract<ViewerToHost, { kind: Kind }> => message.kind === kind).at(-1);
}

/** Serves bytes to the page, as the host names a file of the run. */
export const serve = (name: string, bytes: Uint8Array): string => browser.serve(name, bytes);

export const frameText = (viewer: ViewerPage): Promise<string> => viewer.page.locator(".frame-position").innerText();
