import type { ParsedAnswer, TaskId } from "../../protocol/tasks.ts";
import type { PromptSpec } from "../../protocol/spec.ts";
import type { Example } from "../data/example.ts";

/** Metric values of one answer, by name without the dataset id, e.g. { mIoU: 0.4, "R@0.5": 0 }. */
export type MetricValues = Readonly<Record<string, number>>;

/** An answer that needs no video; null where it does not apply to the example (e.g. no duration). */
export type Baseline = (example: Example) => ParsedAnswer | null;

export interface CombinedScore {
  readonly of: readonly string[];
  readonly combine: (means: readonly number[]) => number;
}

/** A task is its prompt, its parser, its target text and its metrics; one folder each, one row in the table of tasks. */
export interface Task {
  readonly id: TaskId;
  /** Built-in text of the user turn (the video follows it). Templates are applied by tasks/prompt.ts. */
  buildPrompt(example: Example, prompt: PromptSpec): string;
  /** What SFT teaches: a completion that answers with the truth. */
  buildTarget(example: Example, prompt: PromptSpec): string;
  /** One parser for training and evaluation. Never throws; linear in the length of the completion. */
  parse(completion: string, example: Example): ParsedAnswer;
  /** Metrics of one answer. An unparsed answer scores 0. */
  score(answer: ParsedAnswer, example: Example): MetricValues;
  /** Weight of an example in the mean of a metric, where it is not 1 (frames of a sequence for pooled metrics). */
  readonly metricWeight?: (metric: string, example: Example) => number;
  /** Scores of a dataset that are functions of the means of its metrics, where all of these are there. */
  readonly combinedScores?: Readonly<Record<string, CombinedScore>>;
  readonly baselines: Readonly<Record<string, Baseline>>;
  /** Baselines that are fitted on the truth of training examples, never on that of the examples they are scored on. */
  readonly fitBaselines?: (training: readonly Example[]) => Readonly<Record<string, Baseline>>;
  /** Expected metrics of guessing at random, where that is no single answer. */
  readonly expectedBaselines?: Readonly<Record<string, (example: Example) => MetricValues>>;
}
