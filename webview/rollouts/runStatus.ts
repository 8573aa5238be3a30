import type { ViewerRun } from "../../src/protocol/view.ts";
import { phaseLabels, plural } from "./format.ts";

export interface RunStatusView {
  readonly text: string;
  readonly tone: "active" | "done" | "idle" | "error";
  readonly canStop: boolean;
  readonly canResume: boolean;
}

/** A run that says "running" while its process is gone has crashed; it can be resumed. */
export function runStatus(run: ViewerRun): RunStatusView {
  const { status, phase, step, steps } = run.state;
  const place = `step ${step} of ${steps}`;
  const canResume = !run.alive && status !== "finished";
  const view = (text: string, tone: RunStatusView["tone"], canStop = false): RunStatusView => ({
    text,
    tone,
    canStop,
    canResume,
  });
  switch (status) {
    case "running":
      if (!run.alive) return view(`Ended unexpectedly after ${place}`, "error");
      return view(`Running · ${phaseLabels[phase]} · ${place}`, "active", true);
    case "stopping":
      return run.alive ? view(`Stopping · ${place}`, "active") : view(`Ended unexpectedly after ${place}`, "error");
    case "stopped":
      return view(`Stopped after ${place}`, "idle");
    case "finished":
      return view(`Finished · ${plural(steps, "step")}`, "done");
    case "failed":
      return view(`Failed after ${place}`, "error");
    default:
      throw new Error(`internal: unknown run status ${String(status satisfies never)}`);
  }
}
