import type { ShownVideo } from "../../protocol/video.ts";
import { cacheClip, type OpenClipParams } from "./frameCache.ts";

export type ClipsAheadParams = Pick<OpenClipParams, "ffmpeg" | "cacheDir" | "video" | "pixelFactor">;

/** Decodes the clips that come next into the frame cache, in the process that is free while another computes. */
export interface ClipsAhead {
  /**
   * Starts with the first of these at once, in place of what was expected before and has not been begun; one at a time,
   * since ffmpeg uses all cores. What goes wrong shows when the clip is opened.
   */
  expect(videos: readonly ShownVideo[]): void;
  /** Stops decoding. Settles when ffmpeg is gone. Idempotent. */
  close(): Promise<void>;
}

export function createClipsAhead(params: ClipsAheadParams): ClipsAhead {
  const abort = new AbortController();
  let queue: readonly ShownVideo[] = [];
  let working: Promise<void> | null = null;

  const work = async (): Promise<void> => {
    for (;;) {
      const [next, ...later] = queue;
      queue = later;
      if (next === undefined || abort.signal.aborted) return;
      const { videoPath, clip, frameRate } = next;
      await cacheClip({ ...params, path: videoPath, clip, frameRate, signal: abort.signal }).catch(() => undefined);
    }
  };
  return {
    expect(videos) {
      queue = videos;
      working ??= work().finally(() => (working = null));
    },
    async close() {
      abort.abort();
      await working;
    },
  };
}
