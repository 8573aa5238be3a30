// One process of `grpoStep.ts`: steps of the embedded engine on one group, a line of JSON at the end.
import fs from "node:fs";
import os from "node:os";
import { performance } from "node:perf_hooks";
import { validateSpec } from "../../../src/protocol/spec.ts";
import { openPolicy } from "../../../src/engine/embedded/openPolicy.ts";
import { accumulateGroup, referenceLogprobs, stepTotals } from "../../../src/engine/grpo/grpoStep.ts";
import { prepareTokens } from "../../../src/engine/policy/preparedPrompt.ts";
import { computePromptKv } from "../../../src/engine/policy/promptKv.ts";
import { applyGradients } from "../../../src/engine/policy/trainer.ts";
import { sampleGroups } from "../../../src/engine/rollout/sampler.ts";
import { randomClip } from "./clip.ts";
import type { StepShape } from "./shape.ts";

// SAFETY: written by grpoStep.ts.
const shape = JSON.parse(fs.readFileSync(process.argv[2] ?? "", "utf8")) as StepShape;
const { groupSize, completionTokens, beta } = shape;
const grpo = { groupSize, maxCompletionLength: completionTokens, beta, lossType: "dapo" as const };
const data = { id: "a", task: "tracking", format: "got10k-sampled", path: "a.json", videos: "." } as const;
const checked = validateSpec({
  name: "bench",
  policy: { model: shape.checkpoint, training: "full", freezeVision: true },
  data: [data],
  rewards: [{ name: "format" }],
  grpo,
});
if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
const { spec } = checked;
const { policy: opened, optimizer } = await openPolicy(spec, "", null, os.availableParallelism());
// Nothing ends a completion early: all are as long as is asked for.
const policy = { ...opened, config: { ...opened.config, eosTokenIds: [] } };
const { config } = policy;
const clip = randomClip(shape);
const side = config.vision.patchSize * config.vision.spatialMergeSize;
const visual = (shape.frames * shape.heightPx * shape.widthPx) / side ** 2 / config.vision.temporalPatchSize;
const text = Array.from({ length: shape.promptTokens - visual - 1 }, (_, i) => 20 + (i % 200));
const ids = [config.visionStartTokenId, ...new Array<number>(visual).fill(config.videoTokenId), ...text];
const prompt = prepareTokens(ids, [{ kind: "video", clip }], config);

const steps: Record<string, number>[] = [];
for (let step = 0; step < shape.steps; step++) {
  const times = [performance.now()];
  const lap = (): void => void times.push(performance.now());
  const kv = await computePromptKv(policy, prompt, { keepsHandedOn: true });
  lap();
  const options = { temperature: 1, topP: 1, topK: 0, groupSize, maxCompletionLength: completionTokens };
  const [completions = []] = await sampleGroups(policy, [{ prompt, seed: step, kv }], options);
  lap();
  const group = {
    prompt,
    tokens_G_T: completions.map((c) => c.tokens_T),
    oldLogprobs_G_T: completions.map((c) => c.logprobs_T),
    advantages_G: completions.map((_, k) => (k % 2 === 0 ? 1 : -1)),
    isMasked_G: completions.map(() => false),
  };
  const reference = beta > 0 ? await referenceLogprobs(policy, group, 1) : null;
  lap();
  await accumulateGroup(policy, optimizer, group, reference, stepTotals([group]), spec.grpo, kv);
  lap();
  await applyGradients(policy, optimizer, 1e-6, 0);
  lap();
  const seconds = times.slice(1).map((time, i) => (time - (times[i] ?? 0)) / 1000);
  const [prefill = 0, decode = 0, score = 0, accumulate = 0, apply = 0] = seconds;
  steps.push({ prefill, decode, score, accumulate, apply, total: seconds.reduce((a, b) => a + b, 0) });
}
console.log(JSON.stringify({ steps, peakBytes: process.resourceUsage().maxRSS * 1024 }));
