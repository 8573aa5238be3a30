import { existsSync } from "node:fs";
import fs from "node:fs/promises";
import path from "node:path";
import { UserError } from "../../protocol/errors.ts";
import { explainWriteError, isErrno } from "./fileIo.ts";
import type { FileIo } from "./fileIo.ts";
import { namesIn } from "./lineFile.ts";
import type { ProgressRecord } from "./progressRecord.ts";
import { partialEnding, progressFileName, runFiles, stepOfName } from "./runPaths.ts";
import { formatFile, parseRecord } from "./versionedRecords.ts";

export interface Checkpoint {
  readonly step: number;
  readonly dir: string;
  readonly progress: ProgressRecord;
}

/** Whether a folder is a checkpoint of a run, which stands on the model of the run's specification. */
export function isRunCheckpoint(dir: string): boolean {
  return existsSync(path.join(dir, progressFileName));
}

/** Steps of the complete checkpoints, ascending. */
export async function listCheckpoints(runDir: string): Promise<number[]> {
  const complete: number[] = [];
  for (const name of await namesIn(runFiles.checkpointsDir(runDir))) {
    const step = stepOfName(name, "");
    if (step === null) continue;
    const files = await namesIn(runFiles.checkpoint(runDir, step));
    if (files.includes(progressFileName)) complete.push(step);
  }
  return complete.sort((a, b) => a - b);
}

/**
 * The checkpoint that a run goes on from. One whose progress.json cannot be read is passed over for the one before it;
 * `damaged` names those.
 */
export async function findNewestCheckpoint(
  runDir: string,
): Promise<{ checkpoint: Checkpoint | null; damaged: readonly UserError[] }> {
  const damaged: UserError[] = [];
  for (const step of (await listCheckpoints(runDir)).reverse()) {
    const dir = runFiles.checkpoint(runDir, step);
    const file = path.join(dir, progressFileName);
    try {
      const progress = parseRecord("progress", await fs.readFile(file, "utf8"), file);
      return { checkpoint: { step, dir, progress }, damaged };
    } catch (error) {
      if (!UserError.is(error, "bad-record")) throw error;
      damaged.push(error);
    }
  }
  return { checkpoint: null, damaged };
}

/**
 * Writes a checkpoint beside the others and gives it its name when all of it is on the disk. Then deletes the oldest so
 * that `keep` remain.
 * @param save writes weights and optimizer state into the empty folder that it is given.
 */
export async function writeCheckpoint(
  io: FileIo,
  params: { runDir: string; progress: ProgressRecord; keep: number; save: (dir: string) => Promise<unknown> },
): Promise<void> {
  const dir = runFiles.checkpoint(params.runDir, params.progress.step);
  const partial = `${dir}${partialEnding}`;
  try {
    await io.remove(partial);
    await io.makeDir(partial);
    await params.save(partial);
    await io.writeNew(path.join(partial, progressFileName), formatFile(params.progress));
    await flushTree(io, partial);
    await io.rename(partial, dir);
  } catch (error) {
    await io.remove(partial).catch(() => undefined); // gives its space back; the first error is the one to tell
    throw explainWriteError(partial, error);
  }
  await io.flush(path.dirname(dir));
  const kept = await listCheckpoints(params.runDir);
  for (const step of kept.slice(0, -Math.max(1, params.keep))) await deleteCheckpoint(io, params.runDir, step);
}

/** Renamed first: a half-deleted checkpoint must not look like one. */
async function deleteCheckpoint(io: FileIo, runDir: string, step: number): Promise<void> {
  const dir = runFiles.checkpoint(runDir, step);
  const partial = `${dir}${partialEnding}`;
  await io.remove(partial);
  await io.rename(dir, partial);
  await io.remove(partial);
}

async function flushTree(io: FileIo, dir: string): Promise<void> {
  for (const entry of await fs.readdir(dir, { withFileTypes: true })) {
    const entryPath = path.join(dir, entry.name);
    if (entry.isDirectory()) await flushTree(io, entryPath);
    else await flushWritable(io, entryPath);
  }
  await io.flush(dir);
}

async function flushWritable(io: FileIo, file: string): Promise<void> {
  try {
    await io.flush(file);
  } catch (error) {
    if (!isErrno(error, "EPERM")) throw error; // a file that was copied read-only
  }
}
