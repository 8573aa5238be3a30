// What a GRPO step with LoRA costs on a policy of a published size: `node scripts/typescript.mjs test/bench/loraStep.ts
// ["policy 0.5B"] ["policy 3B"] [--prompts 1024,2048] [--layers N] [--depth N]` writes random bfloat16 weights of that shape
// into a temporary folder, and samples, scores and updates on one group of each prompt length. `--layers` cuts the decoder
// into segments of so many layers, `--layers all` not at all; else it is cut as in a run. `--depth` takes only so many layers
// of the shape, as wide as they are, for a machine that is too small or too busy for all of them. The prompt is text: with
// LoRA the vision tower stands still, and a clip is embedded once. Peaks are those of Linux (VmHWM), by prompt length.
// `--steps N` takes medians of the steps after the first. `--python PYTHON` measures transformers with adapters of peft's
// beside it, a copy of the prompt for each completion, one process each. `--device webgpu` (or cuda) computes ours on a
// graphics card, and theirs on CUDA, in the types of `--dtypes float32,bfloat16`.
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
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
import type { Provider } from "../../src/protocol/device.ts";
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
    steps: { type: "string", default: "1" },
    python: { type: "string" },
    device: { type: "string", default: "cpu" },
    dtypes: { type: "string", default: "float32" },
  },
});
const groupSize = Number(values.group);
const completionTokens = Number(values.completion);
const chosen = publishedNames.filter((name) =>
  positionals.length === 0 ? name === "policy 0.5B" : positionals.includes(name),
);
const phases = ["prefill", "decode", "score", "accumulate", "apply"] as const;
type Seconds = Record<(typeof phases)[number], number>;
const rank = 16;
const provider = providerOf(values.device);

console.log(
  `LoRA of rank ${rank} on queries, keys, values and outputs, G = ${groupSize}, ${completionTokens} completion tokens, ${provider}\n`,
);
console.log(`| policy | prompt | segments | step | ${phases.join(" | ")} | decoded | open | peak | reckoned |`);
console.log(`|${"---|".repeat(phases.length + 8)}`);
const depth = values.depth === undefined ? undefined : Number(values.depth);
for (const name of chosen)
  await withRandomCheckpoint(
    name,
    async (dir) => {
      await measure(name, dir);
      if (values.python !== undefined) measureTorch(dir, values.python);
    },
    depth,
  );

async function measure(name: PublishedName, dir: string): Promise<void> {
  const spec = specOf(dir);
  const device = { provider, memoryBytes: null };
  const opened = await openPolicy(spec, "", null, os.availableParallelism(), true, device);
  const openBytes = process.memoryUsage().rss;
  // Nothing ends a completion early: all are as long as is asked for.
  const config = { ...opened.policy.config, eosTokenIds: [] };
  const policy: Policy = { ...opened.policy, config, limits: limitsOf(opened.policy) };
  for (const promptTokens of values.prompts.split(",").map(Number)) {
    resetPeak();
    const steps: Seconds[] = [];
    for (let n = 0; n < Number(values.steps); n++) steps.push(await step({ ...opened, policy }, spec, promptTokens));
    const seconds = medians(steps);
    const total = phases.reduce((sum, phase) => sum + seconds[phase], 0);
    const reckoned = policyMemory(config, policyUse(spec, true), { promptTokens, completionTokens }).total;
    const cells = [
      ...[name, promptTokens, segmentsOf(policy, promptTokens), inSeconds(total)],
      ...phases.map((phase) => inSeconds(seconds[phase])),
      tokenRate(seconds.decode),
      ...[openBytes, peakBytes(), reckoned].map((count) => `${(count / 1e9).toFixed(1)} GB`),
    ];
    console.log(`| ${cells.join(" | ")} |`);
  }
  await policy.graphs.dispose();
}

/** transformers with peft: `generate`, which prefills too, scoring, and the update. */
function measureTorch(checkpoint: string, python: string): void {
  const device = provider === "cpu" ? "cpu" : "cuda";
  const env = { ...process.env, TRANSFORMERS_VERBOSITY: "error", HF_HUB_DISABLE_PROGRESS_BARS: "1" };
  const sizes = { groupSize, completionTokens, frames: 0, heightPx: 0, widthPx: 0, beta: 0.04, loraRank: rank };
  for (const dtype of values.dtypes.split(","))
    for (const promptTokens of values.prompts.split(",").map(Number)) {
      const threads = os.availableParallelism();
      const shape = { ...sizes, checkpoint, promptTokens, device, dtype, threads, steps: Number(values.steps) };
      const file = path.join(checkpoint, "shape.json");
      fs.writeFileSync(file, JSON.stringify(shape));
      const output = execFileSync(python, ["test/bench/grpoStep/reference.py", file, "copies", "1"], { env });
      // SAFETY: the last line that the program prints.
      const { steps, peakBytes: peak } = JSON.parse(output.toString().trim().split("\n").at(-1) ?? "") as {
        readonly steps: readonly Record<"sample" | "score" | "update" | "total", number>[];
        readonly peakBytes: number;
      };
      const { sample, score, update, total } = medians(steps);
      const cells = [total, null, sample, score, update, null].map((value) => (value === null ? "" : inSeconds(value)));
      const held = `${(peak / 1e9).toFixed(1)} GB`;
      const name = `transformers, peft, ${dtype}`;
      console.log(`| ${[name, promptTokens, "", ...cells, tokenRate(sample), "", held, ""].join(" | ")} |`);
    }
}

/** Of each part over the steps after the first, or of the only one. */
function medians<Part extends string>(steps: readonly Readonly<Record<Part, number>>[]): Record<Part, number> {
  const later = steps.length > 1 ? steps.slice(1) : steps;
  const [first] = later;
  if (first === undefined) throw new Error("expected at least one step");
  // SAFETY: the keys of a record are its parts.
  const parts = Object.keys(first) as Part[];
  const median = (part: Part): number =>
    later.map((seconds) => seconds[part]).sort((a, b) => a - b)[later.length >> 1] ?? NaN;
  // SAFETY: one entry a part.
  return Object.fromEntries(parts.map((part) => [part, median(part)])) as Record<Part, number>;
}

function tokenRate(seconds: number): string {
  return `${((groupSize * completionTokens) / seconds).toFixed(0)} tokens/s`;
}

function providerOf(device: string): Provider {
  if (device === "cpu" || device === "webgpu" || device === "cuda") return device;
  throw new Error(`--device ${device}: expected cpu, webgpu or cuda`);
}

async function step({ policy, optimizer }: OpenedPolicy, spec: RunSpec, promptTokens: number): Promise<Seconds> {
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
    policy: { model, lora: { rank } },
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
