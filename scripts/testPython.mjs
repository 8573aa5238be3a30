// Checks that transformers and peft load what a run writes: `node scripts/testPython.mjs [python]`, with the packages of
// test/python/requirements.txt installed. Not part of `npm test`, which needs no Python.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { runTypescript } from "./typescript.mjs";

const root = path.resolve(import.meta.dirname, "..");
const [python = "python3"] = process.argv.slice(2);
const dir = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-python-"));
try {
  const status = await runTypescript(path.join("test", "python", "exportPolicy.ts"), [dir]);
  if (status !== 0) throw new Error(`the export ended with status ${status}`);
  run(python, [path.join("test", "python", "checkExport.py"), dir]);
} finally {
  fs.rmSync(dir, { recursive: true, force: true });
}

function run(program, args) {
  const { status } = spawnSync(program, args, { cwd: root, stdio: "inherit" });
  if (status !== 0) throw new Error(`${program} ended with status ${status}`);
}
