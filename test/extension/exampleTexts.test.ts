import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeIndex, encodeIndexBlock } from "../../src/protocol/rolloutIndex.ts";
import { exampleKey, exampleStats, exampleText } from "../../src/extension/data/exampleTexts.ts";
import { liveValues, type LiveRun } from "../../src/extension/spec/liveValues.ts";
import { completion, groupRecord } from "./rollouts.ts";

function block(step: number, groups: readonly { example: string; rewards: readonly (number | null)[] }[]) {
  const lines = groups.map(({ example, rewards }, group) => {
    const completions = rewards.map((reward, k) => completion(`${step}/${group}/${k}`, [], { reward }));
    return { line: groupRecord({ step, group, exampleId: example, completions }), offset: 0, bytes: 1 };
  });
  return decodeIndex(encodeIndexBlock(step, lines, 1));
}

const placed = (evaluated: readonly { step: number; metrics: Record<string, number> }[] = []) => ({
  dataset: "grounding",
  example: "a",
  line: 0,
  evaluated,
});

test("an example's lens has its rollouts, their mean reward and the change since the last evaluation", () => {
  const blocks = [
    ...block(1, [
      { example: "a", rewards: [0, 0.5] },
      { example: "b", rewards: [null, null] },
    ]),
    ...block(2, [{ example: "c", rewards: [1, 1] }]),
    ...block(3, [{ example: "a", rewards: [1, null] }]),
  ];
  const stats = exampleStats(blocks, 2);
  const of = (example: string) => stats.get(exampleKey("grounding", example));
  assert.deepEqual(of("a"), { rollouts: 4, rewardMean: 0.5, change: 0.75, ids: ["3/0/0", "1/0/0"] });
  assert.equal(exampleText(placed(), of("a"), 2), "4 rollouts · reward 0.50 · +0.75 since the evaluation at step 2");
  assert.equal(exampleText(placed(), of("b"), 2), "2 rollouts · no reward");
  assert.equal(exampleText(placed(), of("c"), 2), "2 rollouts · reward 1.00");
  assert.equal(exampleText(placed(), of("d"), 2), "not rolled out yet");
  assert.equal(exampleStats(blocks, null).get(exampleKey("grounding", "a"))?.change, null);
});

test("an example that is evaluated has its score and how it moved", () => {
  const evaluated = [
    { step: 0, metrics: { iou: 0.6 } },
    { step: 100, metrics: { iou: 0.45 } },
  ];
  assert.equal(exampleText(placed(evaluated), undefined, 100), "iou 0.45 at step 100 · −0.15 since step 0");
  assert.equal(exampleText(placed(evaluated.slice(0, 1)), undefined, 0), "iou 0.60 at step 0");
});

test("a running run's values stand behind the keys that they belong to", () => {
  const text = `{
  "rewards": [
    { "name": "tiou" }, // by Charades
    { "file": "r.ts", "function": "mine" },
    { "name": "nonsense" },
  ],
  "grpo": { "steps": 200, "beta": 0.04, "learningRate": 1e-5 }
}`;
  const run: LiveRun = {
    step: 42,
    steps: 200,
    etaText: "about 3 min left",
    metrics: {
      kl: 0.0123,
      learning_rate: 5e-6,
      "rewards/tiou/mean": 0.5,
      "rewards/tiou/std": 0.25,
      "rewards/mine/mean": 1,
    },
  };
  const shown = liveValues(text, run).map(({ offset, text: value }) => [
    text.slice(text.lastIndexOf("\n", offset) + 1, offset).trim(),
    value,
  ]);
  assert.deepEqual(shown, [
    ['"grpo": { "steps": 200', "42 of 200 done, about 3 min left"],
    ['"grpo": { "steps": 200, "beta": 0.04, "learningRate": 1e-5', "now 5.0e-6"],
    ['"grpo": { "steps": 200, "beta": 0.04', "KL 0.012"],
    ['{ "name": "tiou" }', "0.500 ± 0.250"],
    ['{ "file": "r.ts", "function": "mine" }', "1.000"],
  ]);
  assert.deepEqual(liveValues(text, { ...run, metrics: undefined }).length, 1);
  assert.deepEqual(liveValues("", run), []);
});
