import type { JsonValue, SpecBasis, SpecPath } from "../../../protocol/diagnostics.ts";
import { valueAt } from "../../../protocol/diagnostics.ts";
import type { EvaluationRecord, MetricsRecord } from "../../../protocol/records.ts";
import type { RunSpec } from "../../../protocol/spec.ts";
import type { GroupStats } from "./groupStats.ts";
import type { TextStats } from "./textStats.ts";
import { stepRange } from "./trends.ts";

/** What a run has left behind so far, as far as the linter of runs looks at it. */
export interface RunEvidence {
  readonly spec: RunSpec;
  /** Rollouts of another program: the specification says little, and changing it mends nothing. */
  readonly isImported: boolean;
  /** All groups that were rolled out, by step. */
  readonly groups: readonly GroupStats[];
  readonly metrics: readonly MetricsRecord[];
  readonly evaluations: readonly Omit<EvaluationRecord, "examples">[];
  /** Steps whose texts were read: some, spread over the run. */
  readonly texts: readonly TextStats[];
  /** Rewards of the workspace that were called a second time. */
  readonly repeats: readonly RewardRepeat[];
}

/** A reward that was called again on rollouts that it had scored. */
export interface RewardRepeat {
  readonly reward: string;
  readonly file: string;
  readonly function: string;
  readonly calls: number;
  readonly differing: number;
  /** The rollout that differs most. */
  readonly largest: { readonly id: string; readonly first: number | null; readonly second: number | null } | null;
}

/** What a finding rests on: the values of these keys in the specification of the run. */
export function basisOf(spec: RunSpec, ...paths: readonly SpecPath[]): SpecBasis[] {
  // SAFETY: a specification is JSON.
  return paths.map((path) => ({ path, value: valueAt(spec, path) as JsonValue | undefined }));
}

/** "41 %" */
export function percent(share: number): string {
  return `${(100 * share).toFixed(share > 0 && share < 0.01 ? 1 : 0)} %`;
}

/** "0.31", "12.5": three digits that count. */
export function short(value: number): string {
  return String(Number(value.toPrecision(3)));
}

/** "steps 3 to 40" */
export function stepsText(items: readonly { readonly step: number }[]): string {
  const { first, last } = stepRange(items);
  return first === last ? `step ${first}` : `steps ${first} to ${last}`;
}
