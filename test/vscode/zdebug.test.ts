import { test } from "node:test";
import { startServer } from "./server.ts";
import { launchBrowser, openWorkbench } from "./workbench.ts";
test("debug", async () => {
  const browser = await launchBrowser();
  for (const settings of [{ "window.autoDetectColorScheme": false, "workbench.colorTheme": "Dark Modern" }, { "window.autoDetectColorScheme": false, "workbench.colorTheme": "Default Dark Modern" }, { "workbench.preferredDarkColorTheme": "Dark Modern" }, { "workbench.preferredDarkColorTheme": "Default Dark Modern" }, { "window.autoDetectColorScheme": false, "workbench.colorTheme": "Dark 2026" }]) {
    const server = await startServer({ settings });
    for (const n of [1, 2]) {
      const { page } = await openWorkbench(browser, server, { folder: "/tmp/ws", extensionDir: "/tmp/ext" });
      for (const s of [1, 6]) { await new Promise((r) => setTimeout(r, s * 1000));
      console.log(JSON.stringify(settings), n, await page.locator(".monaco-workbench").first().getAttribute("class")); }
      await page.close();
    }
    await server.stop();
  }
  await browser.close();
});
