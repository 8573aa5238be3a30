// What a GRPO step with LoRA costs on a policy of a published size: `node scripts/typescript.mjs test/bench/loraStep.ts
// ["policy 0.5B"] ["policy 3B"] [--prompts 1024,2048] [--layers N] [--depth N]` writes random bfloat16 weights of that shape
// into a temporary folder, and samples, scores and updates on one group of each prompt length. `--layers` cuts the decoder
// into segments of so many layers, `--layers all` not at all; else it is cut as in a run. `--depth` takes only so many layers
// of the shape, as wide as they are, for a machine that is too small or too busy for all of them. The prompt is text: with
// LoRA the vision tower stands still, and a clip is embedded once. Peaks are those of Linux (VmHWM), by prompt length.
import fs from "node:fs";
import os from "node:os";
import { performance } from "node:perf_hooks";
import { parseArgs } from "node:util";
import { openPolicy, type OpenedPolicy } from "../../src/engine/embedded/openPolicy.ts";
import { policyMemory, policyUse } from "../../src/engine/embedded/policyMemory.ts";
import { accumulateGroup, referenceLogprobs, stepTotals } from "../../src/engine/grpo/grpoStep.ts";
import { promptSegments, completionPlan, type ActivationLimits } from "../../src/engine/policy/activations.ts";
import type { Policy } from "../../src/engine/policy/policy.ts";
import { prepareTokens } from "../../src/engine/policy/preparedPrompt.ts";
import { computePromptKv } from "../../src/engine/policy/promptKv.ts";
import { applyGradients } from "../../src/engine/policy/trainer.ts";
import { sampleGroups } from "../../src/engine/rollout/sampler.ts";
import { validateSpec, type RunSpec } from "../../src/protocol/spec.ts";
import { publishedNames, withRandomCheckpoint, type PublishedName } from "./randomWeights.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    prompts: { type: "string", default: "1024,2048" },
    group: { type: "string", default: "4" },
    completion: { type: "string", default: "32" },
    layers: { type: "string" },
    depth: { type: "string" },
  },
});
const groupSize = Number(values.group);
const completionTokens = Number(values.completion);
const chosen = publishedNames.filter((name) =>
  positionals.length === 0 ? name === "policy 0.5B" : positionals.includes(name),
);
const phases = ["prefill", "decode", "score", "accumulate", "apply"] as const;

console.log(
  `LoRA of rank 16 on queries, keys, values and outputs, G = ${groupSize}, ${completionTokens} completion tokens\n`,
);
console.log(`| policy | prompt | segments | step | ${phases.join(" | ")} | open | peak | reckoned |`);
console.log(`|${"---|".repeat(phases.length + 7)}`);
const depth = values.depth === undefined ? undefined : Number(values.depth);
for (const name of chosen) await withRandomCheckpoint(name, (dir) => measure(name, dir), depth);

async function measure(name: PublishedName, dir: string): Promise<void> {
  const spec = specOf(dir);
  const opened = await openPolicy(spec, "", null, os.availableParallelism());
  const openBytes = process.memoryUsage().rss;
  // Nothing ends a completion early: all are as long as is asked for.
  const config = { ...opened.policy.config, eosTokenIds: [] };
  const policy: Policy = { ...opened.policy, config, limits: limitsOf(opened.policy) };
  for (const promptTokens of values.prompts.split(",").map(Number)) {
    resetPeak();
    const seconds = await step({ ...opened, policy }, spec, promptTokens);
    const total = phases.reduce((sum, phase) => sum + seconds[phase], 0);
    const reckoned = policyMemory(config, policyUse(spec, true), { promptTokens, completionTokens }).total;
    const cells = [
      ...[name, promptTokens, segmentsOf(policy, promptTokens), inSeconds(total)],
      ...phases.map((phase) => inSeconds(seconds[phase])),
      ...[openBytes, peakBytes(), reckoned].map((count) => `${(count / 1e9).toFixed(1)} GB`),
    ];
    console.log(`| ${cells.join(" | ")} |`);
  }
  await policy.graphs.dispose();
}

async function step(
  { policy, optimizer }: OpenedPolicy,
  spec: RunSpec,
  promptTokens: number,
): Promise<Record<(typeof phases)[number], number>> {
  const text = Array.from({ length: promptTokens }, (_, i) => 20 + (i % 200));
  const prompt = prepareTokens(text, [], policy.config);
  const seconds = { prefill: 0, decode: 0, score: 0, accumulate: 0, apply: 0 };
  let last = performance.now();
  const lap = (phase: (typeof phases)[number]): void => {
    const now = performance.now();
    seconds[phase] = (now - last) / 1000;
    last = now;
  };
  const kv = await computePromptKv(policy, prompt, { keepsHandedOn: true });
  lap("prefill");
  const options = { temperature: 1, topP: 1, topK: 0, groupSize, maxCompletionLength: completionTokens };
  const [completions = []] = await sampleGroups(policy, [{ prompt, seed: 1, kv }], options);
  lap("decode");
  const group = {
    prompt,
    tokens_G_T: completions.map((c) => c.tokens_T),
    oldLogprobs_G_T: completions.map((c) => c.logprobs_T),
    advantages_G: completions.map((_, k) => (k % 2 === 0 ? 1 : -1)),
    isMasked_G: completions.map(() => false),
  };
  const reference = await referenceLogprobs(policy, group, 1);
  lap("score");
  const { loss } = await accumulateGroup(policy, optimizer, group, reference, stepTotals([group]), spec.grpo, kv);
  lap("accumulate");
  const norm = await applyGradients(policy, optimizer, 1e-6, 0);
  lap("apply");
  if (!Number.isFinite(loss) || !Number.isFinite(norm)) throw new Error(`loss ${loss}, gradient norm ${norm}`);
  return seconds;
}

function specOf(model: string): RunSpec {
  const data = { id: "a", task: "tracking", format: "got10k-sampled", path: "a.json", videos: "." } as const;
  const checked = validateSpec({
    name: "bench",
    policy: { model, lora: { rank: 16 } },
    data: [data],
    rewards: [{ name: "format" }],
    grpo: { groupSize, maxCompletionLength: completionTokens, beta: 0.04 },
  });
  if (!checked.ok) throw new Error(JSON.stringify(checked.problems));
  return checked.spec;
}

function limitsOf({ limits }: Policy): ActivationLimits {
  if (values.layers === undefined) return limits;
  return values.layers === "all" ? { bytes: Infinity, layers: Infinity } : { ...limits, layers: Number(values.layers) };
}

/** "12 of 3 layers; completions 1": graphs that the decoder is cut into over the prompt, and over the completions. */
function segmentsOf({ config, limits }: Policy, promptTokens: number): string {
  const ofPrompt = promptSegments(config, promptTokens, limits);
  const shape = { promptLength: promptTokens, count: 1, completionLength: completionTokens };
  const plan = completionPlan(config, shape, limits);
  return `${ofPrompt.length}; completions ${plan.kind === "whole" ? 1 : plan.segments.length}`;
}

function resetPeak(): void {
  fs.writeFileSync("/proc/self/clear_refs", "5");
}

function peakBytes(): number {
  const [, kilobytes] = /VmHWM:\s+(\d+) kB/.exec(fs.readFileSync("/proc/self/status", "utf8")) ?? [];
  return Number(kilobytes) * 1024;
}

function inSeconds(value: number): string {
  return `${value.toFixed(1)} s`;
}
