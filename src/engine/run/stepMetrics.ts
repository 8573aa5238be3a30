import type { GrpoSpec } from "../../protocol/spec.ts";
import { rewardMetrics, rewardPartMetrics } from "../rewards/rewardMetrics.ts";
import { mean } from "../metrics/statistics.ts";
import type { UpdateResult } from "./backend.ts";
import type { ScoredCompletion, ScoredGroup } from "./scoreGroups.ts";

export type StepMetrics = Record<string, number>;

/**
 * Metrics of the rollouts of a step under TRL's keys, as GRPOTrainer computes them. Beside TRL's: `<data id>/reward`, and
 * `failed_prompts`, the number of prompts that could not be rolled out. Keys whose values do not exist (no groups, no
 * rewards) are left out. Nothing depends on the clock.
 */
export function rolloutMetrics(
  groups: readonly ScoredGroup[],
  failedPrompts: number,
  scaleRewards: GrpoSpec["scaleRewards"],
): StepMetrics {
  return {
    ...rewardMetrics(
      groups.map((group) => rewardsOf(group.completions_G)),
      scaleRewards,
    ),
    ...datasetRewards(groups),
    ...rewardPartMetrics(groups.flatMap((group) => group.completions_G.flatMap(({ parts }) => parts))),
    ...completionLengths(groups),
    failed_prompts: failedPrompts,
  };
}

/** `loss`, `grad_norm` and the backend's own keys (kl, entropy, clip_ratio/…), averaged over the iterations of a step. */
export function updateMetrics(updates: readonly UpdateResult[]): StepMetrics {
  if (updates.length === 0) return {};
  const metrics: StepMetrics = {
    loss: mean(updates.map((update) => update.loss)),
    grad_norm: mean(updates.map((update) => update.gradNorm)),
  };
  const keys = new Set(updates.flatMap((update) => Object.keys(update.metrics)));
  for (const key of keys) {
    const values = updates.map((update) => update.metrics[key] ?? NaN).filter((value) => Number.isFinite(value));
    if (values.length > 0) metrics[key] = mean(values); // a ratio over no tokens has no value
  }
  return metrics;
}

/** Prompt and completion tokens of a step, the prompt counted once a completion, as TRL's num_tokens does. */
export function countTokens(groups: readonly ScoredGroup[]): number {
  let tokens = 0;
  for (const { sampled } of groups) {
    for (const completion of sampled.completions) tokens += sampled.promptTokens + completion.tokens_T.length;
  }
  return tokens;
}

function datasetRewards(groups: readonly ScoredGroup[]): StepMetrics {
  const metrics: StepMetrics = {};
  const ids = [...new Set(groups.map((group) => group.prompt.example.datasetId))].sort();
  for (const id of ids) {
    const own = groups.filter((group) => group.prompt.example.datasetId === id);
    const rewards = own.flatMap((group) => rewardsOf(group.completions_G));
    if (rewards.length > 0) metrics[`${id}/reward`] = mean(rewards);
  }
  return metrics;
}

function completionLengths(groups: readonly ScoredGroup[]): StepMetrics {
  const completions = groups.flatMap((group) => group.completions_G).map((completion) => completion.sampled);
  if (completions.length === 0) return {};
  const lengths = completions.map((completion) => completion.tokens_T.length);
  const ended = completions.filter((completion) => completion.finishReason === "eos").map((c) => c.tokens_T.length);
  return {
    "completions/mean_length": mean(lengths),
    "completions/min_length": Math.min(...lengths),
    "completions/max_length": Math.max(...lengths),
    "completions/clipped_ratio": 1 - ended.length / lengths.length,
    // TRL gives 0 when no completion has ended.
    "completions/mean_terminated_length": ended.length === 0 ? 0 : mean(ended),
    "completions/min_terminated_length": ended.length === 0 ? 0 : Math.min(...ended),
    "completions/max_terminated_length": ended.length === 0 ? 0 : Math.max(...ended),
  };
}

function rewardsOf(completions_G: readonly ScoredCompletion[]): number[] {
  return completions_G.map((completion) => completion.reward).filter((reward) => reward !== null);
}
