import type { RewardError } from "../../protocol/records.ts";
import type { RewardCompletion, RewardExample, RewardOutput } from "../../protocol/reward.ts";
import type { RewardSignature } from "../../protocol/rewardSpec.ts";

/**
 * What a run says to the process that holds a reward file, and hears from it: one JSON value a line in both directions,
 * the same for Node and Python. Requests come on standard input. Answers go to a channel of their own (descriptor 3 in
 * Node, a copy of standard output in Python), so that a reward may print.
 */
export type HostRequest =
  | {
      readonly kind: "load";
      readonly id: number;
      readonly file: string;
      /** Text of files by their path, in place of what they hold now; null takes them as they are. */
      readonly sources: SourceFiles | null;
    }
  | {
      readonly kind: "score";
      readonly id: number;
      readonly function: string;
      readonly signature: RewardSignature;
      readonly groups: readonly HostGroup[];
      /** One completion after the other, each told at once: whoever ends the process is then known. */
      readonly isCareful: boolean;
    }
  /** Calls the function once more on each completion (on each group, when it gets batches) and says which lines it takes. */
  | {
      readonly kind: "cover";
      readonly id: number;
      readonly function: string;
      readonly signature: RewardSignature;
      readonly groups: readonly HostGroup[];
    };

/** Text of the workspace's files by absolute path. */
export type SourceFiles = Readonly<Record<string, string>>;

/** The completions of one example; the example is sent once. */
export interface HostGroup {
  readonly example: RewardExample;
  readonly completions: readonly HostCompletion[];
}

export interface HostCompletion extends RewardCompletion {
  /** Only for functions that ask for them by name (`completion_ids` of TRL). */
  readonly tokenIds?: readonly number[] | undefined;
}

export type HostOutcome =
  { readonly ok: true; readonly output: RewardOutput } | { readonly ok: false; readonly error: RewardError };

export type HostAnswer =
  | { readonly kind: "loaded"; readonly id: number; readonly file: LoadedFile }
  /** Outcomes of the completions `from`, `from + 1`, …, counted through all groups of the request. */
  | { readonly kind: "outcomes"; readonly id: number; readonly from: number; readonly outcomes: readonly HostOutcome[] }
  | { readonly kind: "scored"; readonly id: number }
  | { readonly kind: "covered"; readonly id: number; readonly files: readonly CoveredFile[] }
  /** The whole request failed: its file cannot be loaded, or has no such function. */
  | { readonly kind: "failed"; readonly id: number; readonly error: RewardError };

/** What stands in a reward file. */
export interface LoadedFile {
  readonly functions: readonly string[];
  /** Files of the workspace that it consists of; a change of one of them is a new version. */
  readonly files: readonly string[];
  /** Functions that want token ids. */
  readonly wantsTokenIds: readonly string[];
  readonly runtime: string; // "Node 24.2.0", "Python 3.11.7"
}

/** Lines of a file that calls went through. */
export interface CoveredFile {
  readonly file: string;
  readonly lines: readonly CoveredLine[];
}

export interface CoveredLine {
  readonly line: number; // 1-based
  /** Completions of the request whose call took the line, counted through all groups, ascending. */
  readonly taken: readonly number[];
  /** Parts of the line that not every one of these calls took (V8 only): columns 0-based, the end exclusive. */
  readonly branches: readonly { readonly start: number; readonly end: number; readonly taken: readonly number[] }[];
}

export const resultExpected = "a number, null, or { value, parts?, reason? }";
