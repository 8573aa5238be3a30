import type { RewardPart } from "../../protocol/records.ts";
import type { GrpoSpec } from "../../protocol/spec.ts";
import { mean } from "../metrics/statistics.ts";
import { unbiasedStd } from "./advantages.ts";

/**
 * Rewards of a step under TRL's keys, as GRPOTrainer computes them: `reward` is the mean over groups of the group means,
 * `reward_std` the mean of the groups' unbiased standard deviations (that of the whole step with scaleRewards "batch").
 * Groups without rewards take no part; without any group there is nothing to say.
 */
export function rewardMetrics(
  rewards_P_G: readonly (readonly number[])[],
  scaleRewards: GrpoSpec["scaleRewards"],
): Record<string, number> {
  const known_P_G = rewards_P_G.filter((rewards_G) => rewards_G.length > 0);
  if (known_P_G.length === 0) return {};
  const std_P = scaleRewards === "batch" ? [unbiasedStd(known_P_G.flat())] : known_P_G.map(unbiasedStd);
  return {
    reward: mean(known_P_G.map(mean)),
    reward_std: mean(std_P),
    frac_reward_zero_std: mean(std_P.map((std) => (std <= 1e-8 ? 1 : 0))), // torch.isclose(std, 0)
  };
}

/** Mean and unbiased standard deviation of each reward over the completions that it applies to (TRL: nanmean, nanstd). */
export function rewardPartMetrics(parts: readonly Pick<RewardPart, "name" | "value">[]): Record<string, number> {
  const values = new Map<string, number[]>();
  for (const { name, value } of parts) {
    if (value === null) continue;
    const known = values.get(name);
    if (known === undefined) values.set(name, [value]);
    else known.push(value);
  }
  const metrics: Record<string, number> = {};
  for (const name of [...values.keys()].sort()) {
    metrics[`rewards/${name}/mean`] = mean(values.get(name) ?? []);
    metrics[`rewards/${name}/std`] = unbiasedStd(values.get(name) ?? []);
  }
  return metrics;
}
