// Types of reward functions for Video RFT, version 1 of the contract. Times are in seconds of the video, boxes are
// fractions of the frame. Made by Video RFT: copy it beside your reward, and write
//   import type { RewardFunction } from "./videoRft";

export type TaskId =
  "temporal-grounding" | "tracking" | "grounded-qa" | "multiple-choice" | "classification" | "captioning" | "open";

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

export type ParseFailure =
  | "no-answer-tag"
  | "empty-answer"
  | "no-interval"
  | "inverted-interval"
  | "no-boxes"
  | "wrong-box-count"
  | "inverted-box"
  | "box-out-of-range"
  | "no-option"
  | "no-glue-tag"
  | "bad-glue";

/** A completion after parsing. Grounded QA may have an option without valid segments, or the reverse. */
export interface ParsedAnswer {
  readonly task: TaskId;
  readonly segment?: Segment;
  readonly segments?: readonly Segment[];
  readonly boxes?: readonly BoundingBox[];
  readonly option?: string;
  /** The answer as it is written: a label, a caption, free text. */
  readonly text?: string;
  /** Empty when everything that the task asks for was found. */
  readonly failures: readonly ParseFailure[];
}

export type FinishReason = "eos" | "length";

/** What the policy answered. */
export interface RewardCompletion {
  /** "<step>/<group>/<k>" in a run; any name elsewhere. */
  readonly id: string;
  readonly text: string;
  readonly parsed: ParsedAnswer;
  /** null in rollouts of other programs that do not say. */
  readonly tokenCount: number | null;
  readonly finishReason: FinishReason | null;
}

/** Frames that the policy saw, in their order. */
export interface RewardFrames {
  /** True times in seconds of the source video. */
  readonly timestampsSec: readonly number[];
  /** Size in pixels that the policy saw, and size of the video as it is displayed. */
  readonly widthPx: number;
  readonly heightPx: number;
  readonly sourceWidthPx: number;
  readonly sourceHeightPx: number;
}

/** A box at a time of the source video, of the clip where only a part of it is shown. */
export interface TimedBox {
  readonly timestampSec: number;
  readonly box: BoundingBox;
  /** How much of the object can be seen, in eighths (GOT-10k's cover.label): 0 nothing, 8 all. */
  readonly cover?: number;
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

/** What was asked, and what is right. */
export interface RewardExample {
  readonly id: string;
  readonly datasetId: string;
  readonly task: TaskId;
  /** The event sentence, the object's description, or the question. */
  readonly question: string;
  /** Texts of the options without their letters. */
  readonly options?: readonly string[];
  readonly truth: Truth;
  /** Absolute path; empty where no video is known. */
  readonly videoPath: string;
  /** What was shown of it, in seconds of the file; absent for all of it. Every other time counts from its start. */
  readonly clip?: Segment;
  /** Duration of the video, or of the clip, in seconds; null when neither the annotation nor the video says. */
  readonly durationSec: number | null;
  /** null where the frames are not known (answers from elsewhere). */
  readonly frames: RewardFrames | null;
  /** Text of the user turn. */
  readonly prompt: string;
  /** Whether the prompt asks for reasoning before the answer. */
  readonly think: boolean;
  /** The dataset's row with every column, as it stands in the file. */
  readonly row: unknown;
}

export interface RewardItem {
  readonly completion: RewardCompletion;
  readonly example: RewardExample;
}

/** What a call comes to. `value` null: the reward does not apply here and is left out of the sum. */
export interface RewardOutput {
  readonly value: number | null;
  /** Named numbers that the value was made of, for people to look at. */
  readonly parts?: Readonly<Record<string, number>>;
  /** Why it is what it is, e.g. a parse failure. */
  readonly reason?: string;
}

/** What a function may return for one completion. */
export type RewardResult = number | null | RewardOutput;

export type RewardFunction = (
  completion: RewardCompletion,
  example: RewardExample,
) => RewardResult | Promise<RewardResult>;

/** Gets whole groups, one after the other, and returns a result for each item, in their order. */
export type BatchRewardFunction = (
  items: readonly RewardItem[],
) => readonly RewardResult[] | Promise<readonly RewardResult[]>;
