import type { ParseFailure, TaskId } from "../../protocol/tasks.ts";
import type { BlockTag } from "./blocks.ts";
import { layoutProblem } from "./blocks.ts";
import type { Reward, RewardInput, RewardOutput } from "./reward.ts";

/** Tags that the answer of a task consists of. */
export const answerTags: Readonly<Record<TaskId, readonly BlockTag[]>> = {
  "temporal-grounding": ["answer"],
  tracking: ["answer"],
  "grounded-qa": ["answer", "glue"],
  "multiple-choice": ["answer"],
};

/** Tags that a completion must have, in their order. */
export function tagsOf(task: TaskId, think: boolean): readonly BlockTag[] {
  return think ? ["think", ...answerTags[task]] : answerTags[task];
}

/** Failures that are mistakes of form: the list of boxes and of segments must be one, as in VideoChat-R1. */
const formFailures: readonly ParseFailure[] = [
  "no-boxes",
  "wrong-box-count",
  "inverted-box",
  "box-out-of-range",
  "bad-glue",
];

/**
 * 1 when the completion is exactly one block of each asked tag, in order, each with content, with nothing outside, and the
 * list of boxes or segments is well formed; else 0. VideoChat-R1's format reward (arXiv 2504.06958). What differs: its
 * pattern also passes empty tags, repeated answer blocks, boxes that are no boxes and segments without length; and it asks
 * for `<think>` or `<glue>` where the prompt does not, while here the tags follow the prompt.
 */
export const formatReward: Reward = {
  name: "format",
  tasks: ["temporal-grounding", "tracking", "grounded-qa", "multiple-choice"],
  score(input: RewardInput): RewardOutput {
    const layout = layoutProblem(input.text, tagsOf(input.example.task, input.think));
    const reason = layout ?? input.parsed.failures.find((failure) => formFailures.includes(failure));
    return reason === undefined ? { value: 1 } : { value: 0, reason };
  },
};
