import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { accumulateGroup, referenceLogprobs, stepTotals, type ScoredGroup } from "../../../src/engine/grpo/grpoStep.ts";
import { elementCount } from "../../../src/engine/graph/types.ts";
import { readPolicyConfig } from "../../../src/engine/policy/config.ts";
import { parameterSpecs } from "../../../src/engine/policy/parameters.ts";
import { writeSafetensors } from "../../../src/engine/policy/safetensors.ts";
import { applyGradients } from "../../../src/engine/policy/trainer.ts";
import { sampleGroups } from "../../../src/engine/rollout/sampler.ts";
import { seededRandom } from "../../../src/engine/rollout/tokenChoice.ts";
import { checkpointDir, readJson, tinyClip, tinyPrompt, withPolicy } from "../policy/tinyPolicy.ts";

let dir = "";
before(async () => {
  dir = fs.mkdtempSync(path.join(os.tmpdir(), "vrft-determinism-"));
  await writeWidePolicy(dir);
});
after(() => fs.rmSync(dir, { recursive: true, force: true }));

for (const threads of [1, 2]) {
  test(`three GRPO steps give the same bits each time, threads ${threads}`, async () => {
    const first = await trainedHash(threads);
    assert.equal(await trainedHash(threads), first);
  });
}

/** Weights after three steps of GRPO from a fixed seed, with sampling, reference and clipping, as one hash. */
async function trainedHash(threads: number): Promise<string> {
  const change = { threads, grpo: { beta: 0.04, lossType: "dapo" as const } };
  return withPolicy(dir, change, async ({ policy, optimizer, spec }) => {
    const clips = [3, 5].map((duration) => tinyClip({ frames: 4, height: 112, width: 112, duration }));
    const text = Array.from({ length: 40 }, (_, i) => (i * 53) % 250);
    const prompts = clips.map((clip, i) => tinyPrompt(policy.config, clip, text.slice(i)));
    for (let step = 1; step <= 3; step++) {
      const requests = prompts.map((prompt, i) => ({ prompt, seed: 10 * step + i }));
      const options = { temperature: 1, topP: 1, topK: 0, groupSize: 4, maxCompletionLength: 16 };
      const sampled = await sampleGroups(policy, requests, options);
      const groups = prompts.map((prompt, i): ScoredGroup => {
        const completions = sampled[i] ?? [];
        return {
          prompt,
          tokens_G_T: completions.map((c) => c.tokens_T),
          oldLogprobs_G_T: completions.map((c) => c.logprobs_T),
          advantages_G: [1.2, -0.3, 0.1, -1],
          isMasked_G: [false, false, false, false],
        };
      });
      for (const group of groups) {
        const reference = await referenceLogprobs(policy, group, 1);
        await accumulateGroup(policy, optimizer, group, reference, stepTotals(groups), spec.grpo);
      }
      await applyGradients(policy, optimizer, 1e-3, 0.01);
    }
    const hash = createHash("sha256");
    for (const data of policy.checkpoint.weights.values()) hash.update(data);
    return hash.digest("hex");
  });
}

/** Random weights wide enough that the runtime divides its work among threads. */
async function writeWidePolicy(to: string): Promise<void> {
  const from = checkpointDir("policy/tied");
  for (const name of ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"]) {
    fs.copyFileSync(path.join(from, name), path.join(to, name));
  }
  const json = readJson<{ text_config: object; vision_config: object }>(path.join(from, "config.json"));
  const text = {
    ...json.text_config,
    hidden_size: 128,
    intermediate_size: 256,
    rope_parameters: { rope_type: "default", mrope_section: [4, 6, 6], rope_theta: 10000 },
  };
  const vision = { ...json.vision_config, hidden_size: 64, intermediate_size: 128, out_hidden_size: 128 };
  const config = { ...json, text_config: text, vision_config: vision };
  fs.writeFileSync(path.join(to, "config.json"), JSON.stringify(config));
  const random = seededRandom(3);
  const tensors = parameterSpecs(readPolicyConfig(config, "config.json")).map(({ name, shape }) => {
    const columns = shape.length < 2 ? 1 : elementCount(shape.slice(1));
    const draw = (): number => (2 * random() - 1) * (1.7 / Math.sqrt(columns));
    const isNorm = /norm|ln_q/.test(name);
    const data = Float32Array.from({ length: elementCount(shape) }, () => (isNorm ? 1 : draw()));
    return { name, shape, data };
  });
  await writeSafetensors(path.join(to, "model.safetensors"), tensors, "float32");
}
