import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { useBrowser, withPage } from "./pageFixture.ts";
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
        const overflow = await page.evaluate(() =>
          [document.documentElement, ...document.querySelectorAll(".stage, .rollouts, .card, .header, .group-bar")]
            .filter((node) => node.scrollWidth > node.clientWidth + 1 && getComputedStyle(node).display !== "contents")
            .map((node) => `${node.className} ${node.scrollWidth} > ${node.clientWidth}`),
        );
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
  const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");
  await withPage({}, async (viewer) => {
    await viewer.page.evaluate(axe);
    for (const theme of [darkModern, lightModern, highContrast, highContrastLight]) {
      await viewer.setTheme(theme);
      for (const name of ["grounding", "tracking", "grounded-qa", "choice", "failed"]) {
        if (name !== "grounding") await viewer.send({ kind: "action", action: "nextGroup" });
        const found = await viewer.page.evaluate(async () => {
          interface Violation {
            readonly id: string;
            readonly impact: string;
            readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
          }
          const scope = globalThis as unknown as { axe: { run(): Promise<{ violations: readonly Violation[] }> } };
          const { violations } = await scope.axe.run();
          return violations
            .filter(({ impact }) => impact === "serious" || impact === "critical")
            .map(({ id, nodes }) => `${id}: ${nodes[0]?.html} ${nodes[0]?.failureSummary}`);
        });
        assert.deepEqual(found, [], `${theme.name}, ${name}`);
      }
      for (let index = 0; index < 4; index += 1) await viewer.send({ kind: "action", action: "previousGroup" });
    }
  });
});
