import type { TaskId, Truth } from "../../protocol/tasks.ts";

/** One row of a dataset, before it becomes a prompt. */
export interface Example {
  readonly datasetId: string;
  /** The row's own id, else `<video>_<index of the sentence or question>`. Unique within the dataset. */
  readonly id: string;
  readonly task: TaskId;
  /** Absolute path. */
  readonly videoPath: string;
  /** As annotated; null when the layout does not say. */
  readonly durationSec: number | null;
  /** The event sentence, the object's description, or the question. */
  readonly question: string;
  /** Texts of the options without their letters. */
  readonly options?: readonly string[] | undefined;
  readonly truth: Truth;
  /** The row as it stands in the file. */
  readonly row: unknown;
}

export const dataProblemCodes = [
  "bad-row", // the row lacks what its layout asks for; left out
  "duplicate-id", // the id was seen before; left out
  "zero-length", // the true segment ends at or before its start; left out
  "bad-box", // a true box without area; left out
  "truth-beyond-video", // the true segment ends after the annotated duration; kept as annotated
  "box-out-of-range", // a true box outside [0, 1]; kept as annotated
  "unknown-box-times", // neither timestamps nor duration; kept, with assumed times
  "missing-video", // no such file; kept, so that the run can say which prompt it could not show
] as const;
export type DataProblemCode = (typeof dataProblemCodes)[number];

/** Something wrong with a row. A row that cannot be used is named and counted, never replaced. */
export interface DataProblem {
  readonly code: DataProblemCode;
  /** Whether the row is used all the same. */
  readonly isKept: boolean;
  readonly datasetId: string;
  readonly example: string | null;
  readonly message: string;
}

export interface Dataset {
  readonly id: string;
  readonly examples: readonly Example[];
  readonly problems: readonly DataProblem[];
  /** sha256 of the annotation file, hex. */
  readonly hash: string;
}
