import assert from "node:assert/strict";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";
import type { OpenedPolicy } from "../../../src/engine/embedded/openPolicy.ts";
import { elementCount } from "../../../src/engine/graph/types.ts";
import { accumulateGroup, referenceLogprobs, stepTotals } from "../../../src/engine/grpo/grpoStep.ts";
import {
  completionPlan,
  limitsFor,
  promptSegments,
  usualLimits,
  type ActivationLimits,
} from "../../../src/engine/policy/activations.ts";
import { readPolicyConfig } from "../../../src/engine/policy/config.ts";
import { parameterSpecs } from "../../../src/engine/policy/parameters.ts";
import { computePromptKv, partsOfPrompt } from "../../../src/engine/policy/promptKv.ts";
import { writeSafetensors } from "../../../src/engine/policy/safetensors.ts";
import { cutLayers, nameInPolicy } from "../../../src/engine/policy/segments.ts";
import { clearGradients } from "../../../src/engine/policy/trainer.ts";
import { seededRandom } from "../../../src/engine/rollout/tokenChoice.ts";
import { accumulateTarget } from "../../../src/engine/sft/sftStep.ts";
import type { RunSpec } from "../../../src/protocol/spec.ts";
import { readExpected, scoredGroups } from "../grpo/grpoFixture.ts";
import { checkpointDir, maxDifference, readJson, relativeError, withPolicy } from "./tinyPolicy.ts";

const layers = 5;

test("a decoder is cut into as few segments as can be, of one size but for the last", () => {
  assert.deepEqual(cutLayers(36, Infinity), [{ first: 0, count: 36 }]);
  assert.deepEqual(
    cutLayers(36, 10).map(({ count }) => count),
    [9, 9, 9, 9],
  );
  assert.deepEqual(cutLayers(5, 2), [
    { first: 0, count: 2 },
    { first: 2, count: 2 },
    { first: 4, count: 1 },
  ]);
  for (const most of [0, 1]) assert.equal(cutLayers(5, most).length, 5);
  for (let all = 1; all < 40; all++)
    for (let most = 1; most < 40; most++) {
      const segments = cutLayers(all, most);
      assert.equal(segments.length, Math.ceil(all / most));
      assert.equal(
        segments.reduce((sum, { count }) => sum + count, 0),
        all,
      );
      assert.ok(segments.every(({ count }) => count > 0 && count <= most));
    }
});

test("a segment's weights are fed by their own numbers", () => {
  assert.equal(nameInPolicy("model.layers.0.mlp.up_proj.weight", 7), "model.layers.7.mlp.up_proj.weight");
  assert.equal(
    nameInPolicy("model.layers.12.mlp.up_proj.lora_A.weight", 3),
    "model.layers.15.mlp.up_proj.lora_A.weight",
  );
  for (const name of ["model.norm.weight", "visual.blocks.1.norm1.weight"]) assert.equal(nameInPolicy(name, 7), name);
});

test("limits grow with the policy, shrink where the machine has little left, and never below what small ones have", () => {
  assert.deepEqual(limitsFor(1e8, 16e9), usualLimits);
  assert.equal(limitsFor(16e9, 64e9).bytes, 4e9);
  assert.equal(limitsFor(16e9, 18.5e9).bytes, 2e9);
  assert.equal(limitsFor(16e9, 16e9).bytes, usualLimits.bytes);
});

/** Ways to cut: by layers, and by bytes alone, which also cuts the group and the rows of the head. */
const cuts: ReadonlyMap<string, ActivationLimits> = new Map([
  ["1 layer a segment", { bytes: 1e9, layers: 1 }],
  ["2 layers a segment", { bytes: 1e9, layers: 2 }],
  ["3 layers a segment", { bytes: 1e9, layers: 3 }],
  ["no bytes", { bytes: 1, layers: Infinity }],
]);
const policies = {
  "all weights": { training: "full" },
  "the decoder": { training: "full", freezeVision: true },
  adapters: { lora: { rank: 3, alpha: 5 } },
} as const;

for (const fixture of ["qwen2.5-vl", "qwen3-vl"] as const) {
  describe(`${fixture}: segments have the loss and the gradients of the whole`, () => {
    let dir = "";
    before(async () => {
      dir = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-segments-"));
      await writeDeepPolicy(checkpointDir(`grpo/${fixture}/checkpoint`), dir);
    });
    after(() => fs.rmSync(dir, { recursive: true, force: true }));

    for (const [what, policy] of Object.entries(policies)) {
      test(`training ${what}`, () =>
        withPolicy(dir, { policy, grpo: { beta: 0.04, importanceSamplingLevel: "sequence" } }, async (opened) => {
          fillAdapters(opened);
          const { config } = opened.policy;
          const [group] = scoredGroups(readExpected(fixture), config);
          assert.ok(group);
          const { paddedLength } = group.prompt;
          const shape = { promptLength: paddedLength, count: 1, completionLength: 16 };
          assert.equal(promptSegments(config, paddedLength, usualLimits).length, 1);
          assert.equal(completionPlan(config, shape, usualLimits).kind, "whole");
          const known = await trained(opened, usualLimits, fixture);
          for (const [cut, limits] of cuts) {
            const expected = Math.ceil(layers / (limits.bytes === 1 ? 1 : limits.layers));
            assert.equal(promptSegments(config, paddedLength, limits).length, expected);
            assert.equal(completionPlan(config, shape, limits).kind, "segments");
            const found = await trained(opened, limits, fixture);
            for (const method of ["grpo", "sft"] as const) {
              assert.ok(Math.abs(found[method].loss / known[method].loss - 1) < 1e-5, `${method}, ${cut}: loss`);
              for (const [name, gradient] of known[method].gradients) {
                const error = relativeError(found[method].gradients.get(name) ?? [], gradient);
                assert.ok(error < 1e-5, `${method}, ${cut}: the gradient of ${name} is off by ${error}`);
              }
            }
          }
        }));
    }

    test("keys, values and log-probabilities too", () =>
      withPolicy(dir, {}, async ({ policy }) => {
        const [group] = scoredGroups(readExpected(fixture), policy.config);
        assert.ok(group);
        const known = await computePromptKv(policy, group.prompt);
        const knownLogprobs_G_T = await referenceLogprobs(policy, group, 1);
        for (const limits of cuts.values()) {
          const cut = { ...policy, limits };
          const { keys_L, values_L, handedOn } = await computePromptKv(cut, group.prompt, { keepsHandedOn: true });
          assert.equal(keys_L.length, layers);
          assert.equal(handedOn?.hidden_S.length, partsOfPrompt(cut, group.prompt, null).length - 1);
          keys_L.forEach((keys, layer) => assert.ok(maxDifference(keys, known.keys_L[layer] ?? []) < 1e-5));
          values_L.forEach((values, layer) => assert.ok(maxDifference(values, known.values_L[layer] ?? []) < 1e-5));
          const logprobs_G_T = await referenceLogprobs(cut, group, 1);
          logprobs_G_T.forEach((row, k) => assert.ok(maxDifference(row, knownLogprobs_G_T[k] ?? []) < 1e-5));
        }
      }));
  });
}

interface Trained {
  readonly loss: number;
  readonly gradients: ReadonlyMap<string, Float32Array>;
}

/** A GRPO step and an SFT step on the fixture's group, cut as said. */
async function trained(
  { policy: opened, optimizer, spec }: OpenedPolicy & { readonly spec: RunSpec },
  limits: ActivationLimits,
  fixture: "qwen2.5-vl" | "qwen3-vl",
): Promise<{ readonly grpo: Trained; readonly sft: Trained }> {
  const policy = { ...opened, limits };
  const [scored] = scoredGroups(readExpected(fixture), policy.config);
  assert.ok(scored);
  // Ratios near 1, so that not everything is clipped.
  const oldLogprobs_G_T = await referenceLogprobs(opened, scored, 1);
  const group = { ...scored, oldLogprobs_G_T };
  const { prompt, tokens_G_T } = group;
  const gradients = (): Map<string, Float32Array> =>
    new Map([...optimizer.gradients].map(([name, data]) => [name, data.slice()]));
  clearGradients(optimizer);
  const reference = oldLogprobs_G_T.map((row) => row.map((logprob) => logprob + 0.3));
  // As a run does it: the sampler's keys and values, which say nothing of what was handed on.
  const kv = limits.layers === 2 ? await computePromptKv(policy, prompt) : undefined;
  const outcome = await accumulateGroup(policy, optimizer, group, reference, stepTotals([group]), spec.grpo, kv);
  const grpo = { loss: outcome.loss, gradients: gradients() };
  clearGradients(optimizer);
  const loss = await accumulateTarget(policy, optimizer, { prompt, tokens_G_T }, 19);
  return { grpo, sft: { loss, gradients: gradients() } };
}

/** Adapters begin as nothing, and then half of their gradients are zero. */
function fillAdapters({ policy }: OpenedPolicy): void {
  const random = seededRandom(11);
  for (const data of policy.adapters.values()) data.forEach((_, i) => (data[i] = 0.2 * (2 * random() - 1)));
}

/** The fixture's policy with more layers, and random weights. */
async function writeDeepPolicy(from: string, to: string): Promise<void> {
  for (const name of fs.readdirSync(from).filter((file) => !file.endsWith(".safetensors")))
    fs.copyFileSync(path.join(from, name), path.join(to, name));
  const file = path.join(to, "config.json");
  const json = readJson<{ text_config: object }>(file);
  const config = { ...json, text_config: { ...json.text_config, num_hidden_layers: layers } };
  fs.writeFileSync(file, JSON.stringify(config));
  const random = seededRandom(5);
  const tensors = parameterSpecs(readPolicyConfig(config, file)).map(({ name, shape }) => {
    const columns = shape.length < 2 ? 1 : elementCount(shape.slice(1));
    const isNorm = /norm|ln_q/.test(name) && name.endsWith("weight");
    const draw = (): number => (isNorm ? 1 : 0) + (2 * random() - 1) * (isNorm ? 0.2 : 1.7 / Math.sqrt(columns));
    return { name, shape, data: Float32Array.from({ length: elementCount(shape) }, draw) };
  });
  await writeSafetensors(path.join(to, "model.safetensors"), tensors, "float32");
}
