import assert from "node:assert/strict";
import { test } from "node:test";
import { accumulateGroup, lossFeeds, referenceLogprobs, stepTotals } from "../../../src/engine/grpo/grpoStep.ts";
import { tokenWeight, type StepTotals } from "../../../src/engine/grpo/lossWeights.ts";
import { completionMeans, updateMetrics } from "../../../src/engine/grpo/updateMetrics.ts";
import { completionBatch } from "../../../src/engine/policy/completionBatch.ts";
import { checkpointDir, tinySpec, withPolicy } from "../policy/tinyPolicy.ts";
import { readExpected, scoredGroups } from "./grpoFixture.ts";

const dir = checkpointDir("grpo/checkpoint");

test("the weight of a token by loss type", () => {
  // Two groups: completions of 5, 18 and 11 tokens, and of 7 and 3.
  const totals: StepTotals = { sequences: 5, tokens: 44, groups: 2 };
  const table = [
    ["grpo", 5, 34, 1 / 25],
    ["grpo", 3, 10, 1 / 15],
    ["dr_grpo", 5, 34, 1 / 120],
    ["dr_grpo", 3, 10, 1 / 120],
    ["dapo", 5, 34, 1 / 44],
    ["dapo", 3, 10, 1 / 44],
    ["bnpo", 5, 34, 1 / 68],
    ["bnpo", 3, 10, 1 / 20],
  ] as const;
  for (const [lossType, length, groupTokens, weight] of table) {
    assert.equal(tokenWeight(lossType, length, groupTokens, totals, 24), weight, `${lossType} ${length}`);
  }
});

test("weights of all counted tokens sum to one, but for dr_grpo, whose divisor is a constant", () => {
  const lengths_P_G = [
    [5, 18, 11],
    [7, 3],
  ];
  const totals: StepTotals = { sequences: 5, tokens: 44, groups: 2 };
  for (const lossType of ["grpo", "dapo", "bnpo", "dr_grpo"] as const) {
    const sum = lengths_P_G
      .map((lengths) => {
        const groupTokens = lengths.reduce((a, b) => a + b, 0);
        return lengths.reduce((s, n) => s + n * tokenWeight(lossType, n, groupTokens, totals, 24), 0);
      })
      .reduce((a, b) => a + b, 0);
    assert.ok(Math.abs(sum - (lossType === "dr_grpo" ? 44 / 120 : 1)) < 1e-12, `${lossType}: ${sum}`);
  }
});

test("the loss's numbers are zero on padding and on a completion that is left out", () => {
  const group = {
    tokens_G_T: [Int32Array.of(1, 2), Int32Array.of(3), Int32Array.of(4, 5, 6)],
    oldLogprobs_G_T: [Float32Array.of(-1, -2), Float32Array.of(-3), Float32Array.of(-4, -5, -6)],
    advantages_G: [0.5, null, -1],
    isMasked_G: [false, false, false],
  };
  const batch = completionBatch(group.tokens_G_T, 9, 0);
  // SAFETY: the prompt plays no part in these numbers.
  const scored = { ...group, prompt: undefined as never };
  const { grpo } = tinySpec(dir, { grpo: { lossType: "grpo", importanceSamplingLevel: "sequence" } });
  const feeds = lossFeeds(scored, batch, null, stepTotals([scored]), grpo);
  const rows = (name: string): number[][] =>
    [0, 1, 2].map((k) => [...(feeds[name] ?? [])].slice(k * batch.length, k * batch.length + 4));
  assert.equal(batch.length, 16);
  assert.deepEqual(rows("loss_weights"), [[0.25, 0.25, 0, 0], [0, 0, 0, 0], floats(1 / 6, 1 / 6, 1 / 6, 0)]);
  assert.deepEqual(rows("advantages"), [
    [0.5, 0.5, 0, 0],
    [0, 0, 0, 0],
    [-1, -1, -1, 0],
  ]);
  assert.deepEqual(rows("old_logprobs"), [
    [-1, -2, 0, 0],
    [-3, 0, 0, 0],
    [-4, -5, -6, 0],
  ]);
  assert.deepEqual(rows("sequence_weights"), [[0.5, 0.5, 0, 0], [1, 0, 0, 0], floats(1 / 3, 1 / 3, 1 / 3, 0)]);
});

test("padding does not overflow where tokens are next to impossible", () =>
  withPolicy(dir, { grpo: { beta: 0.04, temperature: 0.02 } }, async ({ policy, optimizer, spec }) => {
    const [group] = scoredGroups(readExpected(), policy.config);
    assert.ok(group);
    const now_G_T = await referenceLogprobs(policy, group, spec.grpo.temperature);
    const onPolicy = { ...group, oldLogprobs_G_T: now_G_T };
    const outcome = await accumulateGroup(policy, optimizer, onPolicy, now_G_T, stepTotals([group]), spec.grpo);
    assert.ok(Math.min(...now_G_T.flatMap((row) => [...row])) < -200, "tokens of a likelihood below float32");
    // The ratio is one and the KL nothing, so the loss is minus the mean advantage.
    const mean = group.advantages_G.reduce((sum: number, advantage) => sum + (advantage ?? 0), 0) / 3;
    assert.ok(Math.abs(outcome.loss + mean) < 1e-4, `loss ${outcome.loss}, expected ${-mean}`);
    for (const [name, gradient] of optimizer.gradients) assert.ok(gradient.every(Number.isFinite), name);
  }));

test("metrics of an update: KL by K3, and which side of the range ratios leave", () => {
  const { grpo } = tinySpec(dir, { grpo: { epsilon: 0.2, epsilonHigh: 0.5, beta: 0.04 } });
  const old_T = new Float32Array(4);
  const logprobs_T = Float32Array.of(Math.log(0.7), Math.log(1.3), Math.log(1.6), 0);
  const ref_T = Float32Array.of(Math.log(1.4), Math.log(1.3), Math.log(1.6), 0);
  const group = (advantage: number | null) => ({
    prompt: undefined as never,
    tokens_G_T: [new Int32Array(4)],
    oldLogprobs_G_T: [old_T],
    advantages_G: [advantage],
    isMasked_G: [false],
  });
  const outcome = {
    loss: 0,
    logprobs_G_T: [logprobs_T],
    entropies_G_T: [Float32Array.of(1, 2, 3, 4)],
    refLogprobs_G_T: [ref_T],
  };
  const kl = (2 - Math.log(2) - 1) / 4;
  const close = (found: number | null | undefined, known: number, what: string): void =>
    assert.ok(Math.abs((found ?? NaN) - known) < 1e-6, `${what}: ${found}, expected ${known}`);
  const winner = updateMetrics([group(1)], [outcome], grpo);
  const loser = updateMetrics([group(-1)], [outcome], grpo);
  close(winner["kl"], kl, "kl");
  close(winner["entropy"], 2.5, "entropy");
  const clips = (metrics: typeof winner) =>
    ["low_mean", "high_mean", "region_mean"].map((key) => metrics[`clip_ratio/${key}`]);
  assert.deepEqual(clips(winner), [0, 0.25, 0.25]);
  assert.deepEqual(clips(loser), [0.25, 0, 0.25]);
  const none = updateMetrics([group(null)], [outcome], grpo);
  assert.deepEqual(Object.values(none), [0, 0, 0, 0], "a completion that is left out counts nowhere");
  const [means] = completionMeans(outcome);
  close(means?.kl, kl, "mean KL");
  assert.equal(means?.entropy, 2.5);
  assert.equal(completionMeans({ ...outcome, refLogprobs_G_T: null })[0]?.kl, null);
});

function floats(...values: number[]): number[] {
  return [...Float32Array.from(values)];
}
