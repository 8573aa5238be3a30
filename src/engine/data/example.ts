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

/** A row that cannot be used; it is named and counted, never replaced. */
export interface DataProblem {
  readonly code: string;
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
