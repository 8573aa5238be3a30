import { taskIds, type ParseFailure, type TaskId } from "../../protocol/tasks.ts";
import type { BlockTag } from "./blocks.ts";
import { layoutProblem } from "./blocks.ts";
import type { RewardItem, RewardOutput } from "../../protocol/reward.ts";
import type { Reward } from "./reward.ts";

/** Tags that the answer of a task consists of. */
export const answerTags: Readonly<Record<TaskId, readonly BlockTag[]>> = {
  "temporal-grounding": ["answer"],
  tracking: ["answer"],
  "grounded-qa": ["answer", "glue"],
  "multiple-choice": ["answer"],
  classification: ["answer"],
  captioning: ["answer"],
  open: ["answer"],
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
  tasks: taskIds,
  score({ completion, example }: RewardItem): RewardOutput {
    const layout = layoutProblem(completion.text, tagsOf(example.task, example.think));
    const reason = layout ?? completion.parsed.failures.find((failure) => formFailures.includes(failure));
    return reason === undefined ? { value: 1 } : { value: 0, reason };
  },
};
