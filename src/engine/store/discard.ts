import fs from "node:fs/promises";
import path from "node:path";
import type { FileIo } from "./fileIo.ts";
import { fileSize, namesIn } from "./lineFile.ts";
import type { ProgressRecord } from "./progressRecord.ts";
import { runFiles, stepOfName } from "./runPaths.ts";
import { badRecord } from "./versionedRecords.ts";

/**
 * Takes a run folder back to a checkpoint: all records that came after it move into `discarded/<n>/`, none is deleted.
 * May be stopped at any moment and done again; a record can then be in two discarded folders.
 * @returns the folder that was made, null when nothing came after the checkpoint.
 * @throws UserError bad-record when a file is shorter than it was at the checkpoint.
 */
export async function discardRecordsAfter(
  io: FileIo,
  runDir: string,
  progress: ProgressRecord,
): Promise<string | null> {
  const target = await nextDiscardedDir(runDir);
  const moved: boolean[] = [];
  for (const [file, bytes] of [
    [runFiles.metrics(runDir), progress.bytes.metrics],
    [runFiles.timings(runDir), progress.bytes.timings],
  ] as const) {
    moved.push(await moveTail(io, { file, bytes, target }));
  }
  for (const [dir, ending] of [
    [runFiles.rolloutsDir(runDir), ".jsonl"],
    [runFiles.tokensDir(runDir), ".bin"],
    [runFiles.evaluationDir(runDir), ".json"],
    [runFiles.checkpointsDir(runDir), ""],
  ] as const) {
    moved.push(await moveLaterSteps(io, { dir, ending, step: progress.step, target }));
  }
  if (!moved.includes(true)) return null;
  await io.flush(target);
  return target;
}

/** @throws UserError bad-record when the last step's rollouts are not what they were at the checkpoint. */
export async function checkRolloutsAt(runDir: string, progress: ProgressRecord): Promise<void> {
  const file = runFiles.rollouts(runDir, progress.step);
  const bytes = await fileSize(file);
  if (bytes < progress.bytes.rollouts) throw shorter(file, bytes, progress.bytes.rollouts);
}

async function nextDiscardedDir(runDir: string): Promise<string> {
  const dir = runFiles.discardedDir(runDir);
  const numbers = (await namesIn(dir)).map(Number).filter((n) => Number.isInteger(n));
  return path.join(dir, String(Math.max(0, ...numbers) + 1));
}

/** Copies what lies behind `bytes`, and cuts it off when the copy is on the disk. */
async function moveTail(io: FileIo, params: { file: string; bytes: number; target: string }): Promise<boolean> {
  const size = await fileSize(params.file);
  if (size < params.bytes) throw shorter(params.file, size, params.bytes);
  if (size === params.bytes) return false;
  const content = await fs.readFile(params.file);
  await io.makeDir(params.target);
  await io.writeNew(path.join(params.target, path.basename(params.file)), content.subarray(params.bytes));
  await io.flush(params.target);
  await io.truncate(params.file, params.bytes);
  await io.flush(params.file);
  return true;
}

async function moveLaterSteps(
  io: FileIo,
  params: { dir: string; ending: "" | ".jsonl" | ".bin" | ".json"; step: number; target: string },
): Promise<boolean> {
  const names = (await namesIn(params.dir)).filter((name) => (stepOfName(name, params.ending) ?? -1) > params.step);
  if (names.length === 0) return false;
  const targetDir = path.join(params.target, path.basename(params.dir));
  await io.makeDir(targetDir);
  for (const name of names) await io.rename(path.join(params.dir, name), path.join(targetDir, name));
  await io.flush(params.dir);
  await io.flush(targetDir);
  return true;
}

function shorter(file: string, found: number, expected: number): Error {
  return badRecord(
    file,
    `this file has ${found} bytes, it had ${expected} at the checkpoint`,
    "It was changed from outside. Put it back, or delete the newest checkpoint to go on from the one before.",
  );
}
