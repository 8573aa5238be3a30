import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { OpenedPolicy } from "../../../src/engine/embedded/openPolicy.ts";
import { accumulateGroup, stepTotals } from "../../../src/engine/grpo/grpoStep.ts";
import { adapterName } from "../../../src/engine/policy/lora.ts";
import { tensorOf, type Policy } from "../../../src/engine/policy/policy.ts";
import { checkpointDir, maxDifference, tinySpec, withPolicy } from "../policy/tinyPolicy.ts";
import { computeLogits } from "../policy/logits.ts";
import {
  compareGradients,
  floatRows,
  readAdapter,
  readExpected,
  readTensors,
  scoredGroups,
  type Expected,
} from "./grpoFixture.ts";

/** A step with clipping and KL on a prompt of a video and an image, of every architecture: test/python/makeGrpoFixture.py. */
for (const fixture of ["qwen2-vl", "qwen2.5-vl", "qwen3-vl"] as const) {
  describe(`a GRPO step of ${fixture} is PyTorch's`, () => {
    const expected = readExpected(fixture);
    const dir = checkpointDir(`grpo/${fixture}/checkpoint`);
    const name = "grpo/token/0.04";

    test("loss, and the gradient of every parameter", () =>
      withPolicy(dir, {}, async (opened) => {
        const loss = await accumulateStep(opened, expected);
        assert.ok(Math.abs(loss - (expected.losses[name] ?? NaN)) < 1e-5, `loss ${loss}`);
        compareGradients(fixture, opened.optimizer.gradients, await readTensors(name, fixture));
      }));

    test("with an adapter", () =>
      withPolicy(dir, { policy: { lora: expected.lora } }, async (opened) => {
        for (const [tensor, data] of await readAdapter(fixture)) opened.policy.adapters.get(tensor)?.set(data);
        const loss = await accumulateStep(opened, expected);
        assert.ok(Math.abs(loss - (expected.losses["lora"] ?? NaN)) < 1e-5, `loss ${loss}`);
        compareGradients(`${fixture}, lora`, opened.optimizer.gradients, await readTensors("lora", fixture));
      }));

    test("an adapter merged into the weights gives the same logits", async () => {
      const adapter = await readAdapter(fixture);
      const apart = await withPolicy(dir, { policy: { lora: expected.lora } }, async ({ policy }) => {
        for (const [tensor, data] of adapter) policy.adapters.get(tensor)?.set(data);
        return logitsOf(policy, expected);
      });
      await withPolicy(dir, {}, async ({ policy }) => {
        const base = await logitsOf(policy, expected);
        assert.ok(maxDifference(apart, base) > 0.01, "the adapter does something");
        merge(policy, adapter, expected.lora);
        assert.ok(maxDifference(await logitsOf(policy, expected), apart) < 1e-4);
      });
    });
  });
}

/** W + (alpha / rank) B A of every projection that carries an adapter. */
function merge(policy: Policy, adapter: ReadonlyMap<string, Float32Array>, { rank, alpha }: Expected["lora"]): void {
  for (const [name, a] of adapter) {
    if (!name.endsWith(".lora_A.weight")) continue;
    const projection = name.replace(/\.lora_A\.weight$/, "");
    const b = adapter.get(adapterName(projection, "B"));
    assert.ok(b);
    const weight = tensorOf(policy, `${projection}.weight`);
    const width = a.length / rank;
    for (let i = 0; i < weight.length; i++) {
      const [row, column] = [Math.floor(i / width), i % width];
      let update = 0;
      for (let r = 0; r < rank; r++) update += (b[row * rank + r] ?? NaN) * (a[r * width + column] ?? NaN);
      weight[i] = (weight[i] ?? NaN) + (alpha / rank) * update;
    }
  }
}

async function logitsOf(policy: Policy, expected: Expected): Promise<Float32Array> {
  const [group] = scoredGroups(expected, policy.config);
  assert.ok(group);
  const ids = [...group.prompt.ids, ...(group.tokens_G_T[0] ?? [])];
  const visuals = group.prompt.visuals.map(({ visual }) => visual);
  return (await computeLogits(policy, visuals, ids, group.prompt.ids.length)).slice();
}

async function accumulateStep({ policy, optimizer }: OpenedPolicy, expected: Expected): Promise<number> {
  const spec = tinySpec(policy.checkpoint.dir, { grpo: { ...expected.options, beta: 0.04 } }).grpo;
  const groups = scoredGroups(expected, policy.config);
  let loss = 0;
  for (const [i, group] of groups.entries()) {
    const ref_G_T = floatRows(expected.groups[i]?.refLogprobs ?? []);
    loss += (await accumulateGroup(policy, optimizer, group, ref_G_T, stepTotals(groups), spec)).loss;
  }
  return loss;
}
