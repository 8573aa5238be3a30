import type { EvaluationRecord, MetricsRecord, RolloutLine, RunState, TimingsRecord } from "../../protocol/records.ts";
import type { RunProgress } from "../../protocol/messages.ts";

/** What a run tells while it goes on; one method for each notification of the run process, with its params. */
export interface RunEvents {
  stateChanged(params: { state: RunState }): void;
  progress(params: RunProgress): void;
  stepFinished(params: { metrics: MetricsRecord; timings: TimingsRecord }): void;
  groupsWritten(params: { step: number; groups: readonly RolloutLine[] }): void;
  evaluationWritten(params: { step: number; evaluation: Omit<EvaluationRecord, "examples"> }): void;
  log(params: { level: "info" | "warn" | "error"; message: string }): void;
}
