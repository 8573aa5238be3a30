import type { GrpoSpec } from "../../protocol/spec.ts";

/**
 * Advantages of the rewards of one step, group by group: A = (r - mean of the group) / (std + 1e-4), where std is the
 * unbiased standard deviation of the group ("group"), of all rewards of the step ("batch"), or A = r - mean ("none").
 * Follows TRL's GRPOTrainer (`scale_rewards`). A reward of null (a dropped rollout) takes no part and gets null; a group
 * whose rewards are all equal gets exact zeros.
 */
export function computeAdvantages(
  rewards_P_G: readonly (readonly (number | null)[])[],
  scaleRewards: GrpoSpec["scaleRewards"],
): (number | null)[][] {
  const batchStd = unbiasedStd(rewards_P_G.flat().filter((reward) => reward !== null));
  return rewards_P_G.map((rewards_G) => {
    const known_G = rewards_G.filter((reward) => reward !== null);
    if (isZeroVariance(known_G)) return rewards_G.map((reward) => (reward === null ? null : 0));
    const groupMean = known_G.reduce((sum, reward) => sum + reward, 0) / known_G.length;
    const scale = { group: unbiasedStd(known_G) + stdEpsilon, batch: batchStd + stdEpsilon, none: 1 }[scaleRewards];
    return rewards_G.map((reward) => (reward === null ? null : (reward - groupMean) / scale));
  });
}

/** Square root of the sum of squared deviations over n - 1; 0 for fewer than two values. */
export function unbiasedStd(values: readonly number[]): number {
  if (isZeroVariance(values)) return 0;
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1));
}

/** TRL adds it to the standard deviation before dividing. */
const stdEpsilon = 1e-4;

/** Compared value by value: the mean of equal numbers need not be that number, and 1e-17 / 1e-4 is not 0. */
function isZeroVariance(values: readonly number[]): boolean {
  return values.every((value) => value === values[0]);
}
