import type { IndexBlock } from "../../../src/protocol/rolloutIndex.ts";
import type { TaskId } from "../../../src/protocol/tasks.ts";

/**
 * All rollouts of a run in columns: one row a completion, in the order of steps and groups. Built once from the index and
 * never changed, so that filters over 200,000 rows are loops over typed arrays.
 */
export interface RolloutTable {
  readonly count: number;
  readonly steps: number;
  /** Index into `groups` of each row. */
  readonly groupOf_R: Uint32Array;
  readonly groups: readonly TableGroup[];
  /** By name as in rolloutIndex.ts, with NaN where a step does not have the column. */
  readonly columns: ReadonlyMap<string, Float32Array>;
  readonly flags_R: Uint8Array;
  readonly datasets: readonly string[];
  readonly tasks: readonly TaskId[];
  /** First group of each step; groups of a step lie one after the other. */
  readonly groupsOfStep: ReadonlyMap<number, { readonly first: number; readonly count: number }>;
}

export interface TableGroup {
  readonly step: number;
  readonly group: number;
  readonly firstRow: number;
  readonly size: number;
  readonly dataset: number; // index into `datasets`
  readonly task: number;
  readonly example: string;
}

/** Place of a rollout; `completion` is its k. */
export interface RolloutPlace {
  readonly step: number;
  readonly group: number;
  readonly completion: number;
}

export function buildTable(blocks: readonly IndexBlock[]): RolloutTable {
  const current = newestBlocks(blocks);
  const count = current.reduce((sum, { header }) => sum + header.count, 0);
  const names = new Set<string>();
  for (const { header } of current) for (const name of header.columns) names.add(name);
  const columns = new Map([...names].map((name) => [name, new Float32Array(count).fill(NaN)]));
  const groupOf_R = new Uint32Array(count);
  const groups: TableGroup[] = [];
  const datasets = new Numbering<string>();
  const tasks = new Numbering<TaskId>();
  const groupsOfStep = new Map<number, { first: number; count: number }>();
  let row = 0;
  for (const { header, columns: values } of current) {
    for (const [name, column] of values) columns.get(name)?.set(column, row);
    groupsOfStep.set(header.step, { first: groups.length, count: header.groups.length });
    for (const { group, size, dataset, task, example } of header.groups) {
      groupOf_R.fill(groups.length, row, row + size);
      // Written out: spread, 25,000 of these take a tenth of a second.
      const [datasetAt, taskAt] = [datasets.of(dataset), tasks.of(task)];
      groups.push({ step: header.step, group, firstRow: row, size, dataset: datasetAt, task: taskAt, example });
      row += size;
    }
  }
  return {
    count,
    steps: current.length,
    groupOf_R,
    groups,
    columns,
    flags_R: new Uint8Array(columns.get("flags") ?? new Float32Array(count)),
    datasets: datasets.items,
    tasks: tasks.items,
    groupsOfStep,
  };
}

/** -1 for a rollout that the table does not have. */
export function rowOf(table: RolloutTable, { step, group, completion }: RolloutPlace): number {
  const found = groupOf(table, step, group);
  return found === null || completion >= found.size ? -1 : found.firstRow + completion;
}

export function placeOf(table: RolloutTable, row: number): RolloutPlace | null {
  const group = table.groups[table.groupOf_R[row] ?? -1];
  return group === undefined || row < 0 || row >= table.count
    ? null
    : { step: group.step, group: group.group, completion: row - group.firstRow };
}

/** Place of "<step>/<group>/<k>"; null for another text. */
export function parsePlace(id: string): RolloutPlace | null {
  const match = /^(\d+)\/(\d+)\/(\d+)$/.exec(id);
  return match === null ? null : { step: Number(match[1]), group: Number(match[2]), completion: Number(match[3]) };
}

export function placeId({ step, group, completion }: RolloutPlace): string {
  return `${step}/${group}/${completion}`;
}

/** Columns that lists sort by and histograms count, in the order in which they are offered: rewards first. */
export function valueColumns(table: RolloutTable): readonly string[] {
  const parts = [...table.columns.keys()].filter((name) => name.startsWith("reward/")).sort();
  const has = (name: string): boolean => table.columns.get(name)?.some((value) => !Number.isNaN(value)) ?? false;
  return ["reward", "advantage", ...parts, ...["tokens", "entropy", "kl"].filter(has)];
}

function groupOf(table: RolloutTable, step: number, group: number): TableGroup | null {
  const range = table.groupsOfStep.get(step);
  if (range === undefined) return null;
  // Mostly all groups are there and in order, so the guess is right.
  const guess = table.groups[range.first + group];
  if (guess?.step === step && guess.group === group) return guess;
  const groups = table.groups.slice(range.first, range.first + range.count);
  return groups.find((candidate) => candidate.group === group) ?? null;
}

/** A block of a step that was written again comes later in the file, and counts. */
function newestBlocks(blocks: readonly IndexBlock[]): readonly IndexBlock[] {
  const byStep = new Map(blocks.map((block) => [block.header.step, block]));
  return [...byStep.values()].sort((a, b) => a.header.step - b.header.step);
}

/** Small whole numbers for names, in the order in which they come. */
class Numbering<Name extends string> {
  readonly items: Name[] = [];
  private readonly numbers = new Map<Name, number>();

  of(name: Name): number {
    const known = this.numbers.get(name);
    if (known !== undefined) return known;
    this.numbers.set(name, this.items.length);
    this.items.push(name);
    return this.items.length - 1;
  }
}
