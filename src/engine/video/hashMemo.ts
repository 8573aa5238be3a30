import { createHash } from "node:crypto";
import fs from "node:fs/promises";
import path from "node:path";
import { readJson, writeFileAtomic } from "./frameStore.ts";

/** What a hash is valid for: files that keep their sizes and times of change are taken to be the same. */
interface HashMemo {
  readonly path: string;
  readonly state: string;
  readonly hash: string;
}

const memory = new Map<string, HashMemo>();

/**
 * A hash of files, remembered by their place and state: in this process, and under the cache folder for the next.
 * @param file the file or folder, absolute
 * @param state what changes with the content; see stateOf
 * @param compute sha256, hex
 */
export async function rememberedHash(
  cacheDir: string,
  file: string,
  state: string,
  compute: () => Promise<string>,
): Promise<string> {
  const isCurrent = (memo: HashMemo): boolean => memo.path === file && memo.state === state;
  const inMemory = memory.get(file);
  if (inMemory !== undefined && isCurrent(inMemory)) return inMemory.hash;
  const memoFile = path.join(cacheDir, "hashes", `${createHash("sha256").update(file).digest("hex")}.json`);
  // SAFETY: our own file; a torn or foreign one fails the comparison.
  const onDisk = (await readJson(memoFile)) as HashMemo | null;
  const isKnown = onDisk !== null && isCurrent(onDisk) && /^[0-9a-f]{64}$/.test(onDisk.hash);
  const memo = isKnown ? onDisk : { path: file, state, hash: await compute() };
  if (memo !== onDisk) await writeFileAtomic(memoFile, JSON.stringify(memo));
  memory.set(file, memo);
  return memo.hash;
}

/** Sizes and times of change of files. @throws when one is not there */
export async function stateOf(files: readonly string[]): Promise<string> {
  const stats = await Promise.all(files.map((file) => fs.stat(file)));
  const text = stats.map(({ size, mtimeMs }) => `${size}@${mtimeMs}`).join(" ");
  return createHash("sha256").update(text).digest("hex"); // folders hold thousands of frames
}
