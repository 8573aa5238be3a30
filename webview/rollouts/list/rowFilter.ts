import type { RolloutTable } from "./rolloutTable.ts";

/** What the list shows of the run, and in which order. */
export interface RowFilter {
  /** Only this step; null for the whole run. */
  readonly step: number | null;
  readonly dataset: string | null;
  readonly task: string | null;
  /** Bits of `rolloutFlags` that must all be set. */
  readonly flags: number;
  readonly ranges: readonly ColumnRange[];
}

/** `low <= value < high`; with `isLast` also `value = high`. */
export interface ColumnRange {
  readonly column: string;
  readonly low: number;
  readonly high: number;
  readonly isLast: boolean;
}

export interface RowSort {
  /** "step" is the order of the run. */
  readonly column: string;
  readonly isDescending: boolean;
}

export const noFilter: RowFilter = { step: null, dataset: null, task: null, flags: 0, ranges: [] };

export function isFiltered(filter: RowFilter): boolean {
  const { step, dataset, task, flags, ranges } = filter;
  return step !== null || dataset !== null || task !== null || flags !== 0 || ranges.length > 0;
}

/**
 * One byte a row: 1 where it passes. `found` are the rows whose text matches, null without a text; `without` names a
 * column whose ranges do not count, for the histogram in which they are chosen.
 */
export function filterMask(
  table: RolloutTable,
  filter: RowFilter,
  found: Uint8Array | null,
  without: string | null = null,
): Uint8Array {
  const { count, groups, groupOf_R, flags_R } = table;
  const mask = found === null ? new Uint8Array(count).fill(1) : padded(found, count);
  const groupPasses = groupMask(table, filter);
  if (groupPasses !== null) {
    for (let group = 0; group < groups.length; group += 1) {
      const at = groups[group];
      if (groupPasses[group] === 0 && at !== undefined) mask.fill(0, at.firstRow, at.firstRow + at.size);
    }
  }
  const { flags } = filter;
  if (flags !== 0) for (let row = 0; row < count; row += 1) if (((flags_R[row] ?? 0) & flags) !== flags) mask[row] = 0;
  for (const range of filter.ranges) {
    const values = table.columns.get(range.column);
    if (values === undefined || range.column === without) continue;
    const { low, high, isLast } = range;
    for (let row = 0; row < groupOf_R.length; row += 1) {
      const value = values[row] ?? NaN;
      // Written so that NaN does not pass.
      const passes = value >= low && (value < high || (isLast && value <= high));
      if (!passes) mask[row] = 0;
    }
  }
  return mask;
}

/** Rows that pass, in order. Rows without a value come last in either direction; ties stay in the order of the run. */
export function sortedRows(table: RolloutTable, mask: Uint8Array, sort: RowSort): Uint32Array {
  const rows = passing(mask);
  const values = table.columns.get(sort.column);
  if (values === undefined) return sort.isDescending ? newestStepFirst(table, rows) : rows;
  // Value and row in one double (32 + 21 bits), so that the engine's own numeric sort does it without a comparator.
  const keys = new Float64Array(rows.length);
  for (let at = 0; at < rows.length; at += 1) {
    const row = rows[at] ?? 0;
    keys[at] = sortKey(values[row] ?? NaN, sort.isDescending) * rowBits + row;
  }
  keys.sort();
  for (let at = 0; at < keys.length; at += 1) rows[at] = (keys[at] ?? 0) % rowBits;
  return rows;
}

/** Within a step, groups and completions keep their order. */
function newestStepFirst({ groups, groupOf_R }: RolloutTable, rows: Uint32Array): Uint32Array {
  const stepOf = (at: number): number => groups[groupOf_R[rows[at] ?? 0] ?? 0]?.step ?? 0;
  const sorted = new Uint32Array(rows.length);
  let to = 0;
  for (let end = rows.length; end > 0;) {
    let start = end - 1;
    const step = stepOf(start);
    while (start > 0 && stepOf(start - 1) === step) start -= 1;
    sorted.set(rows.subarray(start, end), to);
    to += end - start;
    end = start;
  }
  return sorted;
}

/** More rows than any run has by an order of magnitude; above it the order of ties is lost, and nothing else. */
const rowBits = 2 ** 21;
const lastKey = 2 ** 32 - 1;
const floatView = new Float32Array(1);
const bitsView = new Uint32Array(floatView.buffer);

/** The bits of a float as an unsigned number that sorts like the float. */
function sortKey(value: number, isDescending: boolean): number {
  if (Number.isNaN(value)) return lastKey;
  floatView[0] = value === 0 ? 0 : value; // −0 is 0
  const bits = bitsView[0] ?? 0;
  const ascending = bits >= 0x80000000 ? lastKey - bits : bits + 0x80000000;
  return isDescending ? lastKey - 1 - ascending : ascending;
}

function passing(mask: Uint8Array): Uint32Array {
  let size = 0;
  for (let row = 0; row < mask.length; row += 1) size += mask[row] ?? 0;
  const rows = new Uint32Array(size);
  let at = 0;
  for (let row = 0; row < mask.length; row += 1) if (mask[row] === 1) rows[at++] = row;
  return rows;
}

function groupMask({ groups, datasets, tasks }: RolloutTable, filter: RowFilter): Uint8Array | null {
  const { step, dataset, task } = filter;
  if (step === null && dataset === null && task === null) return null;
  const wantedDataset = dataset === null ? -1 : datasets.indexOf(dataset);
  const wantedTask = task === null ? -1 : tasks.findIndex((known) => known === task);
  return Uint8Array.from(groups, (group) => {
    const passes =
      (step === null || group.step === step) &&
      (dataset === null || group.dataset === wantedDataset) &&
      (task === null || group.task === wantedTask);
    return passes ? 1 : 0;
  });
}

/** A copy; rows that came after the search do not match. */
function padded(found: Uint8Array, count: number): Uint8Array {
  const mask = new Uint8Array(count);
  mask.set(found.subarray(0, count));
  return mask;
}
