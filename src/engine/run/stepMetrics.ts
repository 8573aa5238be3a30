import type { GrpoSpec } from "../../protocol/spec.ts";
import { unbiasedStd } from "../rewards/advantages.ts";
import { mean } from "../metrics/statistics.ts";
import type { UpdateResult } from "./backend.ts";
import type { ScoredCompletion, ScoredGroup } from "./scoreGroups.ts";

export type StepMetrics = Record<string, number>;

/**
 * Metrics of the rollouts of a step under TRL's keys, as GRPOTrainer computes them: `reward` is the mean over groups of
 * the group means, `reward_std` the mean of the groups' unbiased standard deviations (that of the whole step with
 * scaleRewards "batch"). Beside TRL's: `<data id>/reward`, and `failed_prompts`, the number of prompts that could not be
 * rolled out. Keys whose values do not exist (no groups, no rewards) are left out. Nothing depends on the clock.
 */
export function rolloutMetrics(
  groups: readonly ScoredGroup[],
  failedPrompts: number,
  scaleRewards: GrpoSpec["scaleRewards"],
): StepMetrics {
  const rewards_P_G = groups.map((group) => rewardsOf(group.completions_G)).filter((rewards_G) => rewards_G.length > 0);
  const metrics: StepMetrics = {};
  if (rewards_P_G.length > 0) {
    const std_P = scaleRewards === "batch" ? [unbiasedStd(rewards_P_G.flat())] : rewards_P_G.map(unbiasedStd);
    metrics["reward"] = mean(rewards_P_G.map(mean));
    metrics["reward_std"] = mean(std_P);
    metrics["frac_reward_zero_std"] = mean(std_P.map((std) => (std <= 1e-8 ? 1 : 0))); // torch.isclose(std, 0)
  }
  return {
    ...metrics,
    ...datasetRewards(groups),
    ...rewardParts(groups),
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

/** Mean and unbiased standard deviation of each reward over the completions that it applies to (TRL: nanmean, nanstd). */
function rewardParts(groups: readonly ScoredGroup[]): StepMetrics {
  const values = new Map<string, number[]>();
  for (const part of groups.flatMap((group) => group.completions_G).flatMap((completion) => completion.parts)) {
    if (part.value === null) continue;
    const known = values.get(part.name);
    if (known === undefined) values.set(part.name, [part.value]);
    else known.push(part.value);
  }
  const metrics: StepMetrics = {};
  for (const name of [...values.keys()].sort()) {
    metrics[`rewards/${name}/mean`] = mean(values.get(name) ?? []);
    metrics[`rewards/${name}/std`] = unbiasedStd(values.get(name) ?? []);
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
