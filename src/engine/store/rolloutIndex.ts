import { createHash } from "node:crypto";
import { statSync } from "node:fs";
import fs from "node:fs/promises";
import path from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { decodeIndex, encodeIndexBlock } from "../../protocol/rolloutIndex.ts";
import type { RolloutLine } from "../../protocol/records.ts";
import type { FileIo } from "./fileIo.ts";
import { nodeFileIo, replaceFile } from "./fileIo.ts";
import { readOrNothing } from "./lineFile.ts";
import { listSteps } from "./rollouts.ts";
import { runFiles } from "./runPaths.ts";
import { parseRecord } from "./versionedRecords.ts";

/** Files of one step that are read at a time while an index is made again. */
const readAtOnce = 16;
/** Files whose sizes are asked for before the process does something else: a few milliseconds. */
const statsAtOnce = 500;

/** Adds the block of a step that has ended. The owner of the run folder does so once a step. */
export async function appendIndexBlock(io: FileIo, runDir: string, step: number): Promise<void> {
  const block = await makeBlock(runDir, step);
  if (block !== null) await io.append(runFiles.rolloutIndex(runDir), block);
}

/** Leaves out what a resume goes back behind, and what is torn. */
export async function cutIndexAfter(io: FileIo, runDir: string, step: number): Promise<void> {
  const file = runFiles.rolloutIndex(runDir);
  const bytes = await readOrNothing(file);
  if (bytes.length === 0) return;
  let kept = 0;
  for (const { header, end } of decodeIndex(bytes)) if (header.step <= step) kept = end;
  if (kept < bytes.length) await io.truncate(file, kept);
}

/**
 * A file that holds the blocks of all steps of a run, ascending: the run's own index when it is whole, else a copy in the
 * cache to which the missing blocks were added. Works on a run that is running.
 * @param onProgress steps whose files had to be read, of all that have to be
 */
export async function openIndexFile(
  runDir: string,
  cacheDir: string,
  onProgress: (done: number, total: number) => void = () => undefined,
): Promise<{ readonly file: string; readonly bytes: number; readonly steps: number }> {
  const own = runFiles.rolloutIndex(runDir);
  const steps = await listSteps(runFiles.rolloutsDir(runDir), ".jsonl");
  const inOwn = await readBlocks(own, runDir, steps);
  if (inOwn.missing.length === 0 && inOwn.isClean) return { file: own, bytes: inOwn.bytes, steps: steps.length };
  const copy = path.join(cacheDir, "index", `${createHash("sha256").update(path.resolve(runDir)).digest("hex")}.index`);
  const inCopy = await readBlocks(copy, runDir, steps);
  if (inCopy.missing.length === 0 && inCopy.isClean) return { file: copy, bytes: inCopy.bytes, steps: steps.length };
  const known = new Map([...inOwn.blocks, ...inCopy.blocks]);
  const missing = steps.filter((step) => !known.has(step));
  for (let start = 0; start < missing.length; start += readAtOnce) {
    onProgress(start, missing.length);
    const made = await Promise.all(missing.slice(start, start + readAtOnce).map((step) => makeBlock(runDir, step)));
    made.forEach((block, i) => block !== null && known.set(missing[start + i] ?? -1, block));
  }
  const blocks = steps.flatMap((step) => known.get(step) ?? []);
  const whole = Buffer.concat(blocks);
  await fs.mkdir(path.dirname(copy), { recursive: true });
  await replaceFile(nodeFileIo, copy, whole);
  return { file: copy, bytes: whole.length, steps: blocks.length };
}

interface ReadBlocks {
  /** Bytes of each block that is up to date, by step. */
  readonly blocks: ReadonlyMap<number, Uint8Array>;
  readonly missing: readonly number[];
  /** Whether the file holds nothing else, and its steps ascend. */
  readonly isClean: boolean;
  readonly bytes: number;
}

async function readBlocks(file: string, runDir: string, steps: readonly number[]): Promise<ReadBlocks> {
  const bytes = await readOrNothing(file);
  const places = decodeIndex(bytes);
  const sizes = await fileSizes(places.map(({ header }) => runFiles.rollouts(runDir, header.step)));
  const current = places.filter(({ header }, i) => sizes[i] === header.fileBytes);
  const blocks = new Map(current.map(({ header, start, end }) => [header.step, bytes.subarray(start, end)]));
  const isAscending = current.every(({ header }, i) => i === 0 || header.step > (current[i - 1]?.header.step ?? 0));
  return {
    blocks,
    missing: steps.filter((step) => !blocks.has(step)),
    isClean: isAscending && current.length === places.length && places.at(-1)?.end === bytes.length,
    bytes: bytes.length,
  };
}

/** Sizes in bytes, 0 for no file. A promise a file would take three times as long as asking for them in slices. */
async function fileSizes(files: readonly string[]): Promise<readonly number[]> {
  const sizes: number[] = [];
  for (let start = 0; start < files.length; start += statsAtOnce) {
    if (start > 0) await nextTurn(); // others are answered meanwhile
    for (const file of files.slice(start, start + statsAtOnce)) {
      sizes.push(statSync(file, { throwIfNoEntry: false })?.size ?? 0);
    }
  }
  return sizes;
}

async function makeBlock(runDir: string, step: number): Promise<Uint8Array | null> {
  const file = runFiles.rollouts(runDir, step);
  const bytes = await readOrNothing(file);
  const lines: { line: RolloutLine; offset: number; bytes: number }[] = [];
  for (let start = 0, end = bytes.indexOf(0x0a); end >= 0; start = end + 1, end = bytes.indexOf(0x0a, start)) {
    const line = parseRecord("rollout", bytes.toString("utf8", start, end), `${file}:${lines.length + 1}`);
    lines.push({ line, offset: start, bytes: end + 1 - start });
  }
  return lines.length === 0 ? null : encodeIndexBlock(step, lines, bytes.length);
}
