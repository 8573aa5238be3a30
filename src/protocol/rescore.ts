import type { RewardError } from "./records.ts";
import type { RewardSpec } from "./rewardSpec.ts";

/** What a version of a reward does to rollouts that were scored before. Complete at its end, a part of it on the way. */
export interface RescoreSummary {
  /** Name of the reward, as in records. */
  readonly reward: string;
  /** Short hash of the code and the options that scored. */
  readonly version: string;
  /** Completions that the reward applies to, of those looked at so far. */
  readonly rollouts: number;
  readonly total: number | null; // completions of the run; null while they are not counted
  /** Of the reward itself, over those that have a value; null when there are none. */
  readonly before: Spread | null;
  readonly after: Spread | null;
  /** Completions whose value is another one, and advantages whose sign is. */
  readonly changed: number;
  readonly advantageSignFlips: number;
  /** Groups in which rewards were all equal and are not any more, and the reverse. */
  readonly groupsGainingVariance: readonly string[]; // "<step>/<group>", the first of them
  readonly groupsLosingVariance: readonly string[];
  readonly gainingCount: number;
  readonly losingCount: number;
  readonly errors: number;
  /** The first of them. */
  readonly errorExamples: readonly { readonly id: string; readonly error: RewardError }[];
  /** Rollouts that change most, the largest first. */
  readonly largest: readonly RescoredRollout[];
  /** Rollouts of the lowest value now. */
  readonly worst: readonly RescoredRollout[];
}

export interface Spread {
  readonly mean: number;
  readonly std: number; // unbiased
}

export interface RescoredRollout {
  readonly id: string;
  readonly before: number | null;
  readonly after: number | null;
}

/** Which reward to score with: one of the run's specification by its name, or a row of its own. */
export type RescoreReward =
  { readonly kind: "named"; readonly name: string } | { readonly kind: "spec"; readonly spec: RewardSpec };

/** scores/<version>.jsonl: the first line says what scored, then a line a group that the reward applies to. */
export interface ScoresHeader {
  readonly version: number;
  readonly kind: "scores";
  readonly scoreVersion: string;
  readonly createdAt: string;
  readonly reward: RewardSpec;
  readonly sources: Readonly<Record<string, string>>;
  readonly runtime: string | null; // of the process that scored; null for built-in rewards
}

export interface ScoresLine {
  readonly version: number;
  readonly step: number;
  readonly group: number;
  /** By completion. */
  readonly values: readonly (number | null)[];
  readonly rewards: readonly (number | null)[]; // with the other parts as they were recorded
  readonly advantages: readonly number[];
  readonly errors: readonly (RewardError | null)[];
}
