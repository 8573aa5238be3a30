import type { IndexBlock } from "../../protocol/rolloutIndex.ts";

/** Steps of a run, both ends included; the whole run where an end is missing. */
export interface StepRange {
  readonly from?: number | undefined;
  readonly to?: number | undefined;
}

export interface Condition {
  /** "reward", "advantage", "tokens", "entropy", "kl", or the name of a reward. */
  readonly column: string;
  readonly op: "<" | "<=" | ">" | ">=" | "=";
  readonly value: number;
}

/** What both questions have in common. */
interface Question {
  readonly columns?: readonly string[] | undefined; // all of them by default
  readonly where?: readonly Condition[] | undefined;
  readonly dataset?: string | undefined;
  readonly sortBy?: string | undefined; // the first column by default
  readonly ascending?: boolean | undefined;
  readonly limit?: number | undefined;
}

export interface RolloutQuestion extends Question {
  readonly steps?: StepRange | undefined;
  readonly example?: string | undefined;
  /** Rollouts that were found by their text; undefined for all. */
  readonly among?: ReadonlySet<string> | undefined;
}

export interface ChangeQuestion extends Question {
  readonly before: StepRange;
  readonly after: StepRange;
  readonly by: "example" | "dataset";
}

export interface Answer<Row> {
  readonly columns: readonly string[];
  /** The first of `found`. */
  readonly rows: readonly Row[];
  readonly found: number;
}

export interface RolloutRow {
  readonly id: string;
  readonly dataset: string;
  readonly example: string;
  /** In the order of the columns; NaN where a rollout has no value. */
  readonly values: readonly number[];
}

export interface ChangeRow {
  readonly dataset: string;
  readonly example: string | null; // null when datasets are compared
  readonly rolloutsBefore: number;
  readonly rolloutsAfter: number;
  readonly before: readonly number[];
  readonly after: readonly number[];
  /** The newest group of each side, as its first rollout. */
  readonly idBefore: string;
  readonly idAfter: string;
}

const defaultLimit = 20;
/** A model reads tables badly that are longer. */
const mostRows = 100;

/** Rollouts of a run that meet all conditions. Throws RangeError for a column that the run does not have. */
export function queryRollouts(blocks: readonly IndexBlock[], question: RolloutQuestion): Answer<RolloutRow> {
  const columns = columnsOf(blocks, question);
  const test = testOf(columns, question.where);
  const found = eachRollout(blocks, columns, question.steps).filter(
    ({ id, dataset, example, values }) =>
      (question.dataset === undefined || dataset === question.dataset) &&
      (question.example === undefined || example === question.example) &&
      (question.among === undefined || question.among.has(id)) &&
      test(values),
  );
  const at = sortColumn(columns, question.sortBy);
  return answer(columns.map(shortName), found, (row) => row.values[at] ?? NaN, question);
}

/**
 * Means of examples (or datasets) in two stretches of a run, and how they moved; conditions and order are about the change.
 * An example that one of them lacks has no change and is left out. Throws RangeError as `queryRollouts`.
 */
export function queryChanges(blocks: readonly IndexBlock[], question: ChangeQuestion): Answer<ChangeRow> {
  const columns = columnsOf(blocks, question);
  const keyOf = ({ dataset, example }: RolloutRow) =>
    JSON.stringify(question.by === "example" ? [dataset, example] : dataset);
  const sides = [question.before, question.after].map((steps) => {
    const groups = new Map<string, RolloutRow[]>();
    for (const row of eachRollout(blocks, columns, steps)) {
      if (question.dataset !== undefined && row.dataset !== question.dataset) continue;
      const known = groups.get(keyOf(row));
      if (known === undefined) groups.set(keyOf(row), [row]);
      else known.push(row);
    }
    return groups;
  });
  const [earlier = new Map<string, RolloutRow[]>(), later = new Map<string, RolloutRow[]>()] = sides;
  const test = testOf(columns, question.where);
  const rows = [...earlier].flatMap(([key, before]): ChangeRow[] => {
    const after = later.get(key);
    const [first] = before;
    if (after === undefined || first === undefined) return [];
    return [
      {
        dataset: first.dataset,
        example: question.by === "example" ? first.example : null,
        rolloutsBefore: before.length,
        rolloutsAfter: after.length,
        before: columns.map((_, i) => meanOf(before, i)),
        after: columns.map((_, i) => meanOf(after, i)),
        idBefore: before.at(-1)?.id ?? "",
        idAfter: after.at(-1)?.id ?? "",
      },
    ];
  });
  const changeOf = ({ before, after }: ChangeRow) => after.map((value, i) => value - (before[i] ?? NaN));
  const at = sortColumn(columns, question.sortBy);
  const found = rows.filter((row) => test(changeOf(row)));
  return answer(columns.map(shortName), found, (row) => changeOf(row)[at] ?? NaN, question);
}

function answer<Row>(
  columns: readonly string[],
  found: Row[],
  rank: (row: Row) => number,
  { ascending = false, limit = defaultLimit }: Question,
): Answer<Row> {
  const sign = ascending ? 1 : -1;
  const ranked = found.map((row) => ({ row, value: rank(row) }));
  // Rows without the value come last, whatever the order.
  ranked.sort(
    (a, b) => Number(Number.isNaN(a.value)) - Number(Number.isNaN(b.value)) || sign * (a.value - b.value) || 0,
  );
  const rows = ranked.slice(0, Math.min(Math.max(1, limit), mostRows)).map(({ row }) => row);
  return { columns, rows, found: found.length };
}

/** Full names of the columns: those asked for, those of conditions and of the order, or all of the run. */
function columnsOf(blocks: readonly IndexBlock[], { columns, where = [], sortBy }: Question): readonly string[] {
  const known = [...new Set(blocks.flatMap(({ header }) => header.columns))].filter((name) => name !== "flags");
  const fullName = (name: string): string => {
    const found = known.find((column) => column === name) ?? known.find((column) => shortName(column) === name);
    if (found !== undefined) return found;
    throw new RangeError(`there is no column "${name}"; the run has ${known.map(shortName).join(", ")}`);
  };
  const asked = columns === undefined || columns.length === 0 ? known : columns.map(fullName);
  const needed = [...where.map(({ column }) => column), ...(sortBy === undefined ? [] : [sortBy])].map(fullName);
  return [...new Set([...asked, ...needed])];
}

/** Rewards go by their names. */
function shortName(column: string): string {
  return column.startsWith("reward/") ? column.slice("reward/".length) : column;
}

function sortColumn(columns: readonly string[], sortBy: string | undefined): number {
  return sortBy === undefined ? 0 : columns.findIndex((name) => name === sortBy || shortName(name) === sortBy);
}

function testOf(columns: readonly string[], where: readonly Condition[] = []): (values: readonly number[]) => boolean {
  const tests = where.map(({ column, op, value }) => {
    const at = sortColumn(columns, column);
    return (values: readonly number[]) => compare(values[at] ?? NaN, op, value);
  });
  return (values) => tests.every((test) => test(values));
}

function compare(left: number, op: Condition["op"], right: number): boolean {
  switch (op) {
    case "<":
      return left < right;
    case "<=":
      return left <= right;
    case ">":
      return left > right;
    case ">=":
      return left >= right;
    case "=":
      return Math.abs(left - right) < 1e-6; // columns are float32
  }
}

function eachRollout(
  blocks: readonly IndexBlock[],
  columns: readonly string[],
  { from = -Infinity, to = Infinity }: StepRange = {},
): RolloutRow[] {
  return blocks.flatMap(({ header, columns: data }) => {
    if (header.step < from || header.step > to) return [];
    const read = columns.map((name) => data.get(name));
    let first = 0;
    return header.groups.flatMap(({ group, size, dataset, example }) => {
      const start = first;
      first += size;
      return Array.from({ length: size }, (_, k) => ({
        id: `${header.step}/${group}/${k}`,
        dataset,
        example,
        values: read.map((column) => column?.[start + k] ?? NaN),
      }));
    });
  });
}

/** Over the rollouts that have a value. */
function meanOf(rows: readonly RolloutRow[], at: number): number {
  const values = rows.map(({ values: all }) => all[at] ?? NaN).filter((value) => !Number.isNaN(value));
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
