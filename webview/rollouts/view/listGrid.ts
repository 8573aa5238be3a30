import { t } from "@vscode/l10n";
import { element, setAttribute, whenChanged } from "../../dom.ts";
import { clamp } from "../geometry.ts";
import { listedRows, selectedRow } from "../list/listRows.ts";
import { placeOf } from "../list/rolloutTable.ts";
import type { RolloutTable } from "../list/rolloutTable.ts";
import type { RowSort } from "../list/rowFilter.ts";
import { setHeads } from "./listHead.ts";
import { createListRow } from "./listRow.ts";
import type { ShownRows } from "./listRow.ts";
import type { Dispatch, View } from "./view.ts";
import { createVirtualRows, rowHeightPx } from "./virtualRows.ts";

const nothing: ShownRows = { table: null, rows: new Uint32Array(0), columns: [], selected: -1 };
const fixedColumns = ["step", "reward", "advantage"];

/** The rollouts that pass the filters, as many as there are. */
export function createListGrid(dispatch: Dispatch): View {
  const head = element("div", { class: "list-head", role: "row" });
  const rowsNode = element("div", { class: "list-rows", role: "rowgroup" });
  const node = element("div", { class: "list-grid", role: "grid", label: t("Rollouts of the run"), tabIndex: 0 }, [
    element("div", { role: "rowgroup", class: "list-head-group" }, [head]),
    rowsNode,
  ]);
  let shown = nothing;
  const virtual = createVirtualRows(node, rowsNode, () => createListRow(() => shown), {
    headPx: () => head.offsetHeight,
    onFill: () => {
      const { selected } = shown;
      if (selected >= 0 && virtual.has(selected)) setAttribute(node, "aria-activedescendant", `list-row-${selected}`);
      else node.removeAttribute("aria-activedescendant");
    },
  });
  listen(node, () => shown, dispatch);

  const renderHead = whenChanged((columns: string, sort: RowSort) =>
    setHeads(head, columns.split("\n"), sort, (column) => dispatch({ kind: "listSort", column })),
  );
  const renderRows = whenChanged((table: RolloutTable | null, rows: Uint32Array, columns: string, selected: number) => {
    const before = shown;
    shown = { table, rows, columns: columns.split("\n"), selected };
    virtual.reset(rows.length);
    setAttribute(node, "aria-rowcount", String(rows.length + 1));
    if (selected >= 0 && (before.selected !== selected || before.rows !== rows)) virtual.reveal(selected);
    else if (before.rows !== rows) node.scrollTop = 0;
  });
  return {
    node,
    render: ({ list, selection }) => {
      if (!list.isOpen) return;
      const extra = fixedColumns.includes(list.column) ? [] : [list.column];
      const columns = [...fixedColumns, ...extra].join("\n");
      setAttribute(node, "data-columns", String(fixedColumns.length + extra.length));
      const rows = listedRows(list, selection);
      const row = selectedRow(list, selection);
      renderHead(columns, list.sort);
      renderRows(list.table, rows, columns, row < 0 ? -1 : rows.indexOf(row));
    },
  };
}

function listen(node: HTMLElement, shown: () => ShownRows, dispatch: Dispatch): void {
  const choose = (index: number): void => {
    const { rows, table } = shown();
    const row = rows[index];
    const place = row === undefined || table === null ? null : placeOf(table, row);
    if (place !== null) dispatch({ kind: "selectPlace", place });
  };
  node.addEventListener("click", (event) => {
    const row = event.target instanceof Element ? event.target.closest<HTMLElement>("[data-index]") : null;
    if (row !== null) choose(Number(row.dataset["index"]));
  });
  node.addEventListener("keydown", (event) => {
    const { selected, rows } = shown();
    const page = Math.max(1, Math.floor(node.clientHeight / rowHeightPx) - 1);
    const moves: Readonly<Record<string, number>> = {
      ArrowUp: -1,
      ArrowDown: 1,
      PageUp: -page,
      PageDown: page,
      Home: -Infinity,
      End: Infinity,
    };
    const delta = moves[event.key];
    if (event.target !== node || delta === undefined) return;
    event.preventDefault();
    choose(selected < 0 ? 0 : clamp(selected + delta, 0, rows.length - 1));
  });
}
