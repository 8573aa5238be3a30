import { readStep, tablesOf } from "./columns.ts";
import type { Columns } from "./columns.ts";
import { jsonLines } from "./jsonLines.ts";
import type { LogReport } from "./logReport.ts";
import { describe } from "./logTable.ts";
import type { ColumnChoice, LogRow, LogTable } from "./logTable.ts";

/**
 * ms-swift's `completions.jsonl`, which GRPO writes with `--log_completions true`. Two layouts: a table a line, by columns
 * (step or gen_step, prompt, completion, a column a reward, advantages, then solution, num_turns, entropy), and with the
 * Megatron trainer on Ray a completion a line (gen_step, prompt, completion, reward). No token counts, no videos.
 */
export async function* readMsSwift(
  files: readonly string[],
  choice: ColumnChoice,
  report: LogReport,
): AsyncGenerator<LogTable> {
  for (const file of files) {
    let open: { where: string; step: number; rows: LogRow[] } | undefined;
    for await (const { where, value } of jsonLines(file, report)) {
      if (isTable(value)) {
        yield* tablesOf(columnsOf(where, value), choice, report);
        continue;
      }
      const row = rayRow(value);
      if (typeof row === "string") {
        report.problem(where, row);
        continue;
      }
      report.note("A completion a line, as the trainer on Ray writes it: only the sum of the rewards is logged.");
      if (choice.rewards !== undefined)
        report.note('The rewards that were asked for are passed over: there is "reward" only.');
      if (open !== undefined && open.step !== row.step) yield open;
      if (open?.step !== row.step) open = { where, step: row.step, rows: [] };
      open.rows.push(row.row);
    }
    if (open !== undefined) yield open;
  }
}

export function isMsSwiftLine(value: unknown): boolean {
  return isTable(value) || typeof rayRow(value) !== "string";
}

function isTable(value: unknown): value is Readonly<Record<string, unknown>> {
  return isObject(value) && Array.isArray(value["prompt"]) && Array.isArray(value["completion"]);
}

function columnsOf(where: string, table: Readonly<Record<string, unknown>>): Columns {
  const values = new Map(Object.entries(table).flatMap(([name, list]) => (Array.isArray(list) ? [[name, list]] : [])));
  const isNumber = (value: unknown): boolean => value === null || typeof value === "number";
  return { where, values, mayBeReward: (name) => (values.get(name) ?? []).every(isNumber) };
}

/** The row, or what is wrong with it. */
function rayRow(value: unknown): { step: number; row: LogRow } | string {
  if (!isObject(value)) return `expected a table or a row of rollouts, found ${describe(value)}`;
  const { gen_step, step: plainStep, prompt, completion, reward, ...others } = value;
  const step = readStep(gen_step ?? plainStep);
  if (step === null) return `expected a step in "gen_step", found ${describe(gen_step ?? plainStep)}`;
  if (typeof prompt !== "string") return `expected text for "prompt", found ${describe(prompt)}`;
  if (typeof completion !== "string") return `expected text for "completion", found ${describe(completion)}`;
  const isReward = reward === undefined || reward === null || typeof reward === "number";
  if (!isReward) return `expected a number for "reward", found ${describe(reward)}`;
  const rewards = reward === undefined ? [] : [{ name: "reward", value: reward }];
  const row = { prompt, completion, rewards, advantage: null, entropy: null, groupKey: null, truth: null, others };
  return { step, row };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
