import { onNotification, type RpcConnection } from "../../protocol/connection.ts";
import {
  evaluationWritten,
  runLog,
  runProgress,
  runStateChanged,
  stepFinished,
  type RunProgress,
} from "../../protocol/messages.ts";
import type { MetricsRecord, RunState, Scores, TimingsRecord } from "../../protocol/records.ts";
import type { Terminal } from "./terminal.ts";
import { formatBar, formatDuration } from "./text.ts";

const barWidth = 24;
/** TRL's key of the mean of the tiou reward. */
const tIouKey = "rewards/tiou/mean";

/**
 * Shows a run while it goes on: one live line on a terminal, else a line a step. Numbers are those of the last finished
 * step.
 */
export class RunView {
  private readonly terminal: Terminal;
  private progress: RunProgress | null = null;
  private step: { metrics: MetricsRecord; timings: TimingsRecord } | null = null;
  private shownMessage = "";
  private shownPhase = "";

  constructor(terminal: Terminal) {
    this.terminal = terminal;
  }

  listen(connection: RpcConnection): void {
    onNotification(connection, runProgress, (progress) => this.showProgress(progress));
    onNotification(connection, stepFinished, (step) => this.showStep(step));
    onNotification(connection, runStateChanged, ({ state }) => this.showState(state));
    onNotification(connection, evaluationWritten, ({ step, evaluation }) =>
      this.terminal.note(`Evaluated after step ${step}: ${formatMainScores(evaluation.scores)}`),
    );
    onNotification(connection, runLog, ({ level, message }) => {
      if (level !== "info") this.terminal.note(`${level}: ${message}`);
    });
  }

  showState(state: RunState): void {
    const message = state.message ?? "";
    if (message !== "" && message !== this.shownMessage) this.terminal.note(message);
    this.shownMessage = message;
    if (this.progress === null) this.terminal.showLive(state.phase);
  }

  end(): void {
    this.terminal.showLive("");
  }

  private showProgress(progress: RunProgress): void {
    this.progress = progress;
    this.terminal.showLive(formatLive(progress, this.step));
    const phase = `${progress.phase} ${progress.step}`;
    if (!this.terminal.isLive && progress.phase === "evaluating" && phase !== this.shownPhase) {
      this.terminal.note(`Evaluating after step ${progress.step} on ${progress.total} examples.`);
    }
    this.shownPhase = phase;
  }

  private showStep(step: { metrics: MetricsRecord; timings: TimingsRecord }): void {
    this.step = step;
    if (this.progress !== null) this.terminal.showLive(formatLive(this.progress, step));
    if (!this.terminal.isLive) this.terminal.note(formatStepLine(step, this.progress));
  }
}

function formatLive(progress: RunProgress, step: { metrics: MetricsRecord; timings: TimingsRecord } | null): string {
  const { steps, done, total, phase, etaSec } = progress;
  const finished = step?.metrics.step ?? progress.step;
  const part = total > 0 ? `${phase} ${done}/${total}` : phase;
  const eta = etaSec === null ? [] : [`ETA ${formatDuration(etaSec)}`];
  const bar = formatBar(steps > 0 ? finished / steps : 0, barWidth);
  return [bar, `${finished}/${steps}`, ...(step === null ? [] : formatNumbers(step)), part, ...eta].join("  ");
}

function formatStepLine(
  step: { metrics: MetricsRecord; timings: TimingsRecord },
  progress: RunProgress | null,
): string {
  const of = progress === null ? "" : `/${progress.steps}`;
  const etaSec = progress?.etaSec ?? null;
  const eta = etaSec === null ? [] : [`ETA ${formatDuration(etaSec)}`];
  return [`step ${step.metrics.step}${of}`, ...formatNumbers(step), ...eta].join("  ");
}

/** Whichever of reward, tIoU and loss the run has. */
function formatNumbers({ metrics, timings }: { metrics: MetricsRecord; timings: TimingsRecord }): string[] {
  const { reward, loss } = metrics.metrics;
  const tIou = metrics.metrics[tIouKey];
  return [
    ...(reward === undefined ? [] : [`reward ${reward.toFixed(3)}`]),
    ...(tIou === undefined ? [] : [`tIoU ${tIou.toFixed(3)}`]),
    ...(reward === undefined && loss !== undefined ? [`loss ${loss.toFixed(4)}`] : []),
    `${Math.round(timings.tokensPerSec)} tokens/s`,
  ];
}

/** The first metric of each dataset; the table at the end has them all. */
function formatMainScores(scores: Scores): string {
  const main = new Map<string, string>();
  for (const [key, { value }] of Object.entries(scores)) {
    const dataset = key.split("/")[0] ?? key;
    if (!main.has(dataset)) main.set(dataset, `${key} ${value.toFixed(3)}`);
  }
  return [...main.values()].join(", ");
}
