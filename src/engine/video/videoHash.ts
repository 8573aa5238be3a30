import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { badVideo, cancelled } from "./ffmpegErrors.ts";
import { isFrameFolder, listFrames } from "./frameFolder.ts";
import { readJson, writeFileAtomic } from "./frameStore.ts";
import { checkFile } from "./probe.ts";

/** What a hash is valid for: a file that keeps its size and time of change is taken to be the same. */
interface HashMemo {
  readonly path: string;
  readonly sizeBytes: number;
  readonly mtimeMs: number;
  readonly hash: string;
}

const memory = new Map<string, HashMemo>();

/**
 * sha256 of a file, or of the names and bytes of a folder's frames, hex, remembered by path, size and time of change: in this
 * process, and under the cache folder for the next. Throws UserError "bad-video" when the file cannot be read.
 */
export async function hashVideo(file: string, cacheDir: string, signal?: AbortSignal): Promise<string> {
  const absolute = path.resolve(file);
  const frames = isFrameFolder(absolute) ? listFrames(absolute) : null;
  const { sizeBytes, mtimeMs } = frames === null ? statsOf(absolute) : await statsOfFrames(absolute, frames);
  const isCurrent = (memo: HashMemo): boolean =>
    memo.path === absolute && memo.sizeBytes === sizeBytes && memo.mtimeMs === mtimeMs;
  const inMemory = memory.get(absolute);
  if (inMemory !== undefined && isCurrent(inMemory)) return inMemory.hash;
  const memoFile = path.join(cacheDir, "hashes", `${createHash("sha256").update(absolute).digest("hex")}.json`);
  // SAFETY: our own file; a torn or foreign one fails the comparison.
  const onDisk = (await readJson(memoFile)) as HashMemo | null;
  const memo =
    onDisk !== null && isCurrent(onDisk) && /^[0-9a-f]{64}$/.test(onDisk.hash)
      ? onDisk
      : { path: absolute, sizeBytes, mtimeMs, hash: await sha256Of(absolute, frames, signal) };
  if (memo !== onDisk) await writeFileAtomic(memoFile, JSON.stringify(memo));
  memory.set(absolute, memo);
  return memo.hash;
}

interface FileStats {
  readonly sizeBytes: number;
  readonly mtimeMs: number;
}

function statsOf(file: string): FileStats {
  const { size: sizeBytes, mtimeMs } = checkFile(file);
  return { sizeBytes, mtimeMs };
}

/** Bytes of all frames; the last change of any of them or of the folder, which a renamed frame changes too. */
async function statsOfFrames(folder: string, frames: readonly string[]): Promise<FileStats> {
  const stats = await Promise.all(frames.map((frame) => fs.promises.stat(frame)));
  return {
    sizeBytes: stats.reduce((sum, { size }) => sum + size, 0),
    mtimeMs: stats.reduce((last, { mtimeMs }) => Math.max(last, mtimeMs), fs.statSync(folder).mtimeMs),
  };
}

async function sha256Of(file: string, frames: readonly string[] | null, signal?: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  try {
    for (const part of frames ?? [file]) {
      if (frames !== null) hash.update(`${path.basename(part)} ${fs.statSync(part).size}\n`);
      const stream = fs.createReadStream(part, { highWaterMark: 1 << 20, ...(signal === undefined ? {} : { signal }) });
      for await (const chunk of stream) {
        // SAFETY: no encoding is set on this stream, so its chunks are buffers.
        hash.update(chunk as Uint8Array);
      }
    }
  } catch (error) {
    if (signal?.aborted) throw cancelled();
    throw badVideo(file, "expected a video, the file cannot be read", undefined, error);
  }
  return hash.digest("hex");
}
