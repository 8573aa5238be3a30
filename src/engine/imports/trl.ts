import path from "node:path";
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects, parquetSchema } from "hyparquet";
import { compressors } from "hyparquet-compressors";
import { UserError } from "../../protocol/errors.ts";
import { tablesOf } from "./columns.ts";
import type { LogReport } from "./logReport.ts";
import type { ColumnChoice, LogTable } from "./logTable.ts";

/**
 * TRL's `completions/completions_<step>.parquet`, which GRPOTrainer writes with `log_completions`: step, prompt,
 * completion, a column a reward, columns of `log_extra`, advantage. Prompts are decoded without special tokens; there are
 * no token counts, no log-probabilities and no videos.
 */
export async function* readTrl(
  files: readonly string[],
  choice: ColumnChoice,
  report: LogReport,
): AsyncGenerator<LogTable> {
  for (const file of files) {
    try {
      yield* tablesOf(await readParquet(file), choice, report);
    } catch (error) {
      // The package says what it does not understand in plain errors; ours pass through.
      if (!(error instanceof Error) || UserError.is(error)) throw error;
      report.problem(file, `expected a Parquet file, found one that cannot be read (${error.message})`);
    }
  }
}

export function isTrlFile(file: string): boolean {
  return /^completions_\d+\.parquet$/.test(path.basename(file));
}

async function readParquet(file: string) {
  const buffer = await asyncBufferFromFile(file);
  const metadata = await parquetMetadataAsync(buffer);
  const columns = parquetSchema(metadata).children.map(({ element }) => element);
  const content = { file: buffer, metadata, compressors };
  const rows: readonly Readonly<Record<string, unknown>>[] = await parquetReadObjects(content);
  const values = new Map(columns.map(({ name }) => [name, rows.map((row) => plainValue(row[name]))]));
  const floats = new Set(columns.filter(({ type }) => type === "DOUBLE" || type === "FLOAT").map(({ name }) => name));
  return { where: file, values, mayBeReward: (name: string) => floats.has(name) };
}

/** What JSON can hold: 64-bit integers as numbers, times as text; NaN, which stands for a reward of None, as null. */
function plainValue(value: unknown): unknown {
  if (value === undefined || (typeof value === "number" && !Number.isFinite(value))) return null;
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return `${value.length} bytes`;
  if (Array.isArray(value)) return value.map(plainValue);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plainValue(inner)]));
}
