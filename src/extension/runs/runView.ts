import { t } from "@vscode/l10n";
import type { RunProgress, RunSummary } from "../../protocol/messages.ts";

/** What the user is told about a run: a run whose process is gone without a word has crashed. */
export type RunDisplayStatus = "running" | "stopping" | "stopped" | "finished" | "failed" | "crashed";

/** A run as this window knows it: from disk, and live while its process is attached. */
export interface TrackedRun {
  readonly summary: RunSummary;
  readonly attached: boolean;
  /** Live only. */
  readonly progress: RunProgress | null;
  /** Why a living run is not attached, when it was tried. */
  readonly attachProblem?: string | undefined;
}

export function displayStatus(run: TrackedRun): RunDisplayStatus {
  const { status } = run.summary.state;
  if (run.summary.alive || (status !== "running" && status !== "stopping")) return status;
  return "crashed";
}

export function isGoingOn(run: TrackedRun): boolean {
  return run.summary.alive && (run.summary.state.status === "running" || run.summary.state.status === "stopping");
}

/** A run that can go on from where it stopped. */
export function isResumable(run: TrackedRun): boolean {
  const status = displayStatus(run);
  return status === "crashed" || status === "stopped" || status === "failed";
}

/** "r 0.61"; nothing before the first step. */
export function rewardText(run: TrackedRun): string | undefined {
  const { reward } = run.summary.state;
  return reward === null ? undefined : `r ${reward.toFixed(2)}`;
}

/** "step 42/200" */
export function stepText(run: TrackedRun): string {
  const { step, steps } = run.summary.state;
  return t("step {0}/{1}", step, steps);
}

/** "about 3 min left"; undefined while nobody knows. */
export function etaText(run: TrackedRun): string | undefined {
  const etaSec = run.progress?.etaSec ?? null;
  if (etaSec === null || !isGoingOn(run)) return undefined;
  if (etaSec < 90) return t("about {0} s left", Math.max(1, Math.round(etaSec)));
  if (etaSec < 5400) return t("about {0} min left", Math.round(etaSec / 60));
  return t("about {0} h left", (etaSec / 3600).toFixed(1));
}

/** "evaluating 12/40" while something other than steps goes on. */
export function phaseText(run: TrackedRun): string | undefined {
  const phase = run.progress?.phase ?? run.summary.state.phase;
  if (!isGoingOn(run) || phase === "idle") return undefined;
  const { done, total } = run.progress ?? { done: 0, total: 0 };
  return total > 0 ? `${phase} ${done}/${total}` : phase;
}

/** Newest first. */
export function newestFirst(runs: Iterable<TrackedRun>): readonly TrackedRun[] {
  return [...runs].sort((a, b) => b.summary.createdAt.localeCompare(a.summary.createdAt));
}
