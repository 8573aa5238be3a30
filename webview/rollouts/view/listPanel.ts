import { t } from "@vscode/l10n";
import { rolloutFlags } from "../../../src/protocol/rolloutIndex.ts";
import { checkbox, dropdown, iconButton, searchField, textButton } from "../../controls.ts";
import type { DropdownItem } from "../../controls.ts";
import { element, setHidden, setText, whenChanged } from "../../dom.ts";
import { taskLabels } from "../format.ts";
import { columnLabel, countText } from "../list/columnText.ts";
import { isListFiltered, listedRows } from "../list/listRows.ts";
import type { ListState } from "../list/listState.ts";
import { valueColumns } from "../list/rolloutTable.ts";
import type { RolloutTable } from "../list/rolloutTable.ts";
import type { ViewerState } from "../state.ts";
import { createListGrid } from "./listGrid.ts";
import { createListHistogram } from "./listHistogram.ts";
import { createToggle } from "./toggle.ts";
import type { Dispatch, View } from "./view.ts";

const anything = "";

const stateItems: readonly DropdownItem[] = [
  { value: "0", label: t("Any outcome") },
  { value: String(rolloutFlags.truncated), label: t("Cut by length") },
  { value: String(rolloutFlags.unparsed), label: t("No answer") },
  { value: String(rolloutFlags.rewardError), label: t("Reward error") },
  { value: String(rolloutFlags.dropped), label: t("Dropped") },
];

/** The list of all rollouts of the run: search, filters, histogram and rows. */
export function createListPanel(dispatch: Dispatch): View {
  const search = createSearch(dispatch);
  const filters = createFilters(dispatch);
  const histogram = createListHistogram(dispatch);
  const grid = createListGrid(dispatch);
  const count = element("span", { class: "list-count", role: "status" });
  const clear = textButton(t("Clear filters"), "secondary", () => dispatch({ kind: "listClear" }));
  const close = iconButton("cross", t("Close the list"), () => dispatch({ kind: "listOpen", isOpen: false }));
  const problem = element("p", { class: "list-problem" });
  const node = element("aside", { class: "list-panel", label: t("All rollouts") }, [
    element("div", { class: "panel-head" }, [element("h2", { class: "panel-title", text: t("Rollouts") }), close.node]),
    search.node,
    filters.node,
    histogram.node,
    element("div", { class: "list-status" }, [count, clear.node]),
    problem,
    grid.node,
  ]);
  node.hidden = true;
  return {
    node,
    render: (state) => {
      setHidden(node, !state.list.isOpen);
      if (!state.list.isOpen) return;
      for (const view of [search, filters, histogram, grid]) view.render(state);
      setText(count, countLine(state));
      clear.setVisible(isListFiltered(state.list));
      const text = state.list.problem ?? state.list.found?.problem ?? "";
      setHidden(problem, text === "");
      setText(problem, text);
    },
  };
}

function createSearch(dispatch: Dispatch): View {
  const field = searchField(t("Search completions"), t("Search completions"), (pattern) =>
    dispatch({ kind: "listText", change: { pattern } }),
  );
  const isCaseSensitive = createToggle("Aa", t("Match case"), (isOn) =>
    dispatch({ kind: "listText", change: { isCaseSensitive: isOn } }),
  );
  const isRegex = createToggle(".*", t("Use a regular expression"), (isOn) =>
    dispatch({ kind: "listText", change: { isRegex: isOn } }),
  );
  const node = element("div", { class: "list-search", role: "search" }, [
    field.node,
    isCaseSensitive.node,
    isRegex.node,
  ]);
  let requests = 0;
  return {
    node,
    render: ({ list }) => {
      field.setValue(list.text.pattern);
      isCaseSensitive.setPressed(list.text.isCaseSensitive);
      isRegex.setPressed(list.text.isRegex);
      if (list.focusRequests === requests) return;
      requests = list.focusRequests;
      field.focus();
    },
  };
}

function createFilters(dispatch: Dispatch): View {
  const dataset = dropdown(t("Dataset"), (value) =>
    dispatch({ kind: "listFilter", change: { dataset: value === anything ? null : value } }),
  );
  const task = dropdown(t("Task"), (value) =>
    dispatch({ kind: "listFilter", change: { task: value === anything ? null : value } }),
  );
  const outcome = dropdown(t("Outcome"), (value) => dispatch({ kind: "listFilter", change: { flags: Number(value) } }));
  const column = dropdown(t("Column of the histogram"), (value) => dispatch({ kind: "listColumn", column: value }));
  const oneStep = checkbox(t("This step"), t("Only rollouts of the step that is shown"), (isOneStep) =>
    dispatch({ kind: "listOneStep", isOneStep }),
  );
  const byDataset = checkbox(t("By dataset"), t("A histogram for each dataset"), (isOn) =>
    dispatch({ kind: "listByDataset", byDataset: isOn }),
  );
  const node = element("div", { class: "list-filters" }, [
    dataset.node,
    task.node,
    outcome.node,
    column.node,
    oneStep.node,
    byDataset.node,
  ]);
  const itemsOf = whenChanged((table: RolloutTable | null) => {
    setHidden(dataset.node, (table?.datasets.length ?? 0) < 2);
    setHidden(byDataset.node, (table?.datasets.length ?? 0) < 2);
    setHidden(task.node, (table?.tasks.length ?? 0) < 2);
    columns = table === null ? ["reward"] : valueColumns(table);
  });
  let columns: readonly string[] = ["reward"];
  return {
    node,
    render: ({ list: { table, filter, isOneStep, column: shown, byDataset: isSplit } }) => {
      itemsOf(table);
      const datasets = (table?.datasets ?? []).map((value) => ({ value, label: value }));
      dataset.setItems([{ value: anything, label: t("All datasets") }, ...datasets], filter.dataset ?? anything);
      const tasks = (table?.tasks ?? []).map((value) => ({ value, label: taskLabels[value] }));
      task.setItems([{ value: anything, label: t("All tasks") }, ...tasks], filter.task ?? anything);
      outcome.setItems(stateItems, String(filter.flags));
      column.setItems(
        columns.map((value) => ({ value, label: columnLabel(value) })),
        shown,
      );
      oneStep.setChecked(isOneStep);
      byDataset.setChecked(isSplit);
    },
  };
}

function countLine({ list, selection }: ViewerState): string {
  if (list.table === null) return list.problem === null ? t("Reading the rollouts…") : "";
  const shown = listedRows(list, selection).length;
  const all = countText(list.table.count);
  const counted = isListFiltered(list) ? t("{0} of {1} rollouts", countText(shown), all) : t("{0} rollouts", all);
  return `${counted}${searchProgress(list)}`;
}

function searchProgress({ text, found, table }: ListState): string {
  if (text.pattern === "" || table === null || found?.isDone === true) return "";
  return ` · ${t("searched {0}", countText(found?.searched ?? 0))}`;
}
