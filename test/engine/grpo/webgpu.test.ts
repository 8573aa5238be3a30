import assert from "node:assert/strict";
import { test } from "node:test";
import { accumulateGroup, stepTotals } from "../../../src/engine/grpo/grpoStep.ts";
import { usualLimits } from "../../../src/engine/policy/activations.ts";
import { tensorOf } from "../../../src/engine/policy/policy.ts";
import { applyGradients, clearGradients, downloadState } from "../../../src/engine/policy/trainer.ts";
import { sampleGroups } from "../../../src/engine/rollout/sampler.ts";
import type { OpenedPolicy } from "../../../src/engine/embedded/openPolicy.ts";
import { GraphCache } from "../../../src/engine/runtime/graphCache.ts";
import type { Provider } from "../../../src/protocol/device.ts";
import {
  checkpointDir,
  maxDifference,
  relativeError,
  tinyClip,
  tinyPrompt,
  tinySpec,
  withPolicy,
} from "../policy/tinyPolicy.ts";
import { noAdapter, useSoftwareAdapter } from "../runtime/softwareAdapter.ts";
import { compareGradients, floatRows, readAdapter, readExpected, readTensors, scoredGroups } from "./grpoFixture.ts";

const expected = readExpected();
const dir = checkpointDir("grpo/checkpoint");
const { grpo } = tinySpec(dir, { grpo: { ...expected.options, beta: 0.04 } });

if (useSoftwareAdapter()) {
  test("WebGPU: loss, gradients and two steps of AdamW of full training are those of the CPU and of PyTorch, none computed elsewhere", async () => {
    const [onCpu, onDevice] = [await trainedInFull("cpu"), await trainedInFull("webgpu")];
    assert.ok(Math.abs(onDevice.loss - onCpu.loss) < 1e-5, `loss ${onDevice.loss}, on the CPU ${onCpu.loss}`);
    compareGradients("full training on WebGPU", onDevice.gradients, onCpu.gradients);
    compareGradients("the same beside PyTorch", onDevice.gradients, await readTensors("grpo/token/0.04"));
    onCpu.norms.forEach((norm, i) =>
      assert.ok(Math.abs((onDevice.norms[i] ?? NaN) / norm - 1) < 1e-4, `step ${i + 1}`),
    );
    for (const [name, change] of onCpu.changes) {
      const error = relativeError(onDevice.changes.get(name) ?? [], change);
      assert.ok(error < 2e-3, `${name}: what two steps change is off by ${error}`);
    }
  });

  test("WebGPU: a decoder that is computed layer by layer, a completion at a time, has the same gradients", () =>
    withPolicyOn("webgpu", {}, async ({ policy, optimizer }) => {
      await accumulate({ policy: { ...policy, limits: { ...usualLimits, bytes: 1 } }, optimizer });
      await downloadState(policy, optimizer);
      compareGradients("in segments on WebGPU", optimizer.gradients, await readTensors("grpo/token/0.04"));
    }));

  test("WebGPU: loss and gradients of an adapter are those of peft", () =>
    withPolicyOn("webgpu", { policy: { lora: expected.lora } }, async (opened) => {
      for (const [name, data] of await readAdapter()) opened.policy.adapters.get(name)?.set(data);
      const loss = await accumulate(opened);
      assert.ok(Math.abs(loss / (expected.losses["lora"] ?? NaN) - 1) < 1e-4, `loss ${loss}`);
      await downloadState(opened.policy, opened.optimizer);
      compareGradients("an adapter on WebGPU", opened.optimizer.gradients, await readTensors("lora"));
    }));

  test("WebGPU: greedy tokens are those of the CPU, and so are their log-probabilities", async () => {
    const [onCpu, onDevice] = [await sampled("cpu"), await sampled("webgpu")];
    assert.deepEqual(onDevice.tokens, onCpu.tokens);
    onDevice.logprobs.forEach((row, i) => {
      const difference = maxDifference(row, onCpu.logprobs[i] ?? []);
      assert.ok(difference < 1e-4, `log-probabilities of completion ${i} differ by ${difference}`);
    });
  });
} else {
  test(noAdapter, () => undefined);
}

/** The fixture's policy; an operator that the provider lacks is refused, so nothing is computed elsewhere. */
function withPolicyOn<T>(
  provider: Provider,
  change: Parameters<typeof withPolicy>[1],
  work: (opened: OpenedPolicy) => Promise<T>,
): Promise<T> {
  return withPolicy(dir, change, async (opened) => {
    const graphs = new GraphCache({ threads: 1, hasArena: false, provider, isStrict: provider !== "cpu" });
    try {
      const { device } = graphs;
      return await work({ policy: { ...opened.policy, graphs }, optimizer: { ...opened.optimizer, device } });
    } finally {
      await graphs.dispose();
    }
  });
}

/** Gradients of the fixture's two groups, and what two steps on them do to the weights. */
function trainedInFull(provider: Provider) {
  const { adamw } = expected;
  const adam = { adamBeta1: adamw.beta1, adamBeta2: adamw.beta2, adamEpsilon: adamw.epsilon };
  return withPolicyOn(provider, { grpo: { ...adam, maxGradNorm: adamw.maxGradNorm } }, async (opened) => {
    const { policy, optimizer } = opened;
    const before = new Map([...policy.checkpoint.weights].map(([name, data]) => [name, data.slice()]));
    const loss = await accumulate(opened);
    await downloadState(policy, optimizer);
    const gradients = new Map([...optimizer.gradients].map(([name, data]) => [name, data.slice()]));
    const norms = [await applyGradients(policy, optimizer, adamw.learningRate, adamw.weightDecay)];
    await accumulate(opened);
    norms.push(await applyGradients(policy, optimizer, adamw.learningRate, adamw.weightDecay));
    await downloadState(policy, optimizer);
    assert.ok([...optimizer.gradients.values()].every((gradient) => gradient.every((x) => x === 0)));
    const changes = new Map(
      [...before].map(([name, start]) => [name, tensorOf(policy, name).map((w, i) => w - (start[i] ?? NaN))]),
    );
    return { loss, gradients, norms, changes };
  });
}

async function accumulate({ policy, optimizer }: OpenedPolicy): Promise<number> {
  clearGradients(optimizer);
  const groups = scoredGroups(expected, policy.config);
  const totals = stepTotals(groups);
  let loss = 0;
  for (const [i, group] of groups.entries()) {
    const ref_G_T = floatRows(expected.groups[i]?.refLogprobs ?? []);
    loss += (await accumulateGroup(policy, optimizer, group, ref_G_T, totals, grpo)).loss;
  }
  return loss;
}

/** Two prompts of different lengths, more tokens than the sampler's first slots. */
function sampled(provider: Provider) {
  return withPolicyOn(provider, { trains: false }, async ({ policy }) => {
    const clip = tinyClip({ frames: 2, height: 16, width: 16, duration: 1 });
    const words = Array.from({ length: 70 }, (_, i) => (i * 37) % 250);
    const requests = [[31, 7, 99], words].map((text, i) => ({
      prompt: tinyPrompt(policy.config, clip, text),
      seed: i,
    }));
    const options = { temperature: 0, topP: 1, topK: 0, groupSize: 2, maxCompletionLength: 40 };
    const completions = (await sampleGroups(policy, requests, options)).flat();
    return {
      tokens: completions.map(({ tokens_T }) => [...tokens_T]),
      logprobs: completions.map(({ logprobs_T }) => logprobs_T),
    };
  });
}
