import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import type { ViewerPage } from "./browser.ts";
import { useBrowser, withPage } from "./pageFixture.ts";
import { surfaces } from "./surfaces.ts";

const screenshots = path.resolve("out/screenshots");
fs.mkdirSync(screenshots, { recursive: true });
useBrowser();

/** What Chinese leaves as it is: terms, units, names of rewards and what the run itself has said. */
const kept =
  /^(VS|Code|rollout|rollouts|token|tokens|tIoU|IoU|KL|px|fps|eos|nat|mp4|format|tiou|box|iou|accuracy|glue|answer|think|Aa|axis)$/i;

/** What the sample itself has recorded: its datasets, its examples, a reason of a reward. */
const dataNames = /no segment|clip_\d+(_\d+)?(\.mp4)?|broken_0|grounded-qa|grounding|tracking|choice/g;

test("in Chinese nothing that the page itself says is left in English", async () => {
  for (const [name, open] of Object.entries(surfaces)) {
    if (name === "shortcuts") continue; // its rows are the host's
    for (const width of [420, 1200]) {
      await withPage({ language: "zh-cn", width }, async (viewer) => {
        await open(viewer);
        await viewer.page.screenshot({ path: path.join(screenshots, `viewer-zh-cn-${width}-${name}.png`) });
        const left = (await saidByPage(viewer)).filter((text) =>
          (text.replace(dataNames, "").match(/[A-Za-z]{2,}/g) ?? []).some((word) => !kept.test(word)),
        );
        assert.deepEqual(left, [], name);
      });
    }
  }
});

/** Texts, labels and hints, without those of the model, of the data and of the run. */
function saidByPage(viewer: ViewerPage): Promise<readonly string[]> {
  return viewer.page.evaluate(() => {
    const recorded =
      "option, vscode-option, .problems, .model-text, .question, .run-name, .option-text, .list-prompt-cell, .seen-facts dd, textarea, select";
    const said = new Set<string>();
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_ELEMENT);
    for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
      if (!(node instanceof HTMLElement) || node.closest(recorded) !== null) continue;
      for (const attribute of ["aria-label", "title", "placeholder"]) said.add(node.getAttribute(attribute) ?? "");
      for (const child of node.childNodes)
        if (child.nodeType === Node.TEXT_NODE) said.add(child.textContent?.trim() ?? "");
    }
    return [...said];
  });
}
