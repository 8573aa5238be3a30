import fs from "node:fs/promises";
import type { RolloutLine } from "../../protocol/records.ts";
import { UserError } from "../../protocol/errors.ts";
import { isErrno } from "./fileIo.ts";
import { namesIn } from "./lineFile.ts";
import { runFiles, stepOfName } from "./runPaths.ts";
import { decodeTokens } from "./tokens.ts";
import type { CompletionTokens } from "./tokens.ts";
import { parseRecord } from "./versionedRecords.ts";

/** Rollouts of a run folder, finished or running. Nothing is read before it is asked for. */
export interface Rollouts {
  /** Steps that have rollouts, ascending; looks at the folder again at each call. */
  steps(): Promise<readonly number[]>;
  countGroups(step: number): Promise<number>;
  /** Lines of one step in the order of their groups; a line that is just being written is left out. */
  readStep(step: number): Promise<readonly RolloutLine[]>;
  /** One line by its place in the file, without reading the others. */
  readGroup(step: number, group: number): Promise<RolloutLine>;
}

/** Byte offsets of the lines of one file; made by one pass over it, and made again when the file has changed. */
interface LineIndex {
  readonly sizeBytes: number;
  readonly modifiedMs: number;
  /** Start of each line, and the end of the last. */
  readonly offsets_L: Float64Array;
}

/** Opens the rollouts of a run for reading; works on a run that is running. Errors are UserErrors bad-record, not-found. */
export function openRollouts(runDir: string): Rollouts {
  const indexes = new Map<number, LineIndex>();
  const withStep = async <T>(step: number, use: (file: fs.FileHandle, index: LineIndex) => Promise<T>): Promise<T> => {
    const file = await openStep(runDir, step);
    try {
      const { size, mtimeMs } = await file.stat();
      let index = indexes.get(step);
      if (index === undefined || index.sizeBytes !== size || index.modifiedMs !== mtimeMs) {
        index = { sizeBytes: size, modifiedMs: mtimeMs, offsets_L: await findLines(file) };
        indexes.set(step, index);
      }
      return await use(file, index);
    } finally {
      await file.close();
    }
  };
  return {
    steps: () => listSteps(runFiles.rolloutsDir(runDir), ".jsonl"),
    countGroups: (step) => withStep(step, async (_, { offsets_L }) => offsets_L.length - 1),
    readStep: async (step) => {
      const where = runFiles.rollouts(runDir, step);
      const text = await fs.readFile(where, "utf8").catch((error: unknown) => {
        throw isErrno(error, "ENOENT") ? missingStep(where, step) : error;
      });
      // What follows the last line break is a line that is just being written.
      const lines = text.split("\n").slice(0, -1);
      return lines.map((line, i) => parseRecord("rollout", line, `${where}:${i + 1}`));
    },
    readGroup: (step, group) =>
      withStep(step, async (file, { offsets_L }) => {
        const where = runFiles.rollouts(runDir, step);
        const [start, end] = [offsets_L[group], offsets_L[group + 1]];
        if (start === undefined || end === undefined) {
          const message = `there is no group ${group}: the step has ${offsets_L.length - 1}`;
          throw new UserError({ code: "not-found", where, message });
        }
        return parseRecord("rollout", await readRange(file, start, end), `${where}:${group + 1}`);
      }),
  };
}

/** Steps of the files "step-000001<ending>" in a folder, ascending. */
export async function listSteps(dir: string, ending: "" | ".jsonl" | ".bin" | ".json"): Promise<number[]> {
  const steps = (await namesIn(dir)).map((name) => stepOfName(name, ending));
  return steps.filter((step) => step !== null).sort((a, b) => a - b);
}

/** @throws UserError not-found, bad-record. */
export async function readTokens(runDir: string, step: number): Promise<readonly CompletionTokens[]> {
  const file = runFiles.tokens(runDir, step);
  try {
    return decodeTokens(await fs.readFile(file), file);
  } catch (error) {
    throw isErrno(error, "ENOENT") ? missingStep(file, step) : error;
  }
}

async function openStep(runDir: string, step: number): Promise<fs.FileHandle> {
  const file = runFiles.rollouts(runDir, step);
  try {
    return await fs.open(file, "r");
  } catch (error) {
    throw isErrno(error, "ENOENT") ? missingStep(file, step) : error;
  }
}

function missingStep(where: string, step: number): UserError {
  return new UserError({ code: "not-found", where, message: `step ${step} is not recorded in this run` });
}

async function findLines(file: fs.FileHandle): Promise<Float64Array> {
  const offsets: number[] = [0];
  const chunk = Buffer.alloc(1 << 16);
  for (let start = 0; ;) {
    const { bytesRead } = await file.read(chunk, 0, chunk.length, start);
    if (bytesRead === 0) return Float64Array.from(offsets);
    const read = chunk.subarray(0, bytesRead);
    for (let at = read.indexOf(0x0a); at >= 0; at = read.indexOf(0x0a, at + 1)) offsets.push(start + at + 1);
    start += bytesRead;
  }
}

async function readRange(file: fs.FileHandle, start: number, end: number): Promise<string> {
  const bytes = Buffer.alloc(end - start);
  let filled = 0;
  while (filled < bytes.length) {
    const { bytesRead } = await file.read(bytes, filled, bytes.length - filled, start + filled);
    if (bytesRead === 0) break; // the file was cut meanwhile; the parser says where
    filled += bytesRead;
  }
  return bytes.toString("utf8", 0, filled);
}
