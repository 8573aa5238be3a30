import type { ShownVideo } from "./video.ts";
import type { RunSpec } from "./spec.ts";
import type { ErrorData } from "./errors.ts";
import type { ParsedAnswer, Segment, TaskId, Truth } from "./tasks.ts";

/** Records of the run folder. Each line or file carries `version`; older ones are upgraded when they are read. */
export const recordVersion = 3;

/** run.json, written once. */
export interface RunRecord {
  readonly version: number;
  readonly id: string; // folder name
  readonly name: string;
  readonly createdAt: string; // ISO 8601
  readonly specPath: string;
  readonly spec: RunSpec; // resolved; paths as in the file
  readonly baseDir: string; // folder that relative paths of the spec start from
  readonly versions: {
    readonly videoRft: string;
    readonly onnxruntime: string;
    readonly node: string;
    readonly ffmpeg: string;
  };
  readonly gitCommit: string | null;
  readonly hashes: {
    readonly policy: string;
    readonly datasets: Record<string, string>;
    readonly prompts: Record<string, string>;
  };
  readonly seed: number;
  readonly device: {
    readonly provider: string;
    readonly platform: string;
    readonly cpu: string;
    readonly threads: number;
  };
  /** Present when the folder was made from the rollouts of another program; the specification then says little. */
  readonly imported?: ImportRecord | undefined;
}

export const rolloutSources = ["trl", "ms-swift", "verl", "rollout-lines"] as const;
/** Whose rollouts were imported; "rollout-lines" are lines of our own without their run folder. */
export type RolloutSource = (typeof rolloutSources)[number];
/** For people. */
export const rolloutSourceNames: Readonly<Record<RolloutSource, string>> = {
  trl: "TRL",
  "ms-swift": "ms-swift",
  verl: "verl",
  "rollout-lines": "Video RFT",
};

export interface ImportRecord {
  readonly source: RolloutSource;
  /** The files as they were read: they may have grown since. */
  readonly files: readonly { readonly path: string; readonly bytes: number; readonly modifiedMs: number }[];
  /** What was taken for what, and what the files do not say. */
  readonly notes: readonly string[];
  readonly groups: number;
  readonly rollouts: number;
  /** What could not be read: how many places, and the first of them. */
  readonly unread: number;
  readonly problems: readonly ImportProblem[];
}

export interface ImportProblem {
  readonly where: string; // a file, with its line or row
  readonly message: string;
}

/**
 * rewards/step-000000.json: the text of the workspace's reward files that score the steps after this one. A resume goes on
 * with the same text, but when the run had failed for a reward: then with the mended one, in a file of a later step.
 */
export interface RewardSourcesRecord {
  readonly version: number;
  /** By absolute path; empty when every reward is a built-in. */
  readonly sources: Readonly<Record<string, string>>;
}

export type RunPhase = "starting" | "evaluating" | "sampling" | "scoring" | "updating" | "saving" | "idle";
export type RunStatus = "running" | "stopping" | "stopped" | "finished" | "failed";

/** state.json, replaced atomically. A run whose status is "running" but whose lock is dead has crashed and can be resumed. */
export interface RunState {
  readonly version: number;
  readonly status: RunStatus;
  readonly phase: RunPhase;
  readonly step: number; // finished steps
  readonly steps: number;
  readonly updatedAt: string;
  readonly reward: number | null; // of the last step
  readonly lastCheckpoint: number | null; // step
  readonly message?: string | undefined; // what the run waits for, e.g. another run on the device
  readonly error?: ErrorData | undefined;
}

/** lock: who owns the folder. */
export interface LockRecord {
  readonly version: number;
  readonly host: string;
  readonly pid: number;
  readonly startedAtMs: number; // process start time
  readonly processKey: string; // tells the owner from a later process with its pid
  readonly protocolVersion: number;
  readonly socket: string; // Unix socket path or named pipe
  readonly token: string;
}

/** metrics.jsonl: TRL's keys, and nothing that depends on the clock. */
export interface MetricsRecord {
  readonly version: number;
  readonly step: number; // 1-based
  readonly metrics: Readonly<Record<string, number>>;
}

/** timings.jsonl */
export interface TimingsRecord {
  readonly version: number;
  readonly step: number;
  readonly stepSec: number;
  readonly decodeSec: number; // until the clips were there; part of sampleSec
  readonly sampleSec: number;
  readonly rewardSec: number;
  readonly updateSec: number;
  readonly tokensPerSec: number; // completion tokens sampled a second of sampling
  readonly rssBytes: number; // of the backend
  readonly gpuBytes?: number | undefined; // held by the backend on its GPUs, where it uses any
}

export type FinishReason = "eos" | "length";

export interface RewardPart {
  readonly name: string; // built-in or function
  readonly weight: number;
  /** null: does not apply, or failed in a rollout that was dropped; left out of the sum. */
  readonly value: number | null;
  /** Named numbers that the value was made of. */
  readonly parts?: Readonly<Record<string, number>> | undefined;
  readonly reason?: string | undefined; // e.g. a parse failure
  /** Why the call failed; the value is then 0 or null, as the specification says. */
  readonly error?: RewardError | undefined;
}

/** How a call of a reward function failed. */
export const rewardErrorKinds = [
  "exception", // it raised
  "timeout", // it took longer than timeoutMs
  "memory", // its process held more than memoryMb
  "exit", // its process ended
  "not-a-number", // it returned NaN, an infinite number, or something else than a result
  "load", // its file could not be loaded, or has no such function
  "judge", // the server that it asks did not answer
] as const;
export type RewardErrorKind = (typeof rewardErrorKinds)[number];

export interface RewardError {
  readonly kind: RewardErrorKind;
  readonly message: string;
  /** Where in the user's code, innermost last; lines of the source as it is written. */
  readonly stack?: string | undefined;
}

export interface CompletionRecord {
  readonly id: string; // "<step>/<group>/<k>"
  readonly text: string;
  readonly tokenCount: number | null; // null here and below: an imported log that does not say
  readonly finishReason: FinishReason | null;
  readonly parsed: ParsedAnswer;
  readonly rewards: readonly RewardPart[];
  readonly reward: number | null; // weighted sum; null when the rollout was dropped
  readonly advantage: number;
  readonly meanKl: number | null; // null without a reference policy
  readonly meanEntropy: number | null;
}

/** What the policy saw. Pixel values never travel: see FrameSetRecord. Times are those of the clip (video.ts). */
export interface SeenVideo {
  readonly path: string; // absolute; a folder for a video that is one of frames
  readonly hash: string; // sha256 of the file, or of the names and bytes of a folder's frames; hex
  /** Bounds of the clip in seconds of the file; absent when all of it was sampled. */
  readonly clip?: Segment | undefined;
  readonly durationSec: number;
  /** Frames of what is shown / `videoFps`: what qwen-vl-utils' sample_fps rests on. Older records lack it. */
  readonly framesSec?: number | undefined;
  readonly videoFps: number;
  readonly frameIndices: readonly number[];
  readonly timestampsSec: readonly number[];
  readonly widthPx: number; // after resizing
  readonly heightPx: number;
  readonly sourceWidthPx: number; // displayed, i.e. after rotation
  readonly sourceHeightPx: number;
  readonly visualTokens: number;
  readonly frameSet: string; // key of the frame cache
}

/** rollouts/step-000001.jsonl: one line a group. */
export interface GroupRecord {
  readonly version: number;
  readonly step: number;
  readonly group: number; // 0-based within the step
  readonly datasetId: string;
  readonly exampleId: string;
  readonly task: TaskId;
  readonly prompt: string; // text of the user turn
  readonly question: string; // the event, the object or the question itself
  readonly options?: readonly string[] | undefined;
  readonly think: boolean; // whether the prompt asks for reasoning
  readonly durationSec: number | null; // as annotated
  readonly row: unknown; // the dataset's row with every column
  readonly promptTokens: number | null;
  readonly video: SeenVideo | null; // null: the log names none, so nobody knows what the policy saw
  readonly truth: Truth;
  readonly rewardMean: number;
  readonly rewardStd: number; // unbiased
  readonly completions: readonly CompletionRecord[];
}

/** A prompt that could not be rolled out; a line of rollouts/*.jsonl too, told apart by `failure`. */
export interface FailedGroupRecord {
  readonly version: number;
  readonly step: number;
  readonly group: number;
  readonly datasetId: string;
  readonly exampleId: string;
  readonly task: TaskId;
  readonly failure: ErrorData;
}

export type RolloutLine = GroupRecord | FailedGroupRecord;

export function isFailedGroup(line: RolloutLine): line is FailedGroupRecord {
  return "failure" in line;
}

/** index.json of a frame set in the frame cache: JPEG files beside it, in the order of the frames. */
export interface FrameSetRecord {
  readonly version: number;
  readonly videoHash: string;
  readonly frameIndices: readonly number[];
  readonly timestampsSec: readonly number[];
  readonly widthPx: number;
  readonly heightPx: number;
  readonly files: readonly string[];
}

export interface ScoreValue {
  readonly value: number;
  readonly low: number; // bootstrap 95 % interval
  readonly high: number;
  readonly n: number;
  /** Standard deviation of the score over the samples of each question, where there are several. */
  readonly sampleStd?: number | undefined;
}
/** By "<data id>/<metric>". */
export type Scores = Readonly<Record<string, ScoreValue>>;

export interface BaselineScores {
  /** Baseline name ("full-video", "copy-first-box", …) to its scores. */
  readonly [baseline: string]: Scores;
}

/** evaluation/step-000000.json of a run, evaluation.json of `video-rft eval --out`. */
export interface EvaluationRecord {
  readonly version: number;
  readonly step: number;
  readonly scores: Scores;
  readonly baselines: BaselineScores;
  /** What decides the scores: pixels, frames, prompts, parser, judge, sampling, versions. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly examples: readonly EvaluatedExample[];
  // Absent in older records:
  readonly datasets?: readonly EvaluatedDataset[] | undefined;
  readonly categories?: readonly CategoryScores[] | undefined;
}

/** A dataset as it was evaluated. */
export interface EvaluatedDataset {
  readonly id: string;
  readonly task: TaskId;
  readonly format: string;
  readonly path: string; // as in the specification
  readonly hash: string;
  readonly examples: number;
  /** Rows of the annotation file that are no examples: see the problems that `data check` lists. */
  readonly rowsLeftOut: number;
  /** Answers (of every sample) without all that the task asks for; they score what is there, mostly 0. */
  readonly unparsedShare: number;
  /** Examples whose video could not be read, or without a ready answer; they score 0. */
  readonly failed: number;
}

/** Scores of a dataset by one of its groupings, e.g. of Video-MME by duration. */
export interface CategoryScores {
  readonly datasetId: string;
  readonly dimension: string;
  readonly categories: readonly { readonly name: string; readonly scores: Scores }[];
  /** Mean over the categories, each counting the same whatever its size (MVBench). */
  readonly mean: Scores;
}

export interface EvaluatedExample {
  readonly datasetId: string;
  readonly exampleId: string;
  /** The first sample, as is `parsed`. */
  readonly text: string;
  readonly parsed: ParsedAnswer | null;
  /** Mean over the samples. */
  readonly metrics: Readonly<Record<string, number>>;
  readonly failure?: ErrorData | undefined;
  /** Further samples. */
  readonly samples?: readonly EvaluatedSample[] | undefined;
  /** What was asked, so that a report needs no annotations. Absent in older records. */
  readonly asked?: AskedQuestion | undefined;
}

export interface EvaluatedSample {
  readonly text: string;
  readonly parsed: ParsedAnswer;
  readonly metrics: Readonly<Record<string, number>>;
}

export interface AskedQuestion extends ShownVideo {
  readonly task: TaskId;
  readonly question: string;
  readonly options?: readonly string[] | undefined;
  readonly truth: Truth;
  readonly durationSec: number | null;
  readonly categories?: Readonly<Record<string, string>> | undefined;
}

/** First line of answers.jsonl. */
export interface AnswersHeader {
  readonly version: number;
  /** All that an answer depends on. Answers of other settings are never mixed with these. */
  readonly answerSettings: Readonly<Record<string, unknown>>;
}

/** A line of answers.jsonl: the answers to one question. */
export interface AnswerRecord {
  readonly version: number;
  readonly datasetId: string;
  readonly exampleId: string;
  /** One a sample; none when the video could not be read. */
  readonly completions: readonly AnswerCompletion[];
  readonly failure?: ErrorData | undefined;
  /** What the policy saw. */
  readonly seen?: AnswerInput | undefined;
  /** Fingerprint of what it was asked: the prompt and the video. */
  readonly asked?: string | undefined;
}

export interface AnswerCompletion {
  readonly text: string;
  readonly tokenCount: number;
  readonly finishReason: FinishReason;
}

export interface AnswerInput {
  /** Of what was shown; older records lack it. */
  readonly durationSec?: number | undefined;
  readonly frames: number;
  readonly widthPx: number;
  readonly heightPx: number;
  readonly visualTokens: number;
  readonly promptTokens: number;
}
