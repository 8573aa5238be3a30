import assert from "node:assert/strict";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { seriousFaults } from "./axe.ts";
import { sampleRuns, useDashboard, withDashboard } from "./dashboardFixture.ts";
import { darkModern, highContrast, highContrastLight, lightModern } from "./themes.ts";

const screenshots = path.resolve("out/screenshots");
fs.mkdirSync(screenshots, { recursive: true });
useDashboard();

test("narrow or wide, nothing runs out of the page", async () => {
  for (const [theme, width, runs] of [
    [darkModern, 360, 4],
    [lightModern, 1100, 2],
    [highContrast, 1100, 3],
    [highContrastLight, 800, 2],
  ] as const) {
    for (const view of ["charts", "tables"]) {
      const state = { runDirs: [], smoothing: runs > 1 ? 0.8 : 0, scale: "linear", view };
      await withDashboard({ theme, width, state, runs: sampleRuns(runs) }, async ({ page }) => {
        const overflow = await page.evaluate(() =>
          [document.documentElement, ...document.querySelectorAll(".header, .chart, .plot, .runs, .controls, .grid")]
            .filter((node) => node.scrollWidth > node.clientWidth + 1)
            .map((node) => `${node.className} ${node.scrollWidth} > ${node.clientWidth}`),
        );
        assert.deepEqual(overflow, [], `${theme.name}, ${width}, ${view}`);
        if (view === "charts")
          await page
            .locator(".plot")
            .first()
            .hover({ position: { x: 170, y: 60 } });
        await page.screenshot({ path: path.join(screenshots, `dashboard-${theme.name}-${width}-${view}.png`) });
      });
    }
  }
});

test("axe finds no serious fault in any theme, as charts and as tables", async () => {
  await withDashboard({ runs: sampleRuns(3) }, async (dashboard) => {
    for (const view of ["charts", "tables"]) {
      if (view === "tables") await dashboard.page.locator("vscode-checkbox", { hasText: "Tables" }).click();
      for (const theme of [darkModern, lightModern, highContrast, highContrastLight]) {
        await dashboard.setTheme(theme);
        const found = await seriousFaults(dashboard.page);
        assert.deepEqual(found, [], `${theme.name}, ${view}`);
      }
    }
  });
});
