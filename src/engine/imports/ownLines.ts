import fs from "node:fs/promises";
import { UserError } from "../../protocol/errors.ts";
import type { RolloutLine } from "../../protocol/records.ts";
import { parseRecord } from "../store/versionedRecords.ts";
import { addTo } from "./columns.ts";
import type { LogReport } from "./logReport.ts";

/** Lines of our own `rollouts/step-000001.jsonl` that have lost their run folder. A line that is none is told. */
export async function* readOwnLines(
  files: readonly string[],
  report: LogReport,
): AsyncGenerator<{ readonly step: number; readonly groups: readonly RolloutLine[] }> {
  for (const file of files) {
    const byStep = new Map<number, RolloutLine[]>();
    const lines = (await fs.readFile(file, "utf8")).split("\n");
    lines.forEach((text, i) => {
      if (text.trim() === "") return;
      const where = `${file}:${i + 1}`;
      try {
        const line = parseRecord("rollout", text, where);
        addTo(byStep, line.step, line);
      } catch (error) {
        if (!UserError.is(error)) throw error;
        const isBeingWritten = i === lines.length - 1;
        if (isBeingWritten) report.note(`${where}: the last line has no end yet; it is left out.`);
        else report.problem(where, [error.message, error.hint].filter((text) => text !== undefined).join(". "));
      }
    });
    for (const [step, groups] of byStep) yield { step, groups };
  }
}

export function isOwnLine(value: unknown): boolean {
  return typeof value === "object" && value !== null && "version" in value && "step" in value && "group" in value;
}
