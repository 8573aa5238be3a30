import { t } from "@vscode/l10n";
import path from "node:path";
import type { RunDetails } from "../../protocol/messages.ts";
import type { Scores } from "../../protocol/records.ts";
import { errorText } from "../errorText.ts";
import type { RunDisplayStatus, TrackedRun } from "./runView.ts";
import { displayStatus, etaText, phaseText, rewardText, stepText } from "./runView.ts";

/** A row of the Runs view, before it becomes a TreeItem. */
export interface TreeRow {
  /** Stable over refreshes, so that selection and folding stay. */
  readonly id: string;
  readonly kind: "run" | "checkpoint" | "evaluation";
  readonly runDir: string;
  readonly label: string;
  readonly description: string;
  readonly tooltip: string;
  /** A codicon, and the theme colour it is drawn in. */
  readonly icon: { readonly name: string; readonly color?: string };
  /** What `viewItem` is in the manifest's menus. */
  readonly contextValue: string;
  /** File or folder behind the row. */
  readonly file: string;
  readonly accessibilityLabel: string;
}

const statusIcons: Readonly<Record<RunDisplayStatus, TreeRow["icon"]>> = {
  running: { name: "sync~spin", color: "charts.blue" },
  stopping: { name: "sync~spin", color: "charts.yellow" },
  stopped: { name: "debug-pause" },
  finished: { name: "pass", color: "charts.green" },
  failed: { name: "error", color: "charts.red" },
  crashed: { name: "warning", color: "charts.orange" },
};

export function runRow(run: TrackedRun): TreeRow {
  const status = displayStatus(run);
  const { summary } = run;
  const description = runDescription(run, status);
  return {
    id: summary.runDir,
    kind: "run",
    runDir: summary.runDir,
    label: summary.name,
    description,
    tooltip: runTooltip(run, status),
    icon: statusIcons[status],
    contextValue: `run.${status}`,
    file: summary.runDir,
    accessibilityLabel: `${summary.name}, ${status}, ${description}`,
  };
}

/** Checkpoints and evaluations by step; at one step the evaluation comes first. */
export function runChildRows(details: RunDetails): readonly TreeRow[] {
  const checkpoints = details.checkpoints.map((step) => ({ step, order: 1, row: checkpointRow(details, step) }));
  const evaluations = details.evaluations.map((evaluation) => ({
    step: evaluation.step,
    order: 0,
    row: evaluationRow(details, evaluation.step, evaluation.scores),
  }));
  return [...evaluations, ...checkpoints].sort((a, b) => a.step - b.step || a.order - b.order).map(({ row }) => row);
}

/** `step-000100`, as run folders name the records of a step. */
export function stepName(step: number): string {
  return `step-${String(step).padStart(6, "0")}`;
}

function runDescription(run: TrackedRun, status: RunDisplayStatus): string {
  const reward = rewardText(run);
  const progress = [stepText(run), ...(reward === undefined ? [] : [reward])].join(" · ");
  switch (status) {
    case "crashed":
      return t("crashed - Resume · {0}", progress);
    case "failed":
    case "stopped":
    case "stopping":
      return `${status} · ${progress}`;
    case "running": {
      const phase = phaseText(run);
      if (run.summary.state.message !== undefined) return run.summary.state.message;
      return run.summary.state.step === 0 && phase !== undefined ? phase : progress;
    }
    case "finished":
      return progress;
  }
}

function runTooltip(run: TrackedRun, status: RunDisplayStatus): string {
  const { summary } = run;
  const lines = [
    `${summary.name}: ${status}`,
    [stepText(run), rewardText(run), phaseText(run), etaText(run)].filter((t) => t !== undefined).join(" · "),
    t("Started {0}", summary.createdAt),
    summary.runDir,
  ];
  if (summary.state.message !== undefined) lines.splice(1, 0, summary.state.message);
  if (summary.state.error !== undefined) lines.splice(1, 0, errorText(summary.state.error));
  if (status === "crashed")
    lines.push(t("The process of this run has ended without a word. Resume goes on from its last checkpoint."));
  if (summary.alive && !run.attached) lines.push(run.attachProblem ?? t("Connecting to the process of this run…"));
  return lines.join("\n");
}

function checkpointRow(details: RunDetails, step: number): TreeRow {
  const file = path.join(details.runDir, "checkpoints", stepName(step));
  const isLast = step === details.state.lastCheckpoint;
  return {
    id: file,
    kind: "checkpoint",
    runDir: details.runDir,
    label: t("Checkpoint at step {0}", step),
    description: isLast ? "latest" : "",
    tooltip: file,
    icon: { name: "save" },
    contextValue: "checkpoint",
    file,
    accessibilityLabel: isLast ? t("Checkpoint at step {0}, latest", step) : t("Checkpoint at step {0}", step),
  };
}

function evaluationRow(details: RunDetails, step: number, scores: Scores): TreeRow {
  const file = path.join(details.runDir, "evaluation", `${stepName(step)}.json`);
  const lines = Object.entries(scores).map(
    ([key, s]) => `${key} ${s.value.toFixed(3)} [${s.low.toFixed(3)}, ${s.high.toFixed(3)}], n = ${s.n}`,
  );
  const description = Object.entries(scores)
    .slice(0, 3)
    .map(([key, s]) => `${key} ${s.value.toFixed(2)}`)
    .join(" · ");
  return {
    id: file,
    kind: "evaluation",
    runDir: details.runDir,
    label: t("Evaluation at step {0}", step),
    description,
    tooltip: [t("Evaluation at step {0}, with 95 % intervals", step), ...lines].join("\n"),
    icon: { name: "graph" },
    contextValue: "evaluation",
    file,
    accessibilityLabel: t("Evaluation at step {0}, {1}", step, description),
  };
}
