import { t } from "@vscode/l10n";
import type { DashboardRun } from "../../src/protocol/dashboard.ts";
import { element, setHidden, setText, whenChanged } from "../dom.ts";
import type { ChartSpec } from "./chartTable.ts";
import { PlotBox } from "./plotBox.ts";
import { chartData, countNotPositive, hasPositive, nearestStep, valueAt, type ChartData } from "./series.ts";
import type { DashboardActions, DashboardState } from "./state.ts";
import { swatch } from "./swatch.ts";
import { createTable } from "./table.ts";
import { formatValue } from "./units.ts";

export interface ChartView {
  readonly node: HTMLElement;
  render(state: DashboardState): void;
  destroy(): void;
}

const noRuns: readonly DashboardRun[] = [];

/** A quantity of all runs as a chart with a cursor, or as a table. */
export function createChart(spec: ChartSpec, actions: DashboardActions): ChartView {
  let runs: readonly DashboardRun[] = [];
  let data: ChartData = { steps: [], runs: [] };
  const readouts = element("ul", { class: "readouts" });
  const note = element("p", { class: "chart-note" });
  const table = createTable(spec, actions);
  const box = new PlotBox(spec, actions, (step, run) => {
    const runDir = runs[run]?.runDir;
    if (runDir !== undefined) actions.post({ kind: "openStep", runDir, step });
  });
  const title = element("h3", { class: "chart-title", text: spec.title, title: spec.help });
  const node = element("article", { class: "chart", label: spec.title, attributes: { "data-key": spec.key } }, [
    title,
    readouts,
    box.node,
    table.node,
    note,
  ]);

  const renderData = whenChanged((shown: readonly DashboardRun[]) => {
    runs = shown;
    data = chartData(spec, shown);
  });
  const renderBody = whenChanged(
    (
      _: ChartData,
      view: DashboardState["view"],
      scale: DashboardState["scale"],
      smoothing: number,
      zoom: DashboardState["zoom"],
    ) => {
      const isTable = view === "tables";
      const isLog = scale === "log" && hasPositive(data);
      setHidden(box.node, isTable);
      setHidden(table.node, !isTable);
      setText(note, isTable || scale === "linear" ? "" : logNote(data, isLog));
      if (isTable) table.render(runs, data);
      else box.show(data, { smoothing, isLog, zoom });
    },
  );
  const renderCursor = whenChanged((_: ChartData, wanted: number | null, run: number) => {
    const step = wanted === null ? null : (nearestStep(data.steps, wanted) ?? null);
    const isElsewhere = step !== null && step !== wanted;
    readouts.replaceChildren(
      ...runs.map((_run, i) => readout(spec, data, i, step)),
      ...(isElsewhere ? [element("li", { class: "readout-step", text: t("step {0}", step) })] : []),
    );
    box.setCursor({ step, run, valueText: valueText(spec, data, runs, step, run) });
  });
  return {
    node,
    render: ({ runs: shown, view, scale, smoothing, zoom, cursorStep, cursorRun }) => {
      renderData(shown ?? noRuns);
      renderBody(data, view, scale, smoothing, zoom);
      renderCursor(data, cursorStep, cursorRun);
    },
    destroy: () => box.destroy(),
  };
}

/** Value of a run under the cursor; without one the last. */
function readout(spec: ChartSpec, data: ChartData, run: number, step: number | null): HTMLElement {
  const found = valueAt(data, run, step);
  const text = found === null ? "–" : formatValue(found.value, spec.unit);
  return element("li", { class: "readout" }, [swatch(run), element("span", { class: "readout-value", text })]);
}

function valueText(
  spec: ChartSpec,
  data: ChartData,
  runs: readonly DashboardRun[],
  step: number | null,
  cursorRun: number,
): string {
  const values = runs.map(({ name }, run) => {
    const found = valueAt(data, run, step);
    const value = found === null ? t("no value") : formatValue(found.value, spec.unit);
    if (runs.length === 1) return value;
    return run === cursorRun ? t("chosen run {0} {1}", name, value) : `${name} ${value}`;
  });
  return `${step === null ? t("Latest") : t("Step {0}", step)}: ${values.join(", ")}`;
}

function logNote(data: ChartData, isLog: boolean): string {
  if (!isLog) return t("Linear: there is no value above 0.");
  const left = countNotPositive(data);
  if (left === 0) return "";
  return left === 1 ? t("1 value of 0 or less is not shown.") : t("{0} values of 0 or less are not shown.", left);
}
