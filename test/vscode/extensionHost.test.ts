import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import { runTests } from "@vscode/test-electron";
import * as esbuild from "esbuild";
import { makeRewardWorkspace } from "./rewardWorkspace.ts";

const root = process.cwd();
const outdir = path.join(root, "out", "vscode-suite");

/**
 * The suite inside the extension host, through the standard runner. It takes the desktop VS Code that VSCODE_EXECUTABLE
 * names; without one, the VS Code server of the tests behind `codeShim.ts`.
 */
test("the suite inside the extension host passes", async () => {
  const folder = await makeRewardWorkspace();
  try {
    await runTests({
      vscodeExecutablePath: process.env.VSCODE_EXECUTABLE ?? (await buildShim()),
      extensionDevelopmentPath: root,
      extensionTestsPath: await bundle("test/vscode/inHost/suite.ts", "suite.cjs", ["vscode"]),
      launchArgs: [folder],
    });
  } finally {
    fs.rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
});

async function buildShim(): Promise<string> {
  const file = await bundle("test/vscode/codeShim.ts", "code.cjs", ["playwright-core"]);
  fs.chmodSync(file, 0o755);
  return file;
}

async function bundle(entry: string, name: string, external: string[]): Promise<string> {
  const outfile = path.join(outdir, name);
  await esbuild.build({
    entryPoints: [path.join(root, entry)],
    outfile,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "cjs",
    external,
    banner: { js: "#!/usr/bin/env node" },
    logLevel: "error",
  });
  return outfile;
}
