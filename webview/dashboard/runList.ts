import { t } from "@vscode/l10n";
import { countOf } from "../counts.ts";
import type { DashboardRun } from "../../src/protocol/dashboard.ts";
import { iconButton } from "../controls.ts";
import { element, whenChanged } from "../dom.ts";
import type { DashboardActions, DashboardState } from "./state.ts";
import { swatch } from "./swatch.ts";

/** The runs that are overlaid, with their colours. */
export function createRunList({ post }: DashboardActions): { node: HTMLElement; render(state: DashboardState): void } {
  const list = element("ul", { class: "runs", label: t("Runs") });
  const render = whenChanged((runs: readonly DashboardRun[]) => {
    list.replaceChildren(
      ...runs.map((run, i) => {
        const remove = iconButton("cross", t("Remove {0}", run.name), () =>
          post({ kind: "removeRun", runDir: run.runDir }),
        );
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
  if (state === null) return t("Cannot be read");
  const { status, step, steps } = state;
  const place = t("step {0} of {1}", step, steps);
  const isGoingOn = status === "running" || status === "stopping";
  if (isGoingOn && !alive) return t("Ended unexpectedly after {0}", place);
  const words = {
    running: t("Running"),
    stopping: t("Stopping"),
    stopped: t("Stopped"),
    finished: t("Finished"),
    failed: t("Failed"),
  } as const;
  return status === "finished" ? t("Finished · {0}", countOf(steps, "step")) : `${words[status]} · ${place}`;
}
