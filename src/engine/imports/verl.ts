import path from "node:path";
import { addTo, readStep } from "./columns.ts";
import { jsonLines } from "./jsonLines.ts";
import type { LogReport } from "./logReport.ts";
import { describe, truthColumns, truthText } from "./logTable.ts";
import type { ColumnChoice, LoggedReward, LogRow, LogTable } from "./logTable.ts";

/**
 * verl's `trainer.rollout_data_dir`: a file `<step>.jsonl` a step, a completion a line with input, output, gts (the right
 * answer), score, step, and what the reward function returned beside its score. No advantages, token counts or videos.
 */
export async function* readVerl(
  files: readonly string[],
  choice: ColumnChoice,
  report: LogReport,
): AsyncGenerator<LogTable> {
  for (const file of files) {
    const byStep = new Map<number, LogRow[]>();
    for await (const { where, value } of jsonLines(file, report)) {
      const step = readStep(isObject(value) ? (value["step"] ?? stepOfFile(file)) : null);
      const row = verlRow(value, choice);
      if (typeof row === "string") report.problem(where, row);
      else if (step === null) report.problem(where, 'expected a step in "step" or in the name of the file, found none');
      else addTo(byStep, step, row);
    }
    for (const [step, rows] of byStep) yield { where: file, step, rows };
    if (byStep.size > 0 && choice.rewards === undefined) {
      report.note('Reward: "score". Other numbers of a line are kept as its parts.');
    }
  }
}

export function isVerlFile(file: string): boolean {
  return stepOfFile(file) !== null;
}

export function isVerlLine(value: unknown): boolean {
  return typeof verlRow(value, {}) !== "string";
}

export function stepOfFile(file: string): number | null {
  const name = /^(\d+)\.jsonl$/.exec(path.basename(file))?.[1];
  return name === undefined ? null : Number(name);
}

/** The row, or what is wrong with it. */
function verlRow(value: unknown, choice: ColumnChoice): LogRow | string {
  if (!isObject(value)) return `expected a rollout, found ${describe(value)}`;
  const { input, output, score, uid, step: _, ...rest } = value;
  if (typeof input !== "string") return `expected text for "input", found ${describe(input)}`;
  if (typeof output !== "string") return `expected text for "output", found ${describe(output)}`;
  const columns: Readonly<Record<string, unknown>> = { score, ...rest };
  const named = choice.rewards ?? ["score"];
  const wrong = named.find((name) => typeof columns[name] !== "number" && columns[name] !== null);
  if (wrong !== undefined) return `expected a number for "${wrong}", found ${describe(columns[wrong])}`;
  const others = Object.fromEntries(Object.entries(columns).filter(([name]) => !named.includes(name)));
  const truth = [choice.truth, ...truthColumns].find((name) => name !== undefined && name in others);
  return {
    prompt: input,
    completion: output,
    rewards: named.map((name) => ({ name, value: numberOrNull(columns[name]), ...partsOf(name, others) })),
    advantage: null,
    entropy: null,
    groupKey: typeof uid === "string" ? uid : null,
    truth: truth === undefined ? null : truthText(others[truth]),
    others,
  };
}

/** What the reward function returned beside its score. */
function partsOf(reward: string, others: Readonly<Record<string, unknown>>): Pick<LoggedReward, "parts"> {
  if (reward !== "score") return {};
  const parts: Record<string, number> = {};
  for (const [name, value] of Object.entries(others)) if (typeof value === "number") parts[name] = value;
  return Object.keys(parts).length === 0 ? {} : { parts };
}

function numberOrNull(value: unknown): number | null {
  return typeof value === "number" ? value : null;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
