import assert from "node:assert/strict";
import path from "node:path";
import { after, before, beforeEach, test } from "node:test";
import { openPolicy, type OpenedPolicy } from "../../../src/engine/embedded/openPolicy.ts";
import { accumulateGroup, stepTotals } from "../../../src/engine/grpo/grpoStep.ts";
import { prepareContent } from "../../../src/engine/policy/preparedPrompt.ts";
import { tensorOf } from "../../../src/engine/policy/policy.ts";
import { clearGradients } from "../../../src/engine/policy/trainer.ts";
import { seededRandom } from "../../../src/engine/rollout/tokenChoice.ts";
import { accumulateTarget } from "../../../src/engine/sft/sftStep.ts";
import { compareGradients, readExpected, readTensors, scoredGroups } from "../grpo/grpoFixture.ts";
import { checkpointDir, readJson, tinyContent, tinySpec, withPolicy, type TinyPart } from "../policy/tinyPolicy.ts";

const expected = readExpected();
const dir = checkpointDir("grpo/checkpoint");
let shared: OpenedPolicy;
before(async () => {
  shared = await openPolicy(tinySpec(dir), "", null, 1);
});
after(() => shared.policy.graphs.dispose());
beforeEach(() => clearGradients(shared.optimizer));

test("loss and gradients are PyTorch's, over all targets of the step", async () => {
  const groups = scoredGroups(expected, shared.policy.config);
  const tokens = groups.flatMap((group) => group.tokens_G_T).reduce((sum, row) => sum + row.length, 0);
  let loss = 0;
  for (const { prompt, tokens_G_T } of groups) {
    loss += await accumulateTarget(shared.policy, shared.optimizer, { prompt, tokens_G_T }, tokens);
  }
  assert.ok(Math.abs(loss - (expected.losses["sft"] ?? NaN)) < 1e-5, `loss ${loss}`);
  compareGradients("sft", shared.optimizer.gradients, await readTensors("sft"));
});

test("where only a part of the tokens are targets, the loss is that of the part", async () => {
  const { policy, optimizer } = shared;
  const [group] = scoredGroups(expected, policy.config);
  assert.ok(group);
  const isTarget_G_T = group.tokens_G_T.map((row) => Array.from(row, (_, t) => t % 3 === 0));
  const count = isTarget_G_T.flat().filter(Boolean).length;
  const { prompt, tokens_G_T } = group;
  const part = await accumulateTarget(policy, optimizer, { prompt, tokens_G_T, isTarget_G_T }, count);
  const { grpo } = tinySpec(dir, { grpo: { lossType: "dapo", beta: 0, temperature: 1 } });
  const outcome = await accumulateGroup(policy, optimizer, group, null, stepTotals([group]), grpo);
  const picked = outcome.logprobs_G_T.flatMap((row, k) => [...row].filter((_, t) => isTarget_G_T[k]?.[t]));
  const mean = -picked.reduce((sum, logprob) => sum + logprob, 0) / count;
  assert.ok(Math.abs(part - mean) < 1e-5, `loss ${part}, expected ${mean}`);
});

test("gradients through a prompt of several chunks of attention agree with finite differences", () =>
  withPolicy(checkpointDir("policy/tied"), {}, async ({ policy, optimizer }) => {
    interface Fixture {
      readonly content: readonly TinyPart[];
      readonly completionIds: readonly number[];
    }
    const fixture = readJson<Fixture>(path.join(checkpointDir("policy/tied"), "expected.json"));
    const prompt = prepareContent(tinyContent(fixture.content), policy.tokenizer, policy.config);
    assert.ok(prompt.paddedLength > 256);
    const tokens_G_T = [Int32Array.from(fixture.completionIds)];
    const lossAt = () => accumulateTarget(policy, optimizer, { prompt, tokens_G_T }, fixture.completionIds.length);
    await lossAt();
    const random = seededRandom(4);
    // Along the gradient, each number at a weight of its own.
    let slope = 0;
    const directions = [...optimizer.gradients].map(([name, gradient]) => {
      const direction = gradient.map((x) => x * (0.5 + random()));
      slope += gradient.reduce((sum, x, i) => sum + x * (direction[i] ?? 0), 0);
      return { weights: tensorOf(policy, name), start: tensorOf(policy, name).slice(), direction };
    });
    const difference = async (h: number): Promise<number> => {
      const losses: number[] = [];
      for (const sign of [1, -1]) {
        for (const { weights, start, direction } of directions) {
          weights.set(start.map((w, i) => w + sign * h * (direction[i] ?? 0)));
        }
        losses.push(await lossAt());
      }
      return ((losses[0] ?? NaN) - (losses[1] ?? NaN)) / (2 * h);
    };
    const h = 0.01 / slope; // the loss changes by a hundredth: nearly linear, and far more than rounding
    const estimate = (4 * (await difference(h)) - (await difference(2 * h))) / 3;
    assert.ok(Math.abs(estimate / slope - 1) < 2e-3, `slope ${slope}, by differences ${estimate}`);
  }));
