import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { seriousFaults } from "./axe.ts";
import type { ViewerPage } from "./browser.ts";
import { useBrowser, withPage } from "./pageFixture.ts";
import { surfaces } from "./surfaces.ts";
import { darkModern, highContrast, highContrastLight, lightModern } from "./themes.ts";

const screenshots = path.resolve("out/screenshots");
fs.mkdirSync(screenshots, { recursive: true });
useBrowser();

test("narrow or wide, nothing runs out of the page", async () => {
  for (const [theme, width, columns] of [
    [darkModern, 420, 1],
    [lightModern, 1100, 2],
    [highContrast, 1100, 2],
    [darkModern, 1500, 3],
  ] as const) {
    await withPage({ theme, width }, async (viewer) => {
      const { page } = viewer;
      for (const name of ["grounding", "tracking", "grounded-qa", "choice", "failed"]) {
        if (name !== "grounding") await viewer.send({ kind: "action", action: "nextGroup" });
        if (name === "tracking") await viewer.send({ kind: "action", action: "nextFrame" });
        const overflow = await overflowing(viewer);
        assert.deepEqual(overflow, [], `${name} at ${width}`);
        await page.screenshot({ path: path.join(screenshots, `viewer-${theme.name}-${width}-${name}.png`) });
      }
      await viewer.send({ kind: "action", action: "previousGroup" });
      const lefts = await page
        .locator(".card")
        .evaluateAll((cards) => cards.map((card) => card.getBoundingClientRect().left));
      assert.equal(new Set(lefts.map(Math.round)).size, columns);
    });
  }
});

test("axe finds no serious fault in any theme", async () => {
  await withPage({}, async (viewer) => {
    for (const theme of [darkModern, lightModern, highContrast, highContrastLight]) {
      await viewer.setTheme(theme);
      for (const name of ["grounding", "tracking", "grounded-qa", "choice", "failed"]) {
        if (name !== "grounding") await viewer.send({ kind: "action", action: "nextGroup" });
        const found = await seriousFaults(viewer.page);
        assert.deepEqual(found, [], `${theme.name}, ${name}`);
      }
      for (let index = 0; index < 4; index += 1) await viewer.send({ kind: "action", action: "previousGroup" });
    }
  });
});

test("what opens on demand fits the page, narrow or wide", async () => {
  for (const [theme, width] of [
    [darkModern, 420],
    [lightModern, 1100],
    [highContrast, 1500],
  ] as const) {
    for (const [name, open] of Object.entries(surfaces)) {
      await withPage({ theme, width }, async (viewer) => {
        await open(viewer);
        const overflow = await overflowing(viewer);
        await viewer.page.screenshot({ path: path.join(screenshots, `viewer-${theme.name}-${width}-${name}.png`) });
        assert.deepEqual(overflow, [], `${name} at ${width}`);
      });
    }
  }
});

test("axe finds no serious fault in what opens on demand", async () => {
  for (const [name, open] of Object.entries(surfaces)) {
    await withPage({}, async (viewer) => {
      await open(viewer);
      for (const theme of [darkModern, lightModern, highContrast, highContrastLight]) {
        await viewer.setTheme(theme);
        assert.deepEqual(await seriousFaults(viewer.page), [], `${theme.name}, ${name}`);
      }
    });
  }
});

async function overflowing(viewer: ViewerPage): Promise<readonly string[]> {
  return viewer.page.evaluate(() => {
    const parts =
      ".stage, .rollouts, .card, .header, .group-bar, .list-panel, .inspector, .panel-body, .shortcuts, .compare-rows";
    return [document.documentElement, ...document.querySelectorAll(parts)]
      .filter((node) => node.scrollWidth > node.clientWidth + 1 && getComputedStyle(node).display !== "contents")
      .map((node) => `${node.className} ${node.scrollWidth} > ${node.clientWidth}`);
  });
}
