import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { isFailedGroup } from "../../../src/protocol/records.ts";
import type { CompletionRecord } from "../../../src/protocol/records.ts";
import type { RunSpecInput } from "../../../src/protocol/spec.ts";
import { UserError } from "../../../src/protocol/errors.ts";
import { readMetrics, readRewardSources, readRunState } from "../../../src/engine/store/readRun.ts";
import { openRollouts } from "../../../src/engine/store/rollouts.ts";
import { buildHostPrograms } from "../hosts/rewardWorkspace.ts";
import { makeWorkspace, resumeRun, startRun, type Workspace } from "./fixtures.ts";

let dist: string;
let engineDir: string;
const workspaces: Workspace[] = [];
before(async () => {
  dist = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-run-rewards-"));
  engineDir = path.join(dist, "engine");
  await buildHostPrograms(dist);
});
after(() =>
  [dist, ...workspaces.map(({ dir }) => dir)].forEach((dir) => fs.rmSync(dir, { recursive: true, force: true })),
);

const grpo = { steps: 3, promptsPerStep: 2, groupSize: 4, learningRate: 0.3, seed: 7 };

function workspaceWith(text: string, reward: Record<string, unknown>, name = "reward.ts"): Workspace {
  // SAFETY: the row is checked by the schema.
  const rewards = [{ name: "tiou" }, reward] as RunSpecInput["rewards"];
  const workspace = makeWorkspace({ rewards, grpo, evaluate: { data: [] } });
  fs.writeFileSync(path.join(workspace.dir, name), text);
  workspaces.push(workspace);
  return workspace;
}

const runDirOf = ({ dir }: Workspace): string => path.join(dir, "runs", "one");

async function train(workspace: Workspace): Promise<string> {
  await startRun(workspace, runDirOf(workspace), { engineDir });
  return runDirOf(workspace);
}

async function completionsOf(runDir: string): Promise<CompletionRecord[]> {
  const rollouts = openRollouts(runDir);
  const lines = await Promise.all((await rollouts.steps()).map((step) => rollouts.readStep(step)));
  return lines.flat().flatMap((line) => (isFailedGroup(line) ? [] : line.completions));
}

test("a run is trained with a function of the workspace, and its failures are recorded", async () => {
  const text = `export function reward({ id, tokenCount }: { id: string; tokenCount: number }, { row }: { row: object }) {
  if (id.endsWith("/3")) throw new Error("not this one");
  return { value: tokenCount, parts: { columns: Object.keys(row).length } };
}\n`;
  const workspace = workspaceWith(text, { file: "reward.ts", function: "reward", weight: 0.1, onError: "drop" });
  const runDir = await train(workspace);
  const completions = await completionsOf(runDir);
  assert.equal(completions.length, 3 * 2 * 4);
  for (const { id, tokenCount, rewards, reward, advantage } of completions) {
    const part = rewards.find(({ name }) => name === "reward");
    if (id.endsWith("/3")) {
      assert.deepEqual([part?.value, part?.error?.message, reward, advantage], [null, "Error: not this one", null, 0]);
      continue;
    }
    assert.equal(part?.value, tokenCount);
    assert.ok((part?.parts?.["columns"] ?? 0) > 0, "gets the row of the dataset");
    const tiou = rewards.find(({ name }) => name === "tiou")?.value ?? 0;
    assert.ok(reward !== null && Math.abs(reward - 0.1 * (tokenCount ?? NaN) - tiou) < 1e-9);
  }
  const metrics = await readMetrics(runDir);
  assert.ok((metrics[0]?.metrics["rewards/reward/mean"] ?? 0) > 0, JSON.stringify(metrics[0]));
  assert.deepEqual(Object.values((await readRewardSources(runDir)) ?? {}), [text]);
});

test("a failure ends the run where the specification says so; the mended reward goes on with it", async () => {
  const broken = `export const reward = ({ id }: { id: string }): number => {
  if (id.startsWith("2/")) throw new Error("not yet");
  return 1;
};\n`;
  const workspace = workspaceWith(broken, { file: "reward.ts", function: "reward", onError: "stop" });
  await assert.rejects(
    train(workspace),
    (error) => UserError.is(error, "reward-failed") && error.where === "rollout 2/0/0",
  );
  const runDir = runDirOf(workspace);
  const state = await readRunState(runDir);
  assert.deepEqual([state.status, state.step], ["failed", 1]);
  assert.equal((await completionsOf(runDir)).length, 2 * 2 * 4, "the rollouts that failed are recorded");

  const mended = broken.replace('throw new Error("not yet")', "return 2");
  fs.writeFileSync(path.join(workspace.dir, "reward.ts"), mended);
  await resumeRun(workspace, runDir, { engineDir });
  assert.equal((await readRunState(runDir)).status, "finished");
  assert.deepEqual(fs.readdirSync(path.join(runDir, "rewards")).length, 1, "no checkpoint: it begins again");
  assert.deepEqual(Object.values((await readRewardSources(runDir)) ?? {}), [mended]);
});

test("a Python reward of TRL trains a run", async () => {
  const text = `def reward(completions, question=None, **kwargs):\n    return [float(len(c)) for c in completions]\n`;
  const workspace = workspaceWith(text, { file: "reward.py", function: "reward" }, "reward.py");
  const runDir = await train(workspace);
  for (const { text: answer, rewards } of await completionsOf(runDir)) {
    assert.equal(rewards.find(({ name }) => name === "reward")?.value, answer.length);
  }
});

test("a reward file that cannot be loaded fails the run before its first step", async () => {
  const workspace = workspaceWith("export const reward = (", { file: "reward.ts", function: "reward" });
  await assert.rejects(train(workspace), (error) => UserError.is(error, "bad-reward"));
});
