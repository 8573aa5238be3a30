import { UserError } from "../../protocol/errors.ts";
import type { LogReport } from "./logReport.ts";
import { describe, truthColumns, truthText } from "./logTable.ts";
import type { ColumnChoice, LoggedReward, LogRow, LogTable } from "./logTable.ts";

/** A table as TRL and ms-swift log it: `step`, `prompt`, `completion`, the rewards, the advantages, and what else there is. */
export interface Columns {
  readonly where: string;
  /** In the order of the table. */
  readonly values: ReadonlyMap<string, readonly unknown[]>;
  /** Columns between completion and advantage that may be rewards: floating-point numbers. */
  readonly mayBeReward: (name: string) => boolean;
}

const stepColumns: readonly string[] = ["step", "gen_step"];
const advantageColumns: readonly string[] = ["advantage", "advantages"];

/** What the columns of a table are. */
interface Roles {
  readonly step: string;
  readonly advantage: string | null;
  readonly rewards: readonly string[];
  readonly truth: string | null;
  readonly others: readonly string[];
}

/**
 * The rollouts of a table by step; rows that are none are told.
 * @throws UserError bad-data when the user's choice names columns that are not there
 */
export function tablesOf(columns: Columns, choice: ColumnChoice, report: LogReport): LogTable[] {
  const roles = rolesOf(columns, choice, report);
  if (roles === null) return [];
  const rowCount = columns.values.get("prompt")?.length ?? 0;
  const bySteps = new Map<number, LogRow[]>();
  for (let i = 0; i < rowCount; i++) {
    const where = `${columns.where}, row ${i + 1}`;
    const step = readStep(columns.values.get(roles.step)?.[i]);
    const row = rowOf(columns, roles, i);
    if (step === null) report.problem(where, `expected a step, found ${describe(columns.values.get(roles.step)?.[i])}`);
    else if (typeof row === "string") report.problem(where, row);
    else addTo(bySteps, step, row);
  }
  return [...bySteps].map(([step, rows]) => ({ where: columns.where, step, rows }));
}

/** Adds to the list of a key. */
export function addTo<Key, Value>(lists: Map<Key, Value[]>, key: Key, value: Value): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

/** A whole number of at least 0, also as text. */
export function readStep(value: unknown): number | null {
  const step = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return typeof step === "number" && Number.isInteger(step) && step >= 0 ? step : null;
}

/** null when the table cannot be read at all. */
function rolesOf({ where, values, mayBeReward }: Columns, choice: ColumnChoice, report: LogReport): Roles | null {
  const names = [...values.keys()];
  const step = names.find((name) => stepColumns.includes(name));
  const missing = [step === undefined ? "step" : null, ...["prompt", "completion"].filter((name) => !values.has(name))];
  const [lacking] = missing.filter((name) => name !== null);
  if (step === undefined || lacking !== undefined) {
    report.problem(where, `expected a column "${lacking}", found ${names.map((name) => `"${name}"`).join(", ")}`);
    return null;
  }
  const count = values.get("prompt")?.length ?? 0;
  const uneven = names.filter((name) => values.get(name)?.length !== count);
  for (const name of uneven) {
    const found = values.get(name)?.length ?? 0;
    report.problem(
      where,
      `expected ${count} values in "${name}", as in "prompt", found ${found}; the column is left out`,
    );
  }
  if (uneven.includes(step) || uneven.includes("completion")) return null;
  const usable = names.filter((name) => !uneven.includes(name));
  const advantage = usable.find((name) => advantageColumns.includes(name)) ?? null;
  const known = [step, "prompt", "completion", "entropy", ...advantageColumns];
  const free = usable.filter((name) => !known.includes(name));
  const rewards = rewardColumns({ where, values, mayBeReward }, free, advantage, choice, report);
  const truth = truthColumn(where, usable, choice, report);
  return { step, advantage, rewards, truth, others: free.filter((name) => !rewards.includes(name)) };
}

/** Rewards stand between the completion and the advantages; where there are none of these, all numbers may be some. */
function rewardColumns(
  { where, values, mayBeReward }: Columns,
  free: readonly string[],
  advantage: string | null,
  choice: ColumnChoice,
  report: LogReport,
): readonly string[] {
  if (choice.rewards !== undefined) {
    requireColumns(where, choice.rewards, [...values.keys()]);
    return choice.rewards;
  }
  const names = [...values.keys()];
  const end = advantage === null ? names.length : names.indexOf(advantage);
  const between = free.filter((name) => names.indexOf(name) > names.indexOf("completion") && names.indexOf(name) < end);
  const rewards = between.filter((name) => mayBeReward(name));
  const place = advantage === null ? 'after "completion"' : `between "completion" and "${advantage}"`;
  if (rewards.length === 0) report.note(`No column of rewards was found ${place}.`);
  else
    report.note(
      `Rewards: ${rewards.join(", ")} (the columns of numbers ${place}). Their weights are not logged; 1 is taken.`,
    );
  return rewards;
}

function truthColumn(
  where: string,
  names: readonly string[],
  { truth }: ColumnChoice,
  report: LogReport,
): string | null {
  if (truth !== undefined) {
    requireColumns(where, [truth], names);
    return truth;
  }
  const found = truthColumns.find((name) => names.includes(name)) ?? null;
  if (found !== null) report.note(`The right answer: column "${found}".`);
  return found;
}

function requireColumns(where: string, wanted: readonly string[], names: readonly string[]): void {
  const missing = wanted.find((name) => !names.includes(name));
  if (missing === undefined) return;
  throw new UserError({
    code: "bad-data",
    where,
    message: `expected a column "${missing}", found ${names.map((name) => `"${name}"`).join(", ")}`,
    hint: "Name one of these columns.",
  });
}

/** The row, or what is wrong with it. */
function rowOf({ values }: Columns, roles: Roles, i: number): LogRow | string {
  const at = (name: string | null): unknown => (name === null ? null : values.get(name)?.[i]);
  const prompt = at("prompt");
  const completion = at("completion");
  if (typeof prompt !== "string") return `expected text for "prompt", found ${describe(prompt)}`;
  if (typeof completion !== "string") return `expected text for "completion", found ${describe(completion)}`;
  const rewards: LoggedReward[] = [];
  for (const name of roles.rewards) {
    const value = at(name);
    if (value !== null && typeof value !== "number") return `expected a number for "${name}", found ${describe(value)}`;
    rewards.push({ name, value: finite(value) });
  }
  return {
    prompt,
    completion,
    rewards,
    advantage: finite(at(roles.advantage)),
    entropy: finite(at("entropy")),
    groupKey: null,
    truth: truthText(at(roles.truth)),
    others: Object.fromEntries(roles.others.map((name) => [name, at(name)])),
  };
}

function finite(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}
