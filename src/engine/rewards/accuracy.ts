import type { ParseFailure } from "../../protocol/tasks.ts";
import type { Reward, RewardInput, RewardOutput } from "./reward.ts";

/**
 * 1 for the right option, else 0: VideoChat-R1's accuracy reward. What differs: it takes the first letter from A to G
 * anywhere in the answer, so that "Answer: C" counts as A; here the letter that the answer names counts.
 */
export const accuracyReward: Reward = {
  name: "accuracy",
  tasks: ["grounded-qa", "multiple-choice"],
  score({ parsed, example }: RewardInput): RewardOutput {
    const { truth } = example;
    if (truth.task !== "grounded-qa" && truth.task !== "multiple-choice") {
      throw new Error(`internal: accuracy does not know ${truth.task}`);
    }
    if (parsed.option === undefined) return { value: 0, reason: parsed.failures.find(isOptionFailure) ?? "no-option" };
    return { value: Number(parsed.option === truth.option) };
  },
};

function isOptionFailure(failure: ParseFailure): boolean {
  return failure === "no-answer-tag" || failure === "empty-answer" || failure === "no-option";
}
