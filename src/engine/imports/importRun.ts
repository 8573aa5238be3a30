import fs from "node:fs/promises";
import path from "node:path";
import { isDeepStrictEqual } from "node:util";
import { UserError } from "../../protocol/errors.ts";
import type { ImportRecord, RolloutLine, RunRecord } from "../../protocol/records.ts";
import { isFailedGroup, rolloutSourceNames } from "../../protocol/records.ts";
import { runSpecSchema, type GrpoSpec, type RunSpec } from "../../protocol/spec.ts";
import { continuesRollouts, requireUnused, WholeRunWriter, type RunPlace, type WholeRun } from "../store/wholeRun.ts";
import { findLog, type FoundLog } from "./findLog.ts";
import { earlierImports, type EarlierImports } from "./earlierImports.ts";
import { GroupMaker } from "./groups.ts";
import { LogReport } from "./logReport.ts";
import type { ColumnChoice, LogTable } from "./logTable.ts";
import { readMsSwift } from "./msSwift.ts";
import { readOwnLines } from "./ownLines.ts";
import { withoutRepeats } from "./repeats.ts";
import { StepRewards } from "./stepRewards.ts";
import { readTrl } from "./trl.ts";
import { readVerl } from "./verl.ts";

export interface ImportParams {
  /** A file or a folder of another program's log. */
  readonly path: string;
  readonly cacheDir: string;
  /** A folder that is not there or empty; by default one in the cache, which another import of the log finds again. */
  readonly outDir?: string | undefined;
  readonly columns?: ColumnChoice | undefined;
  readonly videoRftVersion: string;
  readonly onProgress?: ((rollouts: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ImportedRun {
  readonly runDir: string;
  readonly imported: ImportRecord;
}

/**
 * Makes a run folder of our own format of the rollouts that another program logged, so that the viewer, re-scoring and
 * search work on them. Nothing is written beside the log. Lines that cannot be read are told and left out. In the cache, a
 * log that has grown takes the place of what was imported before, and one that was written anew stands beside it.
 * @throws UserError not-found, bad-data (nothing can be read), run-exists, disk-full; the signal's reason
 */
export async function importRollouts(params: ImportParams): Promise<ImportedRun> {
  const { columns = {}, cacheDir } = params;
  const outDir = params.outDir === undefined ? undefined : path.resolve(params.outDir);
  const log = await findLog(params.path);
  const files = await Promise.all(log.files.map(describeFile));
  if (outDir !== undefined) await requireUnused(outDir);
  const earlier = outDir === undefined ? await earlierImports(path.join(cacheDir, "imports"), log, columns) : null;
  const known = earlier?.runs.find(({ imported }) => isDeepStrictEqual(imported.files, files));
  if (known !== undefined) return known;
  const writer = await WholeRunWriter.create(outDir ?? earlier?.nextDir ?? "");
  try {
    const run = await write(writer, { ...params, columns, log, files });
    const place = await placeOf(writer.draftDir, outDir, earlier);
    await writer.finish(place, run);
    return { runDir: place.runDir, imported: run.record.imported };
  } catch (error) {
    await writer.abandon();
    throw error;
  }
}

async function placeOf(
  draftDir: string,
  outDir: string | undefined,
  earlier: EarlierImports | null,
): Promise<RunPlace> {
  const last = earlier?.runs.at(-1);
  if (last !== undefined && (await continuesRollouts(draftDir, last.runDir)))
    return { kind: "instead", runDir: last.runDir };
  return { kind: "new", runDir: outDir ?? earlier?.nextDir ?? "" };
}

interface WriteParams extends ImportParams {
  readonly columns: ColumnChoice;
  readonly log: FoundLog;
  readonly files: ImportRecord["files"];
}

type ImportedWholeRun = WholeRun & { readonly record: { readonly imported: ImportRecord } };

async function write(writer: WholeRunWriter, params: WriteParams): Promise<ImportedWholeRun> {
  const { log, files, onProgress, signal } = params;
  const report = new LogReport();
  const maker = new GroupMaker(log.source, report);
  const rewards = new StepRewards();
  let groups = 0;
  let rollouts = 0;
  for await (const { step, lines } of readGroups(log, maker, report, params.columns)) {
    signal?.throwIfAborted();
    await writer.appendGroups(step, lines);
    rewards.add(step, lines);
    groups += lines.length;
    rollouts += lines.reduce((sum, line) => sum + (isFailedGroup(line) ? 0 : line.completions.length), 0);
    onProgress?.(rollouts);
  }
  maker.finish();
  if (groups === 0) throw nothingRead(params.path, report);
  const { source } = log;
  const { notes, problems, unread } = report;
  const imported: ImportRecord = { source, files, groups, rollouts, notes, unread, problems };
  return {
    record: { ...runRecord(params, maker.scaleRewards), imported },
    metrics: rewards.metrics(maker.scaleRewards),
    log: logText(imported),
  };
}

async function* readGroups(
  { source, files }: FoundLog,
  maker: GroupMaker,
  report: LogReport,
  columns: ColumnChoice,
): AsyncGenerator<{ step: number; lines: readonly RolloutLine[] }> {
  if (source === "rollout-lines") {
    for await (const { step, groups } of readOwnLines(files, report)) yield { step, lines: groups };
    return;
  }
  const readers: Readonly<Record<typeof source, () => AsyncIterable<LogTable>>> = {
    trl: () => withoutRepeats(readTrl(files, columns, report), report),
    "ms-swift": () => withoutRepeats(readMsSwift(files, columns, report), report),
    verl: () => readVerl(files, columns, report),
  };
  report.note("The log says nothing of videos, token counts and why a completion ended.");
  for await (const table of readers[source]()) yield { step: table.step, lines: maker.groupsOf(table) };
}

async function describeFile(file: string): Promise<ImportRecord["files"][number]> {
  const { size, mtimeMs } = await fs.stat(file);
  return { path: file, bytes: size, modifiedMs: mtimeMs };
}

function runRecord(
  { path: target, log, videoRftVersion }: WriteParams,
  scaleRewards: GrpoSpec["scaleRewards"],
): Omit<RunRecord, "version" | "id" | "imported"> {
  const unknown = "unknown";
  return {
    name: log.name,
    createdAt: new Date().toISOString(),
    specPath: path.resolve(target),
    spec: importedSpec(log.name, scaleRewards),
    baseDir: path.dirname(path.resolve(target)),
    versions: { videoRft: videoRftVersion, onnxruntime: "", node: process.versions.node, ffmpeg: "" },
    gitCommit: null,
    hashes: { policy: "", datasets: {}, prompts: {} },
    seed: 0,
    device: { provider: unknown, platform: unknown, cpu: unknown, threads: 0 },
  };
}

/** What readers of a run ask a specification for. The log tells how advantages are scaled; the rest are defaults. */
function importedSpec(name: string, scaleRewards: GrpoSpec["scaleRewards"]): RunSpec {
  const data = { id: "unknown", task: "open", format: "multiple-choice", path: "unknown", videos: "unknown" };
  const spec = runSpecSchema.parse({
    name,
    policy: { model: "unknown" },
    data: [data],
    rewards: [{ name: "accuracy" }],
    grpo: { scaleRewards },
    evaluate: { atStart: false, atEnd: false },
  });
  return { ...spec, data: [], rewards: [] };
}

function nothingRead(target: string, report: LogReport): UserError {
  const [first] = report.problems;
  const more = report.unread > 1 ? ` (and ${report.unread - 1} more)` : "";
  return new UserError({
    code: "bad-data",
    where: first?.where ?? target,
    message: `${first?.message ?? "expected rollouts, found none"}${more}`,
  });
}

/** log.txt: what the viewer's *Show log* opens. */
function logText({ source, files, groups, rollouts, notes, unread, problems }: ImportRecord): string {
  const from = files.length === 1 ? (files[0]?.path ?? "") : `${files.length} files, the first ${files[0]?.path ?? ""}`;
  return [
    `Imported from ${rolloutSourceNames[source]}: ${rollouts} rollouts in ${groups} groups, from ${from}`,
    ...notes.map((note) => `  ${note}`),
    ...(unread === 0 ? [] : [`Left out, since it could not be read: ${unread}`]),
    ...problems.map(({ where, message }) => `  ${where}: ${message}`),
    ...(unread > problems.length ? [`  … and ${unread - problems.length} more`] : []),
    "",
  ].join("\n");
}
