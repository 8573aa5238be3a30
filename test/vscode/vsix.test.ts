import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { installExtension, makeDataDir, startServer } from "./server.ts";
import {
  launchBrowser,
  openWorkbench,
  paletteTitles,
  patienceMs,
  runCommand,
  screenshot,
  waitFor,
  withPictureOnFailure,
} from "./workbench.ts";

const target = `${process.platform}-${process.arch}`;

test("the VSIX of this platform is small, complete and without GPL programs", () => {
  const vsix = packagedVsix();
  assert.ok(fs.statSync(vsix).size < 60_000_000);
  const dataDir = makeDataDir();
  try {
    installExtension(dataDir, vsix);
    const names = installedFiles(path.join(dataDir, "extensions"));
    const missing = [
      "LICENSE.txt",
      "ThirdPartyNotices.txt",
      "changelog.md",
      "dist/engine/backend.cjs",
      "dist/engine/cli.cjs",
      "dist/engine/run.cjs",
      "dist/engine/service.cjs",
      "dist/extension.cjs",
      "dist/node_modules/onnxruntime-node/package.json",
      "dist/schemas/run-spec.schema.json",
      "dist/webview/rollouts.js",
      "dist/webview/dashboard.js",
      "examples/moving-shapes/moving-shapes.rft.json",
      "examples/moving-shapes/policy/config.json",
      "l10n/bundle.l10n.zh-cn.json",
      "package.json",
      "package.nls.json",
      "package.nls.zh-cn.json",
      "readme.md",
    ].filter((name) => !names.includes(name));
    assert.deepEqual(missing, []);
    const native = names.filter((name) => name.endsWith(".node")).map((name) => name.split("napi-v6/")[1]);
    assert.deepEqual(native, [`${target.replace("-", "/")}/onnxruntime_binding.node`]);
    const unwanted = /ffmpeg(-static)?(\.exe)?$|\/ffmpeg-static\/|\.mp4$|\.map$/;
    assert.deepEqual(
      names.filter((name) => unwanted.test(name)),
      [],
    );
  } finally {
    fs.rmSync(dataDir, { recursive: true, force: true });
  }
});

test("the installed VSIX starts and its engine answers", async () => {
  const dataDir = makeDataDir();
  installExtension(dataDir, packagedVsix());
  // Not for development: this is how a user starts it.
  const server = await startServer({ dataDir, forDevelopment: false });
  const browser = await launchBrowser();
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "rft-vsix-"));
  try {
    const { page } = await openWorkbench(browser, server, { folder });
    await withPictureOnFailure(
      "vsix",
      () => page,
      server,
      async () => {
        await waitFor("the commands of the extension", patienceMs, async () =>
          (await paletteTitles(page, "RFT: Start")).includes("RFT: Start RFT Run"),
        );
        await runCommand(page, "RFT: Doctor");
        const report = page.locator(".monaco-editor .view-lines", { hasText: "onnxruntime" });
        await report.first().waitFor({ timeout: patienceMs });
      },
    );
    const { page: chinese } = await openWorkbench(browser, server, { folder, language: "zh-cn" });
    await withPictureOnFailure(
      "vsix-zh-cn",
      () => chinese,
      server,
      async () => {
        await waitFor("the commands in Chinese", patienceMs, async () =>
          (await paletteTitles(chinese, "RFT: 开始")).includes("RFT: 开始 RFT 运行"),
        );
        await chinese.locator(".activitybar .action-label[aria-label^='Video RFT']").first().click();
        await chinese.locator(".pane-header", { hasText: "运行" }).waitFor();
        await chinese.locator(".welcome-view-content", { hasText: "还没有运行" }).waitFor();
        // A text of the extension's own code, which its bundle translates.
        await runCommand(chinese, "RFT: 停止运行");
        await chinese.locator(".notification-toast", { hasText: "没有正在进行的运行" }).waitFor();
        await screenshot(chinese, "zh-cn");
      },
    );
  } finally {
    await browser.close();
    await server.stop();
    fs.rmSync(folder, { recursive: true, force: true });
  }
});

/** Files of the one extension that is installed, relative to its folder. */
function installedFiles(extensionsDir: string): string[] {
  const folders = fs.readdirSync(extensionsDir, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  assert.equal(folders.length, 1);
  const dir = path.join(extensionsDir, folders[0]?.name ?? "");
  return fs.readdirSync(dir, { recursive: true }).map((name) => String(name).split(path.sep).join("/"));
}

/** Packages once; both tests look at the same file. */
function packagedVsix(): string {
  packaged ??= packageNow();
  return packaged;
}

let packaged: string | undefined;

function packageNow(): string {
  const printed = execFileSync(process.execPath, ["scripts/package.mjs", "--target", target], { encoding: "utf8" });
  const file = /^(\S+\.vsix): /m.exec(printed)?.[1];
  if (file === undefined) throw new Error(`no file is named in: ${printed}`);
  return path.resolve(file);
}
