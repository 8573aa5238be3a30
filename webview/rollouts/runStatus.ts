import { t } from "@vscode/l10n";
import { countOf } from "../counts.ts";
import type { ViewerRun } from "../../src/protocol/view.ts";
import { phaseLabels } from "./format.ts";

export interface RunStatusView {
  readonly text: string;
  readonly tone: "active" | "done" | "idle" | "error";
  readonly canStop: boolean;
  readonly canResume: boolean;
}

/** A run that says "running" while its process is gone has crashed; it can be resumed. */
export function runStatus(run: ViewerRun): RunStatusView {
  const { status, phase, step, steps } = run.state;
  const place = t("step {0} of {1}", step, steps);
  const canResume = !run.alive && status !== "finished";
  const view = (text: string, tone: RunStatusView["tone"], canStop = false): RunStatusView => ({
    text,
    tone,
    canStop,
    canResume,
  });
  switch (status) {
    case "running":
      if (!run.alive) return view(t("Ended unexpectedly after {0}", place), "error");
      return view(t("Running · {0} · {1}", phaseLabels[phase], place), "active", true);
    case "stopping":
      return run.alive
        ? view(t("Stopping · {0}", place), "active")
        : view(t("Ended unexpectedly after {0}", place), "error");
    case "stopped":
      return view(t("Stopped after {0}", place), "idle");
    case "finished":
      return view(t("Finished · {0}", countOf(steps, "step")), "done");
    case "failed":
      return view(t("Failed after {0}", place), "error");
    default:
      throw new Error(`internal: unknown run status ${String(status satisfies never)}`);
  }
}
