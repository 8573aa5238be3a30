import fs from "node:fs/promises";
import path from "node:path";
import { savePolicy } from "../../src/engine/embedded/savePolicy.ts";
import { preparePrompt } from "../../src/engine/policy/preparedPrompt.ts";
import { tensorOf, type Policy } from "../../src/engine/policy/policy.ts";
import { writeSafetensors } from "../../src/engine/policy/safetensors.ts";
import { applyGradients } from "../../src/engine/policy/trainer.ts";
import { accumulateTarget } from "../../src/engine/sft/sftStep.ts";
import { computeLogits } from "../engine/policy/logits.ts";
import {
  checkpointDir,
  readJson,
  tinyClip,
  withPolicy,
  type TinyCheckpoint,
  type TinyVideo,
} from "../engine/policy/tinyPolicy.ts";

/**
 * Trains tiny policies for a step and writes them as a run does, beside the logits that we compute with them:
 * checkExport.py loads them with transformers and peft. `node scripts/testPython.mjs`.
 */
interface Expected {
  readonly video: TinyVideo;
  readonly question: string;
  readonly promptIds: readonly number[];
  readonly completionIds: readonly number[];
}

const cases = {
  "full-float32": { base: "policy/untied", policy: { training: "full", dtype: "float32" } },
  "full-bfloat16": { base: "policy/tied", policy: { training: "full", dtype: "bfloat16" } },
  adapter: { base: "policy/tied", policy: { lora: { rank: 3, alpha: 5 } } },
} as const;

const [out = ""] = process.argv.slice(2);
for (const [name, { base, policy }] of Object.entries(cases)) {
  await withPolicy(checkpointDir(base), { policy }, async (opened) => {
    const dir = path.join(out, name);
    const expected = readJson<Expected>(path.join(checkpointDir(base), "expected.json"));
    const clip = tinyClip(expected.video);
    const prompt = preparePrompt(expected.question, clip, opened.policy.tokenizer, opened.policy.config);
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
  const data = await computeLogits(policy, tinyClip(expected.video), ids, expected.promptIds.length);
  const shape = [expected.completionIds.length, policy.config.text.vocabSize];
  const name = "model.norm.weight";
  const norm = { name, shape: [policy.config.text.hiddenSize], data: tensorOf(policy, name) };
  await writeSafetensors(path.join(dir, "logits.safetensors"), [{ name: "logits", shape, data }, norm], "float32");
  await fs.writeFile(path.join(dir, "base.json"), JSON.stringify({ base: checkpointDir(base) }));
}
