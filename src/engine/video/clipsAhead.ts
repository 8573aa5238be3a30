import { shownKey, type ShownVideo } from "../../protocol/video.ts";
import { cacheClip, type OpenClipParams } from "./frameCache.ts";

export type ClipsAheadParams = Pick<OpenClipParams, "ffmpeg" | "cacheDir" | "video" | "pixelFactor">;

/** Decodes the clips that come next into the frame cache, in the process that is free while another computes. */
export interface ClipsAhead {
  /**
   * Starts with the first of these at once, in place of what was expected before and has not been begun; one at a time,
   * since ffmpeg uses all cores. What goes wrong shows when the clip is opened.
   */
  expect(videos: readonly ShownVideo[]): void;
  /**
   * These are about to be opened: settles when none of them is being decoded here, so that it is not decoded twice at a time.
   * What has not been begun is left to whoever opens it.
   */
  handOver(videos: readonly ShownVideo[]): Promise<void>;
  /** Stops decoding. Settles when ffmpeg is gone. Idempotent. */
  close(): Promise<void>;
}

export function createClipsAhead(params: ClipsAheadParams): ClipsAhead {
  const abort = new AbortController();
  let queue: readonly ShownVideo[] = [];
  let current: { readonly key: string; readonly done: Promise<void> } | null = null;
  let working: Promise<void> | null = null;

  const decode = ({ videoPath, clip, frameRate }: ShownVideo): Promise<void> =>
    cacheClip({ ...params, path: videoPath, clip, frameRate, signal: abort.signal }).catch(() => undefined);
  const work = async (): Promise<void> => {
    for (;;) {
      const [next, ...later] = queue;
      queue = later;
      if (next === undefined || abort.signal.aborted) return;
      current = { key: shownKey(next), done: decode(next) };
      await current.done;
      current = null;
    }
  };
  return {
    expect(videos) {
      queue = videos;
      working ??= work().finally(() => (working = null));
    },
    async handOver(videos) {
      const keys = new Set(videos.map(shownKey));
      queue = queue.filter((video) => !keys.has(shownKey(video)));
      if (current !== null && keys.has(current.key)) await current.done;
    },
    async close() {
      abort.abort();
      await working;
    },
  };
}
