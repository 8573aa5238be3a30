import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import { badVideo, cancelled } from "./ffmpegErrors.ts";
import { isFrameFolder, listFrames } from "./frameFolder.ts";
import { rememberedHash, stateOf } from "./hashMemo.ts";
import { checkFile } from "./probe.ts";

/**
 * sha256 of a file, or of the names and bytes of a folder's frames, hex; remembered for as long as the file does not change.
 * Throws UserError "bad-video" when the file cannot be read.
 */
export async function hashVideo(file: string, cacheDir: string, signal?: AbortSignal): Promise<string> {
  const absolute = path.resolve(file);
  const frames = isFrameFolder(absolute) ? listFrames(absolute) : null;
  if (frames === null) checkFile(absolute);
  const state = await stateOf([absolute, ...(frames ?? [])]);
  return rememberedHash(cacheDir, absolute, state, () => sha256Of(absolute, frames, signal));
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
