import { createHash } from "node:crypto";
import path from "node:path";
import { UserError } from "../../protocol/errors.ts";
import type { ImportRecord } from "../../protocol/records.ts";
import { namesIn } from "../store/lineFile.ts";
import { readRunRecord } from "../store/readRun.ts";
import type { FoundLog } from "./findLog.ts";
import type { ColumnChoice } from "./logTable.ts";

/** Raised when the readers make other records of the same files: what an older version imported is not found then. */
const importVersion = 1;

export interface EarlierImports {
  /** Imports of the same log with the same choice of columns, the oldest first. */
  readonly runs: readonly { readonly runDir: string; readonly imported: ImportRecord }[];
  /** A folder for another one. */
  readonly nextDir: string;
}

/** Looks for imports of a log: "<name>-<hash of what was imported how>", "…-2", …, of which each was written anew. */
export async function earlierImports(
  importsDir: string,
  { source, files, name }: FoundLog,
  columns: ColumnChoice,
): Promise<EarlierImports> {
  const place = files.length === 1 ? files : [path.dirname(files[0] ?? "")];
  const key = JSON.stringify([importVersion, source, place, columns.rewards ?? null, columns.truth ?? null]);
  const first = `${name}-${createHash("sha256").update(key).digest("hex").slice(0, 8)}`;
  const names = await namesIn(importsDir);
  const runs: { runDir: string; imported: ImportRecord }[] = [];
  for (let number = 1; ; number++) {
    const folder = number === 1 ? first : `${first}-${number}`;
    const runDir = path.join(importsDir, folder);
    if (!names.includes(folder)) return { runs, nextDir: runDir };
    const imported = await readImport(runDir);
    if (imported !== null) runs.push({ runDir, imported });
  }
}

/** null for what cannot be read, or is no import: it is left alone. */
async function readImport(runDir: string): Promise<ImportRecord | null> {
  try {
    return (await readRunRecord(runDir)).imported ?? null;
  } catch (error) {
    if (UserError.is(error)) return null;
    throw error;
  }
}
