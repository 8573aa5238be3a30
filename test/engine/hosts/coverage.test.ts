import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { hostProgramFor } from "../../../src/engine/hosts/hostProgram.ts";
import { HostProcess } from "../../../src/engine/hosts/hostProcess.ts";
import type { CoveredFile } from "../../../src/engine/hosts/hostProtocol.ts";
import type { RewardSignature } from "../../../src/protocol/rewardSpec.ts";
import { groupOf, makeRewardWorkspace, type RewardWorkspace } from "./rewardWorkspace.ts";

let workspace: RewardWorkspace;
before(async () => {
  workspace = await makeRewardWorkspace();
});
after(() => workspace.dispose());

const groups = [groupOf(["a", "throw", "long answer"]), groupOf(["b"], 1)];

async function cover(file: string, name: string, signature: RewardSignature): Promise<CoveredFile | undefined> {
  const program = await hostProgramFor(file, 512, { engineDir: workspace.engineDir, pythonPath: null });
  const host = await HostProcess.start(program, file, null, () => undefined);
  const covered = await host.cover({ function: name, signature, groups }, 60_000);
  await host.kill();
  return "files" in covered ? covered.files.find((one) => one.file === file) : assert.fail(covered.error.message);
}

/** "3: 0 2 3" a line */
function text(file: CoveredFile | undefined): string[] {
  return (file?.lines ?? []).map(({ line, taken }) => `${line}: ${taken.join(" ")}`);
}

test("V8 says which rollouts take a line of TypeScript, and which part of it", async () => {
  const file = workspace.write(
    "lines.ts",
    `const limit: number = 5;
export function lines({ text }: { text: string }): number {
  if (text === "throw") {
    throw new Error("no");
  }
  const isLong: boolean = text.length > limit;
  if (text === "nobody says this") {
    return 7;
  }
  return isLong ? helper(text) : 1;
}
function helper(text: string): number {
  return text.length;
}
`,
  );
  const covered = await cover(file, "lines", "each");
  assert.deepEqual(text(covered), [
    "2: 0 1 2 3",
    "3: 0 1 2 3",
    "4: 1",
    "6: 0 2 3",
    "7: 0 2 3",
    "8: ",
    "10: 0 2 3",
    "12: 2",
    "13: 2",
  ]);
  const line = covered?.lines.find((one) => one.line === 10);
  const source = "  return isLong ? helper(text) : 1;";
  assert.deepEqual(
    line?.branches.map(({ start, end, taken }) => [source.slice(start, end).replace(/[?:\s;]/g, ""), taken]).sort(),
    [
      ["1", [0, 3]],
      ["helper(text", [2]],
    ],
  );
});

test("Python says which rollouts take a line", async () => {
  const file = workspace.write(
    "lines.py",
    `def lines(completion, example):
    text = completion["text"]
    if text == "throw":
        raise ValueError("no")
    if len(text) > 5:
        return helper(text)
    if text == "nobody says this":
        return 7
    return 1

def helper(text):
    return len(text)
`,
  );
  assert.deepEqual(text(await cover(file, "lines", "each")), [
    "2: 0 1 2 3",
    "3: 0 1 2 3",
    "4: 1",
    "5: 0 2 3",
    "6: 2",
    "7: 0 3",
    "8: ",
    "9: 0 3",
    "12: 2",
  ]);
});

test("functions that get batches are counted by the group", async () => {
  const file = workspace.write(
    "batch.py",
    `def batch(completions, **kwargs):
    if "throw" in completions:
        return [0.0] * len(completions)
    return [1.0] * len(completions)
`,
  );
  assert.deepEqual(text(await cover(file, "batch", "trl")), ["2: 0 1 2 3", "3: 0 1 2", "4: 3"]);
});
