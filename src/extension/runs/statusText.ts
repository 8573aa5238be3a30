import { t } from "@vscode/l10n";
import type { TrackedRun } from "./runView.ts";
import { etaText, isGoingOn, newestFirst, phaseText, rewardText, stepText } from "./runView.ts";

export interface StatusText {
  readonly runDir: string;
  readonly text: string;
  readonly tooltip: string;
}

/** Text of the one status bar item: the newest run that goes on; nothing when none does. */
export function statusText(runs: Iterable<TrackedRun>): StatusText | undefined {
  const goingOn = newestFirst(runs).filter(isGoingOn);
  const run = goingOn[0];
  if (run === undefined) return undefined;
  const others = goingOn.length > 1 ? ` (+${goingOn.length - 1})` : "";
  const tooltip = [
    run.summary.state.status === "stopping" ? t("{0}: stopping after this step", run.summary.name) : run.summary.name,
    ...(run.summary.state.message === undefined ? [] : [run.summary.state.message]),
    [stepText(run), phaseText(run), etaText(run)].filter((t) => t !== undefined).join(" · "),
    t("Click to open the rollouts"),
  ];
  return {
    runDir: run.summary.runDir,
    text: `$(pulse) ${mainText(run)}${others}`,
    tooltip: tooltip.join("\n"),
  };
}

function mainText(run: TrackedRun): string {
  const reward = rewardText(run);
  const phase = phaseText(run);
  if (run.summary.state.step === 0 && phase !== undefined) return phase;
  return reward === undefined ? stepText(run) : `${stepText(run)} · ${reward}`;
}
