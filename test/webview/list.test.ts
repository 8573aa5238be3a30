import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeIndex, rolloutFlags } from "../../src/protocol/rolloutIndex.ts";
import { formatNumber } from "../../webview/rollouts/format.ts";
import { columnLabel, columnValue, rangeText } from "../../webview/rollouts/list/columnText.ts";
import { binRange, coveredBins, histogramOf } from "../../webview/rollouts/list/histogram.ts";
import { listedRows, selectedRow } from "../../webview/rollouts/list/listRows.ts";
import { initialList, searchTask, toggleRange, updateList } from "../../webview/rollouts/list/listState.ts";
import type { ListState } from "../../webview/rollouts/list/listState.ts";
import {
  buildTable,
  parsePlace,
  placeId,
  placeOf,
  rowOf,
  valueColumns,
} from "../../webview/rollouts/list/rolloutTable.ts";
import { filterMask, noFilter, sortedRows } from "../../webview/rollouts/list/rowFilter.ts";
import { sampleIndex } from "./sampleIndex.ts";

const steps = 5;
const table = buildTable(decodeIndex(sampleIndex(steps)));
const perStep = 32; // four groups of eight; the fifth failed
const all = new Uint8Array(table.count).fill(1);
const column = (name: string): Float32Array => table.columns.get(name) ?? assert.fail(`no column ${name}`);
const source = { uri: "x", bytes: 1, steps };
const withTable: ListState = { ...initialList, isOpen: true, source, table };

test("the table has a row for each completion, and finds it by its place", () => {
  assert.equal(table.count, steps * perStep);
  assert.deepEqual(table.datasets, ["grounding", "tracking", "grounded-qa", "choice"]);
  const row = rowOf(table, { step: 3, group: 1, completion: 2 });
  assert.equal(row, 2 * perStep + 8 + 2);
  assert.deepEqual(placeOf(table, row), { step: 3, group: 1, completion: 2 });
  assert.equal(rowOf(table, { step: 3, group: 4, completion: 0 }), -1, "a prompt that failed has no rollouts");
  assert.equal(rowOf(table, { step: 9, group: 0, completion: 0 }), -1);
  assert.equal(placeOf(table, table.count), null);
  assert.deepEqual(parsePlace(placeId({ step: 3, group: 1, completion: 2 })), { step: 3, group: 1, completion: 2 });
  assert.equal(parsePlace("3/1"), null);
});

test("rewards are offered first; a column without a value is not", () => {
  assert.deepEqual(valueColumns(table).slice(0, 3), ["reward", "advantage", "reward/accuracy"]);
  assert.ok(valueColumns(table).includes("kl"));
  const without = buildTable(decodeIndex(sampleIndex(1)).map((block) => block));
  without.columns.get("kl")?.fill(NaN);
  assert.ok(!valueColumns(without).includes("kl"));
});

test("a step that was written again counts once, with what was written last", () => {
  const blocks = decodeIndex(sampleIndex(2));
  const again = buildTable([...blocks, ...blocks]);
  assert.equal(again.count, 2 * perStep);
});

test("rows are filtered by step, dataset, task, outcome, range and text, all at once", () => {
  const count = (change: Partial<typeof noFilter>, found: Uint8Array | null = null): number =>
    filterMask(table, { ...noFilter, ...change }, found).reduce((sum, bit) => sum + bit, 0);
  assert.equal(count({}), table.count);
  assert.equal(count({ step: 2 }), perStep);
  assert.equal(count({ dataset: "tracking" }), 8 * steps);
  assert.equal(count({ task: "multiple-choice" }), 8 * steps);
  assert.equal(count({ dataset: "no such" }), 0);
  const cut = [...table.flags_R].filter((flags) => (flags & rolloutFlags.truncated) !== 0).length;
  assert.ok(cut > 0);
  assert.equal(count({ flags: rolloutFlags.truncated }), cut);
  const high = { column: "reward", low: 1.5, high: 9, isLast: true };
  assert.equal(count({ ranges: [high] }), [...column("reward")].filter((value) => value >= 1.5).length);
  assert.equal(count({ ranges: [{ ...high, column: "reward/box-iou", low: 0 }] }), 8 * steps, "NaN is in no range");
  const found = new Uint8Array(table.count);
  found[0] = 1;
  found[perStep] = 1;
  assert.equal(count({ step: 1 }, found), 1);
  assert.equal(count({}, found.slice(0, 1)), 1, "rows that came after the search do not match");
});

test("sorting gives a permutation in the order of the values, rows without one last", () => {
  const values = fc.array(fc.oneof(fc.float({ noNaN: true, noDefaultInfinity: true }), fc.constant(NaN)), {
    minLength: table.count,
    maxLength: table.count,
  });
  fc.assert(
    fc.property(values, fc.boolean(), (numbers, isDescending) => {
      const columns = new Map([["x", Float32Array.from(numbers)]]);
      const rows = [...sortedRows({ ...table, columns }, all, { column: "x", isDescending })];
      assert.deepEqual(
        [...rows].sort((a, b) => a - b),
        numbers.map((_, row) => row),
      );
      for (let at = 1; at < rows.length; at += 1) {
        const [before, after] = [numbers[rows[at - 1] ?? 0] ?? NaN, numbers[rows[at] ?? 0] ?? NaN].map(Math.fround);
        if (before === undefined || after === undefined || Number.isNaN(after)) continue;
        assert.ok(isDescending ? before >= after : before <= after, `${before} then ${after}`);
        if (before === after) assert.ok((rows[at - 1] ?? 0) < (rows[at] ?? 0), "ties stay in the order of the run");
      }
    }),
    { numRuns: 50 },
  );
});

test("the newest step comes first, with its groups and completions in their order", () => {
  const rows = sortedRows(table, all, { column: "step", isDescending: true });
  assert.deepEqual(placeOf(table, rows[0] ?? -1), { step: steps, group: 0, completion: 0 });
  assert.deepEqual(placeOf(table, rows[perStep] ?? -1), { step: steps - 1, group: 0, completion: 0 });
  assert.deepEqual(placeOf(table, rows[1] ?? -1), { step: steps, group: 0, completion: 1 });
});

test("a histogram counts every row once, and a bin keeps exactly the rows that it counted", () => {
  for (const name of ["reward", "advantage", "reward/box-iou", "tokens"]) {
    const histogram = histogramOf(table, name, all, { byDataset: false, maxBins: 20 });
    const [whole] = histogram.rows;
    assert.ok(whole !== undefined && histogram.edges.length <= 21);
    assert.equal(whole.total + histogram.missing, table.count);
    whole.counts.forEach((count, bin) => {
      const ranges = [binRange(histogram, bin)];
      const kept = filterMask(table, { ...noFilter, ranges }, null).reduce((sum, bit) => sum + bit, 0);
      assert.equal(kept, count, `${name}, bin ${bin}`);
    });
  }
  const split = histogramOf(table, "reward", all, { byDataset: true, maxBins: 20 });
  assert.deepEqual(
    split.rows.map(({ dataset, total }) => [dataset, total]),
    table.datasets.map((dataset) => [dataset, 8 * steps]),
  );
  const none = histogramOf(table, "no such", all, { byDataset: false, maxBins: 20 });
  assert.deepEqual([none.missing, none.rows[0]?.mean], [table.count, null]);
});

test("bins are added to and taken from a filter; neighbours become one range", () => {
  const histogram = histogramOf(table, "reward", all, { byDataset: false, maxBins: 20 });
  const bin = (index: number) => binRange(histogram, index);
  const covered = (indices: readonly number[]) =>
    indices
      .reduce<ReturnType<typeof toggleRange>>((ranges, index) => toggleRange(ranges, bin(index)), [])
      .map((range) => coveredBins(histogram, range));
  assert.deepEqual(covered([2]), [{ from: 2, to: 3 }]);
  assert.deepEqual(covered([2, 3, 4]), [{ from: 2, to: 5 }]);
  assert.deepEqual(covered([4, 2, 3]), [{ from: 2, to: 5 }]);
  assert.deepEqual(covered([2, 4]), [
    { from: 2, to: 3 },
    { from: 4, to: 5 },
  ]);
  assert.deepEqual(covered([2, 3, 4, 3]), [
    { from: 2, to: 3 },
    { from: 4, to: 5 },
  ]);
  assert.deepEqual(covered([2, 2]), []);
});

test("the list shows what is filtered, and knows the selected rollout", () => {
  const selection = { step: 2, group: 0, completion: 3, following: false };
  const one = updateList(withTable, { kind: "listOneStep", isOneStep: true });
  assert.equal(listedRows(one, selection).length, perStep);
  assert.equal(listedRows(one, selection), listedRows(one, { ...selection, completion: 4 }), "computed once");
  assert.equal(selectedRow(one, selection), perStep + 3);
  const sorted = updateList(updateList(one, { kind: "listSort", column: "reward" }), {
    kind: "listSort",
    column: "reward",
  });
  assert.deepEqual(sorted.sort, { column: "reward", isDescending: false });
  assert.equal(listedRows(updateList(sorted, { kind: "listClear" }), selection).length, table.count);
});

test("what a search finds comes in lots; an answer to another search is dropped", () => {
  const typed = updateList(withTable, { kind: "listText", change: { pattern: "wall" } });
  const task = searchTask(typed.text);
  const lot = (ids: readonly string[], isDone: boolean, of = task) =>
    ({ kind: "found", task: of, ids, searched: 32, isDone }) as const;
  const first = updateList(typed, lot(["5/0/0", "5/0/1", "99/0/0"], false));
  assert.equal(listedRows(first, null).length, 2);
  const second = updateList(first, lot(["4/0/7"], true));
  assert.equal(listedRows(second, null).length, 3);
  assert.equal(second.found?.isDone, true);
  assert.equal(updateList(second, lot(["1/0/0"], true, searchTask({ ...typed.text, isRegex: true }))), second);
  const cleared = updateList(second, { kind: "listText", change: { pattern: "" } });
  assert.equal(listedRows(cleared, null).length, table.count);
});

test("a longer table keeps what was found, and takes nothing more for found", () => {
  const typed = updateList(withTable, { kind: "listText", change: { pattern: "wall" } });
  const found = updateList(typed, {
    kind: "found",
    task: searchTask(typed.text),
    ids: ["5/0/0"],
    searched: 1,
    isDone: true,
  });
  const longer = buildTable(decodeIndex(sampleIndex(steps + 1)));
  const grown = updateList(found, { kind: "listTable", source, table: longer });
  assert.equal(listedRows(grown, null).length, 1);
  const other = { ...source, bytes: 2 };
  assert.equal(updateList(found, { kind: "listTable", source: other, table: longer }), found, "of another file");
});

test("an index that cannot be had says why", () => {
  const refused = updateList(initialList, { kind: "index", index: null, reason: "The folder is gone." });
  assert.equal(refused.problem, "The folder is gone.");
  assert.equal(updateList(withTable, { kind: "index", index: { ...source } }), withTable, "the same index again");
});

test("columns and values in words", () => {
  assert.deepEqual(["reward/tiou", "tokens", "kl"].map(columnLabel), ["tiou", "Length", "KL"]);
  assert.equal(columnValue("advantage", 0.5), "+0.50");
  assert.equal(columnValue("tokens", 96), "96");
  assert.equal(columnValue("reward", NaN), "–");
  assert.equal(columnValue("reward", Math.fround(1.905)), formatNumber(1.905), "as the card rounds it");
  assert.equal(rangeText(-0.2, 0.4), "\u22120.2 to 0.4");
});
