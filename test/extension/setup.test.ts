import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "node:test";
import { RestartBudget } from "../../src/extension/engine/restartPolicy.ts";
import { takeableIntent } from "../../src/extension/setup/demoIntent.ts";
import { doctorReport, ffmpegFailed } from "../../src/extension/setup/doctorReport.ts";
import { cmdLauncher, shellLauncher, writeLaunchers } from "../../src/extension/setup/terminalLauncher.ts";

test("the engine may be started again 4 times within 3 minutes", () => {
  const budget = new RestartBudget();
  const minute = 60_000;
  assert.deepEqual(
    [0, 1, 2, 2.5, 2.9, 3, 3.5, 4].map((minutes) => budget.allow(minutes * minute)),
    [true, true, true, true, false, true, false, true],
  );
  budget.reset();
  assert.ok(budget.allow(4 * minute));
});

test("the demo goes on only in its own window, and soon", () => {
  const specPath = path.resolve("/demo/moving-shapes/moving-shapes.rft.json");
  const intent = { kind: "startDemoRun", specPath, createdAtMs: 1000 };
  const take = (stored: unknown, folder: string, nowMs: number) => takeableIntent(stored, [folder], nowMs);
  const demo = path.resolve("/demo/moving-shapes");
  assert.deepEqual(take(intent, demo, 5000), intent);
  assert.equal(take(intent, path.resolve("/demo/moving-shapes-2"), 5000), undefined);
  assert.equal(take(intent, path.resolve("/demo/moving-shapes/runs"), 5000), undefined);
  assert.equal(take(intent, demo, 1000 + 16 * 60_000), undefined);
  assert.equal(take(undefined, demo, 5000), undefined);
  assert.equal(take({ ...intent, specPath: 3 }, demo, 5000), undefined);
});

test("the doctor's report puts what failed first, with its remedy", () => {
  const checks = [
    { name: "onnxruntime", ok: true, detail: "1.30.0" },
    { name: "ffmpeg", ok: false, detail: "none was found", fix: "Install it." },
  ];
  const lines = doctorReport(checks).split("\n");
  assert.deepEqual(lines, [
    "1 of 2 checks failed.",
    "",
    "FAILED  ffmpeg       none was found",
    "                     Install it.",
    "ok      onnxruntime  1.30.0",
    "",
  ]);
  assert.ok(ffmpegFailed(checks));
  assert.ok(!ffmpegFailed(checks.slice(0, 1)));
});

test("the launcher runs the command line with VS Code's Node, from a folder of any name", async () => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "rft launcher $x `y` \"z\" 'w' "));
  try {
    const cliPath = path.join(dir, "cli.cjs");
    const script = `process.stdout.write(JSON.stringify({
      args: process.argv.slice(2), asNode: process.env.ELECTRON_RUN_AS_NODE,
      cache: process.env.VIDEO_RFT_CACHE, ffmpeg: process.env.VIDEO_RFT_FFMPEG_DIR }))`;
    fs.writeFileSync(cliPath, script);
    const target = {
      execPath: process.execPath,
      cliPath,
      cacheDir: path.join(dir, "cache"),
      ffmpegDir: path.join(dir, "f"),
    };
    const binDir = path.join(dir, "bin");
    await writeLaunchers(binDir, target);
    await writeLaunchers(binDir, target); // once for each window
    const isWindows = process.platform === "win32";
    const program = path.join(binDir, isWindows ? "video-rft.cmd" : "video-rft");
    const call = (env: NodeJS.ProcessEnv): unknown =>
      JSON.parse(execFileSync(program, ["run", "a b.rft.json"], { env, encoding: "utf8", shell: isWindows }));
    const { VIDEO_RFT_CACHE: _cache, VIDEO_RFT_FFMPEG_DIR: _dir, ...env } = process.env;
    const args = ["run", "a b.rft.json"];
    assert.deepEqual(call(env), { args, asNode: "1", cache: target.cacheDir, ffmpeg: target.ffmpegDir });
    const own = { ...env, VIDEO_RFT_CACHE: "/mine" };
    assert.deepEqual(call(own), { args, asNode: "1", cache: "/mine", ffmpeg: target.ffmpegDir });
  } finally {
    fs.rmSync(dir, { recursive: true, force: true });
  }
});

test("launchers quote what a shell would read", () => {
  const target = { execPath: "/a $b/node", cliPath: "/x`y`/cli.cjs", cacheDir: '/"c"', ffmpegDir: "C:\\50%\\f" };
  assert.match(shellLauncher(target), /exec "\/a \\\$b\/node" "\/x\\`y\\`\/cli\.cjs" "\$@"\n$/);
  assert.match(cmdLauncher(target), /set "VIDEO_RFT_FFMPEG_DIR=C:\\50%%\\f"\r\n/);
});
