import { t } from "@vscode/l10n";
import type { DashboardRun } from "../../src/protocol/dashboard.ts";
import { element, whenChanged } from "../dom.ts";
import type { ChartSpec } from "./chartTable.ts";
import { evenly, type ChartData } from "./series.ts";
import type { DashboardActions } from "./state.ts";
import { formatValue } from "./units.ts";

/** More rows are read by nobody; the caption says what is left out. */
const maxRows = 60;

export interface TableView {
  readonly node: HTMLElement;
  render(runs: readonly DashboardRun[], data: ChartData): void;
}

/** The values of a chart: a row a step, a column a run; each value opens its rollouts. */
export function createTable(spec: ChartSpec, { post }: DashboardActions): TableView {
  const caption = element("caption");
  const head = element("thead");
  const body = element("tbody");
  const node = element(
    "div",
    { class: "table-box", role: "region", label: t("{0}, as a table", spec.title), tabIndex: 0 },
    [element("table", {}, [caption, head, body])],
  );
  const render = whenChanged((runs: readonly DashboardRun[], data: ChartData) => {
    const { steps } = data;
    const rows = evenly(steps.length, maxRows);
    // The chart's own title is above the table, for the eye.
    caption.className = rows.length === steps.length ? "visually-hidden" : "";
    caption.textContent =
      rows.length === steps.length
        ? t("{0} by step", spec.title)
        : t("{0}, {1} of {2} steps", spec.title, rows.length, steps.length);
    head.replaceChildren(
      element("tr", {}, [
        element("th", { text: t("Step"), attributes: { scope: "col" } }),
        ...runs.map(({ name }) => element("th", { text: name, attributes: { scope: "col" } })),
      ]),
    );
    body.replaceChildren(
      ...rows.map((i) =>
        element("tr", {}, [
          element("th", { text: String(steps[i]), attributes: { scope: "row" } }),
          ...runs.map(({ runDir, name }, run) => {
            const value = data.runs[run]?.values[i];
            const step = steps[i];
            if (typeof value !== "number" || step === undefined) return element("td", { text: "–" });
            const text = formatValue(value, spec.unit);
            const label = t("{0}, rollouts of {1} at step {2}", text, name, step);
            const button = element("button", { class: "value", text, label, attributes: { type: "button" } });
            button.addEventListener("click", () => post({ kind: "openStep", runDir, step }));
            return element("td", {}, [button]);
          }),
        ]),
      ),
    );
  });
  return { node, render };
}
