import fs from "node:fs/promises";
import { isErrno } from "./fileIo.ts";
import type { FileIo } from "./fileIo.ts";
import { parseRecord } from "./versionedRecords.ts";
import type { RecordKind, StoredRecords } from "./versionedRecords.ts";

/** Records of a JSON Lines file. `tornBytes` counts what stands behind the last newline: a line that was being written. */
export interface ReadLines<T> {
  readonly records: readonly T[];
  readonly tornBytes: number;
}

/**
 * Reads all whole lines; a missing file has none. A torn last line is left out and counted, a broken line before it is
 * an error.
 * @throws UserError bad-record naming file and line.
 */
export async function readLines<K extends RecordKind>(kind: K, file: string): Promise<ReadLines<StoredRecords[K]>> {
  const bytes = await readOrNothing(file);
  const wholeBytes = wholeLinesLength(bytes);
  const lines = bytes.toString("utf8", 0, wholeBytes).split("\n").slice(0, -1);
  return {
    records: lines.map((line, i) => parseRecord(kind, line, `${file}:${i + 1}`)),
    tornBytes: bytes.length - wholeBytes,
  };
}

/**
 * Cuts a torn last line off, as a killed process leaves it. Only the owner of the run folder may do so: in a running
 * run it may be a line that is being written.
 * @returns the number of bytes that were cut.
 */
export async function repairTornLine(io: FileIo, file: string): Promise<number> {
  const bytes = await readOrNothing(file);
  const wholeBytes = wholeLinesLength(bytes);
  if (wholeBytes < bytes.length) await io.truncate(file, wholeBytes);
  return bytes.length - wholeBytes;
}

export async function readOrNothing(file: string): Promise<Buffer> {
  try {
    return await fs.readFile(file);
  } catch (error) {
    if (isErrno(error, "ENOENT")) return Buffer.alloc(0);
    throw error;
  }
}

export async function fileSize(file: string): Promise<number> {
  try {
    return (await fs.stat(file)).size;
  } catch (error) {
    if (isErrno(error, "ENOENT")) return 0;
    throw error;
  }
}

/** Names in a folder, sorted; none when it is missing. */
export async function namesIn(dir: string): Promise<string[]> {
  try {
    return (await fs.readdir(dir)).sort();
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR")) return [];
    throw error;
  }
}

function wholeLinesLength(bytes: Buffer): number {
  return bytes.lastIndexOf(0x0a) + 1;
}
