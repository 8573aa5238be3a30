import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { openPolicy, type OpenedPolicy } from "../../../src/engine/embedded/openPolicy.ts";
import {
  accumulateGroup,
  lossFeeds,
  referenceLogprobs,
  stepTotals,
  type GroupOutcome,
  type ScoredGroup,
} from "../../../src/engine/grpo/grpoStep.ts";
import { updateMetrics } from "../../../src/engine/grpo/updateMetrics.ts";
import { microBatches } from "../../../src/engine/policy/activations.ts";
import { completionBatch, unpad } from "../../../src/engine/policy/completionBatch.ts";
import { tensorOf, type Policy } from "../../../src/engine/policy/policy.ts";
import { applyGradients, clearGradients } from "../../../src/engine/policy/trainer.ts";
import type { GrpoSpec } from "../../../src/protocol/spec.ts";
import { checkpointDir, maxDifference, relativeError, tinySpec, withPolicy } from "../policy/tinyPolicy.ts";
import {
  compareGradients,
  floatRows,
  readAdapter,
  readExpected,
  readTensors,
  scoredGroups,
  type Expected,
} from "./grpoFixture.ts";

const expected = readExpected();
const dir = checkpointDir("grpo/checkpoint");
const gradientCases = ["grpo/token/0.04", "dapo/sequence/0", "bnpo/sequence/0.04"];

/** One policy for all that leaves its weights alone: compiling the graphs is what takes time. */
let shared: OpenedPolicy;
before(async () => {
  shared = await openPolicy(tinySpec(dir), "", null, 1);
});
after(() => shared.policy.graphs.dispose());
beforeEach(() => clearGradients(shared.optimizer));

for (const lossType of ["grpo", "dr_grpo", "dapo", "bnpo"] as const) {
  for (const importanceSamplingLevel of ["token", "sequence"] as const) {
    for (const beta of [0, 0.04]) {
      const name = `${lossType}/${importanceSamplingLevel}/${beta}`;
      const grpo = { ...expected.options, lossType, importanceSamplingLevel, beta };
      test(`the loss of a step and the gradient of every parameter are PyTorch's: ${name}`, async () => {
        const outcomes = await accumulateStep(shared, grpo);
        const loss = outcomes.reduce((sum, outcome) => sum + outcome.loss, 0);
        const known = expected.losses[name] ?? NaN;
        assert.ok(Math.abs(loss - known) < 1e-5, `loss ${loss}, expected ${known}`);
        const metrics = updateMetrics(scoredGroups(expected, shared.policy.config), outcomes, specOf(grpo));
        assert.ok(Math.abs((metrics["clip_ratio/region_mean"] ?? NaN) - (expected.clipped[name] ?? NaN)) < 1e-9);
        outcomes.forEach(({ logprobs_G_T }, i) => compareRows(logprobs_G_T, expected.groups[i]?.logprobs));
        // Stored for three of the sixteen.
        const gradients = await readTensors(name);
        assert.equal(gradients.size, gradientCases.includes(name) ? shared.optimizer.gradients.size : 0);
        if (gradients.size > 0) compareGradients(name, shared.optimizer.gradients, gradients);
      });
    }
  }
}

test("with the vision tower frozen the other gradients are the same, and it has none", () =>
  withPolicy(dir, { policy: { training: "full", freezeVision: true } }, async (opened) => {
    await accumulateStep(opened, { beta: 0.04 });
    const known = await readTensors("grpo/token/0.04");
    const text = new Map([...known].filter(([name]) => !name.startsWith("visual.")));
    assert.ok(text.size < known.size);
    compareGradients("frozen vision", opened.optimizer.gradients, text);
  }));

test("a group in micro-batches has the loss and the gradients of the whole", async () => {
  const spec = specOf({ lossType: "bnpo", importanceSamplingLevel: "sequence", beta: 0.04 });
  const [group] = scoredGroups(expected, shared.policy.config);
  assert.ok(group);
  const totals = stepTotals([group]);
  const ref_G_T = await referenceLogprobs(shared.policy, group, spec.temperature);
  const lengths_G = group.tokens_G_T.map((tokens) => tokens.length);
  const results = [];
  for (const bytes of [1e9, 1]) {
    const limits = { ...shared.policy.limits, bytes };
    assert.equal(microBatches(shared.policy.config, 32, lengths_G, limits).length, bytes === 1 ? 3 : 1);
    clearGradients(shared.optimizer);
    const policy = { ...shared.policy, limits };
    const outcome = await accumulateGroup(policy, shared.optimizer, group, ref_G_T, totals, spec);
    const gradients = new Map([...shared.optimizer.gradients].map(([name, data]) => [name, data.slice()]));
    results.push({ outcome, gradients, reference: await referenceLogprobs(policy, group, spec.temperature) });
  }
  const [whole, split] = results;
  assert.ok(whole && split);
  assert.ok(Math.abs(whole.outcome.loss - split.outcome.loss) < 1e-6);
  compareRows(
    split.outcome.logprobs_G_T,
    whole.outcome.logprobs_G_T.map((row) => [...row]),
  );
  compareRows(
    split.reference,
    whole.reference.map((row) => [...row]),
  );
  compareGradients("micro-batches", split.gradients, whole.gradients);
});

test("a gradient is the sum over the groups of the step, in either order", async () => {
  const spec = specOf({ beta: 0 });
  const groups = scoredGroups(expected, shared.policy.config);
  const totals = stepTotals(groups);
  const gradientsOf = async (order: readonly number[]): Promise<Map<string, Float32Array>> => {
    clearGradients(shared.optimizer);
    for (const i of order) {
      const group = groups[i];
      assert.ok(group);
      await accumulateGroup(shared.policy, shared.optimizer, group, null, totals, spec);
    }
    return new Map([...shared.optimizer.gradients].map(([name, gradient]) => [name, gradient.slice()]));
  };
  const [first, second] = [await gradientsOf([0]), await gradientsOf([1])];
  const [both, reversed] = [await gradientsOf([0, 1]), await gradientsOf([1, 0])];
  for (const [name, gradient] of both) {
    const sum = gradient.map((_, i) => (first.get(name)?.[i] ?? NaN) + (second.get(name)?.[i] ?? NaN));
    // But for rounding: completions and prompt are added one after the other.
    for (const found of [gradient, reversed.get(name) ?? []]) assert.ok(relativeError(found, sum) < 1e-6, name);
  }
});

test("a completion that is left out takes no part: not in the loss, nor in its totals", async () => {
  const [group] = scoredGroups(expected, shared.policy.config);
  assert.ok(group);
  const without = { ...group, advantages_G: group.advantages_G.map((advantage, k) => (k === 1 ? null : advantage)) };
  const pick = <T>(rows: readonly T[]): T[] => rows.filter((_, k) => k !== 1);
  const smaller: ScoredGroup = {
    prompt: group.prompt,
    tokens_G_T: pick(group.tokens_G_T),
    oldLogprobs_G_T: pick(group.oldLogprobs_G_T),
    advantages_G: pick(group.advantages_G),
    isMasked_G: pick(group.isMasked_G),
  };
  for (const lossType of ["grpo", "bnpo"] as const) {
    const spec = specOf({ lossType, beta: 0 });
    const [left, right] = [stepTotals([without]), stepTotals([smaller])];
    assert.deepEqual(left, right);
    clearGradients(shared.optimizer);
    const one = await accumulateGroup(shared.policy, shared.optimizer, without, null, left, spec);
    const gradients = new Map([...shared.optimizer.gradients].map(([name, data]) => [name, data.slice()]));
    clearGradients(shared.optimizer);
    const other = await accumulateGroup(shared.policy, shared.optimizer, smaller, null, right, spec);
    assert.ok(Math.abs(one.loss - other.loss) < 1e-6, `${one.loss} beside ${other.loss}`);
    assert.equal(one.logprobs_G_T.length, 3, "its log-probabilities are still told");
    compareGradients("a completion left out", gradients, shared.optimizer.gradients);
  }
});

test("a masked completion has no weight, but is one of those that the loss is the mean of (TRL's normalisation)", () => {
  const [group] = scoredGroups(expected, shared.policy.config);
  assert.ok(group);
  const all = stepTotals([group]);
  const masked = { ...group, isMasked_G: group.isMasked_G.map((_, k) => k === 1) };
  const tokens = all.tokens - (group.tokens_G_T[1]?.length ?? NaN);
  assert.deepEqual(stepTotals([masked]), { ...all, tokens });
  const none = { ...group, isMasked_G: group.isMasked_G.map(() => true) };
  assert.deepEqual(stepTotals([group, none]), { sequences: 2 * all.sequences, tokens: all.tokens, groups: 2 });
  const batch = completionBatch(masked.tokens_G_T, 0, 0);
  for (const lossType of ["grpo", "dr_grpo", "dapo", "bnpo"] as const) {
    const weights = (scored: ScoredGroup): Float32Array => {
      const { loss_weights: weights_N } = lossFeeds(scored, batch, null, stepTotals([scored]), specOf({ lossType }));
      assert.ok(weights_N);
      return weights_N;
    };
    const [kept_T, , other_T] = unpad(batch, weights(masked));
    const [whole_T, , whole2_T] = unpad(batch, weights(group));
    const scale = lossType === "grpo" || lossType === "dr_grpo" ? 1 : all.tokens / tokens;
    assert.ok(
      unpad(batch, weights(masked))[1]?.every((weight) => weight === 0),
      lossType,
    );
    for (const [kept, whole] of [[kept_T, whole_T] as const, [other_T, whole2_T] as const])
      kept?.forEach((weight, t) => assert.ok(Math.abs(weight / ((whole?.[t] ?? NaN) * scale) - 1) < 1e-6, lossType));
  }
});

const { beta1: adamBeta1, beta2: adamBeta2, epsilon: adamEpsilon, maxGradNorm } = expected.adamw;
const adamOptions = { adamBeta1, adamBeta2, adamEpsilon, maxGradNorm };
test("AdamW with clipping by the global norm is PyTorch's, over two steps", () =>
  withPolicy(dir, { grpo: adamOptions }, async ({ policy, optimizer }) => {
    const { learningRate, weightDecay } = expected.adamw;
    const start = new Map([...policy.checkpoint.weights].map(([name, data]) => [name, data.slice()]));
    for (const [number, gradientsOf] of ["grpo/token/0.04", "dapo/sequence/0"].entries()) {
      for (const [name, gradient] of await readTensors(gradientsOf)) optimizer.gradients.get(name)?.set(gradient);
      const norm = await applyGradients(policy, optimizer, learningRate, weightDecay);
      const known = await readTensors(`adamw/${number}`);
      const knownNorm = known.get("grad_norm")?.[0] ?? NaN;
      assert.equal(knownNorm > maxGradNorm, number === 0, "only the first step is clipped");
      assert.ok(Math.abs(norm / knownNorm - 1) < 1e-5, `norm ${norm}, expected ${knownNorm}`);
      known.delete("grad_norm");
      assert.equal(known.size, 4);
      for (const [name, weights] of known) {
        const before = start.get(name) ?? new Float32Array(0);
        const change = (after: Float32Array): Float32Array => after.map((w, i) => w - (before[i] ?? NaN));
        const error = relativeError(change(tensorOf(policy, name)), change(weights));
        assert.ok(error < 1e-4, `step ${number + 1}: the change of ${name} is off by ${error}`);
      }
      assert.ok([...optimizer.gradients.values()].every((gradient) => gradient.every((x) => x === 0)));
    }
  }));

test("an adapter: log-probabilities, loss and gradients are those of peft, and the reference is the base", () =>
  withPolicy(dir, { policy: { lora: expected.lora } }, async (opened) => {
    const adapter = await readAdapter();
    assert.deepEqual([...adapter.keys()].sort(), [...opened.policy.adapters.keys()].sort());
    for (const [name, data] of adapter) opened.policy.adapters.get(name)?.set(data);
    const outcomes = await accumulateStep(opened, { beta: 0.04 });
    const loss = outcomes.reduce((sum, outcome) => sum + outcome.loss, 0);
    const known = expected.losses["lora"] ?? NaN;
    assert.ok(Math.abs(loss / known - 1) < 1e-4, `loss ${loss}, expected ${known}`);
    outcomes.forEach(({ logprobs_G_T }, i) => compareRows(logprobs_G_T, expected.groups[i]?.loraLogprobs));
    compareGradients("lora", opened.optimizer.gradients, await readTensors("lora"));
    const reference = await referenceOf(opened.policy);
    reference.forEach((rows, i) => compareRows(rows, expected.groups[i]?.logprobs));
  }));

test("the reference of full training stays the checkpoint when the policy has moved", () =>
  withPolicy(dir, { grpo: { beta: 0.04 } }, async (opened) => {
    const atFirst = await referenceOf(opened.policy);
    atFirst.forEach((rows, i) => compareRows(rows, expected.groups[i]?.logprobs));
    await accumulateStep(opened, { beta: 0.04 });
    await applyGradients(opened.policy, opened.optimizer, 0.1, 0);
    assert.deepEqual(await referenceOf(opened.policy), atFirst);
    const [outcome] = await accumulateStep(opened, { beta: 0.04 });
    assert.ok(maxDifference(outcome?.logprobs_G_T[0] ?? [], expected.groups[0]?.logprobs[0] ?? []) > 0.1);
  }));

/** Gradients of the fixture's two groups, added up in the optimizer's buffers. */
async function accumulateStep({ policy, optimizer }: OpenedPolicy, change: Partial<GrpoSpec>): Promise<GroupOutcome[]> {
  const spec = specOf(change);
  const groups = scoredGroups(expected, policy.config);
  const totals = stepTotals(groups);
  const outcomes: GroupOutcome[] = [];
  for (const [i, group] of groups.entries()) {
    const ref_G_T = spec.beta > 0 ? floatRows(expected.groups[i]?.refLogprobs ?? []) : null;
    outcomes.push(await accumulateGroup(policy, optimizer, group, ref_G_T, totals, spec));
  }
  return outcomes;
}

async function referenceOf(policy: Policy): Promise<Float32Array[][]> {
  const found: Float32Array[][] = [];
  for (const group of scoredGroups(expected, policy.config)) {
    found.push(await referenceLogprobs(policy, group, expected.options.temperature));
  }
  return found;
}

function specOf(change: Partial<GrpoSpec>): GrpoSpec {
  return tinySpec(dir, { grpo: { ...expected.options, ...change } }).grpo;
}

function compareRows(found: readonly Float32Array[], known: Expected["groups"][number]["logprobs"] | undefined): void {
  assert.deepEqual(
    found.map((row) => row.length),
    known?.map((row) => row.length),
  );
  found.forEach((row, k) => {
    const difference = maxDifference(row, known?.[k] ?? []);
    assert.ok(difference < 1e-4, `log-probabilities of completion ${k} differ by ${difference}`);
  });
}
