import type { LogReport } from "./logReport.ts";
import type { LogRow, LogTable } from "./logTable.ts";

/**
 * Leaves out tables that were logged before. TRL and ms-swift keep the rollouts of the last generation and write them at
 * each logging: again after every further optimizer step on them (steps_per_generation, num_iterations) and once more at
 * the end of training, under the step of then. A table that begins with the one before holds the rest of its rollouts.
 */
export async function* withoutRepeats(tables: AsyncIterable<LogTable>, report: LogReport): AsyncGenerator<LogTable> {
  let kept: (LogTable & { readonly keys: readonly string[] }) | undefined;
  let repeats = 0;
  for await (const table of tables) {
    const keys = table.rows.map(keyOf);
    if (kept !== undefined && startsWith(kept.keys, keys)) repeats++;
    else if (kept !== undefined && startsWith(keys, kept.keys)) kept = { ...kept, rows: table.rows, keys };
    else {
      if (kept !== undefined) yield kept;
      kept = { ...table, keys };
    }
  }
  if (kept !== undefined) yield kept;
  if (repeats > 0) {
    const tablesText =
      repeats === 1 ? "1 table that repeats the one before was" : `${repeats} tables that repeat the one before were`;
    report.note(`${tablesText} left out; rollouts count for the step at which they were logged first.`);
  }
}

/** What does not change while the same rollouts are logged again; the entropy of some is known only later. */
function keyOf({ prompt, completion, rewards, advantage }: LogRow): string {
  return JSON.stringify([prompt, completion, rewards, advantage]);
}

function startsWith(list: readonly string[], beginning: readonly string[]): boolean {
  return beginning.length <= list.length && beginning.every((key, i) => key === list[i]);
}
