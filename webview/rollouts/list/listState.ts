import { t } from "@vscode/l10n";
import type { ViewerAnswer } from "../../../src/protocol/viewerQueries.ts";
import { reuseEqual } from "../equality.ts";
import { parsePlace, rowOf } from "./rolloutTable.ts";
import type { RolloutTable } from "./rolloutTable.ts";
import { noFilter } from "./rowFilter.ts";
import type { ColumnRange, RowFilter, RowSort } from "./rowFilter.ts";

/** The list of all rollouts of the run: what is known of them, and what is asked of the list. */
export interface ListState {
  readonly isOpen: boolean;
  /** Where the columns lie; null until the host has told. */
  readonly source: IndexSource | null;
  readonly table: RolloutTable | null;
  readonly problem: string | null;
  readonly filter: RowFilter;
  /** The step filter goes with the selected step. */
  readonly isOneStep: boolean;
  readonly sort: RowSort;
  readonly text: TextFilter;
  readonly found: FoundRows | null;
  /** Column of the histogram. */
  readonly column: string;
  readonly byDataset: boolean;
  /** Raised when the text field is to get the focus. */
  readonly focusRequests: number;
}

export interface IndexSource {
  readonly uri: string;
  readonly bytes: number;
  readonly steps: number;
}

export interface TextFilter {
  readonly pattern: string;
  readonly isRegex: boolean;
  readonly isCaseSensitive: boolean;
}

/** What a search has found so far. */
export interface FoundRows {
  readonly task: string;
  readonly mask: Uint8Array;
  readonly searched: number;
  readonly isDone: boolean;
  readonly problem: string | null;
}

export type ListEvent =
  | { readonly kind: "listOpen"; readonly isOpen: boolean }
  | { readonly kind: "listTable"; readonly source: IndexSource; readonly table: RolloutTable }
  | { readonly kind: "listProblem"; readonly source: IndexSource; readonly problem: string }
  | { readonly kind: "listFilter"; readonly change: Partial<Omit<RowFilter, "ranges" | "step">> }
  | { readonly kind: "listOneStep"; readonly isOneStep: boolean }
  /** Sets the ranges of their column; none takes the filter away. */
  | { readonly kind: "listRanges"; readonly column: string; readonly ranges: readonly ColumnRange[] }
  | { readonly kind: "listClear" }
  | { readonly kind: "listSort"; readonly column: string }
  | { readonly kind: "listText"; readonly change: Partial<TextFilter> }
  | { readonly kind: "listColumn"; readonly column: string }
  | { readonly kind: "listByDataset"; readonly byDataset: boolean };

export const emptyText: TextFilter = { pattern: "", isRegex: false, isCaseSensitive: false };

export const initialList: ListState = {
  isOpen: false,
  source: null,
  table: null,
  problem: null,
  filter: noFilter,
  isOneStep: false,
  sort: { column: "step", isDescending: true },
  text: emptyText,
  found: null,
  column: "reward",
  byDataset: false,
  focusRequests: 0,
};

/** Applies an event of the list, or an answer of the host that belongs to it. */
export function updateList(
  list: ListState,
  event: ListEvent | Extract<ViewerAnswer, { kind: "index" | "found" }>,
): ListState {
  switch (event.kind) {
    case "listOpen":
      return list.isOpen === event.isOpen ? list : { ...list, isOpen: event.isOpen };
    case "index":
      return receiveIndex(list, event);
    case "listTable":
      return list.source === event.source
        ? { ...list, table: event.table, problem: null, found: widened(list.found, event.table) }
        : list;
    case "listProblem":
      return list.source === event.source ? { ...list, problem: event.problem } : list;
    case "found":
      return receiveFound(list, event);
    case "listFilter":
      return { ...list, filter: { ...list.filter, ...event.change } };
    case "listOneStep":
      return { ...list, isOneStep: event.isOneStep };
    case "listRanges":
      return { ...list, filter: withRanges(list.filter, event.column, event.ranges) };
    case "listClear":
      return { ...list, filter: noFilter, isOneStep: false, text: emptyText, found: null };
    case "listSort":
      return { ...list, sort: sortedBy(list.sort, event.column) };
    case "listText":
      return withText(list, { ...list.text, ...event.change });
    case "listColumn":
      return { ...list, column: event.column };
    case "listByDataset":
      return { ...list, byDataset: event.byDataset };
    default:
      throw new Error(`internal: unknown event of the list ${JSON.stringify(event satisfies never)}`);
  }
}

/** Adds a bin to the ranges of its column, or takes it away; neighbours become one range. */
export function toggleRange(ranges: readonly ColumnRange[], bin: ColumnRange): readonly ColumnRange[] {
  const same = ranges.filter(({ column }) => column === bin.column);
  const isIn = same.some((range) => range.low <= bin.low && range.high >= bin.high);
  if (isIn) return same.flatMap((range) => without(range, bin));
  const sorted = [...same, bin].sort((a, b) => a.low - b.low);
  const joined: ColumnRange[] = [];
  for (const range of sorted) {
    const last = joined.at(-1);
    if (last === undefined || last.high < range.low) joined.push(range);
    else joined[joined.length - 1] = { ...last, high: Math.max(last.high, range.high), isLast: range.isLast };
  }
  return joined;
}

function without(range: ColumnRange, bin: ColumnRange): readonly ColumnRange[] {
  if (range.low > bin.low || range.high < bin.high) return [range];
  const left = { ...range, high: bin.low, isLast: false };
  const right = { ...range, low: bin.high };
  return [left, right].filter(({ low, high }) => low < high);
}

function withRanges(filter: RowFilter, column: string, ranges: readonly ColumnRange[]): RowFilter {
  return { ...filter, ranges: [...filter.ranges.filter((range) => range.column !== column), ...ranges] };
}

/** The same column again turns the order; numbers start with the largest. */
function sortedBy(sort: RowSort, column: string): RowSort {
  return { column, isDescending: sort.column === column ? !sort.isDescending : true };
}

function withText(list: ListState, text: TextFilter): ListState {
  const reused = reuseEqual(list.text, text);
  if (reused === list.text) return list;
  // What the last search found stays until the next one has something, so that the list does not flicker.
  return { ...list, text: reused, found: reused.pattern === "" ? null : list.found };
}

function receiveIndex(list: ListState, { index, reason }: Extract<ViewerAnswer, { kind: "index" }>): ListState {
  if (index === null) return { ...list, problem: reason ?? t("The rollouts of this run cannot be listed.") };
  const source = reuseEqual(list.source, index);
  return source === list.source ? list : { ...list, source, problem: null };
}

function receiveFound(list: ListState, answer: Extract<ViewerAnswer, { kind: "found" }>): ListState {
  const { table } = list;
  if (table === null || list.text.pattern === "" || answer.task !== searchTask(list.text)) return list;
  const before = list.found?.task === answer.task ? list.found.mask : null;
  const mask = new Uint8Array(table.count);
  if (before !== null) mask.set(before.subarray(0, table.count));
  for (const id of answer.ids) {
    const place = parsePlace(id);
    const row = place === null ? -1 : rowOf(table, place);
    if (row >= 0) mask[row] = 1;
  }
  const { task, searched, isDone, reason } = answer;
  return { ...list, found: { task, mask, searched, isDone, problem: reason ?? null } };
}

/** Names a search by what it looks for: an answer to another one is out of date. */
export function searchTask({ pattern, isRegex, isCaseSensitive }: TextFilter): string {
  return `${isRegex ? "r" : "-"}${isCaseSensitive ? "c" : "-"}${pattern}`;
}

/** Rows that have come since do not match before a search has looked at them; those found keep their place. */
function widened(found: FoundRows | null, table: RolloutTable): FoundRows | null {
  if (found === null || found.mask.length === table.count) return found;
  const mask = new Uint8Array(table.count);
  mask.set(found.mask.subarray(0, table.count));
  return { ...found, mask };
}
