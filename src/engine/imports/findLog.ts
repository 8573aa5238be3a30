import fs from "node:fs/promises";
import path from "node:path";
import { UserError } from "../../protocol/errors.ts";
import type { RolloutSource } from "../../protocol/records.ts";
import { isErrno } from "../store/fileIo.ts";
import { namesIn } from "../store/lineFile.ts";
import { stepOfName } from "../store/runPaths.ts";
import { jsonLines } from "./jsonLines.ts";
import { LogReport } from "./logReport.ts";
import { describe } from "./logTable.ts";
import { isMsSwiftLine } from "./msSwift.ts";
import { isOwnLine } from "./ownLines.ts";
import { isTrlFile } from "./trl.ts";
import { isVerlFile, isVerlLine, stepOfFile } from "./verl.ts";

/** Rollouts that were found at a path. */
export interface FoundLog {
  readonly source: RolloutSource;
  /** Absolute, in the order of their steps. */
  readonly files: readonly string[];
  /** Name for the run. */
  readonly name: string;
}

const expected =
  "a TRL completions_*.parquet, an ms-swift completions.jsonl, a folder of verl's <step>.jsonl, or rollout lines of a run folder";

/** @throws UserError not-found, bad-data, run-exists */
export async function findLog(target: string): Promise<FoundLog> {
  const place = path.resolve(target);
  const isFolder = await fs.stat(place).then(
    (stats) => stats.isDirectory(),
    (error: unknown) => {
      if (!isErrno(error, "ENOENT", "ENOTDIR")) throw error;
      throw new UserError({ code: "not-found", where: place, message: "there is no such file or folder" });
    },
  );
  if (isFolder) return findInFolder(place);
  const source = place.endsWith(".parquet") ? "trl" : await sourceOfLines(place);
  return { source, files: [place], name: runName(place) };
}

async function findInFolder(dir: string): Promise<FoundLog> {
  const names = await namesIn(dir);
  if (names.includes("run.json")) {
    throw new UserError({
      code: "run-exists",
      where: dir,
      message: "this is a run folder already",
      hint: "Open it with RFT: Open Rollouts, or video-rft inspect.",
    });
  }
  const within = async (folder: string, isWanted: (name: string) => boolean): Promise<string[]> =>
    (await namesIn(path.join(dir, folder))).filter(isWanted).map((name) => path.join(dir, folder, name));
  const isOwnFile = (name: string): boolean => stepOfName(name, ".jsonl") !== null;
  const kinds: readonly { source: RolloutSource; files: readonly string[] }[] = [
    { source: "trl", files: [...(await within("", isTrlFile)), ...(await within("completions", isTrlFile))] },
    { source: "ms-swift", files: await within("", (name) => name === "completions.jsonl") },
    {
      source: "verl",
      files: (await within("", isVerlFile)).sort((a, b) => (stepOfFile(a) ?? 0) - (stepOfFile(b) ?? 0)),
    },
    { source: "rollout-lines", files: [...(await within("", isOwnFile)), ...(await within("rollouts", isOwnFile))] },
  ];
  const found = kinds.filter(({ files }) => files.length > 0);
  const [only, another] = found;
  if (only === undefined) {
    const listed = names.length === 0 ? "an empty folder" : names.slice(0, 5).join(", ");
    throw new UserError({ code: "not-found", where: dir, message: `expected ${expected}; found ${listed}` });
  }
  if (another !== undefined) {
    throw new UserError({
      code: "bad-data",
      where: dir,
      message: `found rollouts of ${found.map(({ source }) => source).join(" and ")}`,
      hint: "Name one of the files, or a folder with one kind.",
    });
  }
  return { ...only, name: runName(only.files[0] ?? dir) };
}

/** Looks at the first line that is JSON. */
async function sourceOfLines(file: string): Promise<RolloutSource> {
  const report = new LogReport();
  for await (const { where, value } of jsonLines(file, report)) {
    if (isOwnLine(value)) return "rollout-lines";
    if (isMsSwiftLine(value)) return "ms-swift";
    if (isVerlLine(value)) return "verl";
    throw new UserError({
      code: "bad-data",
      where,
      message: `expected a line of rollouts, found ${describeLine(value)}`,
      hint: `Known are ${expected}.`,
    });
  }
  const [first] = report.problems;
  throw new UserError({
    code: "bad-data",
    where: first?.where ?? file,
    message:
      first?.message ?? `expected rollouts, found ${report.notes[0] === undefined ? "an empty file" : "half a line"}`,
    hint: `Known are ${expected}.`,
  });
}

function describeLine(value: unknown): string {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return describe(value);
  const names = Object.keys(value);
  return names.length === 0 ? "an empty object" : `the keys ${names.slice(0, 8).join(", ")}`;
}

/** The folder of the training run: not the one that only holds its completions. */
function runName(file: string): string {
  const folders = path.dirname(file).split(path.sep);
  const folder = folders.reverse().find((name) => !["", "completions", "rollouts", "rollout_data"].includes(name));
  return (folder ?? "rollouts").replace(/[^A-Za-z0-9._-]+/g, "-");
}
