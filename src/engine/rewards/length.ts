import { taskIds } from "../../protocol/tasks.ts";
import type { RewardItem, RewardOutput } from "../../protocol/reward.ts";
import type { PureReward, Reward } from "./reward.ts";

/**
 * 1 for a completion of `minTokens` to `maxTokens` tokens, else 0: the length bonus of Video-R1 (arXiv 2503.21776), which
 * weighs it 0.2. What differs: Video-R1 gives it only to right answers of groups with more than one of them; a weight and
 * the other rewards decide here.
 */
export const lengthReward: Reward<Extract<PureReward, { name: "length" }>> = {
  tasks: taskIds,
  score({ completion: { tokenCount } }: RewardItem, { minTokens, maxTokens }): RewardOutput {
    if (tokenCount === null) return unknownLength;
    if (tokenCount < minTokens) return { value: 0, reason: "too-short" };
    return tokenCount > maxTokens ? { value: 0, reason: "too-long" } : { value: 1 };
  },
};

/**
 * Soft punishment of long completions, in [-1, 0]: 0 up to maxTokens - bufferTokens, falling to -1 at maxTokens (DAPO, arXiv
 * 2503.14476, equation 13; ms-swift: soft_overlong).
 */
export const overlongReward: Reward<Extract<PureReward, { name: "overlong" }>> = {
  tasks: taskIds,
  score({ completion: { tokenCount } }: RewardItem, { maxTokens, bufferTokens }): RewardOutput {
    if (tokenCount === null) return unknownLength;
    const over = tokenCount - (maxTokens - bufferTokens);
    const value = over <= 0 ? 0 : -Math.min(1, over / bufferTokens);
    return value === 0 ? { value } : { value, reason: "overlong" };
  },
};

/** Rollouts of other programs may come without their number of tokens. */
const unknownLength: RewardOutput = { value: null, reason: "unknown-length" };
