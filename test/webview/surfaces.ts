import type { ViewerPage } from "./browser.ts";
import { settle } from "./browser.ts";
import { lastPosted, serve } from "./pageFixture.ts";
import { sampleGroups } from "./sample.ts";
import { sampleIndex } from "./sampleIndex.ts";
import { sampleTokens } from "./sampleTokens.ts";
import { viewerShortcuts } from "../../src/extension/viewerCommands.ts";

/** Plays the host for what the page shows on demand, with records as a run writes them. */

export async function openList(viewer: ViewerPage): Promise<void> {
  await viewer.send({ kind: "action", action: "toggleList" });
  await giveIndex(viewer);
}

export async function giveIndex(viewer: ViewerPage, steps = 42): Promise<void> {
  const bytes = sampleIndex(steps);
  await viewer.send({ kind: "index", index: { uri: serve("rollouts.index", bytes), bytes: bytes.length, steps } });
  await viewer.page.locator(".list-row:not([hidden])").first().waitFor();
  await settle(viewer.page);
}

export async function openTokens(viewer: ViewerPage): Promise<void> {
  await viewer.send({ kind: "action", action: "toggleTokens" });
  const id = (await lastPosted(viewer, "needTokens"))?.id ?? "";
  const completions = sampleGroups(42).flatMap((line) => ("completions" in line ? line.completions : []));
  const text = completions.find((completion) => completion.id === id)?.text ?? "";
  await viewer.send({ kind: "tokens", id, tokens: sampleTokens(text) });
}

/** The prompt at another step of the same run, with answers of its own. */
export async function openCompare(viewer: ViewerPage): Promise<void> {
  await viewer.send({ kind: "action", action: "compare" });
  const runDir = "/home/ada/shapes/runs/2026-11-22-moving-shapes";
  const otherDir = "/home/ada/shapes/runs/2026-11-20-first-try";
  await viewer.send({
    kind: "runs",
    runs: [
      { runDir, name: "moving-shapes", steps: 42 },
      { runDir: otherDir, name: "first-try", steps: 200 },
    ],
  });
  const asked = await lastPosted(viewer, "needPlaces");
  if (asked === undefined) throw new Error("internal: the page asked for no places");
  const { dataset, example } = asked;
  const places = [
    { step: 3, group: 0, rewardMean: 0.61 },
    { step: 21, group: 2, rewardMean: 0.94 },
    { step: 42, group: 0, rewardMean: 1.22 },
  ];
  await viewer.send({ kind: "places", runDir, dataset, example, places });
  const line = sampleGroups(3)[0];
  const worse = line.completions.map((completion, k) => {
    if (k % 2 === 0) return completion;
    const segment = { startSec: 0.5 * k, endSec: 0.5 * k + 1.5 };
    return { ...completion, parsed: { ...completion.parsed, segment, failures: [] }, reward: 1.1, advantage: -0.4 };
  });
  await viewer.send({ kind: "other", runDir, step: 3, group: 0, line: { ...line, completions: worse } });
}

export async function openShortcuts(viewer: ViewerPage): Promise<void> {
  await viewer.send({ kind: "shortcuts", shortcuts: viewerShortcuts(false) });
  await viewer.send({ kind: "action", action: "showShortcuts" });
}

export async function openEditor(viewer: ViewerPage): Promise<void> {
  await viewer.send({ kind: "action", action: "editCompletion" });
}

/** Surfaces that are closed at first, by name. */
export const surfaces = {
  list: openList,
  tokens: openTokens,
  compare: openCompare,
  editor: openEditor,
  seen: (viewer: ViewerPage) => viewer.send({ kind: "action", action: "toggleSeen" }),
  menu: async (viewer: ViewerPage) => {
    await viewer.page.locator(".card-menu-button").first().click();
    await settle(viewer.page);
  },
  shortcuts: openShortcuts,
} as const satisfies Readonly<Record<string, (viewer: ViewerPage) => Promise<void>>>;
