import assert from "node:assert/strict";
import fs from "node:fs";
import { after, before, test } from "node:test";
import type { Scored } from "../../../src/engine/score/scorer.ts";
import { UserError } from "../../../src/protocol/errors.ts";
import { groupOf, makeRewardWorkspace, type RewardWorkspace } from "./rewardWorkspace.ts";

let workspace: RewardWorkspace;
before(async () => {
  workspace = await makeRewardWorkspace();
});
after(() => workspace.dispose());

function text(scored: readonly (readonly Scored[])[]): string {
  const one = ({ parts: [part] }: Scored): string => part?.error?.kind ?? String(part?.value);
  return scored.map((group) => group.map(one).join(" ")).join(" | ");
}

const row = { solution: "5 to 10", difficulty: 3 };

test("a reward of TRL gets what GRPOTrainer passes: prompts, completions, ids, columns, its state", async () => {
  workspace.write(
    "trl_reward.py",
    `import re
from helpers import words

def reward(prompts, completions, completion_ids, solution, difficulty, trainer_state, log_metric, **kwargs):
    assert all(isinstance(c, str) for c in completions) and prompts[0].startswith("When? ")
    assert trainer_state.global_step == 1 and completion_ids == [[1, 2], [3], []]
    assert kwargs["video_rft"][0]["durationSec"] == 20
    log_metric("x", 1.0)
    return [None if words(c) == 0 else float(re.sub(r"<.*?>", "", c) == s) * d for c, s, d in zip(completions, solution, difficulty)]
`,
  );
  workspace.write("helpers.py", `def words(text):\n    return len(text.split())\n`);
  const scorer = workspace.scorer([{ file: "trl_reward.py", function: "reward" }, { name: "format" }]);
  const sources = await scorer.open();
  assert.deepEqual(
    Object.keys(sources)
      .map((file) => file.split(/[\\/]/).at(-1))
      .sort(),
    ["helpers.py", "trl_reward.py"],
  );
  const group = groupOf(["<answer>5 to 10</answer>", "<answer>5 to 9</answer>", ""], 0, { row });
  const completions = group.completions.map((completion, k) => ({
    ...completion,
    tokenIds: [[1, 2], [3], []][k] ?? [],
  }));
  const [scored = []] = await scorer.score([{ ...group, completions }]);
  assert.equal(text([scored]), "3 0 null");
  assert.equal(scored[2]?.reward, 0, "None is left out of the sum");
});

test("conversational rewards get messages, and rewards of ms-swift its class and columns", async () => {
  workspace.write(
    "chat.py",
    `async def reward(prompts, completions, **kwargs):
    assert prompts[0][0]["role"] == "user" and completions[0][0]["role"] == "assistant"
    return [len(c[0]["content"]) for c in completions]
`,
  );
  workspace.write(
    "plugin.py",
    `from swift.rewards import ORM, AsyncORM, orms

class Overlap(ORM):
    def __call__(self, completions, solution, **kwargs):
        assert kwargs["messages"][0][0]["content"].startswith("<video>") and kwargs["videos"] == [["clip.mp4"]] * 2
        assert kwargs["is_truncated"] == [False, False] and kwargs["prompt_id"][0] == "data/clip_0"
        return [float(s in c) for c, s in zip(completions, solution)]

orms["overlap"] = Overlap

class Later(AsyncORM):
    async def __call__(self, completions, **kwargs):
        return [2.0 for _ in completions]
`,
  );
  const group = groupOf(["5 to 10", "6 to 7"], 0, { row });
  const scoreWith = async (reward: Record<string, unknown>): Promise<string> =>
    text(await workspace.scorer([reward]).score([group]));
  assert.equal(await scoreWith({ file: "chat.py", function: "reward", signature: "trl-chat" }), "7 6");
  assert.equal(await scoreWith({ file: "plugin.py", function: "Overlap", signature: "ms-swift" }), "1 0");
  assert.equal(
    await scoreWith({ file: "plugin.py", function: "overlap", signature: "ms-swift" }),
    "1 0",
    "by its registered name",
  );
  assert.equal(await scoreWith({ file: "plugin.py", function: "Later", signature: "ms-swift" }), "2 2");
});

test("one completion at a time: numbers, parts and reasons; whatever a call does costs its own rollout", async () => {
  const file = workspace.write(
    "each.py",
    `import os, sys, time

def each(completion, example):
    text = completion["text"]
    if text == "throw":
        raise ValueError("no")
    if text == "loop":
        while True:
            pass
    if text == "sleep":
        time.sleep(60)
    if text == "exit":
        sys.exit(3)
    if text == "kill":
        os._exit(4)
    if text == "nan":
        return float("nan")
    if text == "true":
        return True
    if text == "word":
        return "high"
    print("scored", text)
    return {"value": len(text) / example["durationSec"], "parts": {"length": len(text)}, "reason": "measured"}
`,
  );
  const each = { file: "each.py", function: "each", signature: "each" };
  const scorer = workspace.scorer([{ ...each, timeoutMs: 700 }]);
  const answers = ["aa", "throw", "loop", "exit", "kill", "bbbb"];
  const [first, second] = await scorer.score([groupOf(answers), groupOf(["nan", "true", "word", "sleep", "c"], 1)]);
  assert.equal(
    text([first ?? [], second ?? []]),
    "0.1 exception timeout exit exit 0.2 | not-a-number not-a-number not-a-number timeout 0.05",
  );
  assert.deepEqual(first?.[0]?.parts[0], {
    name: "each",
    weight: 1,
    value: 0.1,
    parts: { length: 2 },
    reason: "measured",
  });
  assert.equal(first?.[1]?.parts[0]?.error?.message, "ValueError: no");
  assert.equal(first?.[1]?.parts[0]?.error?.stack, `at each (${file}:6)`);
  assert.equal(first?.[3]?.parts[0]?.error?.message, "called sys.exit(3)");
  assert.match(first?.[4]?.parts[0]?.error?.message ?? "", /ended its process with status 4/);
  assert.ok(workspace.log.includes("scored bbbb"), "what a reward prints is passed on, and never taken for an answer");
});

test("a call that takes too much memory costs its own rollout", async () => {
  workspace.write(
    "leak.py",
    `def leak(completion, example):
    held = []
    while completion["text"] == "leak":
        held.append(bytearray(10_000_000))
    return 1
`,
  );
  const leak = { file: "leak.py", function: "leak", signature: "each", timeoutMs: 120_000, memoryMb: 200 };
  assert.equal(text(await workspace.scorer([leak]).score([groupOf(["a", "leak", "b"])])), "1 memory 1");
});

test("a batch that raises costs its own group, and columns belong to one dataset", async () => {
  workspace.write(
    "columns.py",
    `def reward(completions, **columns):
    if "throw" in completions:
        raise KeyError("throw")
    return [float(len(columns.get("tag", [])) * 10 + len(completions)) for _ in completions]
`,
  );
  const scorer = workspace.scorer([{ file: "columns.py", function: "reward" }]);
  const groups = [
    groupOf(["a", "b"], 0, { row: { tag: 1 } }),
    groupOf(["c", "d"], 1, { row: { tag: 2 } }),
    groupOf(["e"], 2, { row: { other: 2 }, datasetId: "other" }),
  ];
  assert.equal(text(await scorer.score(groups)), "44 44 | 44 44 | 1");
  const throwing = groupOf(["throw", "x"], 3, { row: { tag: 1 } });
  assert.equal(text(await scorer.score([groups[0] ?? throwing, throwing])), "22 22 | exception exception");
});

test("a file that cannot be loaded is told, and a run goes on with the text that it began with", async () => {
  workspace.write("syntax.py", `def broken(:\n`);
  await assert.rejects(
    () => workspace.scorer([{ file: "syntax.py", function: "broken" }]).open(),
    (error) => UserError.is(error, "bad-reward") && /SyntaxError/.test(error.message),
  );
  const file = workspace.write("version.py", `def version(completion, example):\n    return 1\n`);
  const reward = { file: "version.py", function: "version", signature: "each" };
  const sources = await workspace.scorer([reward]).open();
  fs.writeFileSync(file, `def version(completion, example):\n    return 2\n`);
  const resumed = workspace.scorer([reward], { sources: { ...sources } });
  assert.equal(text(await resumed.score([groupOf(["a"])])), "1");
  assert.equal(text(await workspace.scorer([reward]).score([groupOf(["a"])])), "2");
});
