import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { missingPart } from "../../../src/engine/runtime/tryProvider.ts";
import { trialsInChildren } from "../../../src/engine/server/providerTrials.ts";

const dir = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-trials-"));
after(() => fs.rmSync(dir, { recursive: true, force: true }));

test("a driver that ends the process is a reason not to use it, and one that falls over afterwards is none", async () => {
  const missing = missingPart("webgpu");
  if (missing !== null) return assert.deepEqual(await tried("process.exit(0)"), missing); // a build without WebGPU
  const aborted = await tried("process.abort()");
  assert.ok(!aborted.ok);
  assert.match(aborted.reason, process.platform === "win32" ? /ended the process/ : /ended the process \(SIGABRT\)/);
  const exited = await tried("process.exit(7)");
  assert.ok(!exited.ok && /exit status 7/.test(exited.reason), JSON.stringify(exited));
  const silent = await tried("");
  assert.ok(!silent.ok && /ended the process/.test(silent.reason), JSON.stringify(silent));
  const finding = { ok: true, isSoftware: false } as const;
  const answer = `require("fs").writeSync(1, JSON.stringify(${JSON.stringify(finding)}) + "\\n");`;
  assert.deepEqual(await tried(`${answer} process.abort()`), finding);
  assert.deepEqual(await tried(`if (process.argv[2] === "--try=webgpu") ${answer}`), finding);
});

test("what is sure to be missing is told without a process", async () => {
  const missing = missingPart("cuda");
  if (missing === null) return; // a machine with CUDA's library
  assert.deepEqual(await trialsInChildren(path.join(dir, "absent.cjs")).attempt("cuda"), missing);
});

/** A program in the place of the backend's, asked about WebGPU. */
function tried(text: string) {
  const program = path.join(dir, `program-${fs.readdirSync(dir).length}.cjs`);
  fs.writeFileSync(program, text);
  return trialsInChildren(program).attempt("webgpu");
}
