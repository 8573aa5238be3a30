import { taskIds } from "../../protocol/tasks.ts";
import type { RewardItem, RewardOutput } from "../../protocol/reward.ts";
import type { PureReward, Reward } from "./reward.ts";

/**
 * `maxPenalty` times the share of word n-grams that stand in the completion already, in [maxPenalty, 0]: the repetition
 * penalty of Yeo et al. (arXiv 2502.03373, appendix), as open-r1 and ms-swift have it. Words are lower-cased and cut at
 * white space.
 */
export const repetitionReward: Reward<Extract<PureReward, { name: "repetition" }>> = {
  tasks: taskIds,
  score({ completion: { text } }: RewardItem, { ngram, maxPenalty }): RewardOutput {
    const words = text.toLowerCase().split(/\s+/).filter(Boolean);
    const count = words.length - ngram + 1;
    if (count < 1) return { value: 0 };
    const distinct = new Set(Array.from({ length: count }, (_, i) => words.slice(i, i + ngram).join(" ")));
    const repeated = 1 - distinct.size / count;
    return { value: repeated === 0 ? 0 : maxPenalty * repeated, parts: { repeated } };
  },
};
