import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { test } from "node:test";
import type * as given from "../media/contract/videoRft.d.ts";
import { pythonContract, typescriptContract } from "../scripts/rewardContract.ts";
import type * as engine from "../src/protocol/reward.ts";

const root = process.cwd();
const dir = path.join(root, "media", "contract");

/** Compares with the committed file; `RESET_RESULTS=1` writes it instead. */
function assertMade(name: string, text: string): void {
  const file = path.join(dir, name);
  if (process.env["RESET_RESULTS"] === "1") {
    fs.mkdirSync(dir, { recursive: true });
    fs.writeFileSync(file, text);
  }
  assert.equal(fs.readFileSync(file, "utf8"), text, `${name}; RESET_RESULTS=1 writes it`);
}

test("the types that users get are made from those of the engine", async () => {
  assertMade("videoRft.d.ts", await typescriptContract(root));
  assertMade("video_rft_types.py", pythonContract(root));
});

/** Compiles only while both are the same. */
type Same<A, B> = [A, B] extends [B, A] ? true : false;
export const areSame: readonly true[] = [
  true satisfies Same<given.RewardCompletion, engine.RewardCompletion>,
  true satisfies Same<given.RewardExample, engine.RewardExample>,
  true satisfies Same<given.RewardResult, engine.RewardResult>,
  true satisfies Same<given.RewardFunction, engine.RewardFunction>,
  true satisfies Same<given.BatchRewardFunction, engine.BatchRewardFunction>,
];

test("Python reads the types, and each of them can be resolved", () => {
  const program = `
import json, typing, video_rft_types as t
named = {n: v for n, v in vars(t).items() if isinstance(v, type) and v.__module__ == t.__name__}
print(json.dumps({n: sorted(typing.get_type_hints(v)) for n, v in named.items() if not n.startswith("_")}))
`;
  const { status, stdout, stderr } = spawnSync("python3", ["-c", program], {
    cwd: dir,
    encoding: "utf8",
    env: { ...process.env, PYTHONDONTWRITEBYTECODE: "1" },
  });
  assert.equal(status, 0, stderr);
  const keys = JSON.parse(stdout) as Record<string, string[]>;
  assert.deepEqual(keys["RewardCompletion"], ["finishReason", "id", "parsed", "text", "tokenCount"]);
  assert.deepEqual(keys["RewardOutput"], ["parts", "reason", "value"]);
  assert.deepEqual(keys["TrackingTruth"], ["boxes", "task"]);
});
