import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { importRollouts } from "../../src/engine/imports/importRun.ts";
import { openRollouts } from "../../src/engine/store/rollouts.ts";
import { useBrowser, withPage } from "./pageFixture.ts";
import { sampleRun } from "./sample.ts";

useBrowser();

test("rollouts that another trainer logged are shown with what is known of them", async () => {
  const cacheDir = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-imported-"));
  try {
    const log = path.resolve("test/fixtures/imports/ms-swift/completions.jsonl");
    const { runDir } = await importRollouts({ path: log, cacheDir, videoRftVersion: "0" });
    const groups = await openRollouts(runDir).readStep(3);
    await withPage({ state: null }, async (viewer) => {
      const { page } = viewer;
      await viewer.send({ kind: "run", run: sampleRun({ runDir, rolloutSteps: [1, 3] }) });
      await viewer.send({ kind: "goTo", selection: { step: 3, group: 0, completion: 0, following: false } });
      await viewer.send({ kind: "step", step: 3, groups });
      assert.equal(await page.locator(".question").innerText(), "When does the red square touch the wall?");
      assert.equal(await page.locator(".card").count(), 4);
      const texts = await page.locator("body").innerText();
      assert.match(texts, /Format\s+1\.00/);
      assert.match(texts, /entropy 0\.50/);
      // What the log does not say is left out, and never made up.
      assert.doesNotMatch(texts, /\bnull\b|\bundefined\b|NaN|0 tokens/);
      await page.screenshot({ path: path.resolve("out/screenshots/viewer-imported.png") });
    });
  } finally {
    fs.rmSync(cacheDir, { recursive: true, force: true });
  }
});
