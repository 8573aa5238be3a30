/** The tasks, the units of their answers, and the shapes of truth and parsed answer. Shared by engine, extension and pages. */
export const taskIds = [
  "temporal-grounding",
  "tracking",
  "grounded-qa",
  "multiple-choice",
  "classification",
  "captioning",
  "open", // anything else: its own prompt, its own rewards
] as const;
export type TaskId = (typeof taskIds)[number];

/** Interval in seconds of the source video, of the clip where only a part of it is shown; `startSec < endSec`. */
export interface Segment {
  readonly startSec: number;
  readonly endSec: number;
}

/** xyxy, normalised to [0, 1] of the displayed frame; x to the right, y down. */
export interface BoundingBox {
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
}

/** A box at a time of the source video, of the clip where only a part of it is shown. */
export interface TimedBox {
  readonly timestampSec: number;
  readonly box: BoundingBox;
  /** How much of the object can be seen, in eighths (GOT-10k's cover.label): 0 nothing, 8 all. */
  readonly cover?: number | undefined;
}

/**
 * What the dataset says is right. `boxes` of a track: one per position of the answer, the first is given in the prompt.
 * `option` is a capital letter.
 */
export type Truth =
  | { readonly task: "temporal-grounding"; readonly segment: Segment }
  | { readonly task: "tracking"; readonly boxes: readonly TimedBox[] }
  | { readonly task: "grounded-qa"; readonly option: string; readonly segments: readonly Segment[] }
  | { readonly task: "multiple-choice"; readonly option: string }
  | { readonly task: "classification"; readonly label: string }
  /** Captions that are each a right description; `events` are the facts that a judge looks for, when the dataset has them. */
  | { readonly task: "captioning"; readonly captions: readonly string[]; readonly events: readonly string[] }
  /** null: nobody says what is right. */
  | { readonly task: "open"; readonly answer: string | null };

/** Why a completion gave no answer. Never a silent zero. */
export const parseFailures = [
  "no-answer-tag", // no <answer>…</answer>
  "empty-answer", // the tag is empty
  "no-interval", // no two times in the answer
  "inverted-interval", // end not after start
  "no-boxes", // no list of boxes
  "wrong-box-count", // found another number of boxes than asked
  "inverted-box", // x1 <= x0 or y1 <= y0
  "box-out-of-range", // outside [0, 1]
  "no-option", // no option letter
  "no-glue-tag",
  "bad-glue",
] as const;
export type ParseFailure = (typeof parseFailures)[number];

/** A completion after parsing. Grounded QA may have an option without valid segments, or the reverse. */
export interface ParsedAnswer {
  readonly task: TaskId;
  readonly segment?: Segment | undefined;
  readonly segments?: readonly Segment[] | undefined;
  readonly boxes?: readonly BoundingBox[] | undefined;
  readonly option?: string | undefined;
  /** The answer as it is written: a label, a caption, free text. */
  readonly text?: string | undefined;
  /** Empty when everything that the task asks for was found. */
  readonly failures: readonly ParseFailure[];
}
