import type { TaskId, Truth } from "../../protocol/tasks.ts";
import type { ShownVideo } from "../../protocol/video.ts";

/** One row of a dataset, before it becomes a prompt. Times are those of its clip (protocol/video.ts). */
export interface Example extends ShownVideo {
  readonly datasetId: string;
  /** The row's own id, else `<video>_<index of the sentence or question>`. Unique within the dataset. */
  readonly id: string;
  readonly task: TaskId;
  /** As annotated, the clip's where only a clip is shown; null when the layout does not say. */
  readonly durationSec: number | null;
  /** The event sentence, the object's description, or the question. */
  readonly question: string;
  /** Texts of the options without their letters. */
  readonly options?: readonly string[] | undefined;
  readonly truth: Truth;
  /** What scores are grouped by, as the dataset names it: Video-MME's duration and domain, MVBench's task. */
  readonly categories?: Readonly<Record<string, string>> | undefined;
  /** The row as it stands in the file. */
  readonly row: unknown;
}

/**
 * Keys and positions that lead to a value of the annotations: in a folder the name of the file comes first, then in lines of
 * text (JSON lines, CSV) the number of the line from 0, in Parquet that of the row.
 */
export type JsonPath = readonly (string | number)[];

export const dataProblemCodes = [
  "bad-row", // the row lacks what its layout asks for; left out
  "duplicate-id", // the id was seen before; left out
  "zero-length", // the true segment ends at or before its start; left out
  "bad-clip", // the clip ends at or before its start, or begins after the truth; left out
  "bad-box", // a true box without area; left out
  "boxes-xywh", // the boxes of the file make sense as x, y, width, height only; those without area are left out
  "boxes-in-pixels", // numbers far beyond 1; kept as annotated
  "box-times-differ", // boxes and timestamps differ in number, or the times do not rise; left out
  "truth-beyond-video", // the true segment begins before 0 or ends after the annotated duration; kept as annotated
  "box-out-of-range", // a true box outside [0, 1]; kept as annotated
  "unknown-duration", // the file of durations does not name the video; kept, its own duration counts
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
  /** What it is about, in the annotations. */
  readonly path: JsonPath;
}

export interface Dataset {
  readonly id: string;
  readonly examples: readonly Example[];
  readonly problems: readonly DataProblem[];
  /** Where the truth of each example stands in the annotations, by id. */
  readonly places: ReadonlyMap<string, JsonPath>;
  /** sha256 of the annotation file, hex; of several files, of their names and hashes. */
  readonly hash: string;
}
