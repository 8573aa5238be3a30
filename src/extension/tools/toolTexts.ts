import path from "node:path";
import { rolloutLink } from "../../protocol/rolloutLink.ts";
import type { Answer, ChangeRow, RolloutRow } from "./rolloutQuery.ts";

/** Answers of the tools in Markdown, for a model that hands their links on. */

export function rolloutTable(runDir: string, { columns, rows, found }: Answer<RolloutRow>): string {
  const head = ["rollout", "dataset", "example", ...columns];
  const lines = rows.map(({ id, dataset, example, values }) => [
    link(runDir, id),
    dataset,
    example,
    ...values.map(number),
  ]);
  return `${countLine(rows.length, found, "rollout")}\n\n${table(head, lines)}`;
}

export function changeTable(runDir: string, { columns, rows, found }: Answer<ChangeRow>): string {
  const head = ["before", "after", "dataset", "example", "rollouts", ...columns];
  const lines = rows.map((row) => [
    link(runDir, row.idBefore),
    link(runDir, row.idAfter),
    row.dataset,
    row.example ?? "all",
    `${row.rolloutsBefore} → ${row.rolloutsAfter}`,
    ...row.after.map((value, i) => change(row.before[i] ?? NaN, value)),
  ]);
  const explained = "Each column: mean before → mean after (change). `before` and `after` link to the newest rollouts.";
  return `${countLine(rows.length, found, "row")} ${explained}\n\n${table(head, lines)}`;
}

/** "[12/3/5](rft:/run/12/3/5)" */
export function link(runDir: string, id: string): string {
  return id === "" ? "" : `[${id}](${rolloutLink(path.basename(runDir), id)})`;
}

function countLine(shown: number, found: number, noun: string): string {
  const all = `${found} ${noun}${found === 1 ? "" : "s"}`;
  return shown < found ? `${all}, the first ${shown} are listed.` : `${all}.`;
}

function table(head: readonly string[], lines: readonly (readonly string[])[]): string {
  const row = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [row(head), row(head.map(() => "---")), ...lines.map(row)].join("\n");
}

function change(before: number, after: number): string {
  const delta = after - before;
  const moved = Number.isNaN(delta) ? "" : ` (${delta < 0 ? "−" : "+"}${number(Math.abs(delta))})`;
  return `${number(before)} → ${number(after)}${moved}`;
}

function number(value: number): string {
  return Number.isNaN(value) ? "–" : String(Math.round(value * 1e4) / 1e4);
}
