import assert from "node:assert/strict";
import { test } from "node:test";
import type { CompletionRecord, GroupRecord } from "../../../src/protocol/records.ts";
import { recordVersion } from "../../../src/protocol/records.ts";
import { rewardSchema } from "../../../src/protocol/rewardSpec.ts";
import { rescore, scoreVersion } from "../../../src/engine/score/rescore.ts";
import { Scorer } from "../../../src/engine/score/scorer.ts";
import { groundingExample, rewardItem } from "../examples.ts";

const tiou = rewardSchema.parse({ name: "tiou" });
const video = {
  path: "clip.mp4",
  hash: "",
  durationSec: 20,
  videoFps: 2,
  frameIndices: [0],
  timestampsSec: [0],
  widthPx: 28,
  heightPx: 28,
  sourceWidthPx: 28,
  sourceHeightPx: 28,
  visualTokens: 1,
  frameSet: "x",
};

/** A group of answers with the recorded value of tiou and the recorded advantage of each. */
function group(step: number, place: number, answers: readonly (readonly [string, number, number])[]): GroupRecord {
  const { example } = rewardItem("", groundingExample);
  const completions = answers.map(([answer, value, advantage], k): CompletionRecord => {
    const { completion } = rewardItem(`<answer>${answer}</answer>`, groundingExample);
    const rewards = [
      { name: "format", weight: 1, value: 1 },
      { name: "tiou", weight: 1, value },
    ];
    const reward = 1 + value;
    return { ...completion, id: `${step}/${place}/${k}`, rewards, reward, advantage, meanKl: null, meanEntropy: 0 };
  });
  return {
    version: recordVersion,
    step,
    group: place,
    datasetId: "data",
    exampleId: "clip_0",
    task: "temporal-grounding",
    prompt: example.prompt,
    question: example.question,
    think: true,
    durationSec: 20,
    row: null,
    promptTokens: 10,
    video,
    truth: example.truth,
    rewardMean: 0,
    rewardStd: 0,
    completions,
  };
}

async function compare(groups: readonly GroupRecord[], steps = [...new Set(groups.map(({ step }) => step))]) {
  const scorer = new Scorer({
    rewards: [tiou],
    baseDir: "",
    engineDir: "",
    pythonPath: null,
    cacheDir: "",
    sources: null,
    onLog: () => undefined,
  });
  return rescore({
    reward: tiou,
    sources: {},
    steps,
    readStep: (step) => Promise.resolve(groups.filter((line) => line.step === step)),
    scaleRewards: "none",
    score: (asked) => scorer.score(asked),
  });
}

test("values that change, advantages that change sign, and groups that gain or lose variance are counted", async () => {
  const { summary, lines } = await compare([
    // Nothing changes: tIoU 1 and 0.5.
    group(1, 0, [
      ["5 to 10", 1, 0.25],
      ["5 to 7.5", 0.5, -0.25],
    ]),
    // The other way round than recorded.
    group(1, 1, [
      ["5 to 10", 0.5, -0.25],
      ["5 to 7.5", 1, 0.25],
    ]),
    // All were equal.
    group(2, 0, [
      ["5 to 10", 0, 0],
      ["5 to 7.5", 0, 0],
    ]),
    // All are equal now.
    group(2, 1, [
      ["15 to 16", 0.4, 0.2],
      ["17 to 18", 0, -0.2],
    ]),
  ]);
  assert.equal(summary.rollouts, 8);
  assert.deepEqual([summary.changed, summary.advantageSignFlips], [2 + 2 + 1, 2 + 2 + 2]);
  assert.deepEqual([summary.groupsGainingVariance, summary.groupsLosingVariance], [["2/0"], ["2/1"]]);
  assert.deepEqual(summary.before, { mean: 3.4 / 8, std: summary.before?.std });
  assert.ok(Math.abs((summary.after?.mean ?? 0) - 4.5 / 8) < 1e-12);
  assert.deepEqual(summary.largest[0], { id: "2/0/0", before: 0, after: 1 });
  assert.deepEqual(summary.worst[0]?.after, 0);
  assert.deepEqual(lines[1], {
    version: recordVersion,
    step: 1,
    group: 1,
    values: [1, 0.5],
    rewards: [2, 1.5],
    advantages: [0.25, -0.25],
    errors: [null, null],
  });
});

test("steps are scored in the order that is asked for; lines come sorted", async () => {
  const groups = [1, 2, 3].map((step) => group(step, 0, [["5 to 10", 1, 0]]));
  const { lines } = await compare(groups, [3, 1, 2]);
  assert.deepEqual(
    lines.map(({ step }) => step),
    [1, 2, 3],
  );
});

test("a version is another one when the text or an option is", () => {
  const a = scoreVersion(tiou, { "/a.ts": "1" });
  assert.equal(scoreVersion(tiou, { "/a.ts": "1" }), a);
  assert.notEqual(scoreVersion(tiou, { "/a.ts": "2" }), a);
  assert.notEqual(scoreVersion(rewardSchema.parse({ name: "tiou", weight: 2 }), { "/a.ts": "1" }), a);
});
