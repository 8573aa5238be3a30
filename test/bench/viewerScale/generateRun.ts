import fs from "node:fs";
import path from "node:path";
import { encodeIndexBlock } from "../../../src/protocol/rolloutIndex.ts";
import { recordVersion } from "../../../src/protocol/records.ts";
import type { CompletionRecord, GroupRecord, RunRecord, RunState } from "../../../src/protocol/records.ts";
import { parseSpec } from "../../../src/engine/data/specFile.ts";
import { runFiles } from "../../../src/engine/store/runPaths.ts";

const groupsPerStep = 4;
const groupSize = 8;
/** Prompts of the data: a run of many steps draws each again and again. */
const prompts = 2000;

const words = ["opens the laptop", "washes a cup", "sits down on the sofa", "throws the pillow", "looks at the window"];
const filler =
  "Before that the camera shows an empty room with a table on the left, a window behind it and two chairs; nobody moves for a while, and the light stays as it is.";
/** Keys as TRL logs them. */
const metricsOfStep = {
  reward_std: 0.3,
  frac_reward_zero_std: 0.05,
  "rewards/format/mean": 0.97,
  "rewards/tiou/mean": 0.6,
  "completions/mean_length": 130,
  "completions/clipped_ratio": 0.03,
  "clip_ratio/low_mean": 0,
  "clip_ratio/high_mean": 0,
  kl: 0.02,
  entropy: 0.8,
  grad_norm: 1.2,
};

/** Writes a finished run of so many rollouts as a run process leaves it, and prints its folder. */
const [dir = "", count = "200000"] = process.argv.slice(2);
const steps = Math.ceil(Number(count) / (groupsPerStep * groupSize));
fs.mkdirSync(runFiles.rolloutsDir(dir), { recursive: true });
fs.writeFileSync(runFiles.run(dir), JSON.stringify(runRecord()));
fs.writeFileSync(runFiles.state(dir), JSON.stringify(runState()));
const metrics: string[] = [];
const blocks: Uint8Array[] = [];
for (let step = 1; step <= steps; step += 1) {
  const groups = Array.from({ length: groupsPerStep }, (_, group) => groupRecord(step, group));
  const texts = groups.map((group) => Buffer.from(`${JSON.stringify(group)}\n`));
  const offsets = texts.map((_, at) => texts.slice(0, at).reduce((sum, text) => sum + text.length, 0));
  const lines = groups.map((line, at) => ({ line, offset: offsets[at] ?? 0, bytes: texts[at]?.length ?? 0 }));
  const whole = Buffer.concat(texts);
  fs.writeFileSync(runFiles.rollouts(dir, step), whole);
  blocks.push(encodeIndexBlock(step, lines, whole.length));
  const reward = groups.reduce((sum, group) => sum + group.rewardMean, 0) / groups.length;
  metrics.push(JSON.stringify({ version: recordVersion, step, metrics: { ...metricsOfStep, reward } }));
}
fs.writeFileSync(runFiles.metrics(dir), `${metrics.join("\n")}\n`);
fs.writeFileSync(runFiles.rolloutIndex(dir), Buffer.concat(blocks));

function groupRecord(step: number, group: number): GroupRecord {
  const prompt = (step * groupsPerStep + group) % prompts;
  const truth = { startSec: 10 + (prompt % 40), endSec: 22 + (prompt % 40) };
  const skill = 1 - Math.exp(-step / (steps / 3));
  const completions = Array.from({ length: groupSize }, (_, k) => completionRecord(step, group, k, truth, skill));
  const rewards = completions.map(({ reward }) => reward ?? 0);
  const mean = rewards.reduce((sum, reward) => sum + reward, 0) / groupSize;
  const std = Math.sqrt(rewards.reduce((sum, reward) => sum + (reward - mean) ** 2, 0) / (groupSize - 1));
  const dataset = prompt % 3 === 0 ? "activitynet" : "charades";
  return {
    version: recordVersion,
    step,
    group,
    datasetId: dataset,
    exampleId: `${dataset}_${String(prompt).padStart(5, "0")}`,
    task: "temporal-grounding",
    prompt: `Find the event number ${prompt} in the video and say when it starts and ends.`,
    question: `event number ${prompt}`,
    think: true,
    durationSec: 90,
    row: null,
    promptTokens: 2400,
    video: null,
    truth: { task: "temporal-grounding", segment: truth },
    rewardMean: mean,
    rewardStd: std,
    completions: completions.map((completion) => ({
      ...completion,
      advantage: ((completion.reward ?? 0) - mean) / (std + 1e-4),
    })),
  };
}

function completionRecord(
  step: number,
  group: number,
  k: number,
  truth: { readonly startSec: number; readonly endSec: number },
  skill: number,
): CompletionRecord {
  const random = noise(step * 64 + group * 8 + k);
  const shift = (1 - skill) * 20 * (random - 0.5);
  const segment = { startSec: Math.max(0, truth.startSec + shift), endSec: truth.endSec + shift };
  const isCut = random > 0.97;
  const tiou = isCut ? 0 : Math.max(0, 1 - Math.abs(shift) / 8);
  const answer = `${segment.startSec.toFixed(1)} to ${segment.endSec.toFixed(1)}`;
  const think = `The person enters at ${segment.startSec.toFixed(1)} s and ${words[step % words.length]} until they leave the room. ${filler}`;
  return {
    id: `${step}/${group}/${k}`,
    text: isCut ? `<think>${think}` : `<think>${think}</think>\n<answer>${answer}</answer>`,
    tokenCount: isCut ? 256 : 80 + Math.round(100 * random),
    finishReason: isCut ? "length" : "eos",
    parsed: isCut
      ? { task: "temporal-grounding", failures: ["no-answer-tag"] }
      : { task: "temporal-grounding", segment, failures: [] },
    rewards: [
      { name: "format", weight: 1, value: isCut ? 0 : 1 },
      { name: "tiou", weight: 1, value: tiou },
      { name: "length", weight: 0.2, value: random },
    ],
    reward: (isCut ? 0 : 1) + tiou + 0.2 * random,
    advantage: 0,
    meanKl: 0.01 + 0.02 * random,
    meanEntropy: 0.4 + 0.8 * random,
  };
}

/** The same number in [0, 1) for the same seed (a hash, as in the papers on value noise). */
function noise(seed: number): number {
  const value = Math.sin(seed * 12.9898) * 43758.5453;
  return value - Math.floor(value);
}

function runRecord(): RunRecord {
  const parsed = parseSpec(
    JSON.stringify({
      name: "viewer-scale",
      policy: { model: "policy" },
      data: [{ id: "charades", task: "temporal-grounding", format: "charades-sta", path: "a.json", videos: "v" }],
      rewards: [{ name: "format" }, { name: "tiou" }],
      grpo: { steps },
    }),
  );
  if (!parsed.ok) throw new Error(`internal: ${JSON.stringify(parsed.problems)}`);
  return {
    version: recordVersion,
    id: path.basename(dir),
    name: "viewer-scale",
    createdAt: "2026-01-02T10:00:00.000Z",
    specPath: path.join(dir, "viewer-scale.rft.json"),
    spec: parsed.spec,
    baseDir: dir,
    versions: { videoRft: "0.1.0", onnxruntime: "", node: process.version, ffmpeg: "" },
    gitCommit: null,
    hashes: { policy: "", datasets: {}, prompts: {} },
    seed: 7,
    device: { provider: "cpu", platform: "generated", cpu: "", threads: 1 },
  };
}

function runState(): RunState {
  return {
    version: recordVersion,
    status: "finished",
    phase: "idle",
    step: steps,
    steps,
    updatedAt: "2026-01-03T10:00:00.000Z",
    reward: 1.8,
    lastCheckpoint: null,
  };
}
