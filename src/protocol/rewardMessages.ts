import type { CaseOutcome } from "./cases.ts";
import { notification, request } from "./messages.ts";
import type { RewardPart } from "./records.ts";
import type { RescoreReward, RescoreSummary } from "./rescore.ts";
import type { RewardSignature } from "./rewardSpec.ts";
import type { ParsedAnswer } from "./tasks.ts";

/**
 * Requests of the extension to its service engine that have to do with rewards. All of them but `readRewards` and
 * `makeCase` run code of the workspace: they are asked for in trusted workspaces only.
 */

/** Rewards of a run that are functions of the workspace, as its specification names them. */
export const readRewards = request<{ runDir: string }, { rewards: readonly RunReward[] }>("service/readRewards");

export interface RunReward {
  readonly name: string;
  readonly weight: number;
  /** null for a built-in. */
  readonly code: { readonly file: string; readonly function: string; readonly signature: RewardSignature } | null;
}

/** Scores all rollouts of a run again; `rescoreProgress` tells what has come of it so far. Cancellable. */
export const rescoreRollouts = request<
  { task: string; runDir: string; reward: RescoreReward; firstSteps: readonly number[] },
  /** `files`: absolute paths of the workspace's files that the reward consists of. */
  { summary: RescoreSummary; files: readonly string[] }
>("service/rescore");
export const rescoreProgress = notification<{ task: string; summary: RescoreSummary }>("service/rescoreProgress");
/** Keeps the scores of a version that `rescoreRollouts` made in this session beside the rollouts. */
export const acceptRescore = request<{ runDir: string; version: string }, { file: string }>("service/acceptRescore");

/** Which lines and branches the rollouts of a sample take, and the values of the parts that are returned. Cancellable. */
export const coverReward = request<
  { runDir: string; reward: RescoreReward; sample: number },
  { readonly coverage: RewardCoverage }
>("service/coverReward");

export interface RewardCoverage {
  readonly version: string;
  /** Rollouts of the sample, "<step>/<group>/<k>"; `taken` counts in this list. */
  readonly ids: readonly string[];
  readonly files: readonly {
    readonly file: string;
    readonly lines: readonly {
      readonly line: number; // 1-based
      readonly taken: readonly number[];
      readonly branches: readonly { readonly start: number; readonly end: number; readonly taken: readonly number[] }[];
    }[];
  }[];
  /** Range of the value and of each named part over the sample. */
  readonly ranges: readonly {
    readonly name: string;
    readonly min: number;
    readonly max: number;
    readonly count: number;
  }[];
}

/** Writes the recorded input of rollouts for the debugger, and says how to start the process that calls the reward on it. */
export const prepareReplay = request<{ runDir: string; reward: RescoreReward; ids: readonly string[] }, ReplayProgram>(
  "service/prepareReplay",
);
/** The same for pinned cases. */
export const prepareCaseReplay = request<{ file: string; line: number }, ReplayProgram>("service/prepareCaseReplay");

export interface ReplayProgram {
  readonly language: "javascript" | "python";
  /** Program of ours, and its arguments. */
  readonly program: string;
  readonly args: readonly string[];
  /** Interpreter for Python; null for Node. */
  readonly python: string | null;
  /** File of the reward, to be shown when the debugger starts. */
  readonly rewardFile: string;
  readonly function: string;
}

/** Rewards and advantages of a group with some of its completions changed; `texts` null keeps the recorded one. */
export const scoreEdited = request<
  { runDir: string; step: number; group: number; texts: readonly (string | null)[] },
  { completions: readonly EditedCompletion[] }
>("service/scoreEdited");

export interface EditedCompletion {
  readonly parsed: ParsedAnswer;
  readonly rewards: readonly RewardPart[];
  readonly reward: number | null;
  readonly advantage: number;
}

/** Runs pinned cases; `caseFinished` tells each as it ends. Cancellable. */
export const runRewardCases = request<
  { task: string; file: string; lines: readonly number[] | null },
  { outcomes: readonly CaseOutcome[] }
>("service/runCases");
export const caseFinished = notification<{ task: string; outcome: CaseOutcome }>("service/caseFinished");
/** The line of a case file that pins a recorded rollout with its present outcome; paths are relative to `casesFile`. */
export const makeCase = request<
  { runDir: string; id: string; reward: string; casesFile: string },
  { line: string; name: string }
>("service/makeCase");
