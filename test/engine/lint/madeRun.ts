import { groupsOfBlock } from "../../../src/engine/lint/run/groupStats.ts";
import type { RunEvidence } from "../../../src/engine/lint/run/evidence.ts";
import { textStatsOf } from "../../../src/engine/lint/run/textStats.ts";
import { createUniform } from "../../../src/engine/metrics/random.ts";
import { computeAdvantages } from "../../../src/engine/rewards/advantages.ts";
import { partOf, scoreItem, isPureReward, appliesTo, sumOf } from "../../../src/engine/rewards/rewards.ts";
import { tasks } from "../../../src/engine/tasks/tasks.ts";
import type { GroupRecord, RewardPart } from "../../../src/protocol/records.ts";
import { recordVersion } from "../../../src/protocol/records.ts";
import { decodeIndex, encodeIndexBlock } from "../../../src/protocol/rolloutIndex.ts";
import { rewardKey } from "../../../src/protocol/rewardSpec.ts";
import type { RunSpec, RunSpecInput } from "../../../src/protocol/spec.ts";
import { runSpecSchema } from "../../../src/protocol/spec.ts";
import { choiceExample, groundingExample, rewardItem } from "../examples.ts";

/** What one completion of a made run says and costs. */
export interface Said {
  readonly text: string;
  readonly tokens: number;
  /** Values of rewards that are functions of the workspace; an error fails. */
  readonly workspace?: Readonly<Record<string, number | Error>>;
}

/** `progress` rises from 0 to 1 over the run; `uniform` is the run's own random source. */
export type Saying = (at: { progress: number; step: number; k: number; uniform: () => number; hard: number }) => Said;

export interface MadeRun {
  readonly spec?: Partial<RunSpecInput>;
  readonly steps?: number;
  readonly groupsPerStep?: number;
  readonly task?: "temporal-grounding" | "multiple-choice";
  readonly think?: boolean;
  readonly say?: Saying;
  /** Metrics of a step beside none. */
  readonly metrics?: (at: { progress: number; step: number; uniform: () => number }) => Record<string, number>;
  readonly evidence?: Partial<RunEvidence>;
}

export function specOfRun(changes: Partial<RunSpecInput> = {}): RunSpec {
  return runSpecSchema.parse({
    name: "made",
    policy: { model: "policy" },
    data: [
      { id: "data", task: "temporal-grounding", format: "charades-sta", path: "a.json", videos: "v" },
      { id: "choice", task: "multiple-choice", format: "multiple-choice", path: "b.json", videos: "v" },
    ],
    rewards: [{ name: "format", weight: 0.5 }, { name: "tiou" }, { name: "accuracy" }],
    grpo: { groupSize: 8, maxCompletionLength: 200 },
    ...changes,
  });
}

/** Reasons about it and answers with noise that shrinks: what a run that learns looks like. */
export const learns: Saying = ({ progress, k, step, uniform, hard }) => {
  const noise = (8 - 5 * progress) * (uniform() - 0.5) + 3 * hard;
  const answer = `${(5 + noise).toFixed(1)} to ${(10 + noise).toFixed(1)}`;
  const isForm = uniform() < 0.7 + 0.3 * progress;
  const think = `<think>It begins near ${(5 + noise).toFixed(2)} s (${step}.${k}).</think>`;
  const tokens = 60 + Math.round(20 * (uniform() - 0.5));
  return { text: `${think}${isForm ? `<answer>${answer}</answer>` : answer}`, tokens };
};

export const healthyMetrics: NonNullable<MadeRun["metrics"]> = ({ progress, uniform }) => ({
  kl: 0.002 + 0.02 * progress + 0.002 * uniform(),
  entropy: 1.2 - 0.5 * progress + 0.1 * uniform(),
  "clip_ratio/region_mean": 0,
});

/**
 * A run as it would lie on the disk: its texts are scored by the built-in rewards, its groups go through the index, so that the
 * linter sees what it would see of a real one.
 */
export function madeRun(made: MadeRun = {}): RunEvidence {
  const { steps = 60, groupsPerStep = 2, task = "temporal-grounding", think = true, say = learns } = made;
  const spec = specOfRun(made.spec);
  const uniform = createUniform(11);
  const numbers = Array.from({ length: steps }, (_, i) => i + 1);
  const lines = numbers.map((step) => {
    const progress = (step - 1) / Math.max(1, steps - 1);
    return Array.from({ length: groupsPerStep }, (_, group) => {
      const hard = uniform();
      const said = Array.from({ length: spec.grpo.groupSize }, (_, k) => say({ progress, step, k, uniform, hard }));
      return groupRecord(spec, { step, group, task, think }, said);
    });
  });
  return {
    spec,
    isImported: false,
    groups: lines.flatMap((records, i) => groupsOfBlock(blockOf(numbers[i] ?? 0, records), spec)),
    texts: lines.map((records, i) => textStatsOf(numbers[i] ?? 0, records)),
    metrics: numbers.map((step) => ({
      version: recordVersion,
      step,
      metrics: (made.metrics ?? healthyMetrics)({ progress: step / steps, step, uniform }),
    })),
    evaluations: [],
    repeats: [],
    ...made.evidence,
  };
}

function blockOf(step: number, records: readonly GroupRecord[]) {
  const placed = records.map((line) => ({ line, offset: 0, bytes: 0 }));
  const [block] = decodeIndex(encodeIndexBlock(step, placed, 0));
  if (block === undefined) throw new Error("the block cannot be read");
  return block;
}

function groupRecord(
  spec: RunSpec,
  at: { step: number; group: number; task: "temporal-grounding" | "multiple-choice"; think: boolean },
  said: readonly Said[],
): GroupRecord {
  const { step, group, task, think } = at;
  const example = {
    ...(task === "temporal-grounding" ? groundingExample : choiceExample),
    datasetId: task === "temporal-grounding" ? "data" : "choice",
    id: `clip_${step}_${group}`,
  };
  const parts_G = said.map(({ text, tokens, workspace = {} }) =>
    spec.rewards
      .filter((reward) => appliesTo(reward, example))
      .map((reward): RewardPart => {
        const item = rewardItem(text, example, { think, completion: { tokenCount: tokens } });
        if (isPureReward(reward)) return partOf(reward, scoreItem(reward, item));
        const value = workspace[rewardKey(reward)] ?? 0;
        const isError = value instanceof Error;
        const part = partOf(reward, { value: isError ? 0 : value });
        return isError ? { ...part, error: { kind: "exception", message: value.message } } : part;
      }),
  );
  const rewards_G = parts_G.map(sumOf);
  const [advantages_G = []] = computeAdvantages([rewards_G], spec.grpo.scaleRewards);
  const { id: exampleId, datasetId, question, options, durationSec, truth, row } = example;
  return {
    version: recordVersion,
    ...{ step, group, task, think, datasetId, exampleId, question, options, durationSec, truth, row },
    prompt: question,
    promptTokens: 10,
    video: null,
    rewardMean: 0,
    rewardStd: 0,
    completions: said.map(({ text, tokens }, k) => ({
      id: `${step}/${group}/${k}`,
      text,
      tokenCount: tokens,
      finishReason: tokens >= spec.grpo.maxCompletionLength ? "length" : "eos",
      parsed: tasks[task].parse(text, example),
      rewards: parts_G[k] ?? [],
      reward: rewards_G[k] ?? null,
      advantage: advantages_G[k] ?? 0,
      meanKl: null,
      meanEntropy: null,
    })),
  };
}
