import { t } from "@vscode/l10n";
import { rolloutFlags } from "../../../src/protocol/rolloutIndex.ts";
import { element, setAttribute, setHidden, setTitle } from "../../dom.ts";
import { icon } from "../../icons.ts";
import { columnValue } from "../list/columnText.ts";
import type { RolloutTable } from "../list/rolloutTable.ts";
import type { VirtualRow } from "./virtualRows.ts";

export interface ShownRows {
  readonly table: RolloutTable | null;
  /** Rows of the table, in the order of the list. */
  readonly rows: Uint32Array;
  /** "step", then the columns with values. */
  readonly columns: readonly string[];
  /** Index in `rows` of the selected rollout; -1 where the list does not show it. */
  readonly selected: number;
}

/** Most columns with values that a list has room for. */
const valueCells = 3;

export function createListRow(shown: () => ShownRows): VirtualRow {
  const step = cell("list-step");
  const flag = element("span", { class: "list-flag", attributes: { "aria-hidden": "true" } }, [icon("warning")]);
  const prompt = cell("list-prompt", "presentation");
  const number = cell("list-number", "presentation");
  const inPrompt = [flag, prompt.node, number.node];
  const promptCell = element("span", { class: "list-prompt-cell", role: "gridcell" }, inPrompt);
  const values = Array.from({ length: valueCells }, () => cell("list-value"));
  const cells = [step.node, promptCell, ...values.map((value) => value.node)];
  const node = element("div", { class: "list-row", role: "row" }, cells);
  return {
    node,
    show: (index) => {
      const { table, rows, columns, selected } = shown();
      const row = rows[index] ?? -1;
      const group = table?.groups[table.groupOf_R[row] ?? -1];
      if (table === null || group === undefined) return;
      node.id = `list-row-${index}`;
      node.dataset["index"] = String(index);
      setAttribute(node, "aria-rowindex", String(index + 2)); // the heading is the first
      setAttribute(node, "aria-selected", String(index === selected));
      step.text.data = String(group.step);
      prompt.text.data = group.example;
      number.text.data = `· ${row - group.firstRow + 1}`; // stays when a long name is cut
      const problems = flagTexts(table.flags_R[row] ?? 0);
      setHidden(flag, problems.length === 0);
      setTitle(node, [`${table.datasets[group.dataset] ?? ""} · ${group.example}`, ...problems].join("\n"));
      values.forEach((value, position) => {
        const column = columns[position + 1];
        setHidden(value.node, column === undefined);
        if (column !== undefined) value.text.data = columnValue(column, table.columns.get(column)?.[row] ?? NaN);
      });
    },
  };
}

/** A cell whose text node stays: a new one for each row that scrolls in costs most of a frame. */
function cell(className: string, role = "gridcell"): { readonly node: HTMLElement; readonly text: Text } {
  const text = document.createTextNode("");
  return { node: element("span", { class: className, role }, [text]), text };
}

function flagTexts(flags: number): readonly string[] {
  const texts: readonly (readonly [number, string])[] = [
    [rolloutFlags.truncated, t("Cut by length")],
    [rolloutFlags.unparsed, t("No answer could be read")],
    [rolloutFlags.rewardError, t("Reward error")],
    [rolloutFlags.dropped, t("Dropped")],
  ];
  return texts.filter(([flag]) => (flags & flag) !== 0).map(([, text]) => text);
}
