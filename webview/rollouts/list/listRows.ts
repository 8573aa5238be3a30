import type { ViewerSelection } from "../../../src/protocol/view.ts";
import { memoLast } from "../memo.ts";
import { histogramOf } from "./histogram.ts";
import type { Histogram } from "./histogram.ts";
import type { ListState } from "./listState.ts";
import { isFiltered, filterMask, sortedRows } from "./rowFilter.ts";
import type { RowFilter } from "./rowFilter.ts";
import { rowOf } from "./rolloutTable.ts";
import type { RolloutTable } from "./rolloutTable.ts";

/** What follows from the state of the list; each is computed anew only when what it follows from is another. */

const maxBins = 20;
const noRows = new Uint32Array(0);

/** Rows of the table that the list shows, in its order. */
export function listedRows(list: ListState, selection: ViewerSelection | null): Uint32Array {
  if (list.table === null) return noRows;
  const { filter, found, table, sort } = list;
  return rowsOf(table, withStep(filter, list.isOneStep, selection?.step ?? null), found?.mask ?? null, sort);
}

/** Counts of the list's column over the rows that pass everything but the ranges of that column. */
export function listHistogram(list: ListState, selection: ViewerSelection | null): Histogram | null {
  const { table, filter, isOneStep, found, column, byDataset } = list;
  if (table === null) return null;
  const scoped = withStep(filter, isOneStep, selection?.step ?? null);
  return histogram(table, scoped, found?.mask ?? null, column, byDataset);
}

/** Row of the selected rollout; -1 while it is not in the table. */
export function selectedRow({ table }: ListState, selection: ViewerSelection | null): number {
  return table === null || selection === null ? -1 : rowOf(table, selection);
}

export function isListFiltered({ filter, isOneStep, text }: ListState): boolean {
  return isFiltered(filter) || isOneStep || text.pattern !== "";
}

/** A filter object is kept while step and filter are, so that what is computed from it is too. */
const withStep = memoLast((filter: RowFilter, isOneStep: boolean, step: number | null): RowFilter =>
  isOneStep ? { ...filter, step } : filter,
);

const rowsOf = memoLast((table: RolloutTable, filter: RowFilter, found: Uint8Array | null, sort: ListState["sort"]) =>
  sortedRows(table, filterMask(table, filter, found), sort),
);

const histogram = memoLast(
  (table: RolloutTable, filter: RowFilter, found: Uint8Array | null, column: string, byDataset: boolean) =>
    histogramOf(table, column, filterMask(table, filter, found, column), { byDataset, maxBins }),
);
