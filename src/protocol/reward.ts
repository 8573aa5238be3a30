import type { FinishReason } from "./records.ts";
import type { ParsedAnswer, Segment, TaskId, Truth } from "./tasks.ts";

/**
 * The contract between a reward function and whoever calls it: a run, a re-score, the debugger, a test. Built-in rewards
 * are written against it as well. Raised when a field changes its meaning; media/contract holds it for the user's editor.
 */
export const rewardContractVersion = 1;

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

/** What was asked, and what is right. */
export interface RewardExample {
  readonly id: string;
  readonly datasetId: string;
  readonly task: TaskId;
  /** The event sentence, the object's description, or the question. */
  readonly question: string;
  /** Texts of the options without their letters. */
  readonly options?: readonly string[] | undefined;
  readonly truth: Truth;
  /** Absolute path; empty where no video is known. */
  readonly videoPath: string;
  /** What was shown of it, in seconds of the file; absent for all of it. Every other time counts from its start. */
  readonly clip?: Segment | undefined;
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
  readonly parts?: Readonly<Record<string, number>> | undefined;
  /** Why it is what it is, e.g. a parse failure. */
  readonly reason?: string | undefined;
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
