import type { RewardItem, RewardOutput } from "../../protocol/reward.ts";
import type { ParseFailure } from "../../protocol/tasks.ts";
import { normaliseAnswer } from "../metrics/text.ts";
import type { Reward } from "./reward.ts";

/**
 * 1 for the right option or label, else 0: VideoChat-R1's accuracy reward. What differs: for options it takes the first
 * letter from A to G anywhere in the answer, so that "Answer: C" counts as A; here the letter that the answer names counts.
 * For an open question without a right answer it does not apply.
 */
export const accuracyReward: Reward = {
  tasks: ["grounded-qa", "multiple-choice", "classification", "open"],
  score({ completion: { parsed }, example: { truth } }: RewardItem): RewardOutput {
    switch (truth.task) {
      case "grounded-qa":
      case "multiple-choice":
        return parsed.option === undefined
          ? { value: 0, reason: parsed.failures.find(isOptionFailure) ?? "no-option" }
          : { value: Number(parsed.option === truth.option) };
      case "classification":
        return sameText(parsed.text, truth.label, parsed.failures);
      case "open":
        return truth.answer === null ? { value: null } : sameText(parsed.text, truth.answer, parsed.failures);
      default:
        throw new Error(`internal: accuracy does not know ${truth.task}`);
    }
  },
};

function sameText(said: string | undefined, right: string, failures: readonly ParseFailure[]): RewardOutput {
  if (said === undefined) return { value: 0, reason: failures[0] ?? "empty-answer" };
  return { value: Number(normaliseAnswer(said) === normaliseAnswer(right)) };
}

function isOptionFailure(failure: ParseFailure): boolean {
  return failure === "no-answer-tag" || failure === "empty-answer" || failure === "no-option";
}
