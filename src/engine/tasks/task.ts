import type { ParsedAnswer, TaskId } from "../../protocol/tasks.ts";
import type { PromptSpec } from "../../protocol/spec.ts";
import type { Example } from "../data/example.ts";

/** A task is its prompt, its parser, its target text and its metrics; one folder each, one row in the table of tasks. */
export interface Task {
  readonly id: TaskId;
  /** Text of the user turn (the video follows it). */
  buildPrompt(example: Example, prompt: PromptSpec): string;
  /** What SFT teaches: a completion that answers with the truth. */
  buildTarget(example: Example, prompt: PromptSpec): string;
  /** One parser for training and evaluation. Never throws. */
  parse(completion: string, example: Example): ParsedAnswer;
  /** Metrics of one answer, by name without the dataset id, e.g. { mIoU: 0.4, "R@0.5": 0 }. An unparsed answer scores 0. */
  score(answer: ParsedAnswer, example: Example): Readonly<Record<string, number>>;
  /** Answers that need no video: name to answer. */
  readonly baselines: Readonly<Record<string, (example: Example) => ParsedAnswer>>;
}
