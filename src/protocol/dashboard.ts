import type { RunState } from "./records.ts";

/** Messages between the extension host and the run dashboard. Payloads are complete snapshots, never deltas. */
export type HostToDashboard =
  /** The runs that are shown, in the order of their colours. */
  { readonly kind: "runs"; readonly runs: readonly DashboardRun[] };

export type DashboardToHost =
  /** The page can show runs; `runDirs` are those that it showed when it was last open. */
  | { readonly kind: "ready"; readonly runDirs: readonly string[] }
  /** The user wants to choose other runs. */
  | { readonly kind: "chooseRuns" }
  | { readonly kind: "removeRun"; readonly runDir: string }
  /** Shows the rollouts of a step. */
  | { readonly kind: "openStep"; readonly runDir: string; readonly step: number };

/** More lines than these cannot be told apart. */
export const maxDashboardRuns = 4;

export interface DashboardRun {
  readonly runDir: string;
  readonly name: string;
  /** null with a `problem`: the run cannot be read. */
  readonly state: RunState | null;
  readonly alive: boolean;
  readonly problem: string | null;
  /** Steps that have rollouts, ascending. */
  readonly rolloutSteps: readonly number[];
  /** Metrics and timings, by column. */
  readonly curves: Curves;
  readonly evaluations: readonly EvaluationPoint[];
}

/** Values by step, in columns: a run of thousands of steps says each name once. */
export interface Curves {
  readonly steps: readonly number[];
  /** By key: TRL's of metrics.jsonl, and `timings/<field>` of timings.jsonl. null: not known at that step. */
  readonly columns: Readonly<Record<string, readonly (number | null)[]>>;
}

/** A held-out score after a step, by "<data id>/<metric>". */
export interface EvaluationPoint {
  readonly step: number;
  readonly scores: Readonly<Record<string, { readonly value: number; readonly low: number; readonly high: number }>>;
}

/** What of the page is kept when its document is thrown away. Also read by the extension when the window is opened again. */
export interface SavedDashboard {
  readonly runDirs: readonly string[];
  readonly smoothing: number;
  readonly scale: "linear" | "log";
  readonly view: "charts" | "tables";
}
