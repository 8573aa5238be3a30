import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { graphicsMemoryBytes } from "../../../src/engine/server/graphicsMemory.ts";

const dir = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-card-"));
const { PATH } = process.env;
after(() => {
  process.env["PATH"] = PATH;
  fs.rmSync(dir, { recursive: true, force: true });
});

// A shell script stands for NVIDIA's tool.
test("NVIDIA's tool says how much memory the largest card has", { skip: process.platform === "win32" }, async () => {
  const prints = (script: string): void =>
    fs.writeFileSync(path.join(dir, "nvidia-smi"), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  process.env["PATH"] = `${dir}${path.delimiter}${PATH}`;
  prints("echo 24564; echo 143771");
  assert.equal(await graphicsMemoryBytes(), 143771 * 2 ** 20);
  prints("echo '[N/A]'");
  assert.equal(await graphicsMemoryBytes(), null, "its memory is the machine's");
  prints("echo 'NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver.'; exit 9");
  assert.equal(await graphicsMemoryBytes(), null);
  process.env["PATH"] = dir;
  fs.rmSync(path.join(dir, "nvidia-smi"));
  assert.equal(await graphicsMemoryBytes(), null, "no such tool");
});
