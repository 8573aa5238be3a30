import fs from "node:fs/promises";
import path from "node:path";
import { savePolicy } from "../../src/engine/embedded/savePolicy.ts";
import { prepareContent } from "../../src/engine/policy/preparedPrompt.ts";
import { tensorOf, type Policy } from "../../src/engine/policy/policy.ts";
import { writeSafetensors } from "../../src/engine/policy/safetensors.ts";
import { applyGradients } from "../../src/engine/policy/trainer.ts";
import { accumulateTarget } from "../../src/engine/sft/sftStep.ts";
import { computeLogits } from "../engine/policy/logits.ts";
import {
  checkpointDir,
  readJson,
  tinyContent,
  visualsIn,
  withPolicy,
  type TinyCheckpoint,
  type TinyPart,
} from "../engine/policy/tinyPolicy.ts";

/**
 * Trains tiny policies for a step and writes them as a run does, beside the logits that we compute with them:
 * checkExport.py loads them with transformers and peft. `npm run test:python`.
 */
interface Expected {
  readonly content: readonly TinyPart[];
  readonly promptIds: readonly number[];
  readonly completionIds: readonly number[];
}

const full = { training: "full", dtype: "float32" } as const;
const lora = { lora: { rank: 3, alpha: 5 } } as const;
const cases = {
  "full-float32": { base: "policy/untied", policy: full },
  "full-bfloat16": { base: "policy/tied", policy: { training: "full", dtype: "bfloat16" } },
  "full-mixed": { base: "policy/mixed", policy: full },
  "full-qwen2-vl": { base: "policy/qwen2-vl", policy: full },
  "full-qwen3-vl": { base: "policy/qwen3-vl", policy: full },
  "full-qwen3-vl-untied": { base: "policy/qwen3-vl-untied", policy: full },
  adapter: { base: "policy/tied", policy: lora },
  "adapter-two-videos": { base: "policy/two-videos", policy: lora },
  "adapter-qwen2-vl": { base: "policy/qwen2-vl", policy: lora },
  "adapter-qwen3-vl": { base: "policy/qwen3-vl", policy: lora },
} as const;

const [out = ""] = process.argv.slice(2);
for (const [name, { base, policy }] of Object.entries(cases)) {
  await withPolicy(checkpointDir(base), { policy }, async (opened) => {
    const dir = path.join(out, name);
    const expected = readJson<Expected>(path.join(checkpointDir(base), "expected.json"));
    const prompt = prepareContent(tinyContent(expected.content), opened.policy.tokenizer, opened.policy.config);
    const tokens_G_T = [Int32Array.from(expected.completionIds)];
    for (let step = 0; step < 2; step++) {
      await accumulateTarget(opened.policy, opened.optimizer, { prompt, tokens_G_T }, expected.completionIds.length);
      await applyGradients(opened.policy, opened.optimizer, 0.01, 0);
    }
    await savePolicy(dir, opened.spec, opened);
    await writeLogits(dir, base, opened.policy, expected);
  });
}

async function writeLogits(dir: string, base: TinyCheckpoint, policy: Policy, expected: Expected): Promise<void> {
  const ids = [...expected.promptIds, ...expected.completionIds];
  const visuals = visualsIn(tinyContent(expected.content));
  const data = await computeLogits(policy, visuals, ids, expected.promptIds.length);
  const shape = [expected.completionIds.length, policy.config.text.vocabSize];
  const name = "model.norm.weight";
  const norm = { name, shape: [policy.config.text.hiddenSize], data: tensorOf(policy, name) };
  await writeSafetensors(path.join(dir, "logits.safetensors"), [{ name: "logits", shape, data }, norm], "float32");
  await fs.writeFile(path.join(dir, "base.json"), JSON.stringify({ base: checkpointDir(base) }));
}
