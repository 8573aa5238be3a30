import type { DashboardRun } from "../../src/protocol/dashboard.ts";
import { iconButton } from "../controls.ts";
import { element, whenChanged } from "../dom.ts";
import type { DashboardActions, DashboardState } from "./state.ts";
import { swatch } from "./swatch.ts";

/** The runs that are overlaid, with their colours. */
export function createRunList({ post }: DashboardActions): { node: HTMLElement; render(state: DashboardState): void } {
  const list = element("ul", { class: "runs", label: "Runs" });
  const render = whenChanged((runs: readonly DashboardRun[]) => {
    list.replaceChildren(
      ...runs.map((run, i) => {
        const remove = iconButton("cross", `Remove ${run.name}`, () => post({ kind: "removeRun", runDir: run.runDir }));
        remove.setVisible(runs.length > 1);
        return element("li", { class: "run", title: run.runDir }, [
          swatch(i),
          element("span", { class: "run-name", text: run.name }),
          element("span", { class: "run-status", text: statusText(run) }),
          remove.node,
        ]);
      }),
    );
  });
  return { node: list, render: ({ runs }) => render(runs ?? []) };
}

/** A run that says "running" while its process is gone has crashed. */
export function statusText({ state, alive }: DashboardRun): string {
  if (state === null) return "Cannot be read";
  const { status, step, steps } = state;
  const place = `step ${step} of ${steps}`;
  const isGoingOn = status === "running" || status === "stopping";
  if (isGoingOn && !alive) return `Ended unexpectedly after ${place}`;
  const words = {
    running: "Running",
    stopping: "Stopping",
    stopped: "Stopped",
    finished: "Finished",
    failed: "Failed",
  } as const;
  return status === "finished"
    ? `Finished · ${steps} ${steps === 1 ? "step" : "steps"}`
    : `${words[status]} · ${place}`;
}
