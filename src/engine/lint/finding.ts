import type { DataProblemCode } from "../data/example.ts";

export type LintCode =
  | DataProblemCode
  | "empty-dataset" // no row can be used
  | "same-video" // a video is in training and in evaluation data
  | "unreadable-video"
  | "duration-differs" // the annotated duration is not that of the file
  | "box-time-beyond-video"
  | "segment-between-frames" // no sampled frame lies in the true segment
  | "bad-template" // a prompt template cannot be rendered
  | "question-missing" // a prompt template does not show the question
  | "tag-not-asked" // the format reward wants a tag that the prompt never asks for
  | "tag-not-wanted" // the prompt asks for a tag that the format reward punishes
  | "reward-without-data" // a reward applies to no task of the data
  | "task-without-reward" // no reward applies to a task of the data
  | "only-format-reward"; // nothing rewards a right answer

export type DataUse = "training" | "evaluation";

/** Something that the linter found in data, prompts or rewards. */
export interface LintFinding {
  readonly code: LintCode;
  /** "error": the run would fail or learn nothing from it; "warning": a number may not mean what it seems to. */
  readonly severity: "error" | "warning";
  /** Which of the two data lists of the specification; null for findings about prompts and rewards, like the next two. */
  readonly usedFor: DataUse | null;
  readonly dataset: string | null;
  readonly example: string | null;
  readonly message: string;
}
