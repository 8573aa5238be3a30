import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after } from "node:test";
import { UserError } from "../../../src/protocol/errors.ts";
import { readJson } from "./tinyPolicy.ts";

/** Copies of checkpoints that a test may break; gone after it. */
export const copiesDir = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-checkpoint-"));
after(() => fs.rmSync(copiesDir, { recursive: true, force: true }));

/** A check of an error of a checkpoint: where it is, what is wrong, and with a hint. */
export function says(message: RegExp): (error: unknown) => true {
  return (error) => {
    assert.ok(UserError.is(error, "bad-checkpoint"), error instanceof Error ? error.stack : String(error));
    assert.match(`${error.where}: ${error.message}`, message);
    assert.ok((error.hint ?? "") !== "");
    return true;
  };
}

let copies = 0;
export function copyOf(from: string): string {
  const dir = path.join(copiesDir, `copy-${copies++}`);
  fs.cpSync(from, dir, { recursive: true });
  return dir;
}

export function changeJson(
  dir: string,
  name: string,
  change: (json: Record<string, unknown>) => Record<string, unknown>,
): void {
  const file = path.join(dir, name);
  fs.writeFileSync(file, JSON.stringify(change(readJson(file))));
}
