/** Rollouts that were logged together, as one generation of them. What a reader makes of any log. */
export interface LogTable {
  readonly where: string; // a file, with its line
  readonly step: number; // as the log counts
  readonly rows: readonly LogRow[];
}

/** One completion. */
export interface LogRow {
  readonly prompt: string;
  readonly completion: string;
  readonly rewards: readonly LoggedReward[];
  readonly advantage: number | null; // null: not logged
  readonly entropy: number | null; // mean over the completion's tokens
  /** Tells groups of the same prompt apart, where the log does. */
  readonly groupKey: string | null;
  readonly truth: string | null;
  /** Every other column. */
  readonly others: Readonly<Record<string, unknown>>;
}

export interface LoggedReward {
  readonly name: string;
  readonly value: number | null; // null: it did not apply
  readonly parts?: Readonly<Record<string, number>> | undefined;
}

/** What the user says about a log where its columns leave it open. */
export interface ColumnChoice {
  /** Columns that hold rewards; by default those that stand where the program writes its rewards. */
  readonly rewards?: readonly string[] | undefined;
  /** Column that holds the right answer; by default the first of `truthColumns`. */
  readonly truth?: string | undefined;
}

/** Names under which datasets of these trainers keep the right answer. */
export const truthColumns: readonly string[] = ["solution", "ground_truth", "gts", "answer"];

/** A column's value as the text of an answer. */
export function truthText(value: unknown): string | null {
  if (value === null || value === undefined) return null;
  if (typeof value === "string") return value;
  return typeof value === "number" || typeof value === "boolean" ? String(value) : JSON.stringify(value);
}

/** For messages: a value in a few characters. */
export function describe(value: unknown): string {
  if (value === undefined) return "nothing";
  if (Array.isArray(value)) return `a list of ${value.length}`;
  const text = JSON.stringify(value) ?? typeof value;
  return text.length > 40 ? `${text.slice(0, 37)}…` : text;
}
