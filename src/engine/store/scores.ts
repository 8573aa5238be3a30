import fs from "node:fs/promises";
import type { ScoresHeader, ScoresLine } from "../../protocol/rescore.ts";
import { UserError } from "../../protocol/errors.ts";
import { nodeFileIo, replaceFile } from "./fileIo.ts";
import { namesIn } from "./lineFile.ts";
import { runFiles } from "./runPaths.ts";

/**
 * Writes the scores of another version of a reward beside a run's rollouts, which stay as they are. A version that is
 * there already is left alone: the same code gives the same scores.
 * @returns the file
 */
export async function writeScores(runDir: string, header: ScoresHeader, lines: readonly ScoresLine[]): Promise<string> {
  const file = runFiles.scores(runDir, header.scoreVersion);
  if ((await namesIn(runFiles.scoresDir(runDir))).includes(`${header.scoreVersion}.jsonl`)) return file;
  await nodeFileIo.makeDir(runFiles.scoresDir(runDir));
  const text = [header, ...lines].map((line) => `${JSON.stringify(line)}\n`).join("");
  await replaceFile(nodeFileIo, file, Buffer.from(text));
  return file;
}

/** Versions of rewards that a run was scored with afterwards, the oldest first. */
export async function listScores(runDir: string): Promise<readonly ScoresHeader[]> {
  const names = (await namesIn(runFiles.scoresDir(runDir))).filter((name) => name.endsWith(".jsonl"));
  const headers = await Promise.all(
    names.map(async (name) => {
      const file = runFiles.scores(runDir, name.slice(0, -".jsonl".length));
      const [first = ""] = (await fs.readFile(file, "utf8")).split("\n", 1);
      return parseHeader(first, file);
    }),
  );
  return headers.sort((a, b) => a.createdAt.localeCompare(b.createdAt));
}

function parseHeader(line: string, where: string): ScoresHeader {
  try {
    // SAFETY: written by writeScores; what is not is told apart by its kind.
    const header = JSON.parse(line) as ScoresHeader;
    if (header.kind === "scores") return header;
  } catch {
    // Falls through.
  }
  throw new UserError({ code: "bad-record", where, message: "expected scores of a reward, found something else" });
}
